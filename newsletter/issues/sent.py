"""Sent issues: which issues are read-only because they were sent, or will be."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import Session

from newsletter.database.tables import IssueRow, MailingRow
from newsletter.database.vocabulary import MailingKind, MailingState
from newsletter.errors import ConflictError
from newsletter.i18n.messages import msg

#: The number of last mailings among which an issue of the same kind is looked for.
_COMPARED = 9


class IssueSentError(ConflictError):
    """An issue cannot be changed because it was sent or ordered."""


def keeps_its_issue() -> ColumnElement[bool]:
    """Return the condition on mailings that make their issue read-only.

    These are all mailings except tests, and those that were cancelled before anything was sent.
    """
    return (MailingRow.kind == MailingKind.ISSUE) & or_(
        MailingRow.state != MailingState.CANCELLED, MailingRow.started_at.is_not(None)
    )


def sent_as(session: Session, issue_id: int) -> Sequence[MailingRow]:
    """Return the mailings that make an issue read-only, the newest first."""
    return session.scalars(
        select(MailingRow)
        .where(MailingRow.issue_id == issue_id, keeps_its_issue())
        .order_by(MailingRow.id.desc())
    ).all()


def last_sent(session: Session, issue: IssueRow) -> IssueRow | None:
    """Return the issue that was sent before this one, for comparison.

    An issue of the same kind is preferred among the last ones: numbered or without a number.
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
    """Return the first issue with or without a number, or else the first one."""
    alike = (row for row in rows if bool(row.content.get("number")) is numbered)
    return next(alike, rows[0] if rows else None)


def refuse_change(session: Session, issue: IssueRow) -> None:
    """Check that an issue may be changed.

    Both changing an issue and ordering a mailing of it first lock the issue's row, so that neither
    can overlook the other.

    Raises:
        IssueSentError: The issue was sent or ordered.
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
