"""Events as calendar files (RFC 5545).

The same event always gives the same bytes, whose digest is part of the file's address. Times are
written in UTC, so that the file needs no time zone definitions.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from newsletter.issues.cards import Event
from newsletter.issues.events import EventTime, read_span

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
