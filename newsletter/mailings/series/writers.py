"""Who wrote of a step's mail what is not in effect yet: its text, translations, snippets, template.

The second person who puts a mail into effect is none of them, and its series' page offers to put it
into effect where there is one.
"""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import select, union
from sqlalchemy.orm import Session

from newsletter.accounts.audit import actors_since
from newsletter.accounts.audit_actions import Action
from newsletter.database.tables import (
    DraftRevisionRow,
    MailingRow,
    NewsletterRow,
    SeriesMailingRow,
    SeriesRow,
    SeriesStepRow,
    TemplateRow,
    TemplateVersionRow,
    TranslationRevisionRow,
)
from newsletter.issues.drafts.saving import get_draft
from newsletter.issues.snippets import snippets_in

_EVER = datetime.min.replace(tzinfo=UTC)


def writers_since_effect(session: Session, step: SeriesStepRow) -> frozenset[str]:
    """Return who wrote of a step's mail since it was put into effect; of all of it if it never was.

    They are named as in the audit log.
    """
    if step.draft_id is None:
        return frozenset()
    newsletter = session.scalars(
        select(NewsletterRow)
        .join(SeriesRow, SeriesRow.newsletter_id == NewsletterRow.id)
        .where(SeriesRow.id == step.series_id)
    ).one()
    draft = get_draft(session, newsletter.id, step.draft_id)
    since = _in_effect_since(session, step)
    authors = session.scalars(
        union(
            select(DraftRevisionRow.author).where(
                DraftRevisionRow.draft_id == draft.id,
                DraftRevisionRow.number > step.draft_revision,
            ),
            select(TranslationRevisionRow.author).where(
                TranslationRevisionRow.draft_id == draft.id,
                TranslationRevisionRow.saved_at > since,
            ),
            select(TemplateVersionRow.author)
            .join(TemplateRow, TemplateRow.id == TemplateVersionRow.template_id)
            .where(
                TemplateRow.newsletter_id == newsletter.id,
                TemplateRow.name == (draft.template or newsletter.template),
                TemplateVersionRow.saved_at > since,
            ),
        )
    ).all()
    # A snippet's row says what it is now; who wrote it when is in the log alone.
    snippets = actors_since(
        session,
        Action.SNIPPET_SAVE,
        [f"snippet {name}" for name in snippets_in(draft.issue)],
        newsletter_id=newsletter.id,
        since=since,
    )
    return frozenset(authors) | snippets


def _in_effect_since(session: Session, step: SeriesStepRow) -> datetime:
    frozen_at = session.scalar(
        select(MailingRow.created_at)
        .join(SeriesMailingRow, SeriesMailingRow.mailing_id == MailingRow.id)
        .where(
            SeriesMailingRow.step_id == step.id,
            SeriesMailingRow.version == step.version,
            SeriesMailingRow.part == 0,
        )
    )
    return frozen_at or _EVER
