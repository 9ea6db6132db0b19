"""Routes for series and their steps: add, change, delete, activate, enrol, pause, publish, end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from fastapi import Form, Query
from fastapi.responses import HTMLResponse, Response
from pydantic import BaseModel
from sqlalchemy.orm import Session

from newsletter.accounts.audit_actions import Action
from newsletter.database.engine import reading, transaction
from newsletter.errors import ConflictError, ListError
from newsletter.mailings.orders.test_mails import recipients_of
from newsletter.mailings.planning.shown_as import sample_reader
from newsletter.mailings.series import actions, activation, running
from newsletter.mailings.series.due import Timing, read_timing
from newsletter.newsletters.publications import Newsletter
from newsletter.web.access import (
    CommenterVisit,
    EditorVisit,
    SeeingVisit,
    Visit,
    doing,
    newsletter_of,
)
from newsletter.web.issues.shown_as import mail_frame
from newsletter.web.mailings.series_pages import (
    SERIES_PATH,
    SeriesDigest,
    SeriesRevision,
    SeriesText,
    SeriesWord,
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


class TypedStep(BaseModel):
    """The form of a step; ``when`` is ``once`` for immediate sending."""

    title: SeriesText = ""
    when: SeriesWord = "later"
    days: SeriesWord = "0"
    hour: SeriesWord = "08:00"
    own_clock: SeriesWord = ""
    revision: int = 0

    def timing(self) -> Timing:
        """Return the timing of the step.

        Raises:
            ConflictError: See `read_timing`.
        """
        if self.when == "once":
            return Timing()
        return read_timing(self.days, self.hour, own_clock=bool(self.own_clock))


_TypedStepForm = Annotated[TypedStep, Form()]


@router.post("/{number}/steps")
def _add_step(number: int, visit: EditorVisit, typed: _TypedStepForm) -> Response:
    def act(session: Session, row: Newsletter) -> object:
        return actions.add_step(
            session,
            visit.actor,
            row,
            number,
            typed.timing(),
            title=typed.title,
            revision=typed.revision,
        )

    return change_series(visit, number, act, "step-added")


@router.post("/{number}/steps/{step}/change")
def _change_step(number: int, step: int, visit: EditorVisit, typed: _TypedStepForm) -> Response:
    def act(session: Session, row: Newsletter) -> None:
        actions.change_step(
            session, visit.actor, row.id, step, typed.timing(), revision=typed.revision
        )

    return change_series(visit, number, act, "saved")


@router.post("/{number}/steps/{step}/move")
def _move_step(
    number: int,
    step: int,
    visit: EditorVisit,
    revision: SeriesRevision,
    to: Annotated[str, Form(max_length=8)] = "",
) -> Response:
    def act(session: Session, row: Newsletter) -> None:
        actions.move_step(
            session, visit.actor, row.id, step, later=to == "later", revision=revision
        )

    return change_series(visit, number, act, "moved")


@router.post("/{number}/steps/{step}/remove")
def _remove_step(number: int, step: int, visit: EditorVisit, revision: SeriesRevision) -> Response:
    def act(session: Session, row: Newsletter) -> None:
        actions.remove_step(session, visit.actor, row.id, step, revision=revision)

    return change_series(visit, number, act, "removed")


@router.post("/{number}/steps/{step}/test")
def _test_step(
    number: int,
    step: int,
    visit: Annotated[Visit, doing(Action.SERIES_TEST)],
    group: Annotated[str, Form(max_length=64)] = "",
    to: Annotated[str, Form(max_length=4000)] = "",
) -> Response:
    def act(session: Session, row: Newsletter) -> object:
        addresses = recipients_of(session, row.id, group=group, to=to)
        return activation.send_step_test(
            session, visit.actor, row, step, addresses, visit.site.settings, visit.site.pseudonyms
        )

    return change_series(visit, number, act, "tested")


@router.post("/{number}/steps/{step}/apply")
def _apply_step(
    number: int,
    step: int,
    visit: SeeingVisit,
    revision: SeriesRevision,
    digest: SeriesDigest = "",
) -> Response:
    def act(session: Session, row: Newsletter) -> None:
        activation.apply_step(
            session, visit.actor, row, step, visit.site.settings, revision=revision, digest=digest
        )

    return change_series(visit, number, act, "applied")


@router.get("/{number}/steps/{step}/mail")
def _show_step(step: int, visit: CommenterVisit) -> HTMLResponse:
    with reading(visit.engine) as session:
        row = newsletter_of(session, visit)
        rendered = activation.read_step(session, row, step, visit.site.settings)
    return mail_frame(rendered, sample_reader(visit.language), site=visit.site.settings.public_url)
