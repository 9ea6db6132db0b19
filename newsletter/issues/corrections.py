"""Corrections of sent issues: drafts with a note for readers, until they are put into effect.

Before it takes effect, a correction is stored as a separate issue row, which is never sent. Checks,
tests, comments and approval work on this row as on every issue. The sent issue is not changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from newsletter.database.insert import insert_missing
from newsletter.database.tables import (
    ApprovalRow,
    CorrectionRow,
    IssueCommentRow,
    IssueRow,
    MailingRow,
)
from newsletter.database.types import now
from newsletter.database.vocabulary import ContentUser
from newsletter.errors import ConflictError, NotFoundError
from newsletter.i18n.messages import msg
from newsletter.issues.library.uses import forget_uses
from newsletter.issues.model import issue_from_json
from newsletter.issues.search import Indexed, forget_words

#: A correction, in effect or being written.
Correction = CorrectionRow


def last_correction(session: Session, issue_id: int) -> int:
    """Return the number of an issue's last correction that is in effect; 0 for none."""
    number = session.scalar(
        select(func.max(CorrectionRow.number)).where(
            CorrectionRow.issue_id == issue_id, CorrectionRow.effective_at.is_not(None)
        )
    )
    return number or 0


def corrections_of(session: Session, issue_id: int) -> Sequence[Correction]:
    """Return an issue's corrections that are in effect, the newest first."""
    return session.scalars(
        select(CorrectionRow)
        .where(CorrectionRow.issue_id == issue_id, CorrectionRow.effective_at.is_not(None))
        .order_by(CorrectionRow.number.desc())
    ).all()


def find_correction(session: Session, issue_id: int, number: int) -> Correction:
    """Return a correction of an issue that is in effect.

    Raises:
        NotFoundError: The issue has no such correction.
    """
    for row in corrections_of(session, issue_id):
        if row.number == number:
            return row
    raise NotFoundError(msg("This issue has no correction {number}.", number=number))


def written_correction(session: Session, issue_id: int) -> Correction | None:
    """Return the correction of an issue that is being written; there is at most one."""
    return session.scalars(
        select(CorrectionRow).where(
            CorrectionRow.issue_id == issue_id, CorrectionRow.effective_at.is_(None)
        )
    ).one_or_none()


def corrected_by(session: Session, issue_id: int) -> int | None:
    """Return the sent issue that an issue row corrects; None for other issues."""
    return session.scalar(select(IssueRow.corrects).where(IssueRow.id == issue_id))


def open_correction(session: Session, issue_id: int) -> Correction:
    """Return the correction of an issue that is being written, creating it if there is none.

    Two concurrent calls return the same correction.
    """
    number = last_correction(session, issue_id) + 1
    values = {"issue_id": issue_id, "number": number, "begun_at": now()}
    insert_missing(session, CorrectionRow, [values])
    return session.scalars(
        select(CorrectionRow)
        .where(CorrectionRow.issue_id == issue_id, CorrectionRow.number == number)
        .with_for_update()
    ).one()


@dataclass(frozen=True, kw_only=True, slots=True)
class Note:
    """The note of a correction for readers.

    Attributes:
        original: The note in the issue's language.
        translations: The note in other languages of the issue, by tag.
    """

    original: str = ""
    translations: Mapping[str, str] = field(default_factory=dict)

    def said_in(self, tag: str) -> tuple[str, bool]:
        """Return the note for a language, and whether it is in that language.

        Without a translation, it is the original.
        """
        return self.translations.get(tag, self.original), tag in self.translations


@dataclass(frozen=True, kw_only=True, slots=True)
class DatedNote:
    """The note of a correction that is in effect; ``tag`` is its language."""

    effective_at: datetime
    words: str
    tag: str


def note_in(correction: Correction) -> Note:
    """Return the note of a correction in all its languages."""
    return Note(original=correction.note, translations=correction.note_translations)


def dated_notes(corrections: Iterable[Correction], tag: str) -> Sequence[DatedNote]:
    """Return the notes of corrections that are in effect, for readers of a language."""
    notes: list[DatedNote] = []
    for each in corrections:
        words, is_translated = note_in(each).said_in(tag)
        original = issue_from_json(each.before or {}).tag
        notes.append(
            DatedNote(
                effective_at=each.effective_at or each.begun_at,
                words=words,
                tag=tag if is_translated else original,
            )
        )
    return notes


def note_of(session: Session, issue: IssueRow) -> Note:
    """Return the note if an issue row is a correction; an empty note otherwise."""
    if issue.corrects is None:
        return Note()
    written = written_correction(session, issue.corrects)
    return note_in(written) if written else Note()


def require_written(session: Session, issue_id: int) -> Correction:
    """Return the correction of an issue that is being written.

    Raises:
        ConflictError: There is none, or it took effect meanwhile.
    """
    row = written_correction(session, issue_id)
    if row is None:
        raise ConflictError(
            msg("No correction of this issue is being written."),
            remedy=msg("Look at which corrections of the issue are in effect."),
        )
    return row


def require_note(session: Session, issue: IssueRow) -> None:
    """Check that an issue row that is a correction has a note for readers.

    Raises:
        ConflictError: The note is missing.
    """
    if issue.corrects is not None and not note_of(session, issue).original:
        raise ConflictError(
            msg("The note for readers is missing."),
            remedy=msg("Write what was wrong and what is right."),
        )


def readied_correction(session: Session, issue_id: int) -> IssueRow | None:
    """Return the issue row of a sent issue's correction; None before it was made ready."""
    return session.scalars(select(IssueRow).where(IssueRow.corrects == issue_id)).one_or_none()


def corrected_from(session: Session, newsletter_id: int, readied_id: int) -> int | None:
    """Return the sent issue whose correction had this issue row, which was deleted since."""
    return session.scalar(
        select(CorrectionRow.issue_id)
        .join(IssueRow, IssueRow.id == CorrectionRow.issue_id)
        .where(CorrectionRow.readied_as == readied_id, IssueRow.newsletter_id == newsletter_id)
    )


def correction_slug(issue: IssueRow, number: int) -> str:
    """Return the slug of a correction's issue row."""
    return f"{issue.slug[:100]}-correction-{number}"


def discard_correction(session: Session, issue_id: int) -> None:
    """Delete the correction of a sent issue that is being written, except for its test mails."""
    session.execute(
        delete(CorrectionRow).where(
            CorrectionRow.issue_id == issue_id, CorrectionRow.effective_at.is_(None)
        )
    )
    issue = readied_correction(session, issue_id)
    if issue is None:
        return
    session.execute(delete(ApprovalRow).where(ApprovalRow.issue_id == issue.id))
    threads = (IssueCommentRow.issue_id == issue.id, IssueCommentRow.thread_id.is_not(None))
    session.execute(delete(IssueCommentRow).where(*threads))
    session.execute(delete(IssueCommentRow).where(IssueCommentRow.issue_id == issue.id))
    remove_readied(session, issue, into=issue_id)


def remove_readied(session: Session, issue: IssueRow, *, into: int) -> None:
    """Delete the issue row of a correction; references to it are changed to ``into``."""
    for table in (ApprovalRow, IssueCommentRow, MailingRow):
        session.execute(update(table).where(table.issue_id == issue.id).values(issue_id=into))
    forget_uses(session, ContentUser.ISSUE, issue.id)
    forget_words(session, Indexed.ISSUE, issue.id)
    session.delete(issue)
    session.flush()
