"""What was sent never changes: which issues readers have, or are about to get, stay as they are."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import Session

from newsletter.database.tables import IssueRow, MailingRow
from newsletter.database.vocabulary import MailingKind, MailingState
from newsletter.errors import ConflictError
from newsletter.i18n.messages import msg

#: Mailings back among which an issue of the same kind is looked for.
_COMPARED = 9


class IssueSentError(ConflictError):
    """An issue was to be changed that was sent, or is about to be."""


def keeps_its_issue() -> ColumnElement[bool]:
    """Return the condition on mailings that their issue must stay as it is.

    Each does, but for tests and for those that were cancelled before anything left.
    """
    return (MailingRow.kind == MailingKind.ISSUE) & or_(
        MailingRow.state != MailingState.CANCELLED, MailingRow.started_at.is_not(None)
    )


def sent_as(session: Session, issue_id: int) -> Sequence[MailingRow]:
    """Return the mailings for which an issue stays as it is, the newest first."""
    return session.scalars(
        select(MailingRow)
        .where(MailingRow.issue_id == issue_id, keeps_its_issue())
        .order_by(MailingRow.id.desc())
    ).all()


def last_sent(session: Session, issue: IssueRow) -> IssueRow | None:
    """Return the issue that readers got last before this one, to compare the two.

    It is one of its kind where one of the last is: an edition with a number for such an edition, a
    notice without one for a notice.
    """
    latest = session.scalars(
        select(IssueRow)
        .join(MailingRow, MailingRow.issue_id == IssueRow.id)
        .where(
            IssueRow.newsletter_id == issue.newsletter_id,
            IssueRow.id != issue.id,
            MailingRow.started_at.is_not(None),
            keeps_its_issue(),
        )
        .order_by(MailingRow.started_at.desc(), MailingRow.id.desc())
        .limit(_COMPARED)
    ).all()
    return first_of_kind(latest, numbered=bool(issue.content.get("number")))


def first_of_kind(rows: Sequence[IssueRow], *, numbered: bool) -> IssueRow | None:
    """Return the first issue that has a number, or has none; where there is no such, the first."""
    alike = (row for row in rows if bool(row.content.get("number")) is numbered)
    return next(alike, rows[0] if rows else None)


def refuse_change(session: Session, issue: IssueRow) -> None:
    """Refuse to change an issue that was sent or is about to be.

    Whoever changes an issue, and whoever makes a mailing of it, holds its row's lock first, so
    that neither overlooks the other.

    Raises:
        IssueSentError: A mailing keeps it.
    """
    mailings = sent_as(session, issue.id)
    if not mailings:
        return
    if all(row.state is MailingState.SCHEDULED for row in mailings):
        raise IssueSentError(
            msg(
                "Issue {issue} is scheduled as mailing {mailing} and cannot be changed.",
                issue=issue.slug,
                mailing=mailings[0].id,
            ),
            remedy=msg("Cancel that mailing first, or start a new issue from this one."),
        )
    raise IssueSentError(
        msg("Issue {issue} was sent; what was sent does not change.", issue=issue.slug),
        remedy=msg("Start a new issue from it, with its own date or number."),
    )
