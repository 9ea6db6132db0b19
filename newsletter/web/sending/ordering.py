"""Ordering a mailing: audience, hour, a last confirmation, and the order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from newsletter.accounts.tokens import new_token
from newsletter.database.engine import reading
from newsletter.database.types import now
from newsletter.database.vocabulary import Role
from newsletter.delivery.approving import content_digest, demand_approval
from newsletter.delivery.audience import audience_figure
from newsletter.delivery.clearance import check_stored
from newsletter.delivery.ordering import Order, order_of, place_order
from newsletter.delivery.schedule import first_hour
from newsletter.errors import ConflictError, ForbiddenError, NewsletterError, NotFoundError
from newsletter.issues.findings import Severity
from newsletter.rendering.model import RenderedIssue
from newsletter.rendering.preflight import Preflight
from newsletter.web.access import EditorVisit, SignedInVisit, Visit
from newsletter.web.sending.page import (
    PATH,
    Choice,
    SendingPage,
    address_of,
    earlier_mailings,
    find_issue_of,
    subject_of,
)
from newsletter.web.wording import tell
from subscribers.segments.saved import segment_text

_Field = Annotated[str, Form(max_length=4000)]
_Asked = Annotated[str, Query(max_length=4000)]


def ordering_router(page: SendingPage) -> APIRouter:
    """Return the routes by which a mailing is ordered."""
    router = APIRouter(prefix="/newsletters/{newsletter}")
    engine, figures = page.engine, page.figures

    @router.get(PATH)
    def show_sending(issue_id: int, visit: SignedInVisit, request: Request) -> HTMLResponse:
        _demand_any(visit)
        return page.show(visit, request, issue_id)

    @router.get(PATH + "/audience")
    def show_audience(
        issue_id: int, visit: SignedInVisit, request: Request, segment: _Asked = ""
    ) -> HTMLResponse:
        _demand_any(visit)
        with reading(engine) as session:
            newsletter, _ = find_issue_of(session, visit, issue_id)
            try:
                query = segment_text(session, newsletter.id, segment)
                count, error = audience_figure(session, newsletter, query, figures), ""
            except NewsletterError as wrong:
                count, error = None, tell(wrong, visit.language)
        return page.pages.show_to(
            visit, request, "_sending/audience.html", count=count, error=error
        )

    @router.get(PATH + "/confirm")
    def confirm(
        issue_id: int,
        visit: EditorVisit,
        request: Request,
        segment: _Asked = "",
        when: _Asked = "now",
        hour: _Asked = "",
        everywhere: _Asked = "",
        over: _Asked = "0",
    ) -> HTMLResponse:
        choice = Choice(
            segment=segment, when=when, hour=hour, everywhere=bool(everywhere), over=over
        )
        try:
            found = _last_look(page, visit, issue_id, choice)
        except NotFoundError:
            raise
        except NewsletterError as error:
            return page.show(visit, request, issue_id, status=409, error=error, choice=choice)
        return page.pages.show_to(
            visit, request, "sending_confirm.html", **found, choice=choice, key=new_token()
        )

    @router.post(PATH)
    def send(  # noqa: PLR0917 - the form's fields
        issue_id: int,
        visit: EditorVisit,
        request: Request,
        key: _Field = "",
        digest: _Field = "",
        segment: _Field = "",
        when: _Field = "now",
        hour: _Field = "",
        everywhere: _Field = "",
        over: _Field = "0",
        warnings: _Field = "",
        again: _Field = "",
    ) -> Response:
        choice = Choice(
            segment=segment, when=when, hour=hour, everywhere=bool(everywhere), over=over
        )
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


def _demand_any(visit: Visit) -> None:
    roles = (Role.EDITOR, Role.APPROVER, Role.OPERATOR)
    if not any(visit.rights.allows(role, visit.newsletter_id) for role in roles):
        raise ForbiddenError("Your roles do not reach that far.")


def _last_look(page: SendingPage, visit: Visit, issue_id: int, choice: Choice) -> dict[str, Any]:
    """Return what the confirmation names.

    Raises:
        NewsletterError: It cannot be sent like this.
    """
    with reading(page.engine) as session:
        newsletter, issue = find_issue_of(session, visit, issue_id)
        preflight = page.preflight(session, issue, newsletter)
        rendered = _cleared(preflight)
        digest = content_digest(newsletter, rendered)
        demand_approval(session, newsletter, issue, digest)
        schedule = choice.schedule()
        first = first_hour(session, newsletter, schedule)
        if first is not None and first <= now():
            raise ConflictError("That hour has passed already.")
        query = segment_text(session, newsletter.id, choice.segment)
        count = audience_figure(session, newsletter, query, page.figures)
        if not count.value.included:
            raise ConflictError("Nobody would get it.")
        return {
            "newsletter": newsletter,
            "issue": issue,
            "base": address_of(newsletter, issue),
            "subject": subject_of(rendered),
            "count": count,
            "first": first,
            "schedule": schedule,
            "warnings": preflight.of(Severity.WARNING),
            "earlier": earlier_mailings(session, issue.id),
            "digest": digest,
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class _Confirmed:
    """What the confirmation's form says.

    Attributes:
        key: Makes a form that is sent twice one order.
        digest: Names the content that was looked at.
        warnings: It is to be sent with preflight's warnings.
        again: It is to be sent though it was before.
    """

    choice: Choice
    key: str
    digest: str
    warnings: bool
    again: bool


def _place(page: SendingPage, visit: Visit, issue_id: int, said: _Confirmed) -> str:
    """Order the mailing; return its page's path.

    Raises:
        NewsletterError: It cannot be sent like this.
    """
    with reading(page.engine) as session:
        newsletter, issue = find_issue_of(session, visit, issue_id)
        query = segment_text(session, newsletter.id, said.choice.segment)
        # The order's own mailing is no earlier one: a form sent twice is answered alike.
        own = order_of(session, said.key)
        earlier = [row for row in earlier_mailings(session, issue.id) if row.id != own]
    preflight = check_stored(issue, newsletter, page.settings, ask_dns=False)
    rendered = _cleared(preflight)
    if preflight.of(Severity.WARNING) and not said.warnings:
        raise ConflictError("Preflight found warnings; say that it is to be sent with them.")
    if not 16 <= len(said.key) <= 64:  # noqa: PLR2004 - a token's length
        raise ConflictError("This form is out of date.", remedy="Begin again.")
    if earlier and not said.again:
        raise ConflictError("It was sent before; say that it is to be sent again.")
    order = Order(key=said.key, digest=said.digest, segment=query, schedule=said.choice.schedule())
    number = place_order(
        page.engine,
        visit.actor,
        newsletter.id,
        issue.id,
        rendered,
        order,
        batch_size=page.settings.batch_size,
    )
    return f"/newsletters/{newsletter.slug}/mailings/{number}"


def _cleared(preflight: Preflight) -> RenderedIssue:
    if preflight.blocked or preflight.rendered is None:
        raise ConflictError("Preflight found errors; mend them first.")
    return preflight.rendered
