"""Series under way: activated, with members enrolled, paused, resumed and ended."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from fastapi import Form, Query, Request
from fastapi.responses import HTMLResponse, Response
from sqlalchemy.orm import Session

from newsletter.accounts.audit_actions import Action
from newsletter.mailings.series import activation, running
from newsletter.newsletters.publications import Newsletter
from newsletter.web.access import SeeingVisit, doing
from newsletter.web.mailings.series_pages import (
    SERIES_PATH,
    SeriesDigest,
    SeriesPages,
    SeriesRevision,
    read_since,
)
from newsletter.web.routing import Router

_Day = Annotated[str, Query(max_length=10)]


def running_router(shown: SeriesPages) -> Router:
    """Return the routes of activating a series and of what follows."""
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
