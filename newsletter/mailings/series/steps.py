"""The steps of a series: as rows, when each follows, and who wrote what is not in effect yet.

The second person who puts a mail into effect is none of them, and its series' page offers to put it
into effect where there is one.
"""

from __future__ import annotations

from collections.abc import Sequence
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
from newsletter.errors import NotFoundError
from newsletter.i18n.messages import msg
from newsletter.issues.drafts.saving import get_draft
from newsletter.issues.snippets import snippets_in
from newsletter.mailings.series.due import Timing

#: What doors call the rows.
Series = SeriesRow
Step = SeriesStepRow


def timing_of(step: SeriesStepRow) -> Timing:
    """Return when a step follows the one before."""
    return Timing(delay_days=step.delay_days, hour=step.hour, own_clock=step.own_clock)


def find_step(session: Session, newsletter_id: int, step_id: int) -> SeriesStepRow:
    """Return a step of one of a newsletter's series.

    Raises:
        NotFoundError: The newsletter has no such step.
    """
    step = session.scalar(
        select(SeriesStepRow)
        .join(SeriesRow, SeriesRow.id == SeriesStepRow.series_id)
        .where(
            SeriesRow.newsletter_id == newsletter_id,
            SeriesStepRow.id == step_id,
            SeriesStepRow.removed_at.is_(None),
        )
    )
    if step is None:
        raise NotFoundError(msg("There is no such step."))
    return step


def list_steps(session: Session, series_id: int) -> Sequence[SeriesStepRow]:
    """Return a series' steps in their order."""
    return session.scalars(
        select(SeriesStepRow)
        .where(SeriesStepRow.series_id == series_id, SeriesStepRow.removed_at.is_(None))
        .order_by(SeriesStepRow.position, SeriesStepRow.id)
    ).all()


def steps_in_effect(session: Session, series_id: int) -> Sequence[SeriesStepRow]:
    """Return the steps that readers get: what was never put into effect is no step yet."""
    return [step for step in list_steps(session, series_id) if step.version]


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
