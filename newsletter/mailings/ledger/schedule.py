"""Schedules: rows with a due time that every round looks at; nothing waits in the broker."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from newsletter.database.engine import transaction
from newsletter.database.states import moving_mailings
from newsletter.database.tables import (
    MailingRow,
    NewsletterRow,
    SubscriptionRow,
)
from newsletter.database.types import now
from newsletter.database.vocabulary import MailingKind, MailingState
from newsletter.errors import ConflictError, ContentError, Place
from newsletter.i18n.messages import msg


@dataclass(frozen=True, kw_only=True, slots=True)
class Schedule:
    """When a mailing goes out.

    Attributes:
        hour: The wall-clock time, without a zone; None for at once.
        everywhere: Whether each subscriber's own clock counts, not the newsletter's.
        spread: Over how long it is sent.
    """

    hour: datetime | None = None
    everywhere: bool = False
    spread: timedelta = timedelta()


AT_ONCE = Schedule()
_LONGEST_HOURS = 168
#: Years that every zone's clock can show, and that somebody may have meant.
_YEARS = range(1971, 9000)
#: What browsers send of a year with a digit too many.
_LONG_YEAR = re.compile(r"\s*\+?\d{5,9}-")
#: Why what nobody saw to in time is held; a new hour, or a word to resume it, lets it go.
MISSED = msg(
    "It was due while no worker was running, longer ago than GRACE_MINUTES. "
    "Resume it to send it now, change its time, or cancel it."
)
#: An hour further off than so many days is a slip of the pen, such as a wrong year.
FARTHEST_DAYS = 366


def read_spread(hours: str | float) -> timedelta:
    """Read over how many hours a mailing is spread; blank for none.

    Raises:
        ConflictError: It is no number, less than nothing, or more than a week.
    """
    try:
        spread = float(hours or 0)
    except ValueError:
        spread = -1.0
    if not 0 <= spread <= _LONGEST_HOURS:
        raise ConflictError(
            msg("Choose from 0 to {hours} hours.", hours=_LONGEST_HOURS), place=Place(field="over")
        )
    return timedelta(hours=spread)


def schedule_to_json(schedule: Schedule) -> dict[str, Any]:
    """Return a schedule as JSON that `schedule_from_json` reads."""
    return {
        "hour": schedule.hour.isoformat() if schedule.hour else "",
        "everywhere": schedule.everywhere,
        "spread_seconds": int(schedule.spread.total_seconds()),
    }


def schedule_from_json(data: Mapping[str, Any]) -> Schedule:
    """Return what `schedule_to_json` wrote."""
    hour = data.get("hour")
    return Schedule(
        hour=datetime.fromisoformat(hour) if hour else None,
        everywhere=bool(data.get("everywhere")),
        spread=timedelta(seconds=int(data.get("spread_seconds", 0))),
    )


_EXAMPLE = msg("Write it as 2026-12-01 08:00, in the newsletter’s time zone.")


#: Where a form has the hour of the first message.
_HOUR_FIELD = Place(field="hour")


def read_hour(text: str, place: Place = _HOUR_FIELD) -> datetime:
    """Read ``2026-12-01 08:00`` or ``2026-12-01T08:00``; ``place`` is where it was written.

    Raises:
        ContentError: It is blank, no such time, names a zone, or is of a year that nobody can mean.
    """
    if not text.strip():
        raise ContentError(
            msg("The date and time are missing."),
            place=place,
            remedy=_EXAMPLE,
        )
    try:
        hour = datetime.fromisoformat(text.strip())
    except ValueError:
        hour = None
    if (hour is None and _LONG_YEAR.match(text)) or (hour and hour.year >= _YEARS.stop):
        raise ContentError(
            msg("That time is more than {days} days ahead.", days=FARTHEST_DAYS),
            place=place,
            remedy=msg("Check the year."),
        )
    if hour is not None and hour.year < _YEARS.start:
        raise ContentError(
            msg("That time has already passed."),
            place=place,
            remedy=msg("Check the year."),
        )
    if hour is None or hour.tzinfo is not None or "T" not in text.strip().replace(" ", "T"):
        raise ContentError(
            msg("“{text}” is not a date with a time.", text=text),
            place=place,
            remedy=_EXAMPLE,
        )
    return hour


def due_in(zone: str, hour: datetime, *, fallback: str) -> datetime:
    """Return the instant at which clocks in ``zone`` show ``hour``.

    An hour that a change to summer time leaves out counts as if clocks had not moved; of one that
    comes twice, the first is meant (PEP 495).
    """
    try:
        place = ZoneInfo(zone or fallback)
    except (ZoneInfoNotFoundError, ValueError):
        place = ZoneInfo(fallback)
    return hour.replace(tzinfo=place).astimezone(UTC)


def first_hour(session: Session, newsletter: NewsletterRow, schedule: Schedule) -> datetime | None:
    """Return the instant at which the first message is due; None for at once."""
    if schedule.hour is None:
        return None
    zones: Iterable[str] = [newsletter.time_zone]
    if schedule.everywhere:
        zones = {newsletter.time_zone, *_zones(session, newsletter.id)}
    return min(due_in(zone, schedule.hour, fallback=newsletter.time_zone) for zone in zones)


def demand_hour(session: Session, newsletter: NewsletterRow, schedule: Schedule) -> datetime | None:
    """Return what `first_hour` does, of a schedule that may be ordered now.

    Raises:
        ConflictError: The hour has passed, or is further off than a year.
    """
    first = first_hour(session, newsletter, schedule)
    if first is None:
        return None
    moment = now()
    if first <= moment:
        raise ConflictError(msg("That time has already passed."), place=_HOUR_FIELD)
    if first > moment + timedelta(days=FARTHEST_DAYS):
        raise ConflictError(
            msg("That time is more than {days} days ahead.", days=FARTHEST_DAYS),
            place=_HOUR_FIELD,
            remedy=msg("Check the year."),
        )
    return first


def _zones(session: Session, newsletter_id: int) -> Sequence[str]:
    return session.scalars(
        select(SubscriptionRow.time_zone)
        .where(SubscriptionRow.newsletter_id == newsletter_id)
        .distinct()
    ).all()


def start_due_mailings(engine: Engine, *, grace: timedelta) -> None:
    """Let what is due be planned; hold what nobody saw to in time."""
    moment = now()
    due = MailingRow.scheduled_at <= moment
    scheduled = {MailingState.SCHEDULED}
    late = MailingRow.scheduled_at < moment - grace
    with transaction(engine) as session:
        session.execute(
            moving_mailings(MailingState.PAUSED, sources=scheduled)
            .where(due, late)
            .values(halt_reason=MISSED)
        )
        session.execute(moving_mailings(MailingState.PLANNING, sources=scheduled).where(due, ~late))


#: Of a newsletter that was never scheduled.
_FIRST = time(9, 0)


def propose_hour(session: Session, newsletter: NewsletterRow, day: date) -> datetime:
    """Return when an issue would go out as its newsletter usually does, on the newsletter's clock.

    That is on its day at the hour of the newest mailing that was scheduled; where this has passed,
    on the next day that is still to come.
    """
    zone = ZoneInfo(newsletter.time_zone)
    newest = session.scalars(
        select(MailingRow)
        .where(
            MailingRow.newsletter_id == newsletter.id,
            MailingRow.kind == MailingKind.ISSUE,
            MailingRow.scheduled_at.is_not(None),
        )
        .order_by(MailingRow.id.desc())
        .limit(1)
    ).one_or_none()
    hour = _FIRST
    if newest is not None and newest.local_hour:
        hour = datetime.fromisoformat(newest.local_hour).time()
    elif newest is not None and newest.scheduled_at is not None:
        hour = newest.scheduled_at.astimezone(zone).time()
    moment = now().astimezone(zone).replace(tzinfo=None)
    today = datetime.combine(moment.date(), hour)
    return max(datetime.combine(day, hour), today if today > moment else today + timedelta(days=1))
