"""The page of operations, which shows at a glance whether something is wrong."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import Form, Query
from fastapi.responses import HTMLResponse, RedirectResponse, Response, StreamingResponse

from newsletter.accounts.permissions import Permission
from newsletter.database.engine import reading
from newsletter.database.vocabulary import DeliveryState
from newsletter.errors import ConflictError, ListError, NewsletterError, OrderError
from newsletter.mailings.ledger.settlement import list_deliveries
from newsletter.operations.alarms import find_alarms
from newsletter.operations.alarms.model import Alarm, AlarmSeverity, places_of
from newsletter.operations.overview import Overview
from newsletter.web.access import OperatorVisit, Requires, Visit, newsletters_where
from newsletter.web.charts import STACK, stacked_bars
from newsletter.web.operations.actions import (
    OrderForm,
    carry_out,
    find_form,
    read_object,
    require_right,
)
from newsletter.web.pages import show_page
from newsletter.web.routing import Router
from newsletter.web.streams import live
from subscribers.suppression import find_suppressions
from workers.transports import relay_names

_Field = Annotated[str, Form(max_length=500)]
_Name = Annotated[str, Query(max_length=320)]
_TICK_SECONDS = 2.0
_LISTED = 200
_LIVE = "operations/live.html"


def values_of(seen: Overview) -> dict[str, Any]:
    """Return the values for the live part of the page."""
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


router = Router(prefix="/operate")


@router.get("")
def show_overview(visit: OperatorVisit) -> HTMLResponse:
    """Show the page."""
    # On a local installation, all requests come from this machine without a proxy.
    proxy = "" if visit.site.settings.is_local else visit.request.app.state.clients.proxy
    return show_page(visit, "operations/overview.html", proxy=proxy, **_values(visit))


@router.get("/events")
def stream(visit: OperatorVisit) -> StreamingResponse:
    """Return its live part, whenever it changed."""

    def show(now: Visit) -> tuple[str, bool]:
        shown = visit.site.pages.render(
            _LIVE, language=now.language, zone=now.time_zone, visit=now, **_values(now)
        )
        return shown, True

    return live(visit, Requires(Permission.OPERATE), show, seconds=_TICK_SECONDS)


@router.get("/orders/{name}")
def ask(name: str, visit: OperatorVisit, on: _Name = "") -> Response:
    """Ask for what an order needs."""
    form = find_form(name)
    try:
        target = read_object(form, on)
        require_right(visit.engine, visit, form, target)
    except (ListError, ConflictError) as error:
        return _refuse(visit, error)
    return _ask(visit, name, form, target)


@router.post("/orders/{name}")
def give(
    name: str,
    visit: OperatorVisit,
    on: _Field = "",
    action: _Field = "",
    reason: _Field = "",
    position: Annotated[list[int] | None, Form()] = None,
) -> Response:
    """Carry out an order."""
    form = find_form(name)
    try:
        target = read_object(form, on)
    except ListError as error:
        return _refuse(visit, error)
    try:
        carry_out(
            visit.engine,
            visit,
            form,
            action,
            on=target,
            reason=reason,
            positions=position or (),
            relays=relay_names(visit.site.settings),
            look_now=visit.site.look_now,
        )
    except (OrderError, ConflictError) as error:
        status = 409 if isinstance(error, ConflictError) else 400
        return _ask(
            visit,
            name,
            form,
            target,
            status=status,
            error=error,
            reason=reason,
        )
    return RedirectResponse("/operate", status_code=303)


@router.get("/suppressions")
def ask_for_address(visit: OperatorVisit) -> HTMLResponse:
    """Ask for the address."""
    return show_page(visit, "operations/suppressions.html", address="", found=None, error=None)


@router.post("/suppressions")
def show_suppressions(visit: OperatorVisit, address: _Field = "") -> HTMLResponse:
    """Show why an address gets no mail."""
    # The form uses POST, so that the address is in no URL, history or log.
    error: ListError | None = None
    suppressions = None
    try:
        with reading(visit.engine) as session:
            seen = newsletters_where(session, visit, Permission.OPERATE)
            suppressions = find_suppressions(
                session, address, visit.site.pseudonyms, newsletter_ids=seen
            )
    except ListError as failure:
        error = failure
    return show_page(
        visit,
        "operations/suppressions.html",
        status=400 if error else 200,
        address=address,
        found=suppressions,
        error=error,
    )


def _values(visit: Visit) -> dict[str, Any]:
    """Return the values of the page for the newsletters that the account operates."""
    seen = visit.site.look_now()
    with reading(visit.engine) as session:
        only = newsletters_where(session, visit, Permission.OPERATE)
    if only is not None:
        seen = seen.within(only)
    return values_of(seen)


def _ask(
    visit: Visit,
    name: str,
    form: OrderForm,
    on: str,
    *,
    status: int = 200,
    error: NewsletterError | None = None,
    reason: str = "",
) -> HTMLResponse:
    """Show the form of an order, with an error about the input."""
    listed: Sequence[object] = ()
    if form.lists is not None:
        listed = list_deliveries(visit.engine, form.lists, mailing_id=int(on), limit=_LISTED)
    return show_page(
        visit,
        "operations/action.html",
        status=status,
        order=name,
        form=form,
        on=on,
        alarm=_alarm_named(visit, on) if form.noun == "alarm" else None,
        listed=listed,
        most=_LISTED,
        error=error,
        reason=reason,
    )


def _alarm_named(visit: Visit, key: str) -> Alarm | None:
    return next((each for each in find_alarms(visit.site.look_now()) if each.key == key), None)


def _refuse(visit: Visit, error: NewsletterError) -> HTMLResponse:
    """Show the page with the error of an order that was refused."""
    return show_page(
        visit,
        "operations/overview.html",
        status=400,
        error=error,
        **_values(visit),
    )
