"""Storing a draft as an issue, setting its place in the archive, and deleting it."""

from __future__ import annotations

from itertools import count

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from newsletter.database.tables import (
    DraftRevisionRow,
    DraftRow,
    IssueRow,
    LinkCheckRow,
    TranslationRevisionRow,
)
from newsletter.database.vocabulary import Archived, ContentUser
from newsletter.errors import ConflictError
from newsletter.i18n.messages import msg
from newsletter.issues.corrections import correction_slug, discard_correction, require_written
from newsletter.issues.drafts.saving import (
    Draft,
    DraftConflictError,
    base_of,
    draft_of,
    lock_row,
)
from newsletter.issues.library.uses import forget_uses
from newsletter.issues.markdown.writer import to_markdown
from newsletter.issues.search import Indexed, forget_words
from newsletter.issues.sources.reading import ReadIssue, SourceFormat
from newsletter.issues.store import default_slug, save_issue, series_of_draft


class UnfitDraftError(ConflictError):
    """A draft cannot be sent: it has errors, or another issue has its date and number."""


def publish_draft(session: Session, draft: Draft, *, slug: str = "") -> IssueRow:
    """Store the draft as the issue that mailings and the archive use.

    Raises:
        DraftConflictError: The draft was saved after ``draft`` was read.
        ConflictError: The draft is a step of a series.
        UnfitDraftError: Another issue has the same date and number.
        IssueSentError: The issue was sent or ordered, with other content.
    """
    # Locked, so that a concurrent `place_draft` is not lost.
    row = lock_row(session, draft)
    if row.revision != draft.revision:
        raise DraftConflictError(draft_of(row), draft.version, base_of(session, draft))
    if series_of_draft(session, draft.id) is not None:
        raise ConflictError(
            msg("This is the issue of a step of a series; the series sends it."),
            remedy=msg("To send it to everybody, start a new issue from it."),
        )
    read = ReadIssue(
        issue=draft.issue,
        format=SourceFormat.MARKDOWN,
        text=to_markdown(draft.issue, template=draft.template),
        template=draft.template,
        encoding="utf-8",
        changes=(),
        unplaced=(),
    )
    issue = save_issue(session, draft.newsletter_id, read, slug=free_slug(session, draft, slug))
    row.issue_id = issue.id
    issue.corrects = row.corrects
    issue.archived = issue.archived or row.archived
    session.flush()
    return issue


def free_slug(session: Session, draft: Draft, slug: str = "") -> str:
    """Return the slug for a draft: its issue's, or a new one from date and number.

    Issues without a number may have the same date, such as a special issue and the edition of that
    day; the second one's slug ends with "-2".

    Raises:
        UnfitDraftError: Another issue has this slug.
    """
    own = session.get(IssueRow, draft.issue_id) if draft.issue_id else None
    if draft.corrects and own is None:
        correction = require_written(session, draft.corrects)
        slug = correction_slug(session.get_one(IssueRow, draft.corrects), correction.number)
    is_chosen = bool(slug)
    slug = slug or (own.slug if own else "") or default_slug(draft.issue)
    if not _is_taken(session, draft, slug):
        return slug
    if is_chosen or own is not None or draft.issue.number:
        raise UnfitDraftError(
            msg("There is already an issue “{slug}”.", slug=slug),
            remedy=msg("Give this one another date or number, or open the existing one."),
        )
    others = (f"{slug}-{number}" for number in count(2))
    return next(each for each in others if not _is_taken(session, draft, each))


def _is_taken(session: Session, draft: Draft, slug: str) -> bool:
    """Return whether another issue of the newsletter has a slug."""
    found = session.scalar(
        select(IssueRow.id).where(
            IssueRow.newsletter_id == draft.newsletter_id, IssueRow.slug == slug
        )
    )
    return found is not None and found != draft.issue_id


def place_draft(session: Session, draft: Draft, place: Archived | None) -> int | None:
    """Set how the archive will show a draft's issue; None for the default.

    Returns the draft's issue if it exists already: its place must then be set instead.
    """
    row = lock_row(session, draft)
    row.archived = place
    session.flush()
    return row.issue_id


def delete_draft(session: Session, draft: Draft) -> None:
    """Delete a draft with its history; its stored issue is kept.

    A correction that is not in effect is deleted with its draft.

    Raises:
        ConflictError: The draft is a step of a series, or was saved after ``draft`` was read.
    """
    row = lock_row(session, draft)
    if row.revision != draft.revision:
        raise ConflictError(
            msg("{author} changed this draft after you opened it.", author=row.author),
            remedy=msg("Look at what it says now; it was not deleted."),
        )
    if series_of_draft(session, draft.id) is not None:
        raise ConflictError(
            msg("This is the issue of a step of a series."),
            remedy=msg("Remove the step from the series first."),
        )
    remove_draft(session, draft)
    if draft.corrects is not None:
        discard_correction(session, draft.corrects)


def remove_draft(session: Session, draft: Draft) -> None:
    """Delete a draft with its history, without checks."""
    session.execute(delete(DraftRevisionRow).where(DraftRevisionRow.draft_id == draft.id))
    session.execute(
        delete(TranslationRevisionRow).where(TranslationRevisionRow.draft_id == draft.id)
    )
    session.execute(delete(LinkCheckRow).where(LinkCheckRow.draft_id == draft.id))
    session.execute(delete(DraftRow).where(DraftRow.id == draft.id))
    forget_uses(session, ContentUser.DRAFT, draft.id)
    forget_words(session, Indexed.DRAFT, draft.id)
