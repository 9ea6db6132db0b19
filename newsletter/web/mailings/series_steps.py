"""Routes for the steps of a series: add, change, move, test and publish, and the mail of a step."""

from __future__ import annotations

from typing import Annotated

from fastapi import Form, Request
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
from newsletter.tokens import Pseudonyms
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
    SeriesPages,
    SeriesRevision,
    SeriesText,
    SeriesWord,
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


def steps_router(  # noqa: C901 - a list of routes
    shown: SeriesPages, pseudonyms: Pseudonyms
) -> Router:
    """Return the routes of a series' steps."""
    router = Router(prefix=SERIES_PATH)

    @router.post("/{number}/steps")
    def add_step(
        number: int, visit: EditorVisit, request: Request, typed: _TypedStepForm
    ) -> Response:
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

        return shown.act(visit, request, number, act, "step-added")

    @router.post("/{number}/steps/{step}/change")
    def change_step(
        number: int, step: int, visit: EditorVisit, request: Request, typed: _TypedStepForm
    ) -> Response:
        def act(session: Session, row: Newsletter) -> None:
            actions.change_step(
                session, visit.actor, row.id, step, typed.timing(), revision=typed.revision
            )

        return shown.act(visit, request, number, act, "saved")

    @router.post("/{number}/steps/{step}/move")
    def move_step(
        number: int,
        step: int,
        visit: EditorVisit,
        request: Request,
        revision: SeriesRevision,
        to: Annotated[str, Form(max_length=8)] = "",
    ) -> Response:
        def act(session: Session, row: Newsletter) -> None:
            actions.move_step(
                session, visit.actor, row.id, step, later=to == "later", revision=revision
            )

        return shown.act(visit, request, number, act, "moved")

    @router.post("/{number}/steps/{step}/remove")
    def remove_step(
        number: int, step: int, visit: EditorVisit, request: Request, revision: SeriesRevision
    ) -> Response:
        def act(session: Session, row: Newsletter) -> None:
            actions.remove_step(session, visit.actor, row.id, step, revision=revision)

        return shown.act(visit, request, number, act, "removed")

    @router.post("/{number}/steps/{step}/test")
    def test_step(
        number: int,
        step: int,
        visit: Annotated[Visit, doing(Action.SERIES_TEST)],
        request: Request,
        group: Annotated[str, Form(max_length=64)] = "",
        to: Annotated[str, Form(max_length=4000)] = "",
    ) -> Response:
        def act(session: Session, row: Newsletter) -> object:
            addresses = recipients_of(session, row.id, group=group, to=to)
            return activation.send_step_test(
                session, visit.actor, row, step, addresses, shown.settings, pseudonyms
            )

        return shown.act(visit, request, number, act, "tested")

    @router.post("/{number}/steps/{step}/apply")
    def apply_step(
        number: int,
        step: int,
        visit: SeeingVisit,
        request: Request,
        revision: SeriesRevision,
        digest: SeriesDigest = "",
    ) -> Response:
        def act(session: Session, row: Newsletter) -> None:
            activation.apply_step(
                session, visit.actor, row, step, shown.settings, revision=revision, digest=digest
            )

        return shown.act(visit, request, number, act, "applied")

    @router.get("/{number}/steps/{step}/mail")
    def show_step(step: int, visit: CommenterVisit) -> HTMLResponse:
        with reading(shown.engine) as session:
            row = newsletter_of(session, visit)
            rendered = activation.read_step(session, row, step, shown.settings)
        return mail_frame(rendered, sample_reader(visit.language), site=shown.settings.public_url)

    return router
