"""Pages of the bounce log: search, a bounce with its evidence, undoing, incidents, rates."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from fastapi import Form, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from pydantic import BaseModel, Field
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from newsletter.accounts.permissions import Permission
from newsletter.bounces.model import Reason
from newsletter.database.engine import reading, transaction
from newsletter.database.types import now
from newsletter.database.vocabulary import BounceKind, IncidentResolution
from newsletter.errors import ConflictError, NewsletterError, OrderError
from newsletter.feedback.attribution import Keys
from newsletter.feedback.incidents import (
    incidents_of,
    list_incidents,
    settle_incident,
)
from newsletter.feedback.open_requests import handle_request, list_open_requests
from newsletter.feedback.rates import Rate, rates_by_domain, rates_by_mailing
from newsletter.feedback.search import (
    BounceFilter,
    find_bounce,
    list_bounces,
    suppressions_of,
)
from newsletter.feedback.undo import undo_bounce
from newsletter.mailings.reports.cached_figures import Figure, Figures
from newsletter.web.access import BouncesVisit, Visit, newsletters_where
from newsletter.web.pages import Pages
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


@dataclass(frozen=True, kw_only=True, slots=True)
class _BouncePages:
    """The pages of the bounce log."""

    engine: Engine
    pages: Pages

    def log(
        self,
        visit: Visit,
        request: Request,
        asked: BounceSearch,
        *,
        status: int = 200,
        error: NewsletterError | None = None,
    ) -> HTMLResponse:
        """Show the search results and the incidents that wait for a decision."""
        with reading(self.engine) as session:
            only = newsletters_where(session, visit, Permission.SEE_BOUNCES)
            criteria = asked.filter(visit.time_zone, only)
            bounces = list_bounces(session, criteria, before=asked.before, limit=_PAGE + 1)
            incidents = list_incidents(session) if only is None else incidents_of(session, only)
            requests = list_open_requests(session, only)
        query = urlencode(asked.model_dump(exclude={"before"}, exclude_defaults=True))
        older = bounces[_PAGE - 1].row.id if len(bounces) > _PAGE else None
        return self.pages.show_to(
            visit,
            request,
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

    def one(
        self,
        visit: Visit,
        request: Request,
        number: int,
        *,
        status: int = 200,
        error: NewsletterError | None = None,
    ) -> HTMLResponse:
        """Show one bounce and its consequences."""
        with reading(self.engine) as session:
            one = find_bounce(
                session,
                number,
                newsletter_ids=newsletters_where(session, visit, Permission.SEE_BOUNCES),
            )
            suppressions = suppressions_of(
                session, one.row, newsletters_where(session, visit, Permission.SEE_BOUNCES)
            )
        return self.pages.show_to(
            visit,
            request,
            "feedback/bounce.html",
            status=status,
            one=one,
            suppressions=suppressions,
            error=error,
        )


def bounces_router(engine: Engine, keys: Keys, pages: Pages) -> Router:
    """Return the routes of the bounce log."""
    router = Router(prefix="/bounces")
    page = _BouncePages(engine=engine, pages=pages)

    @router.get("")
    def show_log(
        visit: BouncesVisit, request: Request, asked: Annotated[BounceSearch, Query()]
    ) -> HTMLResponse:
        return page.log(visit, request, asked)

    @router.get("/{number}")
    def show_bounce(number: int, visit: BouncesVisit, request: Request) -> HTMLResponse:
        return page.one(visit, request, number)

    @router.post("/{number}/undo")
    def undo(number: int, visit: BouncesVisit, request: Request, reason: _Why = "") -> Response:
        try:
            with transaction(engine) as session:
                find_bounce(
                    session,
                    number,
                    newsletter_ids=newsletters_where(session, visit, Permission.SEE_BOUNCES),
                )
                undo_bounce(session, visit.actor, number, reason=reason, rights=visit.rights)
        except (OrderError, ConflictError) as error:
            status = 409 if isinstance(error, ConflictError) else 422
            return page.one(visit, request, number, status=status, error=error)
        return RedirectResponse(f"/bounces/{number}", status_code=303)

    @router.post("/requests/{number}")
    def handle(number: int, visit: BouncesVisit, request: Request, reason: _Why = "") -> Response:
        try:
            # If somebody else has decided it meanwhile, it is no longer on the page.
            with suppress(ConflictError), transaction(engine) as session:
                handle_request(session, visit.actor, number, reason=reason, rights=visit.rights)
        except OrderError as error:
            return page.log(visit, request, BounceSearch(), status=422, error=error)
        return RedirectResponse("/bounces", status_code=303)

    @router.post("/incidents/{number}")
    def settle(
        number: int,
        visit: BouncesVisit,
        resolution: Annotated[IncidentResolution, Form()],
        reason: _Why = "",
    ) -> Response:
        # If somebody else has settled it meanwhile, the list shows the result.
        with suppress(ConflictError), transaction(engine) as session:
            settle_incident(
                session,
                visit.actor,
                number,
                resolution,
                reason=reason,
                keys=keys,
                rights=visit.rights,
            )
        return RedirectResponse("/bounces", status_code=303)

    return router


def _day(text: str, zone: str) -> datetime | None:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return datetime.combine(day, time(), ZoneInfo(zone)).astimezone(UTC)


#: Days of the rates by domain; the rates by mailing are those of the newest mailings.
_DAYS = 30


def rates_router(engine: Engine, figures: Figures, pages: Pages) -> Router:
    """Return the route of the rates, for operators."""
    router = Router(prefix="/bounces")

    @router.get("/rates")
    def show_rates(visit: BouncesVisit, request: Request) -> HTMLResponse:
        with reading(engine) as session:
            seen = newsletters_where(session, visit, Permission.SEE_BOUNCES)
            mailings, domains = _rates(session, figures, seen)
        return pages.show_to(
            visit,
            request,
            "feedback/rates.html",
            mailings=mailings,
            domains=domains,
            days=_DAYS,
        )

    return router


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
