"""The growth of a newsletter's readers: joined and left per day, week or month, by cause."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from newsletter.database.tables import GrowthRow, SubscriberRow, SubscriptionRow
from newsletter.database.vocabulary import GrowthCause, SubscriptionState
from subscribers.suppression import is_suppressed


class PeriodLength(StrEnum):
    """The length of periods."""

    DAY = "day"
    #: From Monday to Sunday.
    WEEK = "week"
    MONTH = "month"

    def start(self, day: date) -> date:
        """Return the first day of the period that contains a day."""
        match self:
            case PeriodLength.DAY:
                return day
            case PeriodLength.WEEK:
                return day - timedelta(days=day.weekday())
            case PeriodLength.MONTH:
                return day.replace(day=1)

    def before(self, start: date) -> date:
        """Return the first day of the period before the one that begins on a day."""
        return self.start(start - timedelta(days=1))


#: The default numbers of periods.
PERIODS: Mapping[PeriodLength, int] = {
    PeriodLength.DAY: 30,
    PeriodLength.WEEK: 26,
    PeriodLength.MONTH: 24,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Period:
    """The changes within a period, in the newsletter's time zone.

    Attributes:
        joined: The number of new readers by cause.
        left: The number of lost readers by cause.
        readers: The number of readers at its end.
    """

    first: date
    last: date
    joined: Mapping[GrowthCause, int]
    left: Mapping[GrowthCause, int]
    readers: int

    @property
    def joins(self) -> int:
        """The total of new readers."""
        return sum(self.joined.values())

    @property
    def leaves(self) -> int:
        """The total of lost readers."""
        return sum(self.left.values())

    @property
    def net(self) -> int:
        """The change of the number of readers."""
        return self.joins - self.leaves


@dataclass(frozen=True, kw_only=True, slots=True)
class Growth:
    """A newsletter's readers over time.

    Attributes:
        periods: The periods, from the oldest to the present one.
        readers: The present number of readers.
    """

    periods: Sequence[Period]
    readers: int

    @property
    def before(self) -> int:
        """The number of readers at the beginning of the first period."""
        first = self.periods[0]
        return first.readers - first.net

    def since(self, zone: ZoneInfo) -> datetime:
        """Return the beginning of the first period, in the newsletter's time zone."""
        return datetime.combine(self.periods[0].first, time.min, zone)

    @property
    def joined(self) -> Mapping[GrowthCause, int]:
        """The number of new readers in all periods by cause, the most frequent first."""
        return _summed(period.joined for period in self.periods)

    @property
    def left(self) -> Mapping[GrowthCause, int]:
        """The number of lost readers in all periods by cause, the most frequent first."""
        return _summed(period.left for period in self.periods)


def measure_growth(
    session: Session,
    newsletter_id: int,
    today: date,
    *,
    step: PeriodLength = PeriodLength.WEEK,
    periods: int | None = None,
) -> Growth:
    """Return the growth over the last periods, computed backwards from the present readers.

    An undone import counts as if it had not happened.

    Args:
        session: The database session.
        newsletter_id: The newsletter.
        today: The present date in its time zone.
        step: The length of periods.
        periods: The number of periods; see `PERIODS`.
    """
    starts = [step.start(today)]
    while len(starts) < (periods or PERIODS[step]):
        starts.insert(0, step.before(starts[0]))
    causes: list[tuple[dict[GrowthCause, int], dict[GrowthCause, int]]] = [({}, {}) for _ in starts]
    later = 0
    for day, cause, joins, net in _days(session, newsletter_id, starts[0]):
        if day > today:
            later += net
            continue
        joined, left = causes[_place(starts, day)]
        named, came = cause, joins
        if cause is GrowthCause.UNDO:
            # Undoing reverses the import: removed people had joined by it, restored ones had left.
            named, came = GrowthCause.IMPORT, net - joins
        joined[named] = joined.get(named, 0) + came
        left[named] = left.get(named, 0) + came - net
    for side in zip(*causes, strict=True):
        _take_back(side)
    now_readers = count_readers(session, newsletter_id)
    readers = now_readers - later
    measured: list[Period] = []
    last = today
    for first, (joined, left) in zip(reversed(starts), reversed(causes), strict=True):
        period = Period(
            first=first, last=last, joined=_counted(joined), left=_counted(left), readers=readers
        )
        measured.insert(0, period)
        readers -= period.net
        last = first - timedelta(days=1)
    return Growth(periods=measured, readers=now_readers)


def _days(
    session: Session, newsletter_id: int, first: date
) -> Iterator[tuple[date, GrowthCause, int, int]]:
    """Yield the log since a day: date, cause, number of new readers, and balance."""
    joins = func.sum(GrowthRow.count).filter(GrowthRow.count > 0)
    for row in session.execute(
        select(GrowthRow.day, GrowthRow.cause, joins, func.sum(GrowthRow.count))
        .where(GrowthRow.newsletter_id == newsletter_id, GrowthRow.day >= first)
        .group_by(GrowthRow.day, GrowthRow.cause)
    ):
        yield row[0], row[1], int(row[2] or 0), int(row[3])


def _take_back(periods: Sequence[dict[GrowthCause, int]]) -> None:
    """Subtract undone imports from later periods if they exceed their own period.

    A list that is imported over midnight adds people on two days; undoing is logged on the first.
    """
    owed = 0
    for counts in periods:
        balance = counts.get(GrowthCause.IMPORT, 0) + owed
        owed = min(balance, 0)
        counts[GrowthCause.IMPORT] = balance - owed


def _place(starts: Sequence[date], day: date) -> int:
    return max(place for place, start in enumerate(starts) if start <= day)


def _counted(counts: Mapping[GrowthCause, int]) -> Mapping[GrowthCause, int]:
    return {cause: counts[cause] for cause in GrowthCause if counts.get(cause)}


def _summed(parts: Iterator[Mapping[GrowthCause, int]]) -> Mapping[GrowthCause, int]:
    total: dict[GrowthCause, int] = {}
    for part in parts:
        for cause, count in part.items():
            total[cause] = total.get(cause, 0) + count
    return dict(sorted(total.items(), key=lambda entry: -entry[1]))


def count_readers(
    session: Session, newsletter_id: int, people: Collection[int] | None = None
) -> int:
    """Return the number of readers: confirmed subscribers who are not suppressed.

    Args:
        session: The database session.
        newsletter_id: The newsletter.
        people: The subscriber ids to count among; None for all.
    """
    readers = _readers(newsletter_id).with_only_columns(func.count())
    if people is not None:
        readers = readers.where(SubscriptionRow.subscriber_id.in_(people))
    return session.scalar(readers) or 0


def readers_among(session: Session, newsletter_id: int, people: Collection[int]) -> set[int]:
    """Return the ids of readers among some people."""
    readers = _readers(newsletter_id).where(SubscriptionRow.subscriber_id.in_(people))
    return set(session.scalars(readers))


def _readers(newsletter_id: int) -> Select[int]:
    return (
        select(SubscriptionRow.subscriber_id)
        .join(SubscriberRow, SubscriberRow.id == SubscriptionRow.subscriber_id)
        .where(
            SubscriptionRow.newsletter_id == newsletter_id,
            SubscriptionRow.state == SubscriptionState.CONFIRMED,
            ~is_suppressed(SubscriberRow.address_key, newsletter_id),
        )
    )
