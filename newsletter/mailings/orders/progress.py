"""How far an issue has come, from draft to sent, and what is next for one person.

Everything is read from what decides it: preflight, approvals and mailings. Nothing of it is stored.
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
    """A station on an issue's way; each is reached after those before it."""

    DRAFT = "draft"
    CHECKED = "checked"
    #: In the place of ``APPROVED`` while a second person is asked.
    WAITING = "waiting"
    APPROVED = "approved"
    SCHEDULED = "scheduled"
    SENDING = "sending"
    SENT = "sent"


class NextStep(StrEnum):
    """What has to be done for an issue to come further."""

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
    """Whose next step is asked for."""

    account_id: int
    rights: Rights


@dataclass(frozen=True, kw_only=True, slots=True)
class IssueProgress:
    """An issue's place on its way, as one person sees it.

    Attributes:
        stages: The stations on its way, in order; one that is sent at once is not scheduled.
        skipped: Those that it passes by: approval, where it is not required.
        stage: The last one reached.
        errors: How many of preflight's findings forbid sending.
        warnings: How many do not, and should be looked at first.
        begun: Whether the errors are only of what is not written yet.
        digest: Of the content that is judged; empty where there is no mail of it.
        approval: Of exactly this content, asked for or given.
        returned: What was sent back last and still has to be answered.
        lapsed: What was asked for last, or approved, before the content changed; None where
            approval of this content was asked for.
        deserted: Whether approval waits for people alone who cannot give it any more.
        mailing: The newest that keeps the issue as it is.
        step: What is next.
        may: Whether this person may do it.
        who: The names of those who may, where this person may not.
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
        """Where the approval of this content stands; empty where nobody asked for it."""
        return state_of(self.approval).value if self.approval else ""

    def reached(self, stage: Stage) -> bool:
        """Return whether a station lies behind, or is where the issue stands."""
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
    """Return how far an issue has come.

    Args:
        session: To read with.
        newsletter: Whose issue it is.
        issue_id: None for a draft that was never readied.
        preflight: Of its content as it is now; None where that cannot be read, or was sent.
        viewer: Whose next step is asked for.
        anew: As though it was not sent yet: it is to be sent to others, too.
        plan: How it is to be sent; None for as it was meant when approval was last asked for.
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
    """Return the name of whoever asked for approval, if they still may go on; else nothing."""
    account = session.get(AccountRow, asker) if asker else None
    if account is None or account.disabled_at is not None:
        return ()
    may = rights_of(session, account.id).may(_PERMISSION[step], newsletter.id)
    return _names([account]) if may else ()


def _names(accounts: Iterable[AccountRow]) -> tuple[str, ...]:
    return tuple(row.name or row.address for row in accounts)
