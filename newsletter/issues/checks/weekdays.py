"""Checks for dates with a wrong weekday, in which only the day or the weekday was updated."""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterator
from datetime import date, timedelta
from itertools import chain

from newsletter.i18n.messages import msg
from newsletter.i18n.values import Day, Weekday
from newsletter.issues.checks.findings import Finding, Severity
from newsletter.issues.drafts.restating import ERAS, NUMERAL, WEEKDAYS, read_numeral
from newsletter.issues.model import Issue
from newsletter.issues.walking import walk_passages

#: A date without a year may be in any year in which it is at most this far from the issue's date.
_FARTHEST = timedelta(days=250)
#: Years relative to that of the issue.
_RELATIVE = {"昨年": -1, "去年": -1, "前年": -1, "今年": 0, "本年": 0, "来年": 1, "翌年": 1}
_HOLIDAY = r"(?:[・･、,，/／]?\s?(?:祝日?|休日?|振替?休?日?))?"
_JAPANESE = re.compile(
    r"(?<![0-9０-９〇一二三四五六七八九十百千/／.])(?<!毎月)"
    rf"(?:(?:(?P<era>令和|平成|R|Ｒ)?(?P<year>{NUMERAL}|元)\s?年\s?"
    rf"|(?P<relative>{'|'.join(_RELATIVE)})の?\s?)?"
    rf"(?P<month>{NUMERAL})(?:\s?月\s?|[/／]))?(?P<day>{NUMERAL})(?:\s?日)?\s?"
    rf"(?:[（(]\s?(?P<within>[{WEEKDAYS}])(?:曜日?)?{_HOLIDAY}\s?[)）]"
    rf"|(?<=日)(?P<beside>[{WEEKDAYS}])曜)"
)


def _any_of(names: calendar._localized_month | calendar._localized_day) -> str:
    return "|".join(filter(None, names))


_MONTH = f"{_any_of(calendar.month_name)}|{_any_of(calendar.month_abbr)}|Sept"
_WEEKDAY = f"{_any_of(calendar.day_name)}|{_any_of(calendar.day_abbr)}|Tues|Thur|Thurs"
_NTH = r"(?:st|nd|rd|th)?"
_ENGLISH_DAY = (
    rf"(?:(?P<day>\d{{1,2}}){_NTH}(?: of)? (?P<name>{_MONTH})\b\.?"
    rf"|(?P<name2>{_MONTH})\b\.? (?P<day2>\d{{1,2}}){_NTH}(?!\d))(?:,? (?P<year>\d{{4}})(?!\d))?"
)
_ENGLISH = (
    re.compile(rf"\b(?P<weekday>{_WEEKDAY})\b\.?,? (?:the )?{_ENGLISH_DAY}"),
    re.compile(rf"(?<!\d){_ENGLISH_DAY} ?\((?P<weekday>{_WEEKDAY})\b\.?\)"),
)


def check_weekdays(issue: Issue) -> Iterator[Finding]:
    """Yield findings about dates with a wrong weekday.

    A date without a year may be in the present, previous or next year, if it is near the issue's
    date. In an issue without a date, only dates with a year are checked.
    """
    own = None if issue.undated else issue.issue_date
    for place, text in walk_passages(issue):
        for written, days, weekday in chain(_japanese(text, own), _english(text, own)):
            if not days or any(day.weekday() == weekday for day in days):
                continue
            yield Finding(
                code="weekday-wrong",
                severity=Severity.WARNING,
                place=place,
                about=written,
                within=tuple(line for line in text.split("\n") if written in line)[:1],
                message=msg(
                    "It says “{written}”, but {day} is a {weekday}.",
                    written=written,
                    day=Day(days[0]),
                    weekday=Weekday(days[0]),
                ),
                remedy=msg("Check which of the two is right, the date or the weekday."),
            )


_Dated = tuple[str, list[date], int]


def _japanese(text: str, own: date | None) -> Iterator[_Dated]:
    """Yield dates with weekdays; a day without month (5日(土)・6日(日)) has the previous one."""
    month: int | None = None
    years: tuple[int | None, ...] = ()
    for match in _JAPANESE.finditer(text):
        if match["month"]:
            month, years = read_numeral(match["month"]), _years(match, own)
        elif "日" not in match[0][: -len("日）")] or month is None:
            continue
        weekday = WEEKDAYS.index(match["within"] or match["beside"])
        yield match[0], _days(years, month, read_numeral(match["day"]), own), weekday


def _years(match: re.Match[str], own: date | None) -> tuple[int | None, ...]:
    """Return the years that a date can mean: (None,) without a year, empty if it is unreadable."""
    if match["relative"]:
        return (own.year + _RELATIVE[match["relative"]],) if own else ()
    if not match["year"]:
        return (None,)
    year = 1 if match["year"] == "元" else read_numeral(match["year"])
    if year is None or (year < 1000 and not match["era"]):  # noqa: PLR2004 - 26年 without an era
        return ()
    return (year + ERAS.get(match["era"] or "", 0),)


def _english(text: str, own: date | None) -> Iterator[_Dated]:
    months = [name[:3] for name in calendar.month_name]
    weekdays = [name[:3] for name in calendar.day_name]
    for match in chain.from_iterable(pattern.finditer(text) for pattern in _ENGLISH):
        month = months.index((match["name"] or match["name2"])[:3])
        years = (int(match["year"]) if match["year"] else None,)
        days = _days(years, month, int(match["day"] or match["day2"]), own)
        yield match[0], days, weekdays.index(match["weekday"][:3])


def _days(
    years: tuple[int | None, ...], month: int | None, day: int | None, own: date | None
) -> list[date]:
    """Return the days that a date can mean, the nearest to the issue's date first."""
    found = []
    for year in years:
        if year is not None:
            found += _day(year, month, day)
        elif own is not None:
            near = [each for to in (-1, 0, 1) for each in _day(own.year + to, month, day)]
            near.sort(key=lambda each: abs(each - own))
            found += [each for each in near if abs(each - own) <= _FARTHEST]
    return found


def _day(year: int, month: int | None, day: int | None) -> list[date]:
    try:
        return [date(year, month or 0, day or 0)]
    except ValueError:
        return []
