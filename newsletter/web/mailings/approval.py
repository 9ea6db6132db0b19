"""Pages of approval: requests, decisions by other people, and comments on an issue."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from fastapi import Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from sqlalchemy.orm import Session

from newsletter.accounts.audit_actions import Action
from newsletter.accounts.permissions import Permission
from newsletter.database.engine import reading, transaction
from newsletter.database.types import JsonObject
from newsletter.errors import ConflictError, ContentError, ListError, NewsletterError, NotFoundError
from newsletter.i18n.messages import msg
from newsletter.issues.checks.findings import Finding, Severity
from newsletter.issues.corrections import corrected_from, note_of
from newsletter.issues.difference import DifferenceGroup, compare_issues, count_changes
from newsletter.issues.drafts.saving import stored_draft_of
from newsletter.issues.model import Issue, issue_from_json
from newsletter.issues.sent import last_sent, sent_as
from newsletter.issues.store import StoredIssue, get_issue
from newsletter.mailings.approvals.comments import settle_thread, write_comment
from newsletter.mailings.approvals.content import content_digest
from newsletter.mailings.approvals.requests import approve, request_approval, send_back
from newsletter.mailings.approvals.state import (
    Approval,
    ApprovalState,
    changes_since_asked,
    find_approval,
    is_asked_for,
    last_plan,
    name_of_request,
    people_of,
    plan_of,
    state_of,
    version_before,
)
from newsletter.mailings.archive import archived_as
from newsletter.mailings.corrections.copies import count_copies
from newsletter.mailings.mailings import publisher_of
from newsletter.mailings.orders.ordering import other_day
from newsletter.mailings.orders.variant_checks import check_subjects
from newsletter.mailings.planning.audience import audience_figure
from newsletter.mailings.trials.subjects import LETTERS, own_subject
from newsletter.newsletters.actions import set_approval_rule
from newsletter.web.access import (
    CommenterVisit,
    SeeingVisit,
    Visit,
    doing,
    own,
)
from newsletter.web.issues.shown_as import (
    AsAsked,
    DarkAsked,
    asked_as,
    choice_of,
    mail_frame,
    show_to_reader,
)
from newsletter.web.issues.workspace import ARCHIVE_PLACES, workspace_of
from newsletter.web.mailings.choice import ChoiceForm
from newsletter.web.mailings.send_page import (
    PATH,
    address_of,
    back_to_page,
    find_issue_of,
    post_of,
    show_sending,
    subject_of,
)
from newsletter.web.pages import show_page
from newsletter.web.routing import Router
from subscribers.segments.saved import segment_text

_Field = Annotated[str, Form(max_length=4000)]


router = Router(prefix="/newsletters/{newsletter}")
comments_router = Router(prefix="/newsletters/{newsletter}/issues/{issue_id}/comments")


@router.post(PATH + "/approval")
def _ask_approval(
    issue_id: int,
    visit: Annotated[Visit, doing(Action.ISSUE_APPROVAL_REQUESTED)],
    choice: ChoiceForm,
    digest: _Field = "",
    asked: Annotated[list[int] | None, Form()] = None,
) -> Response:
    try:
        plan = choice.plan()
        with transaction(visit.engine) as session:
            newsletter, issue = find_issue_of(session, visit, issue_id)
            rendered = workspace_of(visit).preflight(session, issue, newsletter).rendered
            request_approval(
                session,
                visit.actor,
                issue,
                rendered,
                digest,
                post=post_of(visit),
                plan=plan,
                asked=asked or (),
            )
    except (ConflictError, ContentError, ListError) as error:
        return show_sending(visit, issue_id, status=409, error=error, choice=choice)
    return back_to_page(visit.request, "asked", cut="/approval", choice=choice)


@router.post(PATH + "/approve")
def _give_approval(
    issue_id: int,
    visit: Annotated[Visit, doing(Action.ISSUE_APPROVED)],
    digest: _Field = "",
    warnings: _Field = "",
    seen: Annotated[str, Form(alias="request", max_length=64)] = "",
) -> Response:
    try:
        with transaction(visit.engine) as session:
            newsletter, issue = find_issue_of(session, visit, issue_id)
            preflight = workspace_of(visit).preflight(session, issue, newsletter)
            approve(
                session,
                visit.actor,
                issue,
                preflight.rendered,
                digest,
                post=post_of(visit),
                unconfirmed=() if warnings else preflight.of(Severity.WARNING),
                request=seen,
            )
    except ConflictError as error:
        return _show_review(visit, issue_id, error=error)
    return RedirectResponse(_review_of(visit.request, "/approve", "approved"), status_code=303)


@router.post(PATH + "/return")
def _send_it_back(
    issue_id: int,
    visit: Annotated[Visit, doing(Action.ISSUE_APPROVAL_RETURNED)],
    digest: _Field = "",
    because: _Field = "",
) -> Response:
    try:
        with transaction(visit.engine) as session:
            newsletter, issue = find_issue_of(session, visit, issue_id)
            rendered = workspace_of(visit).preflight(session, issue, newsletter).rendered
            send_back(
                session, visit.actor, issue, rendered, digest, because=because, post=post_of(visit)
            )
    except (ConflictError, ListError) as error:
        return _show_review(visit, issue_id, error=error, because=because)
    return RedirectResponse(_review_of(visit.request, "/return", "returned"), status_code=303)


@router.post("/approval-rule")
def _set_rule(
    visit: Annotated[Visit, doing(Action.NEWSLETTER_APPROVAL_RULE)],
    issue_id: Annotated[int, Form()],
    required: _Field = "",
) -> Response:
    with transaction(visit.engine) as session:
        newsletter, issue = find_issue_of(session, visit, issue_id)
        set_approval_rule(session, visit.actor, newsletter.id, required=bool(required))
        target = f"{address_of(newsletter, issue)}?done=rule"
    return RedirectResponse(target, status_code=303)


@router.get(PATH + "/review", response_model=None)
def _review(newsletter: str, issue_id: int, visit: SeeingVisit) -> Response:
    with reading(visit.engine) as session:
        corrected = corrected_from(session, own(visit), issue_id)
    if corrected is not None:
        return RedirectResponse(f"/newsletters/{newsletter}/issues/{corrected}", status_code=303)
    with reading(visit.engine) as session:
        find_issue_of(session, visit, issue_id)
        if sent_as(session, issue_id) and not is_asked_for(session, issue_id):
            # The approved issue was sent, and perhaps corrected since.
            return RedirectResponse(f"/newsletters/{newsletter}/issues/{issue_id}", status_code=303)
    return _show_review(visit, issue_id)


@router.get(PATH + "/mail")
def _show_mail(
    issue_id: int, visit: SeeingVisit, shown_as: AsAsked = "", dark: DarkAsked = ""
) -> HTMLResponse:
    with reading(visit.engine) as session:
        newsletter, issue = find_issue_of(session, visit, issue_id)
        rendered = workspace_of(visit).preflight(session, issue, newsletter).rendered
        content = issue_from_json(issue.content)
        shown = workspace_of(visit).shown_as(session, visit, newsletter, content, shown_as)
        rendered = workspace_of(visit).mail_as(session, issue, newsletter, rendered, shown)
    return mail_frame(rendered, shown.reader, site=visit.site.settings.public_url, dark=bool(dark))


def _review_of(request: Request, cut: str, done: str) -> str:
    return f"{request.url.path.removesuffix(cut)}/review?done={done}"


def _of(findings: Sequence[Finding], severity: Severity) -> Sequence[Finding]:
    return [each for each in findings if each.severity is severity]


def _show_review(
    visit: Visit,
    issue_id: int,
    *,
    error: NewsletterError | None = None,
    because: str = "",
) -> HTMLResponse:
    """Show an approver the mail, its audience, and the changes since the last request."""
    with reading(visit.engine) as session:
        newsletter, issue = find_issue_of(session, visit, issue_id)
        preflight = workspace_of(visit).preflight(session, issue, newsletter)
        rendered = preflight.rendered
        planned = last_plan(session, issue.id)
        trial = planned.trial if planned else None
        note = note_of(session, issue)
        digest = content_digest(newsletter, rendered, trial, note=note) if rendered else ""
        others = check_subjects(
            issue_from_json(issue.content),
            trial.others if trial else (),
            publisher_of(newsletter).fields,
        )
        approval = find_approval(session, issue.id, digest)
        before = version_before(session, issue.id, besides=digest)
        content = issue_from_json(issue.content)
        groups = _changes(before.content, content, visit) if before else ()
        corrected = get_issue(session, newsletter.id, issue.corrects) if issue.corrects else None
        last = None if corrected else last_sent(session, issue)
        plan = plan_of(approval) if approval else None
        query = segment_text(session, newsletter.id, plan.segment) if plan else ""
        urgent = plan is not None and plan.urgent
        key = asked_as(visit.request)
        shown_as = workspace_of(visit).shown_as(
            session, visit, newsletter, content, key, segment=query, urgent=urgent
        )
        mail = workspace_of(visit).mail_as(session, issue, newsletter, rendered, shown_as)
        base = address_of(newsletter, issue)
        shown = show_to_reader(mail, shown_as.reader, dark=False) if mail else None
        return show_page(
            visit,
            "mailings/review.html",
            status=409 if error else 200,
            newsletter=newsletter,
            issue=issue,
            base=base,
            subject=subject_of(rendered),
            shown=shown,
            text=shown.text if shown else "",
            errors=(*preflight.of(Severity.ERROR), *_of(others, Severity.ERROR)),
            warnings=(*preflight.of(Severity.WARNING), *_of(others, Severity.WARNING)),
            digest=digest,
            approval=approval,
            state=state_of(approval).value if approval else "",
            people=people_of(session, approval, before),
            plan=plan,
            trial=plan.trial if plan else None,
            note=note,
            original=content.tag,
            corrected=corrected,
            corrected_groups=_changes(corrected.content, content, visit) if corrected else (),
            copies=count_copies(session, corrected.id) if corrected else None,
            own_subject=own_subject(content),
            letters=LETTERS,
            place=archived_as(session, issue, query) if newsletter.visibility.readable else None,
            other_day=other_day(newsletter, content, plan.schedule)
            if plan and plan.schedule.hour
            else None,
            archive_places=ARCHIVE_PLACES,
            count=None
            if corrected
            else audience_figure(session, newsletter, query, visit.site.figures, urgent=urgent),
            before=before,
            groups=groups,
            changed_blocks=count_changes(groups),
            plan_changes=changes_since_asked(session, approval) if approval else (),
            last_issue=last,
            last_groups=_changes(last.content, content, visit) if last else (),
            error=error,
            because=because,
            notice=visit.request.query_params.get("done", ""),
            may_answer=_may_answer(visit, approval),
            shown_request=name_of_request(approval) if approval else "",
            **choice_of(visit.request, shown_as, f"{base}/review"),
            **workspace_of(visit).line(session, visit, newsletter, issue.id, preflight),
            **workspace_of(visit).comments(session, issue.id, content),
        )


def _changes(before: JsonObject | None, after: Issue, visit: Visit) -> tuple[DifferenceGroup, ...]:
    """Return the changes since a stored version; empty if there is none."""
    return compare_issues(issue_from_json(before), after, visit.language) if before else ()


def _may_answer(visit: Visit, approval: Approval | None) -> bool:
    return (
        approval is not None
        and state_of(approval) is ApprovalState.WAITING
        and visit.may_do(Action.ISSUE_APPROVED)
        and approval.requested_by != visit.account_id
        and (not approval.asked or visit.account_id in approval.asked)
    )


_Short = Annotated[str, Form(max_length=100)]
_Words = Annotated[str, Form(max_length=20_000)]
_SETTLING = {"resolve": True, "reopen": False}


@comments_router.post("", response_model=None)
def _write(
    issue_id: int,
    visit: Annotated[Visit, doing(Action.ISSUE_COMMENT)],
    words: _Words = "",
    anchor: _Short = "",
    thread: Annotated[int | None, Form()] = None,
    back: _Short = "",
) -> Response:
    with transaction(visit.engine) as session:
        newsletter, issue = find_issue_of(session, visit, issue_id)
        try:
            number = write_comment(
                session, visit.actor, issue, words, anchor=anchor, thread_id=thread
            )
        except ListError:
            # The comment is empty, which the page's own form does not allow.
            number = thread or 0
        text = _text_of(session, visit, issue) if back == "draft" else ""
        place = f"#comment-{thread or number}" if number else ""
        target = text or f"{address_of(newsletter, issue)}/review{place}"
    return _back(target)


@comments_router.post("/{number}/{verb}", response_model=None)
def _settle(
    issue_id: int,
    number: int,
    verb: str,
    visit: CommenterVisit,
    back: _Short = "",
) -> Response:
    if verb not in _SETTLING:
        raise NotFoundError(msg("There is no such action."))
    with transaction(visit.engine) as session:
        newsletter, issue = find_issue_of(session, visit, issue_id)
        settle_thread(session, visit.actor, issue, number, resolved=_SETTLING[verb])
        text = _text_of(session, visit, issue) if back == "draft" else ""
        target = text or f"{address_of(newsletter, issue)}/review#comment-{number}"
    return _back(target)


def _text_of(session: Session, visit: Visit, issue: StoredIssue) -> str:
    """Return the path of an issue's editor; empty if there is none, or none for this account."""
    draft = stored_draft_of(session, issue.id)
    if draft is None or not visit.may(Permission.WRITE):
        return ""
    return f"{visit.path.split('/issues/')[0]}/drafts/{draft.id}"


def _back(target: str) -> RedirectResponse:
    tail = "#panel-approval" if "/drafts/" in target else ""
    return RedirectResponse(target + tail, status_code=303)
