"""How much came back, by mailing and by recipient domain."""

from __future__ import annotations

from datetime import timedelta

from fastapi import Request
from fastapi.responses import HTMLResponse
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from newsletter.accounts.permissions import Permission
from newsletter.database.engine import reading
from newsletter.database.types import now
from newsletter.feedback.rates import Rate, rates_by_domain, rates_by_mailing
from newsletter.mailings.reports.cached_figures import Figure, Figures
from newsletter.web.access import BouncesVisit, newsletters_where
from newsletter.web.pages import Pages
from newsletter.web.routing import Router

#: Of domains; mailings are the newest ones.
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
