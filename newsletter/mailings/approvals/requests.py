"""Requests for approval of exactly the mail that will be sent: made, approved, or returned.

A return has a comment. The person who waits for the answer is notified by mail, in the same
transaction.
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
from newsletter.errors import SEE_ANEW, ConflictError, ForbiddenError, ListError
from newsletter.i18n.messages import msg
from newsletter.issues.checks.findings import Finding
from newsletter.issues.corrections import note_of, require_note
from newsletter.issues.drafts.publishing import UnfitDraftError
from newsletter.issues.drafts.saving import Draft
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
from newsletter.mailings.ledger.schedule import require_hour
from newsletter.mailings.mailings import publisher_of
from newsletter.mailings.orders.readiness import check_stored, stored_findings
from newsletter.mailings.orders.variant_checks import require_subjects
from newsletter.mailings.trials.subjects import (
    SubjectTrial,
    require_clicks,
    require_trial_hours,
)
from newsletter.newsletters.issue_actions import publish_draft, record_on_issue
from newsletter.rendering.model import RenderedIssue
from newsletter.rendering.notices import NoticeTemplate
from newsletter.rendering.preflight import Preflight
from newsletter.settings import Settings
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
    """Lock the approval of this content and return it; None if there is none."""
    own = (ApprovalRow.issue_id == issue_id, ApprovalRow.digest == digest)
    # A statement of its own: rows joined to a locked row are read as before the wait.
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
    """Request approval, and notify the approvers by mail; a repeated request has no effect.

    If the content was returned, or its approval is void, or other people are asked now, the request
    is made anew.

    Args:
        session: The database session, in a transaction.
        actor: The person who requests it.
        issue: The issue.
        rendered: Its present mail; None if its template fails.
        digest: The digest of the content that the actor saw, without a trial's subjects; see
            `content_digest`.
        post: The settings for notices.
        plan: The intended audience, time and trial.
        asked: The accounts asked; empty for all who may approve.

    Raises:
        ConflictError: The content is not the one that the actor saw, or cannot be sent by this
            plan.
        ContentError: A subject of the trial cannot be sent.
        ListError: A person in ``asked`` may not approve.
    """
    newsletter = session.get_one(NewsletterRow, issue.newsletter_id)
    if rendered is None or _digest(session, newsletter, issue, rendered) != digest:
        raise ConflictError(
            msg("The issue has changed since you last looked at it."),
            remedy=SEE_ANEW,
        )
    first = require_hour(session, newsletter, plan.schedule) if plan else None
    if plan is not None and plan.trial is not None:
        require_clicks(newsletter, rendered)
        require_trial_hours(newsletter, plan.trial, schedule=plan.schedule, first=first)
        content, fields = issue_from_json(issue.content), publisher_of(newsletter).fields
        require_subjects(content, plan.trial, fields)
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
    """Approve this content, and notify the person who requested it.

    Args:
        session: The database session, in a transaction.
        actor: The person who approves.
        issue: The issue.
        rendered: Its present mail; None if its template fails.
        digest: The digest of the content that the actor saw.
        post: The settings for notices.
        unconfirmed: The warnings of preflight that the actor did not accept.
        request: The request that the actor saw, by `name_of_request`; empty for the waiting one.

    Raises:
        ConflictError: There is no such request, or it was made anew or returned meanwhile; the
            content has changed; the approval is void; or a warning is not accepted.
        ForbiddenError: The actor made the request, or other people were asked.
    """
    approval = _answerable(session, actor, issue, rendered, digest)
    if request not in {"", name_of_request(approval)}:
        raise ConflictError(
            msg("Approval was requested anew since you last looked at it."),
            remedy=SEE_ANEW,
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
    """Return this content with a comment, and notify the person who requested approval.

    Raises:
        ConflictError: There is no request, or it was approved or returned already.
        ForbiddenError: See `approve`.
        ListError: The comment is empty or too long.
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
        raise ConflictError(msg("This content is already approved."), remedy=SEE_ANEW)
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
    """Return the request, locked, after checking that the actor may answer it."""
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


def require_approval(
    session: Session, newsletter: NewsletterRow, issue: IssueRow, digest: str
) -> None:
    """Check that an issue is approved, if its newsletter requires that.

    Raises:
        ConflictError: The issue is not approved, or changed since; or the account that approved it
            was disabled.
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
            remedy=msg("Request approval first."),
        )


def _void() -> ConflictError:
    return ConflictError(
        msg("The account of the person who approved this was disabled since."),
        remedy=msg("Request approval again."),
    )


def _name(session: Session, actor: Actor) -> str:
    account = session.get(AccountRow, actor.account_id) if actor.account_id else None
    return (account.name if account else "") or actor.name


def ready_draft(
    session: Session, actor: Actor, draft: Draft, settings: Settings
) -> tuple[IssueRow, Preflight]:
    """Store a draft's content as its issue, after preflight; return the issue and the preflight.

    Raises:
        UnfitDraftError: Preflight found errors, or another issue has the same date and number.
        ConflictError: A correction has no note, or the draft belongs to a series.
        DraftConflictError: The draft was saved after ``draft`` was read.
        IssueSentError: The issue was sent or ordered, with other content.
    """
    issue = publish_draft(session, actor, draft)
    require_note(session, issue)
    newsletter = session.get_one(NewsletterRow, issue.newsletter_id)
    known = stored_findings(
        session,
        newsletter,
        draft.issue,
        besides=draft.stands_for or issue.id,
        is_correction=draft.corrects is not None,
    )
    preflight = check_stored(issue, newsletter, settings, ask_dns=False, known=known)
    if preflight.blocked:
        raise UnfitDraftError(
            msg("Preflight found errors."), remedy=msg("Correct them first; they are listed below.")
        )
    return issue, preflight


def ask_approval_of_draft(
    session: Session,
    actor: Actor,
    draft: Draft,
    settings: Settings,
    *,
    post: Post,
    plan: SendingPlan,
    asked: Collection[int] = (),
) -> IssueRow:
    """Make a draft ready, and request approval of exactly this content.

    Raises:
        ConflictError: As for `ready_draft`; or the subjects of the plan cannot be compared.
        ListError: A person in ``asked`` may not approve.
    """
    issue, preflight = ready_draft(session, actor, draft, settings)
    newsletter = session.get_one(NewsletterRow, issue.newsletter_id)
    rendered = preflight.rendered
    note = note_of(session, issue)
    digest = content_digest(newsletter, rendered, note=note) if rendered else ""
    request_approval(session, actor, issue, rendered, digest, post=post, plan=plan, asked=asked)
    return issue
