"""Series by dates: enrol readers whose date has come, by one statement per hour and series."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import (
    ColumnElement,
    Date,
    and_,
    case,
    cast,
    func,
    literal,
    null,
    or_,
)
from sqlalchemy.orm import Session

from newsletter.database.tables import NewsletterRow, SeriesRow, SubscriptionRow
from newsletter.database.types import now
from newsletter.database.vocabulary import SeriesTrigger
from newsletter.mailings.series.due import DatedStart, dated_starts, day_of
from subscribers.fields.store import AttributeText
from subscribers.series.enrolment import enrol

_EVERY = timedelta(hours=1)


def looks_for_dates(moment: datetime) -> ColumnElement[bool]:
    """Return the condition that a series was not checked for dates within the last hour."""
    return and_(
        SeriesRow.trigger == SeriesTrigger.DATE,
        or_(
            SeriesRow.looked_at.is_(None),
            SeriesRow.looked_at <= moment - _EVERY,
            # The check is dated in the future: the clock was set back since.
            SeriesRow.looked_at > moment,
        ),
    )


def enrol_by_dates(session: Session, series: SeriesRow, newsletter: NewsletterRow) -> int:
    """Enrol the readers whose date begins a series now; return their number.

    The caller has locked the series. Nobody is enrolled twice by the same date, or twice in a year
    if the date recurs yearly.
    """
    moment = now()
    if series.trigger is not SeriesTrigger.DATE or series.activated_on is None:
        return 0
    looked = series.looked_at
    if looked is not None and moment - _EVERY < looked <= moment:
        return 0
    series.looked_at = moment
    session.flush()
    starts = list(
        dated_starts(
            day_of(moment, newsletter.time_zone),
            activated_on=series.activated_on,
            offset_days=series.offset_days,
            yearly=series.yearly,
        )
    )
    if not starts:
        return 0
    value = func.substr(AttributeText(SubscriptionRow.attributes, literal(series.subject)), 1, 10)
    return enrol(
        session,
        case(*((_falls(value, start), literal(start.event)) for start in starts), else_=""),
        SeriesRow.id == series.id,
        or_(*(_falls(value, start) for start in starts)),
        from_day=case(
            *((_falls(value, start), literal(start.day, Date())) for start in starts),
            else_=cast(null(), Date()),
        ),
    )


def _falls(value: ColumnElement[str], start: DatedStart) -> ColumnElement[bool]:
    if start.year is None:
        return value.in_(start.values)
    return and_(
        func.substr(value, 6, 5).in_(start.values), func.substr(value, 1, 4) <= str(start.year)
    )
