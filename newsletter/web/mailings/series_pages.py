"""Pages of series: the list, a series with its steps, the effect of activating a series."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from typing import Annotated

from fastapi import Form
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from pydantic import BaseModel, StringConstraints
from sqlalchemy.orm import Session

from newsletter.database.engine import reading, transaction
from newsletter.database.vocabulary import EnrolmentState, FieldType, SeriesState, SeriesTrigger
from newsletter.database.words import name_of
from newsletter.errors import ConflictError, ContentError, ListError, NewsletterError, Place
from newsletter.i18n.messages import msg
from newsletter.issues.drafts.editions import check_day, read_day
from newsletter.mailings.orders.test_mails import list_groups
from newsletter.mailings.series import activation, running
from newsletter.mailings.series.actions import SeriesPlan
from newsletter.mailings.series.figures import get_series, list_series, shown_steps, sums_of
from newsletter.newsletters.publications import Newsletter
from newsletter.web.access import Visit, newsletter_of
from newsletter.web.pages import show_page
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
