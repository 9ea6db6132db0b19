"""When a step is due for a reader, and when dates begin a series: days and hours, no database."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from newsletter.errors import ConflictError
from newsletter.i18n.messages import msg
from newsletter.mailings.ledger.schedule import due_in

#: A step that could not be sent on its day is sent up to so many days later, and passed over then.
KEPT_DAYS = 7
LONGEST_DELAY = 730
LONGEST_OFFSET = 366


@dataclass(frozen=True, kw_only=True, slots=True)
class Timing:
    """When a step follows what comes before it; see `SeriesStepRow`."""

    delay_days: int = 0
    hour: str = ""
    own_clock: bool = False

    @property
    def at_once(self) -> bool:
        """Whether it follows immediately."""
        return not self.delay_days and not self.hour


def read_timing(delay: str | int, hour: str, *, own_clock: bool) -> Timing:
    """Read when a step is to be sent.

    Raises:
        ConflictError: The days are no whole number in bounds, the hour is none, or a step that
            waits for days has no hour.
    """
    try:
        days = int(delay)
    except ValueError:
        days = -1
    if not 0 <= days <= LONGEST_DELAY:
        raise ConflictError(msg("Choose a delay of 0 to {limit} days.", limit=LONGEST_DELAY))
    text = hour.strip()
    if text:
        try:
            text = time.fromisoformat(text).strftime("%H:%M")
        except ValueError:
            raise ConflictError(
                msg("“{text}” is not a time of day.", text=text[:20]),
                remedy=msg("Write it as 08:00."),
            ) from None
    elif days:
        raise ConflictError(
            msg("A step that is sent days later needs a time of day."),
            remedy=msg("Write it as 08:00."),
        )
    return Timing(delay_days=days, hour=text, own_clock=own_clock)


def due_at(
    timing: Timing, *, since: datetime, from_day: date | None, zone: str, newsletter_zone: str
) -> datetime:
    """Return when a step is due.

    A delay counts days of the calendar. Without one, an hour is the next time that a clock shows
    it.

    Args:
        timing: The step's.
        since: When the step before it was sent, or the series began.
        from_day: The day it counts from instead.
        zone: The reader's time zone; empty for the newsletter's.
        newsletter_zone: The newsletter's.
    """
    if timing.at_once and from_day is None:
        return since
    place = (zone if timing.own_clock else "") or newsletter_zone
    day = from_day or _day_in(place, since, newsletter_zone)
    hour = time.fromisoformat(timing.hour or "00:00")
    due = due_in(
        place,
        datetime.combine(day + timedelta(days=timing.delay_days), hour),
        fallback=newsletter_zone,
    )
    if due < since and from_day is None:
        later = datetime.combine(day + timedelta(days=timing.delay_days + 1), hour)
        due = due_in(place, later, fallback=newsletter_zone)
    return due


def next_day(moment: datetime, hour: str, zone: str) -> datetime:
    """Return when a step that has to wait for another day is due: at its hour, or as late."""
    local = moment.astimezone(ZoneInfo(zone))
    at = time.fromisoformat(hour) if hour else local.time()
    return due_in(zone, datetime.combine(local.date() + timedelta(days=1), at), fallback=zone)


def day_of(moment: datetime, zone: str) -> date:
    """Return the day that it is in a newsletter's zone."""
    return moment.astimezone(ZoneInfo(zone)).date()


def _day_in(place: str, moment: datetime, fallback: str) -> date:
    try:
        zone = ZoneInfo(place)
    except (ZoneInfoNotFoundError, ValueError):
        zone = ZoneInfo(fallback)
    return moment.astimezone(UTC).astimezone(zone).date()


@dataclass(frozen=True, kw_only=True, slots=True)
class DatedStart:
    """A day on which dates begin a series.

    Attributes:
        day: On which it begins.
        event: What names the event: the date, or its year where it comes back.
        values: The dates that do: whole ones, or months with days of any year up to ``year``.
    """

    day: date
    event: str
    values: tuple[str, ...]
    year: int | None


def dated_starts(
    today: date, *, activated_on: date, offset_days: int, yearly: bool
) -> Iterator[DatedStart]:
    """Yield the days whose dates begin a series now.

    Tomorrow is among them, as it begins earlier east of the newsletter; and the days of a week
    before, in case nothing ran on them. Who was born on a 29 February has the 28th in other years.
    """
    for back in range(-1, KEPT_DAYS + 1):
        day = today - timedelta(days=back)
        if day < activated_on:
            continue
        fell = day - timedelta(days=offset_days)
        if not yearly:
            yield DatedStart(day=day, event=fell.isoformat(), values=(fell.isoformat(),), year=None)
            continue
        values = [f"{fell:%m-%d}"]
        if values == ["02-28"] and (fell + timedelta(days=1)).month == 3:  # noqa: PLR2004 - March
            values.append("02-29")
        yield DatedStart(day=day, event=f"{fell:%Y}", values=tuple(values), year=fell.year)
