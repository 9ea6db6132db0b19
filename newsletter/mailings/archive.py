"""The archive: the published issues that the public may read.

An issue is published when its first mailing begins, with the content that was approved.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Select, exists, func, select
from sqlalchemy.orm import Session, aliased, load_only

from newsletter.accounts.audit import Actor, record_event
from newsletter.accounts.audit_actions import Action
from newsletter.database.folding import fold_words
from newsletter.database.tables import CorrectionRow, IssueRow, MailingRow, NewsletterRow
from newsletter.database.vocabulary import Archived, MailingKind
from newsletter.errors import ConflictError, NotFoundError
from newsletter.i18n.language import Language
from newsletter.i18n.messages import msg
from newsletter.issues.conditions import select_parts
from newsletter.issues.drafts import publishing
from newsletter.issues.drafts.saving import Draft, stored_draft_of
from newsletter.issues.model import issue_from_json
from newsletter.issues.search import Hit, search_among
from newsletter.issues.sent import sent_as
from newsletter.issues.store import get_issue
from newsletter.issues.translations import complete_translations, language_met
from newsletter.mailings.planning.content import (
    MailingContent,
    load_recipe,
    planned_conditions,
)
from newsletter.mailings.planning.variants import content_of_those_who_meet
from newsletter.mailings.trials.subjects import published_content
from newsletter.newsletters.issue_actions import record_on_issue
from newsletter.rendering.model import Recipe

#: The number of newest issues whose chapters are offered as filters.
_LOOKED_AT = 12


@dataclass(frozen=True, kw_only=True, slots=True)
class Publication:
    """One issue in the archive, with the content of its latest mailing.

    Attributes:
        published_at: When its first mailing began.
        updated_at: When it was last corrected, or else published.
        listed: Whether lists and search show it; otherwise only its address leads to it.
    """

    issue_id: int
    slug: str
    title: str
    summary: str
    issue_date: date
    language: Language
    published_at: datetime
    updated_at: datetime
    mailing_id: int
    listed: bool = True


def find_archive(session: Session, slug: str) -> NewsletterRow:
    """Return a newsletter whose archive may be read.

    Raises:
        NotFoundError: No newsletter has this slug, or it is private. The error does not tell which.
    """
    row = session.scalars(select(NewsletterRow).where(NewsletterRow.slug == slug)).one_or_none()
    if row is None or not row.visibility.readable:
        raise NotFoundError(msg("There is no newsletter “{slug}”.", slug=slug))
    return row


def list_archives(session: Session) -> Sequence[NewsletterRow]:
    """Return the newsletters that anybody may find, by slug."""
    rows = session.scalars(select(NewsletterRow).order_by(NewsletterRow.slug)).all()
    return [row for row in rows if row.visibility.listed]


def list_publications(
    session: Session, newsletter_id: int, *, limit: int, offset: int = 0
) -> Sequence[Publication]:
    """Return the listed publications, the newest first.

    Issues that were sent to a segment only are not listed unless an editor chose so.
    """
    query = _publications(newsletter_id).where(_LISTED).limit(limit).offset(offset)
    return _read(session, query)


_Rows = Select[IssueRow, MailingRow, datetime | None, datetime | None, bool]
_FIRST, _LATEST = aliased(MailingRow), aliased(MailingRow)
_BEGUN = (MailingRow.kind == MailingKind.ISSUE) & MailingRow.started_at.is_not(None)
_TO_EVERYBODY = exists().where(MailingRow.issue_id == IssueRow.id, _BEGUN, MailingRow.segment == "")
#: Listed by an editor's choice, or by default because the issue went to all subscribers.
_LISTED = (IssueRow.archived == Archived.LISTED) | (IssueRow.archived.is_(None) & _TO_EVERYBODY)
_CORRECTED_AT = (
    select(func.max(CorrectionRow.effective_at))
    .where(CorrectionRow.issue_id == IssueRow.id)
    .scalar_subquery()
)
_READABLE = IssueRow.archived.is_distinct_from(Archived.SUBSCRIBERS)


def _publications(newsletter_id: int) -> _Rows:
    begun = (
        select(
            MailingRow.issue_id,
            func.min(MailingRow.id).label("first_id"),
            func.max(MailingRow.id).label("last_id"),
        )
        .where(MailingRow.newsletter_id == newsletter_id, _BEGUN)
        .group_by(MailingRow.issue_id)
        .subquery()
    )
    return (
        select(IssueRow, _LATEST, _FIRST.started_at, _CORRECTED_AT, _LISTED)
        .options(load_only(IssueRow.slug, IssueRow.language))
        .join(begun, begun.c.issue_id == IssueRow.id)
        .join(_FIRST, _FIRST.id == begun.c.first_id)
        .join(_LATEST, _LATEST.id == begun.c.last_id)
        .order_by(_LATEST.issue_date.desc(), IssueRow.id.desc())
    )


def _read(session: Session, query: _Rows) -> Sequence[Publication]:
    return [
        Publication(
            issue_id=issue.id,
            slug=issue.slug,
            title=mailing.title,
            summary=mailing.summary,
            issue_date=mailing.issue_date or mailing.created_at.date(),
            language=issue.language,
            published_at=started_at or mailing.created_at,
            updated_at=corrected_at or started_at or mailing.created_at,
            mailing_id=mailing.id,
            listed=bool(listed),
        )
        for issue, mailing, started_at, corrected_at, listed in session.execute(query)
    ]


def find_publication(
    session: Session, newsletter_id: int, slug: str, *, language: str = ""
) -> tuple[Publication, MailingContent]:
    """Return a published issue with the content of its latest mailing, including corrections.

    It is in ``language`` if it was translated into that.

    Raises:
        NotFoundError: No publication has this slug.
        VariantsMissingError: See `read_rendered`.
    """
    query = _publications(newsletter_id).where(IssueRow.slug == slug, _READABLE).limit(1)
    publication = _read(session, query)
    if not publication:
        raise NotFoundError(msg("There is no issue “{slug}”.", slug=slug))
    mailing_id = publication[0].mailing_id
    if language:
        return publication[0], _translated(session, mailing_id, language)
    return publication[0], published_content(session, mailing_id)


def languages_of(session: Session, mailing_id: int) -> tuple[str, ...]:
    """Return the tags of the languages in which a mailing's issue can be read.

    A translation that lacks a later correction is included, as it was sent.
    """
    conditions, recipe = planned_conditions(session, mailing_id), load_recipe(session, mailing_id)
    return tuple(_conditions_by_language(conditions, recipe))


def languages_sent(session: Session, issue_id: int) -> frozenset[str]:
    """Return the tags of the languages in which copies of an issue were sent."""
    mailings = sent_as(session, issue_id)
    return frozenset(tag for each in mailings for tag in languages_of(session, each.id))


def lacks_corrections(session: Session, mailing_id: int, tag: str) -> bool:
    """Return whether a mailing's translation into a language lacks a later correction."""
    recipe = load_recipe(session, mailing_id)
    return recipe is not None and recipe.earlier_in(tag) is not None


def _conditions_by_language(conditions: Sequence[str], recipe: Recipe | None) -> Mapping[str, str]:
    """Return the variant condition of each language of an issue, by its tag."""
    if recipe is None:
        return {}
    read = {each.language for each in complete_translations(recipe.issue)}
    read |= {each.language for each in recipe.earlier}
    by_language = {language_met((each,)): each for each in conditions}
    return {tag: condition for tag, condition in by_language.items() if tag in read}


def _translated(session: Session, mailing_id: int, tag: str) -> MailingContent:
    """Return a mailing's content in a translation, even if the translation has no readers.

    Raises:
        NotFoundError: The issue has no translation into this language.
        VariantsMissingError: See `read_rendered`.
    """
    conditions, recipe = planned_conditions(session, mailing_id), load_recipe(session, mailing_id)
    own = _conditions_by_language(conditions, recipe).get(tag)
    if own is None:
        raise NotFoundError(msg("There is no such translation."))
    return content_of_those_who_meet(session, mailing_id, conditions, (own,))


def archived_as(session: Session, issue: IssueRow, *sent_to: str) -> Archived:
    """Return whether and how the archive shows an issue, or will show it.

    Args:
        session: The database session.
        issue: The issue.
        sent_to: The segments of its mailings that have not begun; "" for all subscribers.
    """
    if issue.archived is not None:
        return issue.archived
    segments = [
        *session.scalars(select(MailingRow.segment).where(MailingRow.issue_id == issue.id, _BEGUN)),
        *sent_to,
    ]
    return Archived.UNLISTED if segments and all(segments) else Archived.LISTED


def chosen_place(session: Session, draft: Draft) -> Archived | None:
    """Return the archive setting chosen for a draft's issue; None for the default."""
    if draft.issue_id is None:
        return draft.archived
    return get_issue(session, draft.newsletter_id, draft.issue_id).archived


def archive_issue(
    session: Session, actor: Actor, newsletter_id: int, issue_id: int, place: Archived | None
) -> None:
    """Set whether and how the archive shows an issue, sent or not; None restores the default.

    Raises:
        NotFoundError: The newsletter has no such issue.
        ConflictError: The issue is a correction of a sent one.
    """
    issue = get_issue(session, newsletter_id, issue_id)
    _require_own_place(issue.corrects)
    before = issue.archived
    issue.archived = place
    draft = stored_draft_of(session, issue_id)
    if draft is not None:
        draft.archived = place
    record_on_issue(
        session,
        actor,
        Action.ISSUE_ARCHIVE,
        issue,
        details={"before": before, "after": place},
    )


def place_draft(session: Session, actor: Actor, draft: Draft, place: Archived | None) -> None:
    """Set whether and how the archive will show a draft's issue; None restores the default.

    Raises:
        ConflictError: The draft is a correction of a sent issue.
    """
    _require_own_place(draft.corrects)
    issue_id = publishing.place_draft(session, draft, place)
    if issue_id is not None:
        archive_issue(session, actor, draft.newsletter_id, issue_id, place)
        return
    record_event(
        session,
        actor,
        Action.ISSUE_ARCHIVE,
        object=f"draft {draft.id}",
        newsletter_id=draft.newsletter_id,
        details={"before": draft.archived, "after": place},
    )


def _require_own_place(corrects: int | None) -> None:
    if corrects is not None:
        raise ConflictError(
            msg("A correction stands in the archive where the sent issue stands."),
            remedy=msg("Choose its place on the page of the sent issue."),
        )


def search_archive(
    session: Session, newsletter_id: int, words: str, *, chapter: str = ""
) -> Sequence[Hit]:
    """Return the parts of listed issues that contain all words, in ``chapter`` only if given."""
    listed = _publications(newsletter_id).where(_LISTED).order_by(None)
    issues = listed.with_only_columns(IssueRow.id, maintain_column_froms=True)
    return search_among(session, issues, words, chapter=chapter)


def archive_chapters(session: Session, newsletter_id: int) -> Sequence[str]:
    """Return the chapter headings that occur in several of the newest listed issues."""
    query = (
        _publications(newsletter_id)
        .where(_LISTED)
        .with_only_columns(IssueRow.content, maintain_column_froms=True)
        .limit(_LOOKED_AT)
    )
    chapters: dict[str, list[str]] = {}
    for content in session.scalars(query):
        shown = select_parts(issue_from_json(content), ())
        headings = {chapter.heading for chapter in shown.chapters}
        for heading in filter(None, headings):
            chapters.setdefault(fold_words(heading), []).append(heading)
    return [same[0] for same in chapters.values() if len(same) > 1]
