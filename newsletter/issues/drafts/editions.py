"""The edition after this one: its day, its number, and a title that states either of them anew."""

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

#: So many editions back tell how often a newsletter appears.
_RECENT = 9
_WEEK = 7
#: Days between editions from which on they are counted in months.
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

    Date and number follow the newest edition, at the distance that is usual. Where title, masthead
    and preheader state the date or the number of ``issue``, they state the new ones. One
    without a number stays without.

    Args:
        issue: What the next one begins with.
        editions: All of the newsletter's, ``issue`` among them, in any order.
        day: Its date; at the distance that is usual when None.
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
    """Return the editions that say how often it appears, of which all are in order of their dates.

    Where they are numbered, a notice that came between two of them has no number; what came before
    the first number may have had none.
    """
    if not numbered:
        return known
    first = next(at for at, edition in enumerate(known) if edition.number)
    return [each for at, each in enumerate(known) if each.number or at < first]


def next_date(dates: Sequence[date]) -> date:
    """Return when the next edition is due, by the distance that was usual lately.

    Weekly and fortnightly ones keep their weekday; those that appear on certain days of the month
    (the 1st and the 15th, the last one) or on one weekday of it (the second Tuesday) keep these. A
    newsletter of one edition is taken for a monthly one. Of days at the calendar's end, which an
    earlier version took, the last comes again.
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
    """Return the two or three days of the month on which all editions appeared; else none."""
    counted = Counter(day.day for day in known)
    within = 1 < len(counted) <= 3 and min(counted.values()) > 1  # noqa: PLR2004
    return set(counted) if within else set()


def _next_day_of(last: date, days: set[int]) -> date:
    day = last + timedelta(days=1)
    while day.day not in days:
        day += timedelta(days=1)
    return day


def _in_month(last: date, months: int, day: int) -> date:
    """Return a day so many months on; the month's last where it is shorter."""
    count = last.year * 12 + last.month - 1 + months
    year, month = count // 12, count % 12 + 1
    return date(year, month, min(day, calendar.monthrange(year, month)[1]))


def _is_last_of_month(day: date) -> bool:
    return (day + timedelta(days=1)).day == 1


def _weekday_of_month(day: date) -> tuple[int, int]:
    return day.weekday(), (day.day - 1) // _WEEK


def _same_weekday(last: date, months: int) -> date:
    """Return the same weekday so many months on, such as the second Tuesday."""
    first = _in_month(last, months, 1)
    weekday, weeks = _weekday_of_month(last)
    day = first + timedelta(days=(weekday - first.weekday()) % _WEEK + weeks * _WEEK)
    # Few months have a fifth one.
    return day if day.month == first.month else day - timedelta(days=_WEEK)


#: Far enough from the calendar's ends that the next edition's day is always one, too.
YEARS = range(1900, 2201)


def check_day(day: date, place: Place) -> date:
    """Return an edition's day.

    Raises:
        ContentError: It lies in no year that an edition can have.
    """
    if day.year not in YEARS:
        raise ContentError(
            msg("{day} is out of range.", day=day.isoformat()),
            place=place,
            remedy=msg("Use years from 1900 to 2200."),
        )
    return day


def read_day(text: str, place: Place | None = None) -> date:
    """Read a day as forms send it, such as 2026-12-01.

    Raises:
        ContentError: It is none.
    """
    try:
        return datetime.strptime(text.strip(), "%Y-%m-%d").date()  # noqa: DTZ007 - a day, no instant
    except ValueError:
        raise ContentError(
            msg("“{text}” is not a date.", text=text),
            place=place,
            remedy=msg("Write it as 2026-12-01."),
        ) from None
