"""Series: the list, and one of them added, changed and deleted."""

from __future__ import annotations

from typing import Annotated

from fastapi import Form, Request
from fastapi.responses import HTMLResponse, Response
from sqlalchemy.orm import Session

from newsletter.database.engine import transaction
from newsletter.errors import ConflictError, ListError
from newsletter.mailings.series import actions
from newsletter.newsletters.publications import Newsletter
from newsletter.web.access import EditorVisit, SeeingVisit, newsletter_of
from newsletter.web.mailings.series_pages import (
    SERIES_PATH,
    SeriesPages,
    SeriesRevision,
    TypedSeries,
    lead_to,
)
from newsletter.web.routing import Router

_TypedForm = Annotated[TypedSeries, Form()]


def series_router(shown: SeriesPages) -> Router:
    """Return the routes of the list of series, and of one of them."""
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
