"""What of approvals waits for one person: to approve, to ask for again, to send."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, and_, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from newsletter.database.tables import AccountRow, ApprovalRow, IssueRow, MailingRow, NewsletterRow
from newsletter.issues.sent import keeps_its_issue
from newsletter.mailings.approvals.requests import ApprovalState, state_in, state_of


@dataclass(frozen=True, kw_only=True, slots=True)
class Waiting:
    """An issue that waits for somebody; ``person`` asked for its approval, or answered it."""

    newsletter_id: int
    newsletter: str
    newsletter_name: str
    issue_id: int
    title: str
    approval: ApprovalRow
    person: str


def waiting_for(
    session: Session, account_id: int, newsletter_ids: Collection[int]
) -> Sequence[Waiting]:
    """Return what waits for one person's approval in newsletters where they may give it.

    Left out is what was asked for by themselves or of others, and what was changed since.
    """
    condition = and_(
        ApprovalRow.approved_by.is_(None),
        ApprovalRow.requested_by != account_id,
        IssueRow.newsletter_id.in_(newsletter_ids),
        NewsletterRow.approval_required,
    )
    asked = (ApprovalRow.requested_by, ApprovalRow.requested_at)
    return [
        waiting
        for waiting in _newest_requests(session, *asked, condition)
        if state_of(waiting.approval) is ApprovalState.WAITING
        and (not waiting.approval.asked or account_id in waiting.approval.asked)
    ]


def returned_to(
    session: Session, account_id: int, newsletter_ids: Collection[int]
) -> Sequence[Waiting]:
    """Return what was sent back to one person in newsletters, and not changed or asked for since.

    Whoever asked for it may have lost the role in others.
    """
    condition = and_(
        ApprovalRow.approved_by.is_(None),
        ApprovalRow.requested_by == account_id,
        IssueRow.newsletter_id.in_(newsletter_ids),
    )
    returned = (ApprovalRow.returned_by, ApprovalRow.returned_at)
    return [
        waiting
        for waiting in _newest_requests(session, *returned, condition)
        if state_of(waiting.approval) is ApprovalState.RETURNED
    ]


def void_for(
    session: Session, account_id: int, newsletter_ids: Collection[int]
) -> Sequence[Waiting]:
    """Return what one person asked for in newsletters and has to ask for again.

    Whoever approved it, or all who were asked, can approve no more.
    """
    condition = and_(
        ApprovalRow.requested_by == account_id,
        IssueRow.newsletter_id.in_(newsletter_ids),
        NewsletterRow.approval_required,
        _is_unsent(),
    )
    asked = (ApprovalRow.requested_by, ApprovalRow.requested_at)
    return [
        waiting
        for waiting in _newest_requests(session, *asked, condition)
        if state_in(session, waiting.newsletter_id, waiting.approval) is ApprovalState.VOID
    ]


def approved_for(
    session: Session, account_id: int, newsletter_ids: Collection[int]
) -> Sequence[Waiting]:
    """Return what one person asked for in newsletters, was approved as it is, and waits."""
    condition = and_(
        ApprovalRow.approver.has(AccountRow.disabled_at.is_(None)),
        ApprovalRow.requested_by == account_id,
        IssueRow.newsletter_id.in_(newsletter_ids),
        NewsletterRow.approval_required,
        _is_unsent(),
    )
    approved = (ApprovalRow.approved_by, ApprovalRow.approved_at)
    return [*_newest_requests(session, *approved, condition)]


def _is_unsent() -> ColumnElement[bool]:
    kept = select(MailingRow.issue_id).where(MailingRow.issue_id.is_not(None), keeps_its_issue())
    return IssueRow.id.not_in(kept)


def _newest_requests(
    session: Session,
    person: InstrumentedAttribute[int] | InstrumentedAttribute[int | None],
    since: InstrumentedAttribute[datetime] | InstrumentedAttribute[datetime | None],
    condition: ColumnElement[bool],
) -> Iterator[Waiting]:
    """Yield the newest requests of issues, where these are as they were, oldest first.

    Args:
        session: To read with.
        person: Who is named with each, and
        since: since when it waits for somebody.
        condition: Which ones.
    """
    newest = select(func.max(ApprovalRow.id)).group_by(ApprovalRow.issue_id)
    rows = session.execute(
        select(ApprovalRow, IssueRow, NewsletterRow, AccountRow)
        .join(IssueRow, IssueRow.id == ApprovalRow.issue_id)
        .join(NewsletterRow, NewsletterRow.id == IssueRow.newsletter_id)
        .join(AccountRow, AccountRow.id == person)
        .where(
            ApprovalRow.id.in_(newest),
            ApprovalRow.issue_version == IssueRow.version,
            condition,
        )
        .order_by(since)
    )
    for approval, issue, newsletter, account in rows:
        yield Waiting(
            newsletter_id=newsletter.id,
            newsletter=newsletter.slug,
            newsletter_name=newsletter.name,
            issue_id=issue.id,
            title=issue.title,
            approval=approval,
            person=account.name or account.address,
        )
