"""Series and their steps: add, change, delete, activate, enrol, pause, publish, end.

The pages are the list, a series with its steps, and the effect of activating a series.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from typing import Annotated

from fastapi import Form, Query
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from pydantic import BaseModel, StringConstraints
from sqlalchemy.orm import Session

from newsletter.accounts.audit_actions import Action
from newsletter.database.engine import reading, transaction
from newsletter.database.vocabulary import EnrolmentState, FieldType, SeriesState, SeriesTrigger
from newsletter.database.words import name_of
from newsletter.errors import ConflictError, ContentError, ListError, NewsletterError, Place
from newsletter.i18n.messages import msg
from newsletter.issues.drafts.editions import check_day, read_day
from newsletter.mailings.orders.test_mails import list_groups, recipients_of
from newsletter.mailings.planning.shown_as import sample_reader
from newsletter.mailings.series import actions, activation, running
from newsletter.mailings.series.actions import SeriesPlan
from newsletter.mailings.series.due import Timing, read_timing
from newsletter.mailings.series.figures import get_series, list_series, shown_steps, sums_of
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
from newsletter.web.pages import show_page
from newsletter.web.routing import Router
from subscribers.fields.store import list_fields
from subscribers.segments.saved import list_segments

#: The path of a newsletter's series.
SERIES_PATH = "/newsletters/{newsletter}/series"
SeriesRevision = Annotated[int, Form()]
SeriesDigest = Annotated[str, Form(max_length=64)]
SeriesText = Annotated[str, StringConstraints(max_length=500)]
SeriesWord = Annotated[str, StringConstraints(max_length=40)]


class TypedSeries(BaseModel):
    """The form of a series."""

    name: SeriesText = ""
    trigger: SeriesWord = SeriesTrigger.JOINED.value
    tag: SeriesText = ""
    field: SeriesWord = ""
    yearly: SeriesWord = ""
    days: SeriesWord = "0"
    side: SeriesWord = "after"
    condition: Annotated[str, StringConstraints(max_length=8000)] = ""
    revision: int = 0

    def plan(self) -> SeriesPlan:
        """Return the plan of the form.

        Raises:
            ListError: The days are not a number.
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


def show_series_list(
    visit: Visit,
    *,
    typed: TypedSeries | None = None,
    error: NewsletterError | None = None,
) -> HTMLResponse:
    """Show all series, and the form for a new one."""
    with reading(visit.engine) as session:
        row = newsletter_of(session, visit)
        series = list_series(session, row.id)
        choices = _choices(session, row)
    return show_page(
        visit,
        "mailings/series_list.html",
        status=400 if error else 200,
        newsletter=row,
        series=series,
        typed=typed or TypedSeries(),
        error=error,
        name_of=name_of,
        notice=visit.request.query_params.get("done", ""),
        **choices,
    )


def show_series(
    visit: Visit,
    number: int,
    *,
    error: NewsletterError | None = None,
) -> HTMLResponse:
    """Show a series with its steps and their results."""
    with reading(visit.engine) as session:
        row = newsletter_of(session, visit)
        series = get_series(session, row.id, number)
        sums = sums_of(session, series.id, visit.site.figures)
        steps, may_run = shown_steps(session, series.id), visit.may(running.needed_to_run(row))
        # The hashes of the mails that may be published, by step.
        digests = {
            each.step.id: activation.digest_of_step(session, row, each.step, visit.site.settings)
            for each in steps
            if may_run
            and series.state is not SeriesState.DRAFT
            and each.step.draft_id
            and (each.is_changed or not each.step.version)
        }
        return show_page(
            visit,
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
            own_address=visit.address,
            counts_clicks=row.count_clicks,
            notice=visit.request.query_params.get("done", ""),
            **_choices(session, row),
        )


def show_confirmation(visit: Visit, number: int, since: str, *, activates: bool) -> HTMLResponse:
    """Show the effect of activating a series or of enrolling members."""
    day, error = _day(since)
    with reading(visit.engine) as session:
        row = newsletter_of(session, visit)
        series = get_series(session, row.id, number)
        reviewed = activation.review_activation(
            session, row, series, visit.site.settings, actor=visit.actor, joined_since=day
        )
    return show_page(
        visit,
        "mailings/series_confirm.html",
        newsletter=row,
        series=series,
        activation=reviewed,
        activates=activates,
        since=day.isoformat() if day else "",
        typed_since=since,
        error=error,
        may_run=visit.may(running.needed_to_run(row)),
    )


def change_series(
    visit: Visit,
    number: int,
    change: Callable[[Session, Newsletter], object],
    done: str,
) -> Response:
    """Change a series and redirect to it; or show it with the error."""
    try:
        with transaction(visit.engine, long=True) as session:
            row = newsletter_of(session, visit)
            change(session, row)
    except (ConflictError, ContentError, ListError) as error:
        return show_series(visit, number, error=error)
    return lead_to(visit, f"/{number}?done={done}")


def _choices(session: Session, row: Newsletter) -> Mapping[str, object]:
    return {
        "dates": [field for field in list_fields(session, row.id) if field.type is FieldType.DATE],
        "segments": list_segments(session, row.id),
    }


def lead_to(visit: Visit, rest: str) -> RedirectResponse:
    """Redirect to the series of a newsletter, or to a path below."""
    slug = visit.path.split("/")[2]
    return RedirectResponse(f"/newsletters/{slug}/series{rest}", status_code=303)


def _day(text: str) -> tuple[date | None, NewsletterError | None]:
    if not text.strip():
        return None, None
    try:
        return read_since(text), None
    except ContentError as error:
        return None, error


def read_since(text: str) -> date:
    """Return the day of a form; it must be plausible for a newsletter.

    Raises:
        ContentError: The day is invalid or not plausible.
    """
    place = Place(field="since")
    return check_day(read_day(text, place), place)


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
