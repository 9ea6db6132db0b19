"""The page on which an issue is sent, with the data for it."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlencode

from fastapi import Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from sqlalchemy.orm import Session

from newsletter.accounts.audit_actions import Action
from newsletter.accounts.permissions import Permission
from newsletter.database.engine import reading
from newsletter.errors import NewsletterError
from newsletter.issues.checks.findings import Severity
from newsletter.issues.drafts.saving import stored_draft_of
from newsletter.issues.model import Issue, issue_from_json
from newsletter.issues.sent import sent_as
from newsletter.issues.store import StoredIssue
from newsletter.mailings.approvals.notices import Post
from newsletter.mailings.approvals.state import last_plan
from newsletter.mailings.ledger.schedule import propose_time
from newsletter.mailings.orders.ordering import earlier_mailings
from newsletter.mailings.orders.test_mails import order_test
from newsletter.newsletters.issue_actions import find_issue
from newsletter.newsletters.publications import Newsletter, get_newsletter
from newsletter.rendering.model import RenderedIssue
from newsletter.web.access import Visit, own, settings_path
from newsletter.web.issues.shown_as import asked_as, choice_of, show_to_reader, with_shown_as
from newsletter.web.issues.workspace import subject_findings, workspace_of
from newsletter.web.mailings.choice import SendChoice, faults_of
from newsletter.web.pages import show_page

#: The path of the page under that of the newsletter.
PATH = "/issues/{issue_id}/send"


def show_sending(
    visit: Visit,
    issue_id: int,
    *,
    status: int = 200,
    error: NewsletterError | None = None,
    choice: SendChoice | None = None,
    typed_group: Mapping[str, str] | None = None,
) -> HTMLResponse:
    """Show the page, with an input and its error."""
    with reading(visit.engine) as session:
        newsletter, issue = find_issue_of(session, visit, issue_id)
        proposed = propose_time(session, newsletter, issue.issue_date)
        chosen = choice or SendChoice.asked_in(visit.request)
        choice = chosen or SendChoice.of(last_plan(session, issue.id), proposed=proposed)
        choice = choice.begun_with(proposed)
        preflight = workspace_of(visit).preflight(session, issue, newsletter)
        content, key = issue_from_json(issue.content), asked_as(visit.request)
        shown_as = workspace_of(visit).shown_as(session, visit, newsletter, content, key)
        rendered = workspace_of(visit).mail_as(
            session, issue, newsletter, preflight.rendered, shown_as
        )
        base = address_of(newsletter, issue)
        return show_page(
            visit,
            "mailings/send.html",
            status=status,
            newsletter=newsletter,
            issue=issue,
            base=base,
            subject=subject_of(preflight.rendered),
            text=show_to_reader(rendered, shown_as.reader, dark=False).text if rendered else "",
            errors=preflight.of(Severity.ERROR),
            warnings=preflight.of(Severity.WARNING),
            earlier=earlier_mailings(session, issue.id),
            error=error,
            order_faults=faults_of(error),
            notice=visit.request.query_params.get("done", ""),
            tested_group=visit.request.query_params.get("group", ""),
            typed_group=typed_group,
            settings_url=settings_path(visit),
            **workspace_of(visit).line(
                session, visit, newsletter, issue.id, preflight, choice=chosen
            ),
            **choice_of(visit.request, shown_as, base),
            **workspace_of(visit).panel(session, visit, newsletter, choice, content),
        )


def other_place(visit: Visit, issue_id: int) -> str | None:
    """Return the page where this person goes on with sending; None if it is this one.

    Who only approves, reviews. An approved plan is confirmed. Otherwise a plan is made beside
    the text of the draft, so that it is not made in two places; an issue without a draft has
    none but this page.
    """
    if visit.may(Permission.APPROVE) and not visit.may(Permission.SEND):
        return f"{visit.path}/review"
    with reading(visit.engine) as session:
        newsletter, issue = find_issue_of(session, visit, issue_id)
        if not visit.may_do(Action.MAILING_ORDER) or sent_as(session, issue.id):
            return None
        if visit.request.url.query == "":
            preflight = workspace_of(visit).preflight(session, issue, newsletter)
            line = workspace_of(visit).line(session, visit, newsletter, issue.id, preflight)
            if line["line_planned"] and not line["line_corrects"]:
                return f"{address_of(newsletter, issue)}/confirm?{line['line_planned']}"
        draft = stored_draft_of(session, issue.id)
        if draft is None or not visit.may(Permission.WRITE):
            return None
        asked = f"?{visit.request.url.query}" if visit.request.url.query else ""
        return f"/newsletters/{newsletter.slug}/drafts/{draft.id}{asked}#panel-send"


def show_subjects(visit: Visit, newsletter: Newsletter, content: Issue) -> HTMLResponse:
    """Show the findings about the subjects in the query of the URL."""
    choice = SendChoice.of_subjects(visit.request)
    return show_page(
        visit,
        "issues/_subject_findings.html",
        subject_findings=subject_findings(newsletter, content, choice),
    )


def post_of(visit: Visit) -> Post:
    """Return what mails about approvals are made with."""
    return Post(templates_dir=visit.site.settings.templates_dir, public_url=visit.site.url)


def send_test(
    visit: Visit, newsletter: Newsletter, issue: StoredIssue, *, group: str, shown_as: str
) -> None:
    """Queue a test mail to a group, or to the person who asks for it; see `order_test`."""
    order_test(
        visit.engine,
        visit.actor,
        newsletter,
        issue,
        group=group,
        to=visit.address,
        shown_as=shown_as,
        sees_people=visit.may(Permission.SEE_SUBSCRIBERS),
        settings=visit.site.settings,
        pseudonyms=visit.site.pseudonyms,
    )


def address_of(newsletter: Newsletter, issue: StoredIssue) -> str:
    """Return the page's path."""
    return f"/newsletters/{newsletter.slug}{PATH.format(issue_id=issue.id)}"


def find_issue_of(session: Session, visit: Visit, issue_id: int) -> tuple[Newsletter, StoredIssue]:
    """Return the issue of a page, with its newsletter.

    Raises:
        NotFoundError: The newsletter has no such issue.
    """
    issue = find_issue(session, own(visit), issue_id)
    return get_newsletter(session, issue.newsletter_id), issue


def subject_of(rendered: RenderedIssue | None) -> str:
    """Return the subject as one line, without a reader's values in it."""
    parts = rendered.subject if rendered else ()
    return "".join(part if isinstance(part, str) else "…" for part in parts)


def back_to_page(
    request: Request,
    done: str,
    *,
    cut: str,
    choice: SendChoice | None = None,
    shown_as: str = "",
    group: str = "",
) -> Response:
    """Redirect to the page from a path below it that ends in ``cut``, with the notice ``done``."""
    asked = urlencode({"done": done} | ({"group": group} if group else {}))
    more = f"&{choice.query()}" if choice else ""
    path = request.url.path.removesuffix(cut)
    return RedirectResponse(with_shown_as(f"{path}?{asked}{more}", shown_as), status_code=303)
