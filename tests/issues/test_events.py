"""Calendar files of events: RFC 5545, and the same event is the same file."""

from __future__ import annotations

import re
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsletter.issues.cards import Event
from newsletter.issues.events import CalendarFile, calendar_file, read_event_name
from tests.support.examples import examples

#: Issues have no controls but line ends when they are rendered.
TEXTS = st.text(
    st.characters(exclude_categories=("Cc", "Cs")) | st.sampled_from("\n,;\\"), max_size=200
)


def _file(event: Event, zone: str = "Asia/Tokyo") -> CalendarFile:
    found = calendar_file(
        event, zone=zone, issued=date(2026, 12, 1), publisher="青葉町だより", host="news.example.jp"
    )
    assert found is not None
    return found


def _lines(file: CalendarFile) -> dict[str, str]:
    """Return the lines of the event, unfolded, by name with parameters."""
    unfolded = file.content.replace("\r\n ", "").split("\r\n")
    return dict(line.split(":", 1) for line in unfolded if line)


@pytest.mark.parametrize(
    ("starts", "ends", "zone", "first", "last"),
    [
        (
            "2026-12-03T10:00",
            "2026-12-03T11:30",
            "Asia/Tokyo",
            "20261203T010000Z",
            "20261203T023000Z",
        ),
        ("2026-12-03T05:00", None, "Asia/Tokyo", "20261202T200000Z", None),
        ("2026-07-01T10:00", None, "Europe/Berlin", "20260701T080000Z", None),
    ],
)
def test_hours_are_those_of_the_newsletters_zone(
    starts: str, ends: str | None, zone: str, first: str, last: str | None
) -> None:
    lines = _lines(_file(Event(name="講座", starts=starts, ends=ends), zone))

    assert (lines["DTSTART"], lines.get("DTEND")) == (first, last)


@pytest.mark.parametrize(
    ("ends", "last"), [(None, "20261204"), ("2026-12-20", "20261221"), ("2026-12-31", "20270101")]
)
def test_the_last_of_whole_days_is_included(ends: str | None, last: str) -> None:
    lines = _lines(_file(Event(name="展示", starts="2026-12-03", ends=ends)))

    assert lines["DTSTART;VALUE=DATE"] == "20261203"
    assert lines["DTEND;VALUE=DATE"] == last


def test_the_same_event_is_the_same_file_and_another_is_another() -> None:
    event = Event(name="講座", starts="2026-12-03", place="役場")

    assert _file(event) == _file(Event(name="講座", starts="2026-12-03", place="役場"))
    assert _file(event).path != _file(Event(name="講座", starts="2026-12-04", place="役場")).path


def test_an_address_adds_no_lines_of_its_own() -> None:
    event = Event(name="講座", starts="2026-12-03", url="https://a.example/\r\nATTACH:x")

    assert "\nATTACH" not in _file(event).content


@pytest.mark.parametrize(
    "starts", ["", "10:00", "来週", "2026-02-30", "2026-12-03T25:00", "0001-01-01T00:00"]
)
def test_an_event_without_a_date_has_no_calendar(starts: str) -> None:
    event = Event(name="講座", starts=starts)

    assert (
        calendar_file(event, zone="Asia/Tokyo", issued=date.min, publisher="便り", host="") is None
    )


@given(TEXTS, TEXTS)
@settings(max_examples=examples(60))
def test_lines_are_folded_and_texts_come_back_whole(name: str, place: str) -> None:
    file = _file(Event(name=name or "x", starts="2026-12-03", place=place))

    assert all(len(line.encode()) <= 75 for line in file.content.split("\r\n"))
    assert "\n" not in file.content.replace("\r\n", "")
    read = _lines(file).get("LOCATION", "")
    unescaped = re.sub(r"\\(.)", lambda sign: "\n" if sign[1] == "n" else sign[1], read)
    assert unescaped == place
    assert read_event_name(file.content) == re.sub(r"\r\n?|\n", " ", name or "x")
