"""Series: the list, one with its steps as a time line, and the confirmation of activating it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Annotated

from fastapi import Form, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from pydantic import BaseModel, StringConstraints
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from newsletter.accounts.permissions import Permission
from newsletter.database.engine import reading, transaction
from newsletter.database.vocabulary import EnrolmentState, FieldType, SeriesState, SeriesTrigger
from newsletter.database.words import name_of
from newsletter.errors import ConflictError, ContentError, ListError, NewsletterError, Place
from newsletter.i18n.messages import msg
from newsletter.issues.drafts.days import check_day, read_day
from newsletter.mailings.orders.test_mails import list_groups, recipients_of
from newsletter.mailings.planning.shown_as import sample_reader
from newsletter.mailings.reports.cached_figures import Figures
from newsletter.mailings.series import actions, running
from newsletter.mailings.series.actions import SeriesPlan
from newsletter.mailings.series.due import Timing, read_timing
from newsletter.mailings.series.figures import get_series, list_series, shown_steps, sums_of
from newsletter.newsletters.publications import Newsletter
from newsletter.settings import Settings
from newsletter.tokens import Pseudonyms
from newsletter.web.access import (
    CommenterVisit,
    EditorVisit,
    SeeingVisit,
    TesterVisit,
    Visit,
    newsletter_of,
)
from newsletter.web.issues.shown_mail import mail_frame
from newsletter.web.pages import Pages
from newsletter.web.routing import Router
from subscribers.fields.store import list_fields
from subscribers.segments.saved import list_segments

_Revision = Annotated[int, Form()]
_Digest = Annotated[str, Form(max_length=64)]
_Text = Annotated[str, StringConstraints(max_length=500)]
_Word = Annotated[str, StringConstraints(max_length=40)]
_Day = Annotated[str, Query(max_length=10)]


class Typed(BaseModel):
    """What the form of a series has."""

    name: _Text = ""
    trigger: _Word = SeriesTrigger.JOINED.value
    tag: _Text = ""
    field: _Word = ""
    yearly: _Word = ""
    days: _Word = "0"
    side: _Word = "after"
    condition: Annotated[str, StringConstraints(max_length=8000)] = ""
    revision: int = 0

    def plan(self) -> SeriesPlan:
        """Return what it asks for.

        Raises:
            ListError: The days are no number.
        """
        trigger = SeriesTrigger(self.trigger) if self.trigger in set(SeriesTrigger) else None
        if trigger is None:
            raise ListError(msg("Choose what begins the series."))
        dated = trigger is SeriesTrigger.DATE
        if dated and not self.days.strip().isdecimal():
            raise ListError(msg("Enter how many days before or after the date."))
        days = int(self.days) if dated else 0
        return SeriesPlan(
            name=self.name,
            trigger=trigger,
            subject={SeriesTrigger.TAG: self.tag, SeriesTrigger.DATE: self.field}.get(trigger, ""),
            yearly=bool(self.yearly),
            offset_days=-days if self.side == "before" else days,
            condition=self.condition,
        )


class TypedStep(BaseModel):
    """What the form of a step has; ``when`` is ``once`` for at once."""

    title: _Text = ""
    when: _Word = "later"
    days: _Word = "0"
    hour: _Word = "08:00"
    own_clock: _Word = ""
    revision: int = 0

    def timing(self) -> Timing:
        """Return when the step follows.

        Raises:
            ConflictError: See `read_timing`.
        """
        if self.when == "once":
            return Timing()
        return read_timing(self.days, self.hour, own_clock=bool(self.own_clock))


_TypedForm = Annotated[Typed, Form()]
_TypedStepForm = Annotated[TypedStep, Form()]


@dataclass(frozen=True, kw_only=True, slots=True)
class _SeriesPages:
    engine: Engine
    settings: Settings
    figures: Figures
    pages: Pages

    def list(
        self,
        visit: Visit,
        request: Request,
        *,
        typed: Typed | None = None,
        error: NewsletterError | None = None,
    ) -> HTMLResponse:
        """Show all series, and the form for another."""
        with reading(self.engine) as session:
            row = newsletter_of(session, visit)
            series = list_series(session, row.id)
            choices = self._choices(session, row)
        return self.pages.show_to(
            visit,
            request,
            "mailings/series_list.html",
            status=400 if error else 200,
            newsletter=row,
            series=series,
            typed=typed or Typed(),
            error=error,
            name_of=name_of,
            may_write=visit.may(Permission.WRITE),
            notice=request.query_params.get("done", ""),
            **choices,
        )

    def one(
        self,
        visit: Visit,
        request: Request,
        number: int,
        *,
        error: NewsletterError | None = None,
    ) -> HTMLResponse:
        """Show a series with its steps and what came of them."""
        with reading(self.engine) as session:
            row = newsletter_of(session, visit)
            series = get_series(session, row.id, number)
            sums = sums_of(session, series.id, self.figures)
            steps, may_run = shown_steps(session, series.id), _may_run(visit, row)
            # Of the mails that may be put into effect, by their steps.
            digests = {
                each.step.id: running.digest_of_step(session, row, each.step, self.settings)
                for each in steps
                if may_run
                and series.state is not SeriesState.DRAFT
                and each.step.draft_id
                and (each.is_changed or not each.step.version)
            }
            return self.pages.show_to(
                visit,
                request,
                "mailings/series.html",
                status=400 if error else 200,
                newsletter=row,
                series=series,
                steps=steps,
                digests=digests,
                may_run=may_run,
                sums=sums.value,
                counted_at=sums.counted_at,
                groups=list_groups(session, row.id),
                error=error,
                name_of=name_of,
                part_names={state.value: state for state in EnrolmentState},
                may_write=visit.may(Permission.WRITE),
                shows_mail=visit.may(Permission.COMMENT),
                may_control=visit.may(Permission.CONTROL_MAILINGS),
                own_address=visit.address,
                counts_clicks=row.count_clicks,
                notice=request.query_params.get("done", ""),
                **self._choices(session, row),
            )

    def confirmation(
        self, visit: Visit, request: Request, number: int, since: str, *, activates: bool
    ) -> HTMLResponse:
        """Show what activating a series, or enrolling members, would do."""
        day, error = _day(since)
        with reading(self.engine) as session:
            row = newsletter_of(session, visit)
            series = get_series(session, row.id, number)
            activation = running.review_activation(
                session, row, series, self.settings, actor=visit.actor, joined_since=day
            )
        return self.pages.show_to(
            visit,
            request,
            "mailings/series_confirm.html",
            newsletter=row,
            series=series,
            activation=activation,
            activates=activates,
            since=day.isoformat() if day else "",
            typed_since=since,
            error=error,
            may_run=_may_run(visit, row),
            shows_mail=visit.may(Permission.COMMENT),
        )

    def _choices(self, session: Session, row: Newsletter) -> Mapping[str, object]:
        return {
            "dates": [
                field for field in list_fields(session, row.id) if field.type is FieldType.DATE
            ],
            "segments": list_segments(session, row.id),
        }


def _may_run(visit: Visit, newsletter: Newsletter) -> bool:
    needed = Permission.APPROVE if newsletter.approval_required else Permission.SEND
    return visit.rights.may(needed, newsletter.id)


def series_router(  # noqa: C901 - a list of routes
    settings: Settings, engine: Engine, figures: Figures, pages: Pages, pseudonyms: Pseudonyms
) -> Router:
    """Return the routes of series."""
    router = Router(prefix="/newsletters/{newsletter}/series")
    shown = _SeriesPages(engine=engine, settings=settings, figures=figures, pages=pages)

    def _act(
        visit: Visit,
        request: Request,
        number: int,
        act: Callable[[Session, Newsletter], object],
        done: str,
    ) -> Response:
        try:
            with transaction(engine, long=True) as session:
                row = newsletter_of(session, visit)
                act(session, row)
        except (ConflictError, ContentError, ListError) as error:
            return shown.one(visit, request, number, error=error)
        return _lead(visit, f"/{number}?done={done}")

    @router.get("")
    def show_list(visit: SeeingVisit, request: Request) -> HTMLResponse:
        return shown.list(visit, request)

    @router.post("")
    def add(visit: EditorVisit, request: Request, typed: _TypedForm) -> Response:
        try:
            with transaction(engine) as session:
                row = newsletter_of(session, visit)
                series = actions.add_series(session, visit.actor, row, typed.plan())
        except (ConflictError, ListError) as error:
            return shown.list(visit, request, typed=typed, error=error)
        return _lead(visit, f"/{series.id}?done=added")

    @router.get("/{number}")
    def show_one(number: int, visit: SeeingVisit, request: Request) -> HTMLResponse:
        return shown.one(visit, request, number)

    @router.post("/{number}")
    def change(number: int, visit: EditorVisit, request: Request, typed: _TypedForm) -> Response:
        def act(session: Session, row: Newsletter) -> object:
            return actions.change_series(
                session, visit.actor, row, number, typed.plan(), revision=typed.revision
            )

        return _act(visit, request, number, act, "saved")

    @router.post("/{number}/delete")
    def delete(number: int, visit: EditorVisit, request: Request, revision: _Revision) -> Response:
        try:
            with transaction(engine) as session:
                row = newsletter_of(session, visit)
                actions.delete_series(session, visit.actor, row.id, number, revision=revision)
        except ConflictError as error:
            return shown.one(visit, request, number, error=error)
        return _lead(visit, "?done=deleted")

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

        return _act(visit, request, number, act, "step-added")

    @router.post("/{number}/steps/{step}/change")
    def change_step(
        number: int, step: int, visit: EditorVisit, request: Request, typed: _TypedStepForm
    ) -> Response:
        def act(session: Session, row: Newsletter) -> None:
            actions.change_step(
                session, visit.actor, row.id, step, typed.timing(), revision=typed.revision
            )

        return _act(visit, request, number, act, "saved")

    @router.post("/{number}/steps/{step}/move")
    def move_step(
        number: int,
        step: int,
        visit: EditorVisit,
        request: Request,
        revision: _Revision,
        to: Annotated[str, Form(max_length=8)] = "",
    ) -> Response:
        def act(session: Session, row: Newsletter) -> None:
            actions.move_step(
                session, visit.actor, row.id, step, later=to == "later", revision=revision
            )

        return _act(visit, request, number, act, "moved")

    @router.post("/{number}/steps/{step}/remove")
    def remove_step(
        number: int, step: int, visit: EditorVisit, request: Request, revision: _Revision
    ) -> Response:
        def act(session: Session, row: Newsletter) -> None:
            actions.remove_step(session, visit.actor, row.id, step, revision=revision)

        return _act(visit, request, number, act, "removed")

    @router.post("/{number}/steps/{step}/test")
    def test_step(
        number: int,
        step: int,
        visit: TesterVisit,
        request: Request,
        group: Annotated[str, Form(max_length=64)] = "",
        to: Annotated[str, Form(max_length=4000)] = "",
    ) -> Response:
        def act(session: Session, row: Newsletter) -> object:
            addresses = recipients_of(session, row.id, group=group, to=to)
            return running.send_step_test(
                session, visit.actor, row, step, addresses, settings, pseudonyms
            )

        return _act(visit, request, number, act, "tested")

    @router.post("/{number}/steps/{step}/apply")
    def apply_step(
        number: int,
        step: int,
        visit: SeeingVisit,
        request: Request,
        revision: _Revision,
        digest: _Digest = "",
    ) -> Response:
        def act(session: Session, row: Newsletter) -> None:
            running.apply_step(
                session, visit.actor, row, step, settings, revision=revision, digest=digest
            )

        return _act(visit, request, number, act, "applied")

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
        revision: _Revision,
        digest: _Digest = "",
        since: Annotated[str, Form(max_length=10)] = "",
    ) -> Response:
        def act(session: Session, row: Newsletter) -> object:
            return running.activate(
                session,
                visit.actor,
                row,
                number,
                settings,
                revision=revision,
                digest=digest,
                joined_since=_read_day(since) if since else None,
            )

        return _act(visit, request, number, act, "activated")

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
        revision: _Revision,
        since: Annotated[str, Form(max_length=10)] = "",
    ) -> Response:
        def act(session: Session, row: Newsletter) -> object:
            return running.enrol_members(
                session,
                visit.actor,
                row,
                number,
                joined_since=_read_day(since),
                revision=revision,
            )

        return _act(visit, request, number, act, "enrolled")

    _add_mail(router, engine, settings)
    for verb, order in (
        ("pause", running.pause_series),
        ("resume", running.resume_series),
        ("end", running.end_series),
    ):
        _add_order(router, verb, order, _act)
    return router


def _add_mail(router: Router, engine: Engine, settings: Settings) -> None:
    @router.get("/{number}/steps/{step}/mail")
    def show_step(step: int, visit: CommenterVisit) -> HTMLResponse:
        with reading(engine) as session:
            row = newsletter_of(session, visit)
            rendered = running.read_step(session, row, step, settings)
        return mail_frame(rendered, sample_reader(visit.language), site=settings.public_url)


def _add_order(
    router: Router,
    verb: str,
    order: Callable[..., object],
    act: Callable[[Visit, Request, int, Callable[[Session, Newsletter], object], str], Response],
) -> None:
    @router.post(f"/{{number}}/{verb}")
    def run(number: int, visit: SeeingVisit, request: Request, revision: _Revision) -> Response:
        def do(session: Session, row: Newsletter) -> object:
            return order(session, visit.actor, row.id, number, revision=revision)

        return act(visit, request, number, do, verb)


def _lead(visit: Visit, rest: str) -> RedirectResponse:
    slug = visit.path.split("/")[2]
    return RedirectResponse(f"/newsletters/{slug}/series{rest}", status_code=303)


def _day(text: str) -> tuple[date | None, NewsletterError | None]:
    if not text.strip():
        return None, None
    try:
        return _read_day(text), None
    except ContentError as error:
        return None, error


def _read_day(text: str) -> date:
    """Read the day of a form; before any newsletter, or long after all, is none.

    Raises:
        ContentError: It is none.
    """
    place = Place(field="since")
    return check_day(read_day(text, place), place)
