"""Approval: a second person's word for exactly the mail that will be sent.

It is asked for, given, or sent back with words; whoever waits for the answer is told by mail, in
the transaction that answers.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from newsletter.accounts.audit import Actor
from newsletter.accounts.audit_actions import Action
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
    SendingPlan,
    plan_facts,
    plan_to_json,
)
from newsletter.mailings.approvals.state import (
    ApprovalState,
    approvers,
    find_approval,
    name_of_request,
    plan_of,
    state_of,
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
from subscribers.segments.saved import segment_text

_LONGEST = 2000


def _digest(
    session: Session,
    newsletter: NewsletterRow,
    issue: IssueRow,
    rendered: RenderedIssue,
    trial: SubjectTrial | None = None,
) -> str:
    return content_digest(newsletter, rendered, trial, note=note_of(session, issue))


def _trial_in(approval: ApprovalRow) -> SubjectTrial | None:
    plan = plan_of(approval)
    return plan.trial if plan else None


def _hold_approval(session: Session, issue_id: int, digest: str) -> ApprovalRow | None:
    """Return it as it is once nobody else asks for it or answers it."""
    own = (ApprovalRow.issue_id == issue_id, ApprovalRow.digest == digest)
    # By itself: what is joined to a row that was waited for is as it was before.
    session.execute(select(ApprovalRow.id).where(*own).with_for_update())
    fresh = select(ApprovalRow).where(*own).execution_options(populate_existing=True)
    return session.scalars(fresh).one_or_none()


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
