"""Pages for ordering a mailing: audience and time, the confirmation, the order."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, Any

from fastapi import Form, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from newsletter.accounts.audit_actions import Action
from newsletter.database.engine import reading
from newsletter.errors import NewsletterError, NotFoundError
from newsletter.issues.drafts.saving import get_draft
from newsletter.issues.model import issue_from_json
from newsletter.issues.store import get_issue
from newsletter.mailings.ledger.schedule import AT_ONCE, Schedule, read_hour
from newsletter.mailings.orders.ordering import Order, other_day, place_order, review_order
from newsletter.mailings.orders.readiness import check_stored, stored_findings
from newsletter.mailings.planning.audience import audience_figure
from newsletter.mailings.trials.subjects import LETTERS, own_subject
from newsletter.tokens import new_token
from newsletter.web.access import (
    SeeingVisit,
    SegmentVisit,
    Visit,
    doing,
    newsletter_of,
)
from newsletter.web.issues.shown_as import asked_as, choice_of, show_to_reader
from newsletter.web.issues.workspace import ARCHIVE_PLACES
from newsletter.web.mailings.choice import ChoiceForm, SendChoice
from newsletter.web.mailings.send_page import (
    PATH,
    SendingPage,
    address_of,
    find_issue_of,
    subject_of,
)
from newsletter.web.routing import Router, add_routes
from subscribers.segments.saved import segment_text

_Field = Annotated[str, Form(max_length=4000)]
_Asked = Annotated[str, Query(max_length=4000)]


def ordering_router(page: SendingPage) -> Router:
    """Return the routes for ordering a mailing."""
    router = Router(prefix="/newsletters/{newsletter}")
    engine = page.engine
    add_routes(router, _telling_router(page))

    @router.get(PATH)
    def show_sending(issue_id: int, visit: SeeingVisit, request: Request) -> Response:
        elsewhere = page.other_place(visit, request, issue_id)
        if elsewhere is not None:
            return RedirectResponse(elsewhere, status_code=303)
        return page.show(visit, request, issue_id)

    @router.get(PATH + "/subjects")
    def check_compared(
        issue_id: int, visit: Annotated[Visit, doing(Action.MAILING_ORDER)], request: Request
    ) -> HTMLResponse:
        with reading(engine) as session:
            newsletter, issue = find_issue_of(session, visit, issue_id)
            content = issue_from_json(issue.content)
        return page.show_subjects(visit, request, newsletter, content)

    @router.get(PATH + "/confirm")
    def confirm(
        issue_id: int,
        visit: Annotated[Visit, doing(Action.MAILING_ORDER)],
        request: Request,
    ) -> HTMLResponse:
        choice = SendChoice.asked_in(request) or SendChoice()
        try:
            confirmation = _last_look(page, visit, request, issue_id, choice)
        except NotFoundError:
            raise
        except NewsletterError as error:
            return page.show(visit, request, issue_id, status=409, error=error, choice=choice)
        return page.pages.show_to(
            visit, request, "mailings/confirm.html", **confirmation, choice=choice, key=new_token()
        )

    @router.post(PATH)
    def send(
        issue_id: int,
        visit: Annotated[Visit, doing(Action.MAILING_ORDER)],
        request: Request,
        choice: ChoiceForm,
        key: _Field = "",
        digest: _Field = "",
        warnings: _Field = "",
        again: _Field = "",
    ) -> Response:
        confirmed = _Confirmed(
            choice=choice, key=key, digest=digest, warnings=bool(warnings), again=bool(again)
        )
        try:
            target = _place(page, visit, issue_id, confirmed)
        except NotFoundError:
            raise
        except NewsletterError as error:
            return page.show(visit, request, issue_id, status=409, error=error, choice=choice)
        return RedirectResponse(target, status_code=303)

    return router


def _telling_router(page: SendingPage) -> Router:
    """Return the routes that describe a choice while it is being made."""
    router = Router(prefix="/newsletters/{newsletter}")
    engine, figures = page.engine, page.figures

    @router.get("/audience")
    def show_audience(
        visit: SegmentVisit, request: Request, segment: _Asked = "", urgent: _Asked = ""
    ) -> HTMLResponse:
        with reading(engine) as session:
            newsletter = newsletter_of(session, visit)
            count, error = None, None
            try:
                query = segment_text(session, newsletter.id, segment)
                count = audience_figure(session, newsletter, query, figures, urgent=bool(urgent))
            except NewsletterError as wrong:
                error = wrong
        return page.pages.show_to(
            visit, request, "mailings/_audience.html", count=count, error=error
        )

    @router.get("/hour")
    def tell_hour(
        visit: Annotated[Visit, doing(Action.MAILING_ORDER)],
        request: Request,
        hour: _Asked = "",
        issue: int = 0,
        draft: int = 0,
    ) -> HTMLResponse:
        with reading(engine) as session:
            newsletter = newsletter_of(session, visit)
            content = (
                get_draft(session, newsletter.id, draft).issue
                if draft
                else issue_from_json(get_issue(session, newsletter.id, issue).content)
            )
        try:
            # What is yet to be filled in is no fault.
            schedule, error = Schedule(hour=read_hour(hour)) if hour.strip() else AT_ONCE, None
        except NewsletterError as wrong:
            schedule, error = AT_ONCE, wrong
        return page.pages.show_to(
            visit,
            request,
            "mailings/_hour.html",
            issue=content,
            hour=schedule.hour,
            other_day=other_day(newsletter, content, schedule) if schedule.hour else None,
            error=error,
        )

    return router


def _last_look(
    page: SendingPage, visit: Visit, request: Request, issue_id: int, choice: SendChoice
) -> dict[str, Any]:
    """Return the values of the confirmation.

    Raises:
        NewsletterError: The issue cannot be sent with this choice.
    """
    with reading(page.engine) as session:
        newsletter, issue = find_issue_of(session, visit, issue_id)
        planned = choice.plan()
        preflight = page.workspace.preflight(session, issue, newsletter)
        query = segment_text(session, newsletter.id, choice.segment)
        review = review_order(
            session,
            newsletter,
            issue,
            preflight,
            replace(planned, segment=query),
            figures=page.figures,
        )
        content, key = issue_from_json(issue.content), asked_as(request)
        shown_as = page.workspace.shown_as(
            session, visit, newsletter, content, key, segment=query, urgent=planned.urgent
        )
        mail = page.workspace.mail_as(session, issue, newsletter, review.rendered, shown_as)
        shown = show_to_reader(mail or review.rendered, shown_as.reader, dark=False)
        base = address_of(newsletter, issue)
        return {
            "other_plan": review.other_plan,
            "text": shown.text,
            "snippet": shown.snippet,
            "newsletter": newsletter,
            "issue": issue,
            "base": base,
            "subject": subject_of(review.rendered),
            "count": review.audience,
            "first": review.first,
            "schedule": planned.schedule,
            "warnings": review.warnings,
            "earlier": review.earlier,
            "trial": planned.trial,
            "own_subject": own_subject(issue_from_json(issue.content)),
            "letters": LETTERS,
            "tried": review.tried,
            "place": review.place,
            "other_day": review.other_day,
            "archive_places": ARCHIVE_PLACES,
            "digest": review.digest,
            **choice_of(request, shown_as, f"{base}/confirm"),
            **page.workspace.line(session, visit, newsletter, issue.id, preflight),
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class _Confirmed:
    """The submitted confirmation.

    Attributes:
        key: The idempotency key; a form that is submitted twice is one order.
        digest: The hash of the content that was shown.
        warnings: Whether preflight's warnings are accepted.
        again: Whether it may be sent although it was sent before.
    """

    choice: SendChoice
    key: str
    digest: str
    warnings: bool
    again: bool


def _place(page: SendingPage, visit: Visit, issue_id: int, confirmed: _Confirmed) -> str:
    """Order the mailing; return the path of the issue's page, which shows the progress.

    Raises:
        NewsletterError: The issue cannot be sent with this choice.
    """
    with reading(page.engine) as session:
        newsletter, issue = find_issue_of(session, visit, issue_id)
        query = segment_text(session, newsletter.id, confirmed.choice.segment)
        content = issue_from_json(issue.content)
        known = stored_findings(session, newsletter, content, besides=issue.id)
    place_order(
        page.engine,
        visit.actor,
        issue,
        check_stored(issue, newsletter, page.settings, ask_dns=False, known=known),
        Order(
            key=confirmed.key,
            digest=confirmed.digest,
            plan=replace(confirmed.choice.plan(), segment=query),
            with_warnings=confirmed.warnings,
            again=confirmed.again,
        ),
        batch_size=page.settings.batch_size,
    )
    return f"/newsletters/{newsletter.slug}/issues/{issue.id}"
