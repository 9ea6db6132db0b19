"""Operations: one page that says at a glance whether something is wrong, and the words upon it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import Form, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response, StreamingResponse
from sqlalchemy import Engine

from newsletter.accounts.permissions import Permission
from newsletter.database.engine import reading
from newsletter.database.vocabulary import DeliveryState
from newsletter.errors import ConflictError, ListError, NewsletterError, OrderError
from newsletter.mailings.ledger.settlement import list_deliveries
from newsletter.operations.alarms import find_alarms
from newsletter.operations.alarms.model import Alarm, AlarmSeverity, places_of
from newsletter.operations.overview import Overview
from newsletter.settings import Settings
from newsletter.tokens import Pseudonyms
from newsletter.web.access import OperatorVisit, Requires, Visit, newsletters_where
from newsletter.web.charts import STACK, stacked_bars
from newsletter.web.operations.actions import (
    OrderForm,
    carry_out,
    demand_right,
    find_form,
    read_object,
)
from newsletter.web.pages import Pages
from newsletter.web.routing import Router
from newsletter.web.streams import live
from subscribers.suppression import find_suppressions
from workers.overview import overview_source
from workers.transports import relay_names

_Field = Annotated[str, Form(max_length=500)]
_Name = Annotated[str, Query(max_length=320)]
_TICK_SECONDS = 2.0
_LISTED = 200
_LIVE = "operations/live.html"


def values_of(seen: Overview) -> dict[str, Any]:
    """Return what the live part of the page shows of an overview."""
    alarms = find_alarms(seen)
    return {
        "seen": seen,
        "alarms": alarms,
        "places": places_of(alarms),
        "well": all(alarm.severity is AlarmSeverity.NOTE for alarm in alarms),
        "open": [alarm for alarm in alarms if alarm.is_open],
        "chart": stacked_bars([counts for _, counts in seen.hours]),
        "stack": STACK,
        "states": DeliveryState,
    }


def operating_router(  # noqa: C901 - a list of routes
    settings: Settings, engine: Engine, pseudonyms: Pseudonyms, pages: Pages
) -> Router:
    """Return the routes of operations."""
    router = Router(prefix="/operate")
    names = relay_names(settings)

    look_now = overview_source(settings, engine)

    def _values(visit: Visit) -> dict[str, Any]:
        seen = look_now()
        with reading(engine) as session:
            only = newsletters_where(session, visit, Permission.OPERATE)
        if only is not None:
            seen = seen.within(only)
        return values_of(seen)

    @router.get("")
    def show_overview(visit: OperatorVisit, request: Request) -> HTMLResponse:
        # On this machine alone all come from it, rightly.
        proxy = "" if settings.is_local else request.app.state.clients.proxy
        return pages.show_to(
            visit, request, "operations/overview.html", proxy=proxy, **_values(visit)
        )

    @router.get("/events")
    def stream(visit: OperatorVisit, request: Request) -> StreamingResponse:
        del visit

        def show(now: Visit) -> tuple[str, bool]:
            shown = pages.render(
                _LIVE, language=now.language, zone=now.time_zone, visit=now, **_values(now)
            )
            return shown, True

        return live(request, Requires(Permission.OPERATE), show, seconds=_TICK_SECONDS)

    def _ask(
        visit: Visit,
        request: Request,
        name: str,
        form: OrderForm,
        on: str,
        *,
        status: int = 200,
        error: str = "",
        reason: str = "",
    ) -> HTMLResponse:
        listed: Sequence[object] = ()
        if form.lists is not None:
            listed = list_deliveries(engine, form.lists, mailing_id=int(on), limit=_LISTED)
        return pages.show_to(
            visit,
            request,
            "operations/action.html",
            status=status,
            order=name,
            form=form,
            on=on,
            alarm=_alarm_named(on) if form.noun == "alarm" else None,
            listed=listed,
            most=_LISTED,
            error=error,
            reason=reason,
        )

    def _alarm_named(key: str) -> Alarm | None:
        return next((each for each in find_alarms(look_now()) if each.key == key), None)

    @router.get("/orders/{name}")
    def ask(name: str, visit: OperatorVisit, request: Request, on: _Name = "") -> Response:
        form = find_form(name)
        try:
            target = read_object(form, on)
            demand_right(engine, visit, form, target)
        except (ListError, ConflictError) as error:
            return _refuse(visit, request, error)
        return _ask(visit, request, name, form, target)

    @router.post("/orders/{name}")
    def give(
        name: str,
        visit: OperatorVisit,
        request: Request,
        on: _Field = "",
        action: _Field = "",
        reason: _Field = "",
        position: Annotated[list[int] | None, Form()] = None,
    ) -> Response:
        form = find_form(name)
        try:
            target = read_object(form, on)
        except ListError as error:
            return _refuse(visit, request, error)
        try:
            carry_out(
                engine,
                visit,
                form,
                action,
                on=target,
                reason=reason,
                positions=position or (),
                relays=names,
                look_now=look_now,
            )
        except (OrderError, ConflictError) as error:
            status = 409 if isinstance(error, ConflictError) else 400
            return _ask(
                visit,
                request,
                name,
                form,
                target,
                status=status,
                error=error.in_language(visit.language),
                reason=reason,
            )
        return RedirectResponse("/operate", status_code=303)

    def _refuse(visit: Visit, request: Request, error: NewsletterError) -> HTMLResponse:
        return pages.show_to(
            visit,
            request,
            "operations/overview.html",
            status=400,
            error=error.in_language(visit.language),
            **_values(visit),
        )

    @router.get("/suppressions")
    def ask_for_address(visit: OperatorVisit, request: Request) -> HTMLResponse:
        return pages.show_to(
            visit, request, "operations/suppressions.html", address="", found=None, error=""
        )

    @router.post("/suppressions")
    def show_suppressions(
        visit: OperatorVisit, request: Request, address: _Field = ""
    ) -> HTMLResponse:
        # Asked for by a form, so that the address stands in no URL, history or log.
        error, suppressions = "", None
        try:
            with reading(engine) as session:
                seen = newsletters_where(session, visit, Permission.OPERATE)
                suppressions = find_suppressions(session, address, pseudonyms, newsletter_ids=seen)
        except ListError as failure:
            error = failure.in_language(visit.language)
        return pages.show_to(
            visit,
            request,
            "operations/suppressions.html",
            status=400 if error else 200,
            address=address,
            found=suppressions,
            error=error,
        )

    return router
