"""Pages of the bounce log: search, a bounce with its evidence, undoing, incidents, rates."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from fastapi import Form, Query
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from pydantic import BaseModel, Field
from sqlalchemy.orm import Session

from newsletter.accounts.permissions import Permission
from newsletter.bounces.model import Reason
from newsletter.database.engine import reading, transaction
from newsletter.database.types import now
from newsletter.database.vocabulary import BounceKind, IncidentResolution
from newsletter.errors import ConflictError, NewsletterError, OrderError
from newsletter.feedback.incidents import (
    incidents_of,
    list_incidents,
    settle_incident,
    undo_bounce,
)
from newsletter.feedback.requests import handle_request, list_open_requests
from newsletter.feedback.search import (
    BounceFilter,
    Rate,
    find_bounce,
    list_bounces,
    rates_by_domain,
    rates_by_mailing,
    suppressions_of,
)
from newsletter.mailings.reports.cached_figures import Figure, Figures
from newsletter.services import build_services
from newsletter.web.access import BouncesVisit, Visit, newsletters_where
from newsletter.web.pages import show_page
from newsletter.web.routing import Router

_PAGE = 50
_Text = Annotated[str, Field(max_length=320)]
_Why = Annotated[str, Form(max_length=500)]


class BounceSearch(BaseModel):
    """The search form; invalid inputs are ignored."""

    address: _Text = ""
    domain: _Text = ""
    mailing: _Text = ""
    kind: _Text = ""
    reason: _Text = ""
    since: _Text = ""
    before: int | None = None

    def filter(self, zone: str, only: list[int] | None) -> BounceFilter:
        """Return the filter for the log; days are in the reader's time zone."""
        return BounceFilter(
            address=self.address,
            domain=self.domain,
            mailing_id=int(self.mailing[:18]) if self.mailing.isdecimal() else None,
            kind=BounceKind(self.kind) if self.kind in set(BounceKind) else None,
            reason=self.reason,
            since=_day(self.since, zone),
            newsletter_ids=only,
        )


def _log(
    visit: Visit,
    asked: BounceSearch,
    *,
    status: int = 200,
    error: NewsletterError | None = None,
) -> HTMLResponse:
    """Show the search results and the incidents that wait for a decision."""
    with reading(visit.engine) as session:
        only = newsletters_where(session, visit, Permission.SEE_BOUNCES)
        criteria = asked.filter(visit.time_zone, only)
        bounces = list_bounces(session, criteria, before=asked.before, limit=_PAGE + 1)
        incidents = list_incidents(session) if only is None else incidents_of(session, only)
        requests = list_open_requests(session, only)
    query = urlencode(asked.model_dump(exclude={"before"}, exclude_defaults=True))
    older = bounces[_PAGE - 1].row.id if len(bounces) > _PAGE else None
    return show_page(
        visit,
        "feedback/bounces.html",
        status=status,
        error=error,
        requests=requests,
        asked=asked,
        bounces=bounces[:_PAGE],
        incidents=incidents,
        kinds=[one.value for one in BounceKind],
        reasons=[one.value for one in Reason],
        searched=bool(query),
        newer=f"/bounces?{query}" if asked.before else "",
        older=f"/bounces?{urlencode([('before', older)])}&{query}" if older else "",
    )


def _one(
    visit: Visit,
    number: int,
    *,
    status: int = 200,
    error: NewsletterError | None = None,
) -> HTMLResponse:
    """Show one bounce and its consequences."""
    with reading(visit.engine) as session:
        one = find_bounce(
            session,
            number,
            newsletter_ids=newsletters_where(session, visit, Permission.SEE_BOUNCES),
        )
        suppressions = suppressions_of(
            session, one.row, newsletters_where(session, visit, Permission.SEE_BOUNCES)
        )
    return show_page(
        visit,
        "feedback/bounce.html",
        status=status,
        one=one,
        suppressions=suppressions,
        error=error,
    )


router = Router(prefix="/bounces")


@router.get("")
def _show_log(visit: BouncesVisit, asked: Annotated[BounceSearch, Query()]) -> HTMLResponse:
    return _log(visit, asked)


@router.get("/rates")
def _show_rates(visit: BouncesVisit) -> HTMLResponse:
    with reading(visit.engine) as session:
        seen = newsletters_where(session, visit, Permission.SEE_BOUNCES)
        mailings, domains = _rates(session, visit.site.figures, seen)
    return show_page(
        visit,
        "feedback/rates.html",
        mailings=mailings,
        domains=domains,
        days=_DAYS,
    )


@router.get("/{number}")
def _show_bounce(number: int, visit: BouncesVisit) -> HTMLResponse:
    return _one(visit, number)


@router.post("/{number}/undo")
def _undo(number: int, visit: BouncesVisit, reason: _Why = "") -> Response:
    try:
        with transaction(visit.engine) as session:
            find_bounce(
                session,
                number,
                newsletter_ids=newsletters_where(session, visit, Permission.SEE_BOUNCES),
            )
            undo_bounce(session, visit.actor, number, reason=reason, rights=visit.rights)
    except (OrderError, ConflictError) as error:
        status = 409 if isinstance(error, ConflictError) else 422
        return _one(visit, number, status=status, error=error)
    return RedirectResponse(f"/bounces/{number}", status_code=303)


@router.post("/requests/{number}")
def _handle(number: int, visit: BouncesVisit, reason: _Why = "") -> Response:
    try:
        # If somebody else has decided it meanwhile, it is no longer on the page.
        with suppress(ConflictError), transaction(visit.engine) as session:
            handle_request(session, visit.actor, number, reason=reason, rights=visit.rights)
    except OrderError as error:
        return _log(visit, BounceSearch(), status=422, error=error)
    return RedirectResponse("/bounces", status_code=303)


@router.post("/incidents/{number}")
def _settle(
    number: int,
    visit: BouncesVisit,
    resolution: Annotated[IncidentResolution, Form()],
    reason: _Why = "",
) -> Response:
    # If somebody else has settled it meanwhile, the list shows the result.
    with suppress(ConflictError), transaction(visit.engine) as session:
        settle_incident(
            session,
            visit.actor,
            number,
            resolution,
            reason=reason,
            keys=build_services(visit.site.settings, visit.engine).feedback_keys,
            rights=visit.rights,
        )
    return RedirectResponse("/bounces", status_code=303)


def _day(text: str, zone: str) -> datetime | None:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return datetime.combine(day, time(), ZoneInfo(zone)).astimezone(UTC)


#: Days of the rates by domain; the rates by mailing are those of the newest mailings.
_DAYS = 30


def _rates(
    session: Session, figures: Figures, only: list[int] | None
) -> tuple[Figure[list[Rate]], Figure[list[Rate]]]:
    """Return the rates of mailings and of domains, of these newsletters or (None) of all."""
    known = None if only is None else tuple(sorted(only))

    def by_mailing(own: Session) -> list[Rate]:
        return rates_by_mailing(own, newsletter_ids=only)

    def by_domain(own: Session) -> list[Rate]:
        since = now() - timedelta(days=_DAYS)
        return rates_by_domain(own, since=since, newsletter_ids=only)

    return (
        figures.of(session, ("rates by mailing", known), by_mailing),
        figures.of(session, ("rates by domain", known), by_domain),
    )
