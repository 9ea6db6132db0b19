"""The next edition: its date, its number, and its title with the new date or number."""

from __future__ import annotations

import calendar
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from itertools import pairwise
from statistics import median_low

from newsletter.errors import ContentError, Place
from newsletter.i18n.messages import msg
from newsletter.issues.drafts.restating import next_number, restate
from newsletter.issues.model import Issue

#: The number of last editions from which the interval is determined.
_RECENT = 9
_WEEK = 7
#: The minimum interval, in days, that is counted in months.
_MONTHLY = 26
_DAYS_OF_MONTH = 365.25 / 12
_ONE_MONTH = 30


@dataclass(frozen=True, kw_only=True, slots=True)
class Edition:
    """What distinguishes one edition from the next; ``number`` may be empty."""

    date: date
    number: str


def following(issue: Issue, editions: Sequence[Edition], *, day: date | None = None) -> Issue:
    """Return an issue as the newsletter's next edition.

    Date and number follow the newest edition, after the usual interval. In title, masthead and
    preheader, the date and number of ``issue`` are replaced by the new ones. An issue without a
    number gets none.

    Args:
        issue: The issue to start from.
        editions: All editions of the newsletter, including ``issue``, in any order.
        day: The new date; None for the usual interval.
    """
    own = Edition(date=issue.issue_date, number=issue.number)
    known = sorted({*editions, own}, key=lambda edition: edition.date)
    day = day or next_date([each.date for each in _of_series(known, numbered=bool(issue.number))])
    latest = next((edition for edition in reversed(known) if edition.number), own)
    number = next_number(latest.number, before=latest.date, after=day) if issue.number else ""

    def moved(text: str) -> str:
        return restate(text, dates=(issue.issue_date, day), numbers=(issue.number, number))

    return replace(
        issue,
        issue_date=day,
        number=number,
        title=moved(issue.title),
        masthead=moved(issue.masthead),
        preheader=moved(issue.preheader),
    )


def _of_series(known: Sequence[Edition], *, numbered: bool) -> Sequence[Edition]:
    """Return the editions from which the interval is determined.

    In a numbered newsletter these are the numbered ones, without special issues in between, and
    those before the first number.
    """
    if not numbered:
        return known
    first = next(at for at, edition in enumerate(known) if edition.number)
    return [each for at, each in enumerate(known) if each.number or at < first]


def next_date(dates: Sequence[date]) -> date:
    """Return the next date, by the recent interval.

    Weekly and fortnightly newsletters keep their weekday. Newsletters on fixed days of the month
    (the 1st and 15th, the last day), or on a weekday of the month (the second Tuesday), keep these.
    After a single edition, a month is assumed. Dates at the end of the calendar, which an earlier
    version permitted, are repeated.
    """
    known = sorted(set(dates))[-_RECENT:]
    last = known[-1]
    try:
        return _next_date(known, last)
    except (OverflowError, ValueError):
        return last


def _next_date(known: Sequence[date], last: date) -> date:
    gaps = [(later - earlier).days for earlier, later in pairwise(known)] or [_ONE_MONTH]
    usual = median_low(gaps)
    by_weeks = all(gap % _WEEK == 0 for gap in gaps)
    in_weeks = by_weeks and (usual < _MONTHLY or (len(gaps) > 1 and len(set(gaps)) == 1))
    if not in_weeks and (repeated := _days_of_month(known)):
        return _next_day_of(last, repeated)
    if in_weeks or usual < _MONTHLY:
        return last + timedelta(days=usual)
    return _months_on(known, max(1, round(usual / _DAYS_OF_MONTH)))


def _months_on(known: Sequence[date], months: int) -> date:
    last = known[-1]
    if len(known) > 2 and len({_weekday_of_month(day) for day in known}) == 1:  # noqa: PLR2004
        return _same_weekday(last, months)
    if all(_is_last_of_month(day) for day in known):
        return _in_month(last, months, 31)
    day = Counter(day.day for day in reversed(known)).most_common(1)[0][0]
    return _in_month(last, months, day)


def _days_of_month(known: Sequence[date]) -> set[int]:
    """Return the two or three days of the month on which all editions appeared; otherwise empty."""
    counted = Counter(day.day for day in known)
    within = 1 < len(counted) <= 3 and min(counted.values()) > 1  # noqa: PLR2004
    return set(counted) if within else set()


def _next_day_of(last: date, days: set[int]) -> date:
    day = last + timedelta(days=1)
    while day.day not in days:
        day += timedelta(days=1)
    return day


def _in_month(last: date, months: int, day: int) -> date:
    """Return a day a number of months later, or the last day of a shorter month."""
    count = last.year * 12 + last.month - 1 + months
    year, month = count // 12, count % 12 + 1
    return date(year, month, min(day, calendar.monthrange(year, month)[1]))


def _is_last_of_month(day: date) -> bool:
    return (day + timedelta(days=1)).day == 1


def _weekday_of_month(day: date) -> tuple[int, int]:
    return day.weekday(), (day.day - 1) // _WEEK


def _same_weekday(last: date, months: int) -> date:
    """Return the same weekday of a later month, such as the second Tuesday."""
    first = _in_month(last, months, 1)
    weekday, weeks = _weekday_of_month(last)
    day = first + timedelta(days=(weekday - first.weekday()) % _WEEK + weeks * _WEEK)
    # Most months have no fifth one.
    return day if day.month == first.month else day - timedelta(days=_WEEK)


#: Permitted years, such that the date of the next edition is always valid.
YEARS = range(1900, 2201)


def check_day(day: date, place: Place) -> date:
    """Check and return an edition's date.

    Raises:
        ContentError: The year is not permitted.
    """
    if day.year not in YEARS:
        raise ContentError(
            msg("{day} is out of range.", day=day.isoformat()),
            place=place,
            remedy=msg("Use years from 1900 to 2200."),
        )
    return day


def read_day(text: str, place: Place | None = None) -> date:
    """Parse a date from a form, such as 2026-12-01.

    Raises:
        ContentError: The text is not a valid date.
    """
    try:
        return datetime.strptime(text.strip(), "%Y-%m-%d").date()  # noqa: DTZ007 - a date without time
    except ValueError:
        raise ContentError(
            msg("“{text}” is not a date.", text=text),
            place=place,
            remedy=msg("Write it as 2026-12-01."),
        ) from None
