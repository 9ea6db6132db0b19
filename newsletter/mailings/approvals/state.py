"""The state of approvals, and the list of those that wait for a person."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from sqlalchemy import ColumnElement, and_, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from newsletter.accounts.permissions import Permission
from newsletter.accounts.roles import holders_of
from newsletter.database.tables import AccountRow, ApprovalRow, IssueRow, MailingRow, NewsletterRow
from newsletter.issues.sent import keeps_its_issue
from newsletter.mailings.approvals.plans import (
    PlanChange,
    SendingPlan,
    plan_changes,
    plan_from_json,
)
from subscribers.segments.saved import named_segment

#: A stored approval, requested or given.
Approval = ApprovalRow


class ApprovalState(StrEnum):
    """The state of the approval of one content."""

    WAITING = "waiting"
    APPROVED = "approved"
    RETURNED = "returned"
    #: The account that approved was disabled since, or nobody who was asked can approve any more.
    VOID = "void"


def state_of(approval: ApprovalRow) -> ApprovalState:
    """Return the state of an approval; one that was requested again after a return is waiting.

    Disabling an account makes its approvals void, since they may have been given by an intruder.
    """
    if approval.approver is not None:
        is_disabled = approval.approver.disabled_at is not None
        return ApprovalState.VOID if is_disabled else ApprovalState.APPROVED
    returned = approval.returned_at
    if returned is not None and returned >= approval.requested_at:
        return ApprovalState.RETURNED
    return ApprovalState.WAITING


def plan_of(approval: ApprovalRow) -> SendingPlan | None:
    """Return the plan of an approval; None if it has none."""
    return None if approval.plan is None else plan_from_json(approval.plan)


def plan_before(session: Session, approval: ApprovalRow) -> SendingPlan | None:
    """Return the plan of the request before, for the same or other content; None without one."""
    kept = (approval.plan or {}).get("before")
    if kept is not None:
        return plan_from_json(kept)
    other = version_before(session, approval.issue_id, besides=approval.digest)
    return plan_of(other) if other else None


def changes_since_asked(session: Session, approval: ApprovalRow) -> Sequence[PlanChange]:
    """Return the differences between the present plan and that of the request before.

    They include changes of a saved segment's query.
    """
    plan = plan_of(approval)
    if plan is None:
        return ()
    newsletter_id = session.get_one(IssueRow, approval.issue_id).newsletter_id
    current = replace(plan, query=_query_now(session, newsletter_id, plan.segment))
    return plan_changes(plan_before(session, approval) or plan, current)


def differs_from_approved(
    session: Session, newsletter_id: int, approval: ApprovalRow | None, plan: SendingPlan
) -> bool:
    """Return whether ``plan``, whose segment is a query, differs from the approved plan."""
    meant = plan_of(approval) if approval and approval.approved_by else None
    if meant is None:
        return False
    asked = meant.query or _query_now(session, newsletter_id, meant.segment)
    return replace(meant, segment=asked, query="") != replace(plan, query="")


def _query_now(session: Session, newsletter_id: int, segment: str) -> str:
    """Return the present query of a saved segment; a query is returned unchanged, even invalid."""
    row = named_segment(session, newsletter_id, segment)
    return row.query if row else segment


def last_plan(session: Session, issue_id: int) -> SendingPlan | None:
    """Return the plan of the last request for an issue; None without one."""
    asked = session.scalars(
        select(ApprovalRow)
        .where(ApprovalRow.issue_id == issue_id)
        .order_by(ApprovalRow.requested_at.desc(), ApprovalRow.id.desc())
        .limit(1)
    ).one_or_none()
    return plan_of(asked) if asked else None


def find_approval(session: Session, issue_id: int, digest: str) -> ApprovalRow | None:
    """Return the approval of this content, requested or given; None if there is none."""
    return session.scalars(
        select(ApprovalRow).where(ApprovalRow.issue_id == issue_id, ApprovalRow.digest == digest)
    ).one_or_none()


def name_of_request(approval: ApprovalRow) -> str:
    """Return a value that identifies a request among those for the same content."""
    return approval.requested_at.isoformat()


def approval_states(session: Session, newsletter_id: int) -> dict[int, ApprovalState]:
    """Return the state of the last request of each issue of a newsletter, by issue id.

    Issues without a request, or changed since, are left out. A request that nobody can answer any
    more is not waiting but void.
    """
    newest = select(func.max(ApprovalRow.id)).group_by(ApprovalRow.issue_id)
    rows = session.scalars(
        select(ApprovalRow)
        .join(IssueRow, IssueRow.id == ApprovalRow.issue_id)
        .where(
            IssueRow.newsletter_id == newsletter_id,
            ApprovalRow.id.in_(newest),
            ApprovalRow.issue_version == IssueRow.version,
        )
    )
    return {row.issue_id: state_in(session, newsletter_id, row) for row in rows}


def is_asked_for(session: Session, issue_id: int) -> bool:
    """Return whether the last request for an issue is waiting for an answer."""
    newest = select(func.max(ApprovalRow.id)).where(ApprovalRow.issue_id == issue_id)
    row = session.scalars(select(ApprovalRow).where(ApprovalRow.id.in_(newest))).one_or_none()
    return row is not None and state_of(row) is ApprovalState.WAITING


def last_returned(session: Session, issue_id: int) -> ApprovalRow | None:
    """Return the last returned request of an issue that was not followed by another one."""
    rows = session.scalars(
        select(ApprovalRow)
        .where(ApprovalRow.issue_id == issue_id)
        .order_by(ApprovalRow.requested_at.desc(), ApprovalRow.id.desc())
        .limit(1)
    )
    row = rows.one_or_none()
    return row if row is not None and state_of(row) is ApprovalState.RETURNED else None


def version_before(session: Session, issue_id: int, *, besides: str) -> ApprovalRow | None:
    """Return the last request for an issue with another digest, however it was answered."""
    return session.scalars(
        select(ApprovalRow)
        .where(
            ApprovalRow.issue_id == issue_id,
            ApprovalRow.digest != besides,
            ApprovalRow.content.is_not(None),
        )
        .order_by(ApprovalRow.requested_at.desc(), ApprovalRow.id.desc())
        .limit(1)
    ).one_or_none()


def lapsed_approval(session: Session, issue_id: int, *, besides: str) -> ApprovalRow | None:
    """Return the last request or approval that is invalid because the content has changed."""
    row = version_before(session, issue_id, besides=besides)
    return row if row is not None and state_of(row) is not ApprovalState.RETURNED else None


def people_of(session: Session, *approvals: Approval | None) -> dict[int, str]:
    """Return the names of the people in approvals, by account id."""
    numbers: set[int] = set()
    for approval in filter(None, approvals):
        parts = (approval.requested_by, approval.approved_by, approval.returned_by)
        numbers |= {number for number in parts if number} | set(approval.asked or ())
    rows = session.scalars(select(AccountRow).where(AccountRow.id.in_(numbers)))
    return {row.id: row.name or row.address for row in rows}


def approvers(
    session: Session, newsletter_id: int, *, besides: int | None = None
) -> Sequence[AccountRow]:
    """Return the accounts that are asked to approve: approvers, or else administrators."""
    return holders_of(session, Permission.APPROVE, newsletter_id, besides=besides)


def who_can_answer(
    session: Session, newsletter_id: int, approval: Approval
) -> Sequence[AccountRow]:
    """Return the accounts that were asked for an approval and may give it."""
    return [
        row
        for row in approvers(session, newsletter_id, besides=approval.requested_by)
        if not approval.asked or row.id in approval.asked
    ]


def state_in(session: Session, newsletter_id: int, approval: ApprovalRow) -> ApprovalState:
    """Return the state of an approval, which is void also if nobody can answer it."""
    if is_deserted(session, newsletter_id, approval):
        return ApprovalState.VOID
    return state_of(approval)


def is_deserted(session: Session, newsletter_id: int, approval: ApprovalRow) -> bool:
    """Return whether none of the people asked for an approval can give it any more."""
    return (
        state_of(approval) is ApprovalState.WAITING
        and bool(approval.asked)
        and not who_can_answer(session, newsletter_id, approval)
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Waiting:
    """An issue that waits for a person; ``person`` names who requested or answered approval."""

    newsletter_id: int
    newsletter: str
    newsletter_name: str
    issue_id: int
    title: str
    approval: ApprovalRow
    person: str
    is_correction: bool


def waiting_for(
    session: Session, account_id: int, newsletter_ids: Collection[int]
) -> Sequence[Waiting]:
    """Return the issues that wait for a person's approval.

    Their own requests, requests to others, and issues that were changed since are left out.
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
    """Return the issues that were returned to a person and not changed or requested since.

    Only newsletters in ``newsletter_ids`` count: the person may have lost the role in others.
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
    """Return the issues for which a person has to request approval again, because it is void."""
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
    """Return the approved issues that a person requested and that are not sent yet."""
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
    """Yield the newest request of each issue that was not changed since, the oldest first.

    Args:
        session: The database session.
        person: The column with the account to name.
        since: The column with the time since which the issue waits.
        condition: The condition that requests must meet.
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
            is_correction=issue.corrects is not None,
        )
