"""Routes for the steps of a series: add, change, move, test and publish, and the mail of a step."""

from __future__ import annotations

from typing import Annotated

from fastapi import Form
from fastapi.responses import HTMLResponse, Response
from pydantic import BaseModel
from sqlalchemy.orm import Session

from newsletter.accounts.audit_actions import Action
from newsletter.database.engine import reading
from newsletter.mailings.orders.test_mails import recipients_of
from newsletter.mailings.planning.shown_as import sample_reader
from newsletter.mailings.series import actions, activation
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
    change_series,
)
from newsletter.web.routing import Router


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


router = Router(prefix=SERIES_PATH)


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
