"""Schedules: when a mailing is sent.

A due time is a column of the mailing that every round compares with the clock; the broker holds no
delayed tasks.
"""

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
    """When a mailing is sent.

    Attributes:
        hour: The wall-clock time, without a zone; None to send at once.
        everywhere: Whether ``hour`` is in each subscriber's own time zone instead of the
            newsletter's.
        spread: The time over which the batches are distributed.
    """

    hour: datetime | None = None
    everywhere: bool = False
    spread: timedelta = timedelta()


AT_ONCE = Schedule()
_LONGEST_HOURS = 168
#: Plausible years that can be converted between all time zones.
_YEARS = range(1971, 9000)
#: The form in which browsers submit a year with too many digits.
_LONG_YEAR = re.compile(r"\s*\+?\d{5,9}-")
#: The reason for pausing a mailing that became due long ago; resuming or rescheduling sends it.
MISSED = msg(
    "It was due while no worker was running, longer ago than GRACE_MINUTES. "
    "Resume it to send it now, change its time, or cancel it."
)
#: The maximum number of days ahead; a later time is a typing error, such as a wrong year.
FARTHEST_DAYS = 366


def read_spread(hours: str | float) -> timedelta:
    """Parse the hours over which a mailing is spread; blank means none.

    Raises:
        ConflictError: The text is not a number from 0 to a week's hours.
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
    """Return the schedule that `schedule_to_json` wrote."""
    hour = data.get("hour")
    return Schedule(
        hour=datetime.fromisoformat(hour) if hour else None,
        everywhere=bool(data.get("everywhere")),
        spread=timedelta(seconds=int(data.get("spread_seconds", 0))),
    )


_EXAMPLE = msg("Write it as 2026-12-01 08:00, in the newsletter’s time zone.")


#: The form field with the time of the first message.
_HOUR_FIELD = Place(field="hour")


def read_hour(text: str, place: Place = _HOUR_FIELD) -> datetime:
    """Parse ``2026-12-01 08:00`` or ``2026-12-01T08:00``; errors name ``place``.

    Raises:
        ContentError: The text is blank, is not a valid time, has a zone, or its year is
            implausible.
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

    A time that is skipped when summer time begins is read with the offset from before the change;
    a time that occurs twice is its first occurrence (PEP 495).
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


def require_hour(
    session: Session, newsletter: NewsletterRow, schedule: Schedule
) -> datetime | None:
    """Return the result of `first_hour`, after checking that the schedule may be ordered now.

    Raises:
        ConflictError: The time has passed, or is more than `FARTHEST_DAYS` ahead.
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
    """Move due mailings to ``planning``; pause those that were due before the grace period."""
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


#: The proposed time for a newsletter that has had no scheduled mailing.
_FIRST = time(9, 0)
#: How long subjects are compared, if nobody says otherwise.
_COMPARED = timedelta(hours=4)


@dataclass(frozen=True, kw_only=True, slots=True)
class ProposedTime:
    """The times that a form for sending begins with, in the newsletter's time zone.

    Attributes:
        hour: The start.
        is_usual: Whether the newsletter is usually sent at a chosen time, not at once.
        decide: When subjects that are compared are decided on.
    """

    hour: datetime
    is_usual: bool
    decide: datetime


def propose_time(session: Session, newsletter: NewsletterRow, day: date) -> ProposedTime:
    """Return likely times to send an issue.

    The start is the issue's date at the time of day of the newest scheduled mailing, or, if that
    has passed, the same time of day today or tomorrow.
    """
    zone = ZoneInfo(newsletter.time_zone)
    issues = (MailingRow.newsletter_id == newsletter.id, MailingRow.kind == MailingKind.ISSUE)
    newest = select(MailingRow).where(*issues).order_by(MailingRow.id.desc()).limit(1)
    last = session.scalars(newest).one_or_none()
    scheduled = session.scalars(newest.where(MailingRow.scheduled_at.is_not(None))).one_or_none()
    hour = _FIRST
    if scheduled is not None and scheduled.local_hour:
        hour = datetime.fromisoformat(scheduled.local_hour).time()
    elif scheduled is not None and scheduled.scheduled_at is not None:
        hour = scheduled.scheduled_at.astimezone(zone).time()
    moment = now().astimezone(zone).replace(tzinfo=None)
    today = datetime.combine(moment.date(), hour)
    begins = max(
        datetime.combine(day, hour), today if today > moment else today + timedelta(days=1)
    )
    is_usual = last is not None and last.scheduled_at is not None
    full_hour = moment.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    decide = (begins if is_usual else full_hour) + _COMPARED
    return ProposedTime(hour=begins, is_usual=is_usual, decide=decide)
