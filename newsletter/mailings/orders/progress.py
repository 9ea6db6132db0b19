"""An issue's progress from draft to sent, and the next step for a person.

Progress is not stored, but computed from preflight, approvals and mailings.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy.orm import Session

from newsletter.accounts.permissions import Permission
from newsletter.accounts.roles import Rights, holders_of, rights_of
from newsletter.database.tables import AccountRow, IssueRow, MailingRow, NewsletterRow
from newsletter.database.vocabulary import MailingState
from newsletter.issues.checks.findings import Severity
from newsletter.issues.corrections import Note, note_of
from newsletter.issues.sent import sent_as
from newsletter.mailings.approvals.content import content_digest
from newsletter.mailings.approvals.plans import SendingPlan
from newsletter.mailings.approvals.state import (
    Approval,
    ApprovalState,
    find_approval,
    is_deserted,
    lapsed_approval,
    last_plan,
    last_returned,
    state_of,
    who_can_answer,
)
from newsletter.rendering.preflight import Preflight


class Stage(StrEnum):
    """A stage of an issue, in order."""

    DRAFT = "draft"
    CHECKED = "checked"
    #: Shown in the place of ``APPROVED`` while approval is requested.
    WAITING = "waiting"
    APPROVED = "approved"
    SCHEDULED = "scheduled"
    SENDING = "sending"
    SENT = "sent"


class NextStep(StrEnum):
    """The action that moves an issue to its next stage."""

    MEND = "mend"
    ASK = "ask"
    APPROVE = "approve"
    SEND = "send"
    WATCH = "watch"
    DUPLICATE = "duplicate"


_PERMISSION = {
    NextStep.MEND: Permission.WRITE,
    NextStep.ASK: Permission.ASK_APPROVAL,
    NextStep.APPROVE: Permission.APPROVE,
    NextStep.SEND: Permission.SEND,
    NextStep.WATCH: Permission.SEE_MAILINGS,
    NextStep.DUPLICATE: Permission.WRITE,
}
_BY_APPROVAL = {
    ApprovalState.WAITING: Stage.WAITING,
    ApprovalState.APPROVED: Stage.APPROVED,
    ApprovalState.RETURNED: Stage.CHECKED,
    ApprovalState.VOID: Stage.CHECKED,
}
_BY_MAILING = {
    MailingState.DRAFT: Stage.SCHEDULED,
    MailingState.SCHEDULED: Stage.SCHEDULED,
    MailingState.PLANNING: Stage.SENDING,
    MailingState.SENDING: Stage.SENDING,
    MailingState.FINISHED: Stage.SENT,
    MailingState.CANCELLED: Stage.SENT,
}
_MAILED = (Stage.SCHEDULED, Stage.SENDING, Stage.SENT)


@dataclass(frozen=True, kw_only=True, slots=True)
class Viewer:
    """The person whose next step is computed."""

    account_id: int
    rights: Rights


@dataclass(frozen=True, kw_only=True, slots=True)
class IssueProgress:
    """The progress of an issue, as one person sees it.

    Attributes:
        stages: The stages of this issue, in order; an issue that is sent at once has no scheduled
            stage.
        skipped: Stages that do not apply, such as approval where it is not required.
        stage: The stage that was reached last.
        errors: The number of preflight findings that prevent sending.
        warnings: The number of findings that have to be accepted.
        begun: Whether all errors are about content that is not written yet.
        digest: The digest of the checked content; empty if it cannot be rendered.
        approval: The approval of exactly this content, requested or given.
        returned: The last request that was returned and has not been answered.
        lapsed: The last request or approval if the content has changed since; None if approval of
            the present content was requested.
        deserted: Whether nobody who was asked for approval can give it any more.
        mailing: The newest mailing that makes the issue read-only.
        step: The next step.
        may: Whether this person may take the next step.
        who: The names of people who may, if this person may not.
    """

    stages: tuple[Stage, ...]
    skipped: frozenset[Stage]
    stage: Stage
    errors: int
    warnings: int
    begun: bool
    digest: str
    approval: Approval | None
    returned: Approval | None
    lapsed: Approval | None
    deserted: bool
    mailing: MailingRow | None
    step: NextStep
    may: bool
    who: tuple[str, ...]

    @property
    def approval_state(self) -> str:
        """The state of the approval of this content; empty if none was requested."""
        return state_of(self.approval).value if self.approval else ""

    def reached(self, stage: Stage) -> bool:
        """Return whether the issue has reached a stage."""
        return self.stages.index(stage) <= self.stages.index(self.stage)


def standing_of(
    session: Session,
    newsletter: NewsletterRow,
    issue_id: int | None,
    preflight: Preflight | None,
    viewer: Viewer,
    *,
    anew: bool = False,
    plan: SendingPlan | None = None,
) -> IssueProgress:
    """Return the progress of an issue.

    Args:
        session: The database session.
        newsletter: The issue's newsletter.
        issue_id: The issue; None for a draft that was never made ready.
        preflight: The check of the present content; None if it cannot be read, or was sent.
        viewer: The person whose next step is computed.
        anew: Whether to ignore earlier mailings, because the issue is to be sent again.
        plan: How it is to be sent; None for the plan of the last request for approval.
    """
    mailings = sent_as(session, issue_id) if issue_id is not None and not anew else ()
    mailing = mailings[0] if mailings else None
    rendered = preflight.rendered if preflight else None
    issue = session.get(IssueRow, issue_id) if issue_id is not None else None
    note = note_of(session, issue) if issue is not None else Note()
    digest = content_digest(newsletter, rendered, note=note) if rendered else ""
    approval = lapsed = None
    if issue_id and rendered:
        plan = plan or last_plan(session, issue_id)
        trial = plan.trial if plan else None
        compared = content_digest(newsletter, rendered, trial, note=note)
        approval = find_approval(session, issue_id, compared)
        if approval is None and mailing is None:
            lapsed = lapsed_approval(session, issue_id, besides=compared)
    faults = preflight.of(Severity.ERROR) if preflight else ()
    begun = bool(faults) and all(finding.is_unwritten for finding in faults)
    sound = preflight is not None and not preflight.blocked
    deserted = approval is not None and is_deserted(session, newsletter.id, approval)
    stage = _stage(newsletter, mailing, None if deserted else approval, sound=sound)
    step = _step(newsletter, stage)
    returned = last_returned(session, issue_id) if issue_id and mailing is None else None
    may, who = _allowed(session, newsletter, step, approval, viewer)
    asked = approval or returned
    asker = asked.requested_by if asked else None
    if not may and step in {NextStep.ASK, NextStep.SEND}:
        who = _name_of(session, newsletter, step, asker) or who
    return IssueProgress(
        stages=_stages(mailing, stage),
        skipped=frozenset() if newsletter.approval_required else frozenset({Stage.APPROVED}),
        stage=stage,
        errors=len(faults),
        warnings=len(preflight.of(Severity.WARNING)) if preflight else 0,
        begun=begun,
        digest=digest,
        approval=approval,
        returned=returned,
        lapsed=lapsed,
        deserted=deserted,
        mailing=mailing,
        step=step,
        may=may,
        who=who,
    )


def _stages(mailing: MailingRow | None, stage: Stage) -> tuple[Stage, ...]:
    at_once = mailing is not None and mailing.scheduled_at is None and stage is not Stage.SCHEDULED
    passed_by = {Stage.APPROVED if stage is Stage.WAITING else Stage.WAITING}
    if at_once:
        passed_by.add(Stage.SCHEDULED)
    return tuple(each for each in Stage if each not in passed_by)


def _stage(
    newsletter: NewsletterRow,
    mailing: MailingRow | None,
    approval: Approval | None,
    *,
    sound: bool,
) -> Stage:
    if mailing is not None:
        if mailing.state is MailingState.PAUSED:
            return Stage.SENDING if mailing.started_at else Stage.SCHEDULED
        return _BY_MAILING[mailing.state]
    if not sound:
        return Stage.DRAFT
    if approval is None or not newsletter.approval_required:
        return Stage.CHECKED
    return _BY_APPROVAL[state_of(approval)]


def _step(newsletter: NewsletterRow, stage: Stage) -> NextStep:
    if stage in _MAILED:
        return NextStep.DUPLICATE if stage is Stage.SENT else NextStep.WATCH
    if stage is Stage.DRAFT:
        return NextStep.MEND
    if stage is Stage.APPROVED or not newsletter.approval_required:
        return NextStep.SEND
    return NextStep.APPROVE if stage is Stage.WAITING else NextStep.ASK


def _allowed(
    session: Session,
    newsletter: NewsletterRow,
    step: NextStep,
    approval: Approval | None,
    viewer: Viewer,
) -> tuple[bool, tuple[str, ...]]:
    permission = _PERMISSION[step]
    may = viewer.rights.may(permission, newsletter.id)
    if step is not NextStep.APPROVE or approval is None:
        return may, () if may else _names(holders_of(session, permission, newsletter.id))
    own = viewer.account_id
    is_asked = own in approval.asked if approval.asked else may
    if may and is_asked and approval.requested_by != own:
        return True, ()
    return False, _names(who_can_answer(session, newsletter.id, approval))


def _name_of(
    session: Session, newsletter: NewsletterRow, step: NextStep, asker: int | None
) -> tuple[str, ...]:
    """Return the name of the person who requested approval, if they may still send; or nothing."""
    account = session.get(AccountRow, asker) if asker else None
    if account is None or account.disabled_at is not None:
        return ()
    may = rights_of(session, account.id).may(_PERMISSION[step], newsletter.id)
    return _names([account]) if may else ()


def _names(accounts: Iterable[AccountRow]) -> tuple[str, ...]:
    return tuple(row.name or row.address for row in accounts)
