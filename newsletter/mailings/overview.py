"""The issue list of a newsletter: drafts and issues together, with their status."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from newsletter.database.tables import DraftRow, IssueRow, MailingRow, NewsletterRow
from newsletter.database.vocabulary import MailingState
from newsletter.issues.sent import keeps_its_issue
from newsletter.issues.store import is_of_series
from newsletter.mailings.approvals.state import ApprovalState, approval_states


class IssueStatus(StrEnum):
    """The status of an issue in the list."""

    DRAFT = "draft"
    #: Approval of the present content was requested.
    WAITING = "waiting"
    RETURNED = "returned"
    APPROVED = "approved"
    #: Can be sent, in a newsletter without approval.
    READY = "ready"
    SCHEDULED = "scheduled"
    SENDING = "sending"
    PAUSED = "paused"
    #: A correction of a sent issue that is not in effect yet.
    CORRECTION = "correction"
    #: Cancelled while it was being sent: some recipients have it.
    STOPPED = "stopped"
    SENT = "sent"


_BY_APPROVAL = {
    ApprovalState.WAITING: IssueStatus.WAITING,
    ApprovalState.RETURNED: IssueStatus.RETURNED,
    ApprovalState.APPROVED: IssueStatus.APPROVED,
    ApprovalState.VOID: IssueStatus.DRAFT,
}
_BY_MAILING = {
    MailingState.DRAFT: IssueStatus.READY,
    MailingState.SCHEDULED: IssueStatus.SCHEDULED,
    MailingState.PLANNING: IssueStatus.SENDING,
    MailingState.SENDING: IssueStatus.SENDING,
    MailingState.PAUSED: IssueStatus.PAUSED,
    MailingState.FINISHED: IssueStatus.SENT,
    MailingState.CANCELLED: IssueStatus.STOPPED,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class IssueLine:
    """A line of the list; at least one of ``draft_id`` and ``issue_id`` is set.

    Attributes:
        draft_id: The draft; None for an issue that was never opened for editing.
        issue_id: The issue; None for a draft that was never made ready.
        author: Who edited last; empty if the issue was only imported by command.
        fixed: Whether the issue was sent or ordered and can no longer be changed.
    """

    draft_id: int | None
    issue_id: int | None
    title: str
    issue_date: date
    status: IssueStatus
    edited_at: datetime
    author: str = ""
    fixed: bool = False


def list_lines(session: Session, newsletter: NewsletterRow) -> Sequence[IssueLine]:
    """Return a newsletter's drafts and issues, the newest date first."""
    own = newsletter.id
    drafts = session.scalars(
        select(DraftRow).where(DraftRow.newsletter_id == own, ~is_of_series())
    ).all()
    issues = session.scalars(select(IssueRow).where(IssueRow.newsletter_id == own)).all()
    by_issue = {row.id: row for row in issues}
    known = _Known(
        mailings=_latest_states(session, own),
        approvals=approval_states(session, own) if newsletter.approval_required else None,
    )
    edited = {row.issue_id for row in drafts}
    lines = [_draft_line(row, by_issue, known) for row in drafts]
    lines.extend(
        _issue_line(row, known) for row in issues if row.id not in edited and row.corrects is None
    )
    return sorted(lines, key=lambda line: (line.issue_date, line.edited_at), reverse=True)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Known:
    """The data from which statuses are computed; ``approvals`` is None without approval."""

    mailings: Mapping[int, MailingState]
    approvals: Mapping[int, ApprovalState] | None

    def status_of(self, issue_id: int) -> IssueStatus:
        """Return the status of an issue whose draft has no other changes."""
        if issue_id in self.mailings:
            return _BY_MAILING[self.mailings[issue_id]]
        if self.approvals is None:
            return IssueStatus.READY
        answer = self.approvals.get(issue_id)
        return _BY_APPROVAL[answer] if answer else IssueStatus.DRAFT


def _latest_states(session: Session, newsletter_id: int) -> dict[int, MailingState]:
    latest = (
        select(func.max(MailingRow.id))
        .where(
            MailingRow.newsletter_id == newsletter_id,
            MailingRow.issue_id.is_not(None),
            keeps_its_issue(),
        )
        .group_by(MailingRow.issue_id)
    )
    rows = session.scalars(select(MailingRow).where(MailingRow.id.in_(latest)))
    return {row.issue_id: row.state for row in rows if row.issue_id is not None}


def _draft_line(row: DraftRow, issues: Mapping[int, IssueRow], known: _Known) -> IssueLine:
    issue = issues.get(row.issue_id or 0)
    fixed = issue is not None and issue.id in known.mailings
    if row.corrects is not None:
        status = IssueStatus.CORRECTION
    elif issue is None or (
        not fixed and (issue.content, issue.template) != (row.content, row.template)
    ):
        status = IssueStatus.DRAFT
    else:
        status = known.status_of(issue.id)
    content = issue.content if issue is not None and fixed else row.content
    return IssueLine(
        draft_id=row.id,
        issue_id=row.issue_id,
        title=str(content["title"]),
        issue_date=date.fromisoformat(str(content["issue_date"])),
        status=status,
        edited_at=row.updated_at,
        author=row.author,
        fixed=fixed,
    )


def _issue_line(row: IssueRow, known: _Known) -> IssueLine:
    return IssueLine(
        draft_id=None,
        issue_id=row.id,
        title=row.title,
        issue_date=row.issue_date,
        status=known.status_of(row.id),
        edited_at=row.updated_at,
        fixed=row.id in known.mailings,
    )
