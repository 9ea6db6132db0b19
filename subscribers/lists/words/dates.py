"""Dates in lists: ISO 8601, Japanese and English formats of spreadsheets, eras, numbers."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

from newsletter.i18n.normal_form import single_spaced

#: The year before the first year of each era (元年).
_ERAS = {
    **dict.fromkeys(("令和", "令", "r"), 2018),
    **dict.fromkeys(("平成", "平", "h"), 1988),
    **dict.fromkeys(("昭和", "昭", "s"), 1925),
}
_ERA = re.compile(r"(令和|令|平成|平|昭和|昭|[RHSrhs])\.?\s*(元|\d{1,2})\s*[年./-]")
#: 2026年1月5日, 2026/1/5, 2026.1.5, 2026-01-05, 20260105, with an optional time.
_DAY = re.compile(
    r"(?:(\d{4})\s*[年./-]\s*(\d{1,2})\s*[月./-]\s*(\d{1,2})(?!\d)\s*日?(?:\.(?=\s|\Z))?"
    r"|(\d{4})(\d{2})(\d{2})(?!\d))"
)
#: 31.12.2025, 31/12/2025, 12/31/2025. With dots the day always comes first; with other signs it is
#: known only if the other number is none of a month. Several languages put a dot behind: 2.2.2026.
_YEAR_LAST = re.compile(r"(\d{1,2})([./-])\s?(\d{1,2})\2\s?(\d{4})(?!\d)(?:\.(?=\s|\Z))?")
_MONTHS = range(1, 13)
_WEEKDAY = re.compile(
    r"\A\s*(?:\((?:[月火水木金土日](?:曜日?)?|(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*)\)"
    r"|[月火水木金土日]曜日?)",
    re.IGNORECASE,
)
_TIME = re.compile(
    r"\A[\sT,]*(午前|午後|am|pm)?\s*(\d{1,2})\s*[:時]\s*"
    r"(?:(\d{1,2})\s*(?:[:分]\s*(?:(\d{1,2})(?:\.\d+)?)?)?\s*秒?)?"
    r"\s*(am|pm|午前|午後)?\s*"
    # Programs in Go also append the name of the zone: "+0900 JST".
    r"(?:(Z|UTC|GMT|JST|日本時間|[+-]\d{2}:?\d{2})"
    r"(?:(?<=\d)\s+(?:[A-Z]{2,5}|[+-]\d{2,4}))?)?\s*\Z",
    re.IGNORECASE,
)
_ZONES = {"z": "+0000", "utc": "+0000", "gmt": "+0000", "jst": "+0900", "日本時間": "+0900"}
_WORDS = (
    *("%d %b %Y", "%d %B %Y", "%b %d %Y", "%B %d %Y", "%d %b %y"),
    *("%d %b %Y %H:%M", "%d %B %Y %H:%M", "%b %d %Y %H:%M", "%B %d %Y %H:%M"),
    *("%d %b %Y %H:%M:%S", "%b %d %Y %H:%M:%S", "%b %d %Y %I:%M %p", "%B %d %Y %I:%M %p"),
)
#: The origin of Excel's day numbers (which include a non-existent 29 February 1900).
_EXCEL = datetime(1899, 12, 30)  # noqa: DTZ001 - local time of a spreadsheet
_EXCEL_DAYS = range(20_000, 80_000)
_EXCEL_BIRTHDAYS = range(10_000, 80_000)
_EARLIEST, _LATEST = 1970, 2200
_YEARS = range(1900, 2201)


@lru_cache(maxsize=8192)
def read_instant(text: str, zone: ZoneInfo) -> datetime | None:
    """Return the moment of a date, or date and time, in ``zone`` unless the text has an offset.

    Results are cached, since dates are repeated in lists.

    Returns:
        The aware moment; None if the text is not a date, or is ambiguous (1/5/2026).
    """
    plain = single_spaced(text)
    instant = _numbered(plain, zone) or _iso(plain) or _day_and_time(plain) or _in_words(plain)
    if instant is None or not _EARLIEST <= instant.year <= _LATEST:
        return None
    return instant.replace(tzinfo=zone) if instant.tzinfo is None else instant


def read_day(text: str) -> date | None:
    """Return a calendar day, such as a birthday; a time after it is ignored.

    Returns:
        The day, from 1900 to 2200; None if the text is not a day, or is ambiguous (1/5/2026).
    """
    plain = single_spaced(text)
    if re.fullmatch(r"\d{5}", plain) and int(plain) in _EXCEL_BIRTHDAYS:
        return (_EXCEL + timedelta(days=int(plain))).date()
    instant = _iso(plain) or _day_and_time(plain) or _in_words(plain)
    return instant.date() if instant is not None and instant.year in _YEARS else None


def _iso(plain: str) -> datetime | None:
    try:
        return datetime.fromisoformat(plain)
    except ValueError:
        return None


def _numbered(plain: str, zone: ZoneInfo) -> datetime | None:
    if not re.fullmatch(r"\d{5}(\.\d+)?|\d{10}|\d{13}", plain):
        return None
    number = float(plain)
    if int(number) in _EXCEL_DAYS:
        # Rounded to seconds, which is the precision of the fraction.
        return (_EXCEL + timedelta(seconds=round(number * 86_400))).replace(tzinfo=zone)
    if number < 10**9:
        return None
    return datetime.fromtimestamp(number / 1000 if number >= 10**12 else number, UTC)


def _day_and_time(plain: str) -> datetime | None:
    era = _ERA.match(plain)
    if era is not None:
        year = _ERAS[era[1].lower()] + (1 if era[2] == "元" else int(era[2]))
        plain = f"{year}年{plain[era.end() :]}"
    day = _DAY.match(plain) or _YEAR_LAST.match(plain)
    if day is None:
        return None
    rest = _WEEKDAY.sub("", plain[day.end() :])
    try:
        numbers = (
            _year_first(*day.groups())
            if day.re is _YEAR_LAST
            else [int(part) for part in day.groups() if part is not None]
        )
        moment = datetime(*numbers[:3])  # type: ignore[arg-type] # noqa: DTZ001 - a wall clock
        return _with_time(moment, rest) if rest.strip() else moment
    except ValueError:
        return None


def _year_first(one: str, sign: str, other: str, year: str) -> list[int]:
    """Return year, month and day.

    Raises:
        ValueError: Either number may be the day.
    """
    day, month = int(one), int(other)
    if sign != "." and day in _MONTHS and month in _MONTHS and day != month:
        raise ValueError(one)
    return [int(year), month, day] if sign == "." or month in _MONTHS else [int(year), day, month]


def _with_time(day: datetime, text: str) -> datetime | None:
    time = _TIME.match(text)
    if time is None:
        return None
    hour, half = int(time[2]), (time[1] or time[5] or "").lower()
    if half in {"午後", "pm"} and hour < 12:  # noqa: PLR2004 - noon
        hour += 12
    elif half in {"午前", "am"} and hour == 12:  # noqa: PLR2004 - midnight
        hour = 0
    moment = day.replace(hour=hour, minute=int(time[3] or 0), second=int(time[4] or 0))
    if not time[6]:
        return moment
    offset = _ZONES.get(time[6].lower(), time[6]).replace(":", "")
    return datetime.strptime(f"{moment:%Y-%m-%dT%H:%M:%S}{offset}", "%Y-%m-%dT%H:%M:%S%z")


def _in_words(plain: str) -> datetime | None:
    if not re.search(r"[A-Za-z]{3}", plain):
        return None
    if re.match(r"[A-Za-z]{3},", plain):
        try:
            return parsedate_to_datetime(plain)
        except ValueError:
            return None
    text = " ".join(plain.replace(",", " ").replace("-", " ").split())
    for form in _WORDS:
        try:
            return datetime.strptime(text, form)  # noqa: DTZ007 - local time
        except ValueError:
            continue
    return None
