"""Due times of steps, and the days on which dates begin a series; without database access."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from newsletter.errors import ConflictError
from newsletter.i18n.messages import msg
from newsletter.mailings.ledger.schedule import due_in

#: The maximum delay, in days, with which a step is still sent; after that it is skipped.
KEPT_DAYS = 7
LONGEST_DELAY = 730
LONGEST_OFFSET = 366


@dataclass(frozen=True, kw_only=True, slots=True)
class Timing:
    """When a step follows the one before; see `SeriesStepRow`."""

    delay_days: int = 0
    hour: str = ""
    own_clock: bool = False

    @property
    def at_once(self) -> bool:
        """Whether it follows immediately."""
        return not self.delay_days and not self.hour


def read_timing(delay: str | int, hour: str, *, own_clock: bool) -> Timing:
    """Parse the timing of a step.

    Raises:
        ConflictError: The number of days or the time of day is not valid, or a step with a delay in
            days has no time of day.
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

    A delay counts calendar days. A time of day without a delay means its next occurrence.

    Args:
        timing: The timing of the step.
        since: When the step before was sent, or the series began.
        from_day: The day from which the delay counts, instead of that of ``since``.
        zone: The reader's time zone; empty for the newsletter's.
        newsletter_zone: The newsletter's time zone.
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
    """Return the time on the next day at which a postponed step is due.

    This is the step's time of day, or the present one if it has none.
    """
    local = moment.astimezone(ZoneInfo(zone))
    at = time.fromisoformat(hour) if hour else local.time()
    return due_in(zone, datetime.combine(local.date() + timedelta(days=1), at), fallback=zone)


def day_of(moment: datetime, zone: str) -> date:
    """Return the date in a time zone."""
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
        day: The day on which the series begins.
        event: The event's key: the date, or its year if it recurs yearly.
        values: The dates that begin it: complete ones, or months and days of any year up to
            ``year``.
    """

    day: date
    event: str
    values: tuple[str, ...]
    year: int | None


def dated_starts(
    today: date, *, activated_on: date, offset_days: int, yearly: bool
) -> Iterator[DatedStart]:
    """Yield the days whose dates begin a series now.

    They include tomorrow, which begins earlier in time zones east of the newsletter's, and the days
    of the last week, in case no worker was running. In other than leap years, 29 February counts as
    the 28th.
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
