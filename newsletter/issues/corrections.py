"""Corrections of sent issues: written as a draft, with a note for readers, then put into effect.

Until then, the draft is readied as an issue of its own, which nobody receives: checks, tests,
comments and approval are of it as they are of every issue. What the sent issue says is unchanged.
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

#: A correction, in effect or still written.
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
        NotFoundError: It has none of that number.
    """
    for row in corrections_of(session, issue_id):
        if row.number == number:
            return row
    raise NotFoundError(msg("This issue has no correction {number}.", number=number))


def written_correction(session: Session, issue_id: int) -> Correction | None:
    """Return the correction of an issue that is still written; there is at most one."""
    return session.scalars(
        select(CorrectionRow).where(
            CorrectionRow.issue_id == issue_id, CorrectionRow.effective_at.is_(None)
        )
    ).one_or_none()


def corrected_by(session: Session, issue_id: int) -> int | None:
    """Return the sent issue of which another is the correction; None of every other issue."""
    return session.scalar(select(IssueRow.corrects).where(IssueRow.id == issue_id))


def open_correction(session: Session, issue_id: int) -> Correction:
    """Return the correction of an issue that is still written, begun now where there is none.

    Two who begin one at once get the same.
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
    """What readers are told of a correction: what was wrong, and what is right.

    Attributes:
        original: In the language of the issue.
        translations: In others in which the issue was sent, by their tags.
    """

    original: str = ""
    translations: Mapping[str, str] = field(default_factory=dict)

    def said_in(self, tag: str) -> tuple[str, bool]:
        """Return the words for readers of a language, and whether they are in it.

        Whoever reads one into which the note was not translated is shown the original's.
        """
        return self.translations.get(tag, self.original), tag in self.translations


@dataclass(frozen=True, kw_only=True, slots=True)
class DatedNote:
    """The note of a correction that is in effect; ``tag`` is the language of its words."""

    effective_at: datetime
    words: str
    tag: str


def note_in(correction: Correction) -> Note:
    """Return the note of a correction in all languages in which it was written."""
    return Note(original=correction.note, translations=correction.note_translations)


def dated_notes(corrections: Iterable[Correction], tag: str) -> Sequence[DatedNote]:
    """Return the notes of corrections that are in effect, for those who read a language."""
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
    """Return the note of the correction that an issue is; one without words of every other."""
    if issue.corrects is None:
        return Note()
    written = written_correction(session, issue.corrects)
    return note_in(written) if written else Note()


def demand_written(session: Session, issue_id: int) -> Correction:
    """Return the correction of an issue that is still written.

    Raises:
        ConflictError: There is none, or it took effect meanwhile.
    """
    row = written_correction(session, issue_id)
    if row is None:
        raise ConflictError(
            msg("No correction of this issue is being written."),
            remedy=msg("Reload the page of the issue to see which corrections are in effect."),
        )
    return row


def demand_note(session: Session, issue: IssueRow) -> None:
    """Refuse a correction without a note for readers; every other issue needs none.

    Raises:
        ConflictError: It has none.
    """
    if issue.corrects is not None and not note_of(session, issue).original:
        raise ConflictError(
            msg("The note for readers is missing."),
            remedy=msg("Write what was wrong and what is right."),
        )


def readied_correction(session: Session, issue_id: int) -> IssueRow | None:
    """Return the issue that the correction of a sent one was readied as; None before that."""
    return session.scalars(select(IssueRow).where(IssueRow.corrects == issue_id)).one_or_none()


def corrected_from(session: Session, newsletter_id: int, readied_id: int) -> int | None:
    """Return the sent issue whose correction was readied as an issue that is no more."""
    return session.scalar(
        select(CorrectionRow.issue_id)
        .join(IssueRow, IssueRow.id == CorrectionRow.issue_id)
        .where(CorrectionRow.readied_as == readied_id, IssueRow.newsletter_id == newsletter_id)
    )


def correction_slug(issue: IssueRow, number: int) -> str:
    """Return what a correction is called while it is written."""
    return f"{issue.slug[:100]}-correction-{number}"


def discard_correction(session: Session, issue_id: int) -> None:
    """Forget the correction of a sent issue that is still written, but for its tests."""
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
    """Remove the issue that a correction was readied as; what is about it is about ``into``."""
    for table in (ApprovalRow, IssueCommentRow, MailingRow):
        session.execute(update(table).where(table.issue_id == issue.id).values(issue_id=into))
    forget_uses(session, ContentUser.ISSUE, issue.id)
    forget_words(session, Indexed.ISSUE, issue.id)
    session.delete(issue)
    session.flush()
