"""Routes for series: add, change, delete, activate, enrol members, pause, resume and end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from fastapi import Form, Query, Request
from fastapi.responses import HTMLResponse, Response
from sqlalchemy.orm import Session

from newsletter.accounts.audit_actions import Action
from newsletter.database.engine import transaction
from newsletter.errors import ConflictError, ListError
from newsletter.mailings.series import actions, activation, running
from newsletter.newsletters.publications import Newsletter
from newsletter.web.access import EditorVisit, SeeingVisit, doing, newsletter_of
from newsletter.web.mailings.series_pages import (
    SERIES_PATH,
    SeriesDigest,
    SeriesPages,
    SeriesRevision,
    TypedSeries,
    lead_to,
    read_since,
)
from newsletter.web.routing import Router

_TypedForm = Annotated[TypedSeries, Form()]


def series_router(shown: SeriesPages) -> Router:
    """Return the routes of the list of series and of each series."""
    router = Router(prefix=SERIES_PATH)

    @router.get("")
    def show_list(visit: SeeingVisit, request: Request) -> HTMLResponse:
        return shown.list(visit, request)

    @router.post("")
    def add(visit: EditorVisit, request: Request, typed: _TypedForm) -> Response:
        try:
            with transaction(shown.engine) as session:
                row = newsletter_of(session, visit)
                series = actions.add_series(session, visit.actor, row, typed.plan())
        except (ConflictError, ListError) as error:
            return shown.list(visit, request, typed=typed, error=error)
        return lead_to(visit, f"/{series.id}?done=added")

    @router.get("/{number}")
    def show_one(number: int, visit: SeeingVisit, request: Request) -> HTMLResponse:
        return shown.one(visit, request, number)

    @router.post("/{number}")
    def change(number: int, visit: EditorVisit, request: Request, typed: _TypedForm) -> Response:
        def act(session: Session, row: Newsletter) -> object:
            return actions.change_series(
                session, visit.actor, row, number, typed.plan(), revision=typed.revision
            )

        return shown.act(visit, request, number, act, "saved")

    @router.post("/{number}/delete")
    def delete(
        number: int, visit: EditorVisit, request: Request, revision: SeriesRevision
    ) -> Response:
        try:
            with transaction(shown.engine) as session:
                row = newsletter_of(session, visit)
                actions.delete_series(session, visit.actor, row.id, number, revision=revision)
        except ConflictError as error:
            return shown.one(visit, request, number, error=error)
        return lead_to(visit, "?done=deleted")

    return router


_Day = Annotated[str, Query(max_length=10)]


def running_router(shown: SeriesPages) -> Router:
    """Return the routes for activating a series, and for actions on an active series."""
    router = Router(prefix=SERIES_PATH)

    @router.get("/{number}/activate")
    def confirm(
        number: int, visit: SeeingVisit, request: Request, since: _Day = ""
    ) -> HTMLResponse:
        return shown.confirmation(visit, request, number, since, activates=True)

    @router.post("/{number}/activate")
    def activate(
        number: int,
        visit: SeeingVisit,
        request: Request,
        revision: SeriesRevision,
        digest: SeriesDigest = "",
        since: Annotated[str, Form(max_length=10)] = "",
    ) -> Response:
        def act(session: Session, row: Newsletter) -> object:
            return activation.activate(
                session,
                visit.actor,
                row,
                number,
                shown.settings,
                revision=revision,
                digest=digest,
                joined_since=read_since(since) if since else None,
            )

        return shown.act(visit, request, number, act, "activated")

    @router.get("/{number}/enrol")
    def confirm_members(
        number: int, visit: SeeingVisit, request: Request, since: _Day = ""
    ) -> HTMLResponse:
        return shown.confirmation(visit, request, number, since, activates=False)

    @router.post("/{number}/enrol")
    def enrol(
        number: int,
        visit: SeeingVisit,
        request: Request,
        revision: SeriesRevision,
        since: Annotated[str, Form(max_length=10)] = "",
    ) -> Response:
        def act(session: Session, row: Newsletter) -> object:
            return running.enrol_members(
                session,
                visit.actor,
                row,
                number,
                joined_since=read_since(since),
                revision=revision,
            )

        return shown.act(visit, request, number, act, "enrolled")

    for verb, action, order in (
        ("pause", Action.SERIES_PAUSE, running.pause_series),
        ("resume", Action.SERIES_RESUME, running.resume_series),
        ("end", Action.SERIES_END, running.end_series),
    ):
        _add_order(router, verb, action, order, shown)
    return router


def _add_order(
    router: Router,
    verb: str,
    action: Action,
    order: Callable[..., object],
    shown: SeriesPages,
) -> None:
    @router.post(f"/{{number}}/{verb}", dependencies=[doing(action)])
    def run(
        number: int, visit: SeeingVisit, request: Request, revision: SeriesRevision
    ) -> Response:
        def do(session: Session, row: Newsletter) -> object:
            return order(session, visit.actor, row.id, number, revision=revision)

        return shown.act(visit, request, number, do, verb)
