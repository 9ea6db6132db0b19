"""Approval: a second person's word for exactly the mail that will be sent.

It is asked for, given, or sent back with words; whoever waits for the answer is told by mail, in
the transaction that answers.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from enum import StrEnum

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from newsletter.accounts.audit import Actor
from newsletter.accounts.audit_actions import Action
from newsletter.accounts.permissions import Permission
from newsletter.accounts.roles import holders_of
from newsletter.database.insert import insert_missing
from newsletter.database.tables import AccountRow, ApprovalRow, IssueRow, NewsletterRow
from newsletter.database.types import now
from newsletter.errors import ConflictError, ForbiddenError, ListError
from newsletter.i18n.messages import msg
from newsletter.issues.checks.findings import Finding
from newsletter.issues.corrections import note_of
from newsletter.issues.model import issue_from_json
from newsletter.mailings.approvals.content import content_digest
from newsletter.mailings.approvals.notices import ApprovalNews, Post, tell_by_mail
from newsletter.mailings.approvals.plans import (
    PlanChange,
    SendingPlan,
    plan_changes,
    plan_facts,
    plan_from_json,
    plan_to_json,
)
from newsletter.mailings.ledger.schedule import demand_hour
from newsletter.mailings.mailings import publisher_of
from newsletter.mailings.orders.variant_checks import demand_subjects
from newsletter.mailings.trials.subjects import (
    SubjectTrial,
    demand_clicks,
    demand_trial_hours,
)
from newsletter.newsletters.issue_actions import record_on_issue
from newsletter.rendering.model import RenderedIssue
from newsletter.rendering.notices import NoticeTemplate
from subscribers.segments.saved import named_segment, segment_text

#: An approval, asked for or given, as it is kept.
Approval = ApprovalRow
_LONGEST = 2000


class ApprovalState(StrEnum):
    """Where the approval of one content stands."""

    WAITING = "waiting"
    APPROVED = "approved"
    RETURNED = "returned"
    #: Given by somebody whose account was disabled since, or asked of nobody who can give it now.
    VOID = "void"


def _digest(
    session: Session,
    newsletter: NewsletterRow,
    issue: IssueRow,
    rendered: RenderedIssue,
    trial: SubjectTrial | None = None,
) -> str:
    return content_digest(newsletter, rendered, trial, note=note_of(session, issue))


def state_of(approval: ApprovalRow) -> ApprovalState:
    """Return where an approval stands; what was asked for again after a return waits.

    Whoever disables an account takes back its word, too: it may have been somebody else's.
    """
    if approval.approver is not None:
        is_disabled = approval.approver.disabled_at is not None
        return ApprovalState.VOID if is_disabled else ApprovalState.APPROVED
    returned = approval.returned_at
    if returned is not None and returned >= approval.requested_at:
        return ApprovalState.RETURNED
    return ApprovalState.WAITING


def plan_of(approval: ApprovalRow) -> SendingPlan | None:
    """Return the audience and hour that were meant; None where nobody said."""
    return None if approval.plan is None else plan_from_json(approval.plan)


def plan_before(session: Session, approval: ApprovalRow) -> SendingPlan | None:
    """Return the audience, hour and subjects that were meant when approval was last asked before.

    That was of the same content or of another; None where nobody asked, or said.
    """
    kept = (approval.plan or {}).get("before")
    if kept is not None:
        return plan_from_json(kept)
    other = version_before(session, approval.issue_id, besides=approval.digest)
    return plan_of(other) if other else None


def changes_since_asked(session: Session, approval: ApprovalRow) -> Sequence[PlanChange]:
    """Return how an issue would be sent now otherwise than when approval was asked for before.

    A saved segment may ask for other people since then.
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
    """Return whether ``plan``, whose segment is a query, is another than was approved."""
    meant = plan_of(approval) if approval and approval.approved_by else None
    if meant is None:
        return False
    asked = meant.query or _query_now(session, newsletter_id, meant.segment)
    return replace(meant, segment=asked, query="") != replace(plan, query="")


def _query_now(session: Session, newsletter_id: int, segment: str) -> str:
    """Return what a saved segment asks for; a query is its own, and may be none any more."""
    row = named_segment(session, newsletter_id, segment)
    return row.query if row else segment


def _trial_in(approval: ApprovalRow) -> SubjectTrial | None:
    plan = plan_of(approval)
    return plan.trial if plan else None


def last_plan(session: Session, issue_id: int) -> SendingPlan | None:
    """Return to whom, when and with which subjects an issue was last meant to be sent."""
    asked = session.scalars(
        select(ApprovalRow)
        .where(ApprovalRow.issue_id == issue_id)
        .order_by(ApprovalRow.requested_at.desc(), ApprovalRow.id.desc())
        .limit(1)
    ).one_or_none()
    return plan_of(asked) if asked else None


def find_approval(session: Session, issue_id: int, digest: str) -> ApprovalRow | None:
    """Return the approval of this content, given or asked for."""
    return session.scalars(
        select(ApprovalRow).where(ApprovalRow.issue_id == issue_id, ApprovalRow.digest == digest)
    ).one_or_none()


def name_of_request(approval: ApprovalRow) -> str:
    """Return what tells a request from a later one for the same content, by another plan."""
    return approval.requested_at.isoformat()


def _hold_approval(session: Session, issue_id: int, digest: str) -> ApprovalRow | None:
    """Return it as it is once nobody else asks for it or answers it."""
    own = (ApprovalRow.issue_id == issue_id, ApprovalRow.digest == digest)
    # By itself: what is joined to a row that was waited for is as it was before.
    session.execute(select(ApprovalRow.id).where(*own).with_for_update())
    fresh = select(ApprovalRow).where(*own).execution_options(populate_existing=True)
    return session.scalars(fresh).one_or_none()


def approval_states(session: Session, newsletter_id: int) -> dict[int, ApprovalState]:
    """Return where approval stands of each issue of a newsletter, by its last request.

    Left out is an issue that was changed since, or whose approval nobody asked for. What waits for
    people who cannot answer any more waits no longer.
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
    """Return whether the last request of an issue's approval still waits for its answer."""
    newest = select(func.max(ApprovalRow.id)).where(ApprovalRow.issue_id == issue_id)
    row = session.scalars(select(ApprovalRow).where(ApprovalRow.id.in_(newest))).one_or_none()
    return row is not None and state_of(row) is ApprovalState.WAITING


def last_returned(session: Session, issue_id: int) -> ApprovalRow | None:
    """Return what of an issue was sent back last, with the words that still have to be answered."""
    rows = session.scalars(
        select(ApprovalRow)
        .where(ApprovalRow.issue_id == issue_id)
        .order_by(ApprovalRow.requested_at.desc(), ApprovalRow.id.desc())
        .limit(1)
    )
    row = rows.one_or_none()
    return row if row is not None and state_of(row) is ApprovalState.RETURNED else None


def version_before(session: Session, issue_id: int, *, besides: str) -> ApprovalRow | None:
    """Return what of an issue was asked for last, whatever the answer, other than a digest's."""
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
    """Return what was asked for last, or approved, and counts no more: the content has changed."""
    row = version_before(session, issue_id, besides=besides)
    return row if row is not None and state_of(row) is not ApprovalState.RETURNED else None


def people_of(session: Session, *approvals: Approval | None) -> dict[int, str]:
    """Return the names of those who had a part in approvals, by account."""
    numbers: set[int] = set()
    for approval in filter(None, approvals):
        parts = (approval.requested_by, approval.approved_by, approval.returned_by)
        numbers |= {number for number in parts if number} | set(approval.asked or ())
    rows = session.scalars(select(AccountRow).where(AccountRow.id.in_(numbers)))
    return {row.id: row.name or row.address for row in rows}


def approvers(
    session: Session, newsletter_id: int, *, besides: int | None = None
) -> Sequence[AccountRow]:
    """Return who is asked to approve: the approvers; where there are none, the administrators."""
    return holders_of(session, Permission.APPROVE, newsletter_id, besides=besides)


def who_can_answer(
    session: Session, newsletter_id: int, approval: Approval
) -> Sequence[AccountRow]:
    """Return who was asked for an approval and may give it."""
    return [
        row
        for row in approvers(session, newsletter_id, besides=approval.requested_by)
        if not approval.asked or row.id in approval.asked
    ]


def state_in(session: Session, newsletter_id: int, approval: ApprovalRow) -> ApprovalState:
    """Return where an approval stands; void is also what waits for nobody who can answer."""
    if is_deserted(session, newsletter_id, approval):
        return ApprovalState.VOID
    return state_of(approval)


def is_deserted(session: Session, newsletter_id: int, approval: ApprovalRow) -> bool:
    """Return whether an approval waits for people alone who cannot give it any more."""
    return (
        state_of(approval) is ApprovalState.WAITING
        and bool(approval.asked)
        and not who_can_answer(session, newsletter_id, approval)
    )


def request_approval(
    session: Session,
    actor: Actor,
    issue: IssueRow,
    rendered: RenderedIssue | None,
    digest: str,
    *,
    post: Post,
    plan: SendingPlan | None = None,
    asked: Collection[int] = (),
) -> None:
    """Ask for approval, and tell by mail whoever is asked; asking twice is asking once.

    What was sent back, is void, or is now asked of others, is asked for anew.

    Args:
        session: A transaction.
        actor: Who asks.
        issue: What is to be approved.
        rendered: Its mail as it is now; None where its template fails.
        digest: Of the content that was looked at, with no subject but its own; see
            `content_digest`.
        post: By what the mail is made.
        plan: To whom and when it is to be sent, and which subjects are to be compared.
        asked: The accounts asked; whoever may approve when empty.

    Raises:
        ConflictError: The content is not what was looked at, or nobody could send it as planned.
        ContentError: No mail can carry one of the subjects that are to be compared.
        ListError: Somebody asked may not approve.
    """
    newsletter = session.get_one(NewsletterRow, issue.newsletter_id)
    if rendered is None or _digest(session, newsletter, issue, rendered) != digest:
        raise ConflictError(
            msg("The issue has changed since you last looked at it."),
            remedy=msg("Reload the page."),
        )
    first = demand_hour(session, newsletter, plan.schedule) if plan else None
    if plan is not None and plan.trial is not None:
        demand_clicks(newsletter, rendered)
        demand_trial_hours(newsletter, plan.trial, schedule=plan.schedule, first=first)
        content, fields = issue_from_json(issue.content), publisher_of(newsletter).fields
        demand_subjects(content, plan.trial, fields)
        digest = _digest(session, newsletter, issue, rendered, plan.trial)
    if plan is not None:
        query = segment_text(session, newsletter.id, plan.segment)
        plan = replace(plan, query=query)
    able = approvers(session, issue.newsletter_id, besides=actor.account_id)
    named = sorted(set(asked))
    if not set(named) <= {row.id for row in able}:
        raise ListError(msg("Somebody you selected cannot approve this issue."))
    values = {
        "requested_by": actor.account_id,
        "requested_at": now(),
        "issue_version": issue.version,
        "content": issue.content,
        "plan": plan and plan_to_json(plan),
        "asked": named,
        "approved_by": None,
        "approved_at": None,
    }
    approval = _hold_approval(session, issue.id, digest)
    if approval is None:
        insert_missing(session, ApprovalRow, [values | {"issue_id": issue.id, "digest": digest}])
    elif state_of(approval) is ApprovalState.APPROVED or (
        state_of(approval) is ApprovalState.WAITING
        and (approval.asked or [], plan_of(approval)) == (named, plan)
    ):
        return
    else:
        if plan is not None and approval.plan is not None:
            values["plan"] = plan_to_json(plan) | {"before": {**approval.plan, "before": None}}
        session.execute(update(ApprovalRow).where(ApprovalRow.id == approval.id).values(values))
    record_on_issue(
        session, actor, Action.ISSUE_APPROVAL_REQUESTED, issue, details={"digest": digest}
    )
    news = ApprovalNews(
        template=NoticeTemplate.APPROVAL_REQUEST,
        issue=issue,
        person=_name(session, actor),
        facts=plan_facts(plan) if plan else (),
    )
    recipients = [row for row in able if not named or row.id in named]
    tell_by_mail(session, news, recipients, post)


def approve(
    session: Session,
    actor: Actor,
    issue: IssueRow,
    rendered: RenderedIssue | None,
    digest: str,
    *,
    post: Post,
    unconfirmed: Sequence[Finding] = (),
    request: str = "",
) -> None:
    """Approve this content, and tell whoever asked.

    Args:
        session: A transaction.
        actor: Who approves.
        issue: What is approved.
        rendered: Its mail as it is now; None where its template fails.
        digest: Of the content that was looked at.
        post: By what the mail is made.
        unconfirmed: What preflight warns of and whoever approves did not say to have seen.
        request: Which request was looked at, see `name_of_request`; empty for the one that waits.

    Raises:
        ConflictError: Nobody asked for it, what is to be approved has changed, was asked for anew
            or was sent back, an approval of it is void, or a warning is not confirmed.
        ForbiddenError: Whoever asked cannot be the second person, or others were asked.
    """
    approval = _answerable(session, actor, issue, rendered, digest)
    if request not in {"", name_of_request(approval)}:
        raise ConflictError(
            msg("Approval was requested anew since you last looked at it."),
            remedy=msg("Reload the page."),
        )
    if unconfirmed:
        raise ConflictError(
            msg("Preflight found warnings; confirm that the issue is approved despite them.")
        )
    given = session.scalar(
        update(ApprovalRow)
        .where(ApprovalRow.id == approval.id, ApprovalRow.approved_by.is_(None))
        .values(approved_by=actor.account_id, approved_at=now())
        .returning(ApprovalRow.id)
    )
    if given is None:
        return
    record_on_issue(session, actor, Action.ISSUE_APPROVED, issue, details={"digest": digest})
    news = ApprovalNews(
        template=NoticeTemplate.APPROVAL_GIVEN, issue=issue, person=_name(session, actor)
    )
    tell_by_mail(session, news, [session.get_one(AccountRow, approval.requested_by)], post)


def send_back(
    session: Session,
    actor: Actor,
    issue: IssueRow,
    rendered: RenderedIssue | None,
    digest: str,
    *,
    because: str,
    post: Post,
) -> None:
    """Send this content back with words, which are kept, and told to whoever asked.

    Raises:
        ConflictError: Nobody asked for it, it is approved already, or was sent back meanwhile.
        ForbiddenError: See `approve`.
        ListError: There are no words, or too many.
    """
    words = because.replace("\r\n", "\n").strip()
    if not 0 < len(words) <= _LONGEST:
        raise ListError(
            msg("Describe what to change, in at most {limit} characters.", limit=_LONGEST)
        )
    approval = _answerable(session, actor, issue, rendered, digest)
    returned = session.scalar(
        update(ApprovalRow)
        .where(ApprovalRow.id == approval.id, ApprovalRow.approved_by.is_(None))
        .values(returned_by=actor.account_id, returned_at=now(), returned_because=words)
        .returning(ApprovalRow.id)
    )
    if returned is None:
        raise ConflictError(
            msg("This content is already approved."), remedy=msg("Reload the page.")
        )
    record_on_issue(
        session,
        actor,
        Action.ISSUE_APPROVAL_RETURNED,
        issue,
        reason=words,
        details={"digest": digest},
    )
    news = ApprovalNews(
        template=NoticeTemplate.APPROVAL_RETURNED,
        issue=issue,
        person=_name(session, actor),
        words=words,
    )
    tell_by_mail(session, news, [session.get_one(AccountRow, approval.requested_by)], post)


def _answerable(
    session: Session,
    actor: Actor,
    issue: IssueRow,
    rendered: RenderedIssue | None,
    digest: str,
) -> ApprovalRow:
    """Return what somebody may approve or send back."""
    newsletter = session.get_one(NewsletterRow, issue.newsletter_id)
    approval = _hold_approval(session, issue.id, digest)
    trial = _trial_in(approval) if approval else None
    known = rendered and _digest(session, newsletter, issue, rendered, trial)
    if approval is None or known != digest:
        raise ConflictError(
            msg("The issue has changed since approval was requested."),
            remedy=msg("Request approval again."),
        )
    state = state_of(approval)
    if state is ApprovalState.VOID:
        raise _void()
    if state is ApprovalState.RETURNED:
        raise ConflictError(
            msg("This content was returned meanwhile."), remedy=msg("Request approval again.")
        )
    if approval.requested_by == actor.account_id:
        raise ForbiddenError(
            msg("Somebody other than the person who requested approval must approve.")
        )
    if approval.asked and actor.account_id not in approval.asked:
        raise ForbiddenError(msg("Approval was requested from somebody else."))
    return approval


def demand_approval(
    session: Session, newsletter: NewsletterRow, issue: IssueRow, digest: str
) -> None:
    """Refuse an issue that a second person must approve and has not.

    Raises:
        ConflictError: It lacks approval, or changed since it was approved, or whoever approved it
            may not sign in any more.
    """
    if not newsletter.approval_required:
        return
    approval = find_approval(session, issue.id, digest)
    state = state_of(approval) if approval else ApprovalState.WAITING
    if state is ApprovalState.VOID:
        raise _void()
    if state is not ApprovalState.APPROVED:
        raise ConflictError(
            msg("The issue in its present form has not been approved by a second person."),
            remedy=msg("Request approval on the sending page of the issue."),
        )


def _void() -> ConflictError:
    return ConflictError(
        msg("The account of the person who approved this was disabled since."),
        remedy=msg("Request approval again."),
    )


def _name(session: Session, actor: Actor) -> str:
    account = session.get(AccountRow, actor.account_id) if actor.account_id else None
    return (account.name if account else "") or actor.name
