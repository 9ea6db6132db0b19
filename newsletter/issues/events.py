"""Dates and times of events: parsing of typed texts, and wording for readers.

Events are offered as calendar files (RFC 5545), too. The same event always gives the same bytes,
whose digest is part of the file's address. Times are written in UTC, so that the file needs no time
zone definitions.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from newsletter.i18n.formats import format_clock, format_event_day, format_month, format_weekday
from newsletter.i18n.language import Language
from newsletter.i18n.messages import pmsg
from newsletter.i18n.normal_form import single_spaced
from newsletter.issues.cards import Event

EventTime = date | datetime
#: The format of an event's ``starts`` and ``ends``; without a time it is a whole day.
_WRITTEN = re.compile(r"(\d{4})-(\d{2})-(\d{2})(?:T(\d{2}):(\d{2}))?", re.ASCII)
#: Plausible years of events; others are typing errors.
_YEARS = range(1900, 2200)
_DAY = (
    r"(?P<year>\d{4})(?:[-/.](?P<month>\d{1,2})[-/.](?P<day>\d{1,2})"
    r"|年\s*(?P<month2>\d{1,2})月\s*(?P<day2>\d{1,2})日)(?:\s*\([^()]{1,6}\))?"
)
_HOUR = r"(?:(?P<hour>\d{1,2}):(?P<minute>\d{2})|(?P<hour2>\d{1,2})時(?:(?P<minute2>\d{1,2})分)?)"
_TYPED = re.compile(rf"{_DAY}(?:(?:\s*T|\s+|(?<=[日)]))\s*{_HOUR})?")
_TYPED_HOUR = re.compile(_HOUR)
#: Separators between beginning and end; a hyphen within a date has digits around it and no time.
_TO = re.compile(r"\s*(?:[~\u301c\u2013\u2014]|から|\bto\b)\s*|\s+-\s+|(?<=:\d\d)-(?=\d)")


@dataclass(frozen=True, kw_only=True, slots=True)
class Span:
    """The time of an event; both ends are days, or both are local times."""

    starts: EventTime
    ends: EventTime | None = None


def read_moment(text: str) -> EventTime | None:
    """Return the day or local time in an event's field; None for other texts."""
    match = _WRITTEN.fullmatch(text)
    if match is None:
        return None
    year, month, day, hour, minute = (int(part) if part else 0 for part in match.groups())
    if year not in _YEARS:
        return None
    try:
        return datetime(year, month, day, hour, minute) if match[4] else date(year, month, day)  # noqa: DTZ001 - local time of the newsletter
    except ValueError:
        return None


def is_day_or_minute(text: str) -> bool:
    """Return whether a text has the format of a day or time, even if it is not a valid one."""
    return bool(_WRITTEN.fullmatch(text))


def read_span(event: Event) -> Span | None:
    """Return the time of an event; None if its fields cannot be parsed or do not match.

    An end must not be without or before the beginning, and both must be days or both times.
    """
    starts = read_moment(event.starts)
    ends = read_moment(event.ends) if event.ends else None
    if starts is None or (event.ends and ends is None):
        return None
    if ends is not None and isinstance(ends, datetime) != isinstance(starts, datetime):
        return None
    if ends is not None and ends.isoformat() < starts.isoformat():
        return None
    return Span(starts=starts, ends=ends)


def has_hour_alone(text: str) -> bool:
    """Return whether a text is a time without a day."""
    return bool(_TYPED_HOUR.match(single_spaced(text)))


def read_typed_moment(text: str) -> str:
    """Return a typed day or time in the format of events; other texts unchanged."""
    match = _TYPED.fullmatch(single_spaced(text))
    if match is None:
        return text.strip()
    day = (
        f"{match['year']}-{int(match['month'] or match['month2']):02}"
        f"-{int(match['day'] or match['day2']):02}"
    )
    hour = _typed_hour(match)
    return f"{day}T{hour}" if hour else day


def _typed_hour(match: re.Match[str]) -> str:
    hour = match["hour"] or match["hour2"]
    return f"{int(hour):02}:{int(match['minute'] or match['minute2'] or 0):02}" if hour else ""


def read_typed_span(text: str) -> tuple[str, str | None]:
    """Return beginning and end of ``2026-12-03 10:00-11:30``; the end may omit the day."""
    plain = single_spaced(text)
    match = _TO.search(plain)
    if match is None:
        return read_typed_moment(text), None
    starts = read_typed_moment(plain[: match.start()])
    last = plain[match.end() :]
    if hour := _TYPED_HOUR.fullmatch(last):
        return starts, f"{starts.partition('T')[0]}T{_typed_hour(hour)}"
    return starts, read_typed_moment(last) or None


def write_span(event: Event) -> str:
    """Return beginning and end in a form that `read_typed_span` parses; empty if impossible."""
    starts, ends = read_moment(event.starts), read_moment(event.ends or "")
    if starts is None or (event.ends is not None and ends is None):
        return ""
    written = event.starts.replace("T", " ")
    if event.ends is None:
        return written
    same_day = (
        isinstance(starts, datetime)
        and isinstance(ends, datetime)
        and (starts.date() == ends.date())
    )
    if same_day:
        return f"{written}-{event.ends.partition('T')[2]}"
    return f"{written} - {event.ends.replace('T', ' ')}"


def when_words(event: Event, language: Language) -> str:
    """Return the time of an event in a language; texts that cannot be parsed are unchanged."""
    span = read_span(event)
    if span is None:
        return " - ".join(filter(None, (event.starts, event.ends)))
    starts, ends = span.starts, span.ends
    first = _moment_words(starts, language)
    if ends is None or ends == starts:
        return first
    if isinstance(ends, datetime) and _day(starts) == _day(ends):
        hours = pmsg(
            "hours of one day", "{first}–{last}", first=first, last=format_clock(ends, language)
        )
        return hours.in_language(language)
    last = _moment_words(ends, language, after=starts)
    return pmsg("days or moments", "{first} – {last}", first=first, last=last).in_language(language)


def day_words(moment: EventTime, language: Language) -> tuple[str, str, str]:
    """Return month, day of the month and weekday in short forms."""
    day = _day(moment)
    month = format_month(day, language)
    return month, str(day.day), format_weekday(day, language, short=True)


def _day(moment: EventTime) -> date:
    return moment.date() if isinstance(moment, datetime) else moment


def _moment_words(moment: EventTime, language: Language, *, after: EventTime | None = None) -> str:
    year = after is None or after.year != moment.year
    words = format_event_day(_day(moment), language, year=year)
    return f"{words} {format_clock(moment, language)}" if isinstance(moment, datetime) else words


def last_moment(span: Span) -> datetime:
    """Return the local time at which an event ends."""
    last = span.ends or span.starts
    if isinstance(last, datetime):
        return last
    return datetime.combine(last, time()) + timedelta(days=1)


MEDIA_TYPE = "text/calendar"
#: The maximum length of a line in octets, without its end, by section 3.1.
_LINE = 75
_SUMMARY = "SUMMARY:"
_ESCAPED = re.compile(r"\\(.)")


@dataclass(frozen=True, kw_only=True, slots=True)
class CalendarFile:
    """A calendar with one event, and the path under which the web application serves it."""

    path: str
    content: str


def calendar_file(
    event: Event, *, zone: str, issued: date, publisher: str, host: str
) -> CalendarFile | None:
    """Return the calendar file of an event; None if its date cannot be parsed.

    Args:
        event: The event.
        zone: The IANA name of the newsletter's time zone, which is that of the event's times.
        issued: The date of the issue, used as the file's timestamp.
        publisher: The organizer's name.
        host: The host name for the event's identifier.
    """
    span = read_span(event)
    if span is None:
        return None
    lines = [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//newsletter//events//EN",
        "METHOD:PUBLISH",
        "BEGIN:VEVENT",
        f"UID:{_identifier(event, zone)}@{host or 'localhost'}",
        f"DTSTAMP:{issued:%Y%m%d}T000000Z",
        *_when(span.starts, span.ends, ZoneInfo(zone)),
        f"{_SUMMARY}{_text(event.name or publisher)}",
    ]
    if event.place:
        lines.append(f"LOCATION:{_text(event.place)}")
    if described := "\n".join(filter(None, (event.capacity, event.url, publisher))):
        lines.append(f"DESCRIPTION:{_text(described)}")
    if event.url:
        lines.append(f"URL:{''.join(event.url.split())}")
    lines += ["END:VEVENT", "END:VCALENDAR"]
    content = "".join(f"{folded}\r\n" for line in lines for folded in _folded(line))
    digest = hashlib.sha256(content.encode()).hexdigest()[:32]
    return CalendarFile(path=f"/files/{digest}.ics", content=content)


def read_event_name(content: str) -> str:
    """Return the name of the event in one of our calendar files."""
    lines = content.replace("\r\n ", "").split("\r\n")
    summary = next((line for line in lines if line.startswith(_SUMMARY)), _SUMMARY)
    return _ESCAPED.sub(_unescaped, summary.removeprefix(_SUMMARY))


def _unescaped(found: re.Match[str]) -> str:
    return " " if found[1] == "n" else found[1]


def _identifier(event: Event, zone: str) -> str:
    """Return the event's identifier, which stays the same when it is announced again."""
    named = "\0".join((event.name, event.starts, event.ends or "", event.place, zone))
    return hashlib.sha256(named.encode()).hexdigest()[:32]


def _when(starts: EventTime, ends: EventTime | None, zone: ZoneInfo) -> Iterator[str]:
    """Yield the lines for beginning and end; the end of a day is the next day, by section 3.6.1."""
    if isinstance(starts, datetime):
        yield f"DTSTART:{_instant(starts, zone)}"
        if isinstance(ends, datetime) and ends > starts:
            yield f"DTEND:{_instant(ends, zone)}"
        return
    yield f"DTSTART;VALUE=DATE:{starts:%Y%m%d}"
    last = starts if ends is None or isinstance(ends, datetime) else ends
    if last < date.max:
        yield f"DTEND;VALUE=DATE:{last + timedelta(days=1):%Y%m%d}"


def _instant(moment: datetime, zone: ZoneInfo) -> str:
    return f"{moment.replace(tzinfo=zone).astimezone(UTC):%Y%m%dT%H%M%SZ}"


def _text(value: str) -> str:
    """Escape a text by section 3.3.11."""
    escaped = value.replace("\\", "\\\\").replace(";", "\\;").replace(",", "\\,")
    return escaped.replace("\r\n", "\n").replace("\r", "\n").replace("\n", "\\n")


def _folded(line: str) -> Iterator[str]:
    """Yield a line folded to 75 octets, without splitting characters."""
    piece, room = "", _LINE
    for letter in line:
        octets = len(letter.encode())
        if octets > room:
            yield piece
            piece, room = " ", _LINE - 1
        piece += letter
        room -= octets
    yield piece
