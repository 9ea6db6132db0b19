"""What a newsletter's editors have at hand: drafts and issues in one list, with their status."""

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
from newsletter.issues.step_drafts import is_of_series
from newsletter.mailings.approvals.state import ApprovalState, approval_states


class IssueStatus(StrEnum):
    """How far an issue has come."""

    DRAFT = "draft"
    #: A second person was asked to approve it as it is.
    WAITING = "waiting"
    RETURNED = "returned"
    APPROVED = "approved"
    #: Of a newsletter that asks for no approval.
    READY = "ready"
    SCHEDULED = "scheduled"
    SENDING = "sending"
    PAUSED = "paused"
    #: Of an issue that was sent, and not in effect yet.
    CORRECTION = "correction"
    #: Cancelled on the way: some have it, others do not.
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
    """A line of the list; one of the two numbers is always there.

    Attributes:
        draft_id: None for an issue that nobody has opened for editing.
        issue_id: None for a draft that readers cannot get yet.
        author: Who edited last; empty where only the command line brought it in.
        fixed: Whether it was sent, or is about to be, and stays as it is.
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
    """What decides how far issues are; ``approvals`` is None where no approval is asked for."""

    mailings: Mapping[int, MailingState]
    approvals: Mapping[int, ApprovalState] | None

    def status_of(self, issue_id: int) -> IssueStatus:
        """Return how far an issue has come that is as its draft is."""
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
