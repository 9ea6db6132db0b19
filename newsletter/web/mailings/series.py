"""Routes for series: add, change, delete, activate, enrol members, pause, resume and end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from fastapi import Form, Query
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
    SeriesRevision,
    TypedSeries,
    change_series,
    lead_to,
    read_since,
    show_confirmation,
    show_series,
    show_series_list,
)
from newsletter.web.routing import Router

_TypedForm = Annotated[TypedSeries, Form()]


router = Router(prefix=SERIES_PATH)


@router.get("")
def _show_list(visit: SeeingVisit) -> HTMLResponse:
    return show_series_list(visit)


@router.post("")
def _add(visit: EditorVisit, typed: _TypedForm) -> Response:
    try:
        with transaction(visit.engine) as session:
            row = newsletter_of(session, visit)
            series = actions.add_series(session, visit.actor, row, typed.plan())
    except (ConflictError, ListError) as error:
        return show_series_list(visit, typed=typed, error=error)
    return lead_to(visit, f"/{series.id}?done=added")


@router.get("/{number}")
def _show_one(number: int, visit: SeeingVisit) -> HTMLResponse:
    return show_series(visit, number)


@router.post("/{number}")
def _change(number: int, visit: EditorVisit, typed: _TypedForm) -> Response:
    def act(session: Session, row: Newsletter) -> object:
        return actions.change_series(
            session, visit.actor, row, number, typed.plan(), revision=typed.revision
        )

    return change_series(visit, number, act, "saved")


@router.post("/{number}/delete")
def _delete(number: int, visit: EditorVisit, revision: SeriesRevision) -> Response:
    try:
        with transaction(visit.engine) as session:
            row = newsletter_of(session, visit)
            actions.delete_series(session, visit.actor, row.id, number, revision=revision)
    except ConflictError as error:
        return show_series(visit, number, error=error)
    return lead_to(visit, "?done=deleted")


_Day = Annotated[str, Query(max_length=10)]


@router.get("/{number}/activate")
def _confirm(number: int, visit: SeeingVisit, since: _Day = "") -> HTMLResponse:
    return show_confirmation(visit, number, since, activates=True)


@router.post("/{number}/activate")
def _activate(
    number: int,
    visit: SeeingVisit,
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
            visit.site.settings,
            revision=revision,
            digest=digest,
            joined_since=read_since(since) if since else None,
        )

    return change_series(visit, number, act, "activated")


@router.get("/{number}/enrol")
def _confirm_members(number: int, visit: SeeingVisit, since: _Day = "") -> HTMLResponse:
    return show_confirmation(visit, number, since, activates=False)


@router.post("/{number}/enrol")
def _enrol(
    number: int,
    visit: SeeingVisit,
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

    return change_series(visit, number, act, "enrolled")


def _add_order(verb: str, action: Action, order: Callable[..., object]) -> None:
    @router.post(f"/{{number}}/{verb}", dependencies=[doing(action)])
    def run(number: int, visit: SeeingVisit, revision: SeriesRevision) -> Response:
        def do(session: Session, row: Newsletter) -> object:
            return order(session, visit.actor, row.id, number, revision=revision)

        return change_series(visit, number, do, verb)


for _verb, _action, _order in (
    ("pause", Action.SERIES_PAUSE, running.pause_series),
    ("resume", Action.SERIES_RESUME, running.resume_series),
    ("end", Action.SERIES_END, running.end_series),
):
    _add_order(_verb, _action, _order)
