"""When steps are due: by days of the calendar, on clocks that are somewhere else."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsletter.errors import ConflictError
from newsletter.mailings.series.due import (
    KEPT_DAYS,
    Timing,
    dated_starts,
    due_at,
    next_day,
    read_timing,
)
from tests.support.examples import examples

TOKYO = "Asia/Tokyo"
_ZONES = st.sampled_from(
    ["Asia/Tokyo", "America/New_York", "Europe/London", "Pacific/Apia", "", "?"]
)
_BEGIN = datetime(2025, 1, 1, tzinfo=UTC)
_MOMENTS = st.integers(0, 5 * 366 * 86_400).map(lambda after: _BEGIN + timedelta(seconds=after))


@given(since=_MOMENTS, zone=_ZONES, days=st.integers(0, 40), at=st.times(), own_clock=st.booleans())
def test_a_step_is_due_on_its_day_at_its_hour_and_never_before_its_time(
    since: datetime,
    zone: str,
    days: int,
    at: time,
    own_clock: bool,  # noqa: FBT001 - hypothesis draws it
) -> None:
    hour = at.strftime("%H:%M")
    timing = Timing(delay_days=days, hour=hour, own_clock=own_clock)
    due = due_at(timing, since=since, from_day=None, zone=zone, newsletter_zone=TOKYO)
    place = ZoneInfo(zone if own_clock and zone not in {"", "?"} else TOKYO)
    begun, local = since.astimezone(place), due.astimezone(place)
    assert due >= since
    assert local.date() - begun.date() in {timedelta(days=days), timedelta(days=days + 1)}
    if days:
        assert local.date() - begun.date() == timedelta(days=days)
    # An hour that the clock leaves out in spring is as much later.
    assert abs(_minutes(local.time()) - _minutes(time.fromisoformat(hour))) in {0, 60, 1380}


def _minutes(at: time) -> int:
    return at.hour * 60 + at.minute


@given(moment=_MOMENTS)
def test_who_had_a_mail_today_waits_for_the_hour_of_tomorrow(moment: datetime) -> None:
    due = next_day(moment, "08:00", TOKYO).astimezone(ZoneInfo(TOKYO))
    today = moment.astimezone(ZoneInfo(TOKYO)).date()
    assert (due.date(), due.time()) == (today + timedelta(days=1), time(8))


@settings(max_examples=examples(10))
@given(
    first=st.dates(date(2024, 1, 1), date(2030, 1, 1)),
    born=st.dates(date(1930, 1, 1), date(2020, 12, 31)),
    offset=st.integers(-366, 366),
)
def test_a_yearly_date_begins_once_in_each_year(first: date, born: date, offset: int) -> None:
    found: dict[str, set[date]] = {}
    for after in range(800):
        today = first + timedelta(days=after)
        for start in dated_starts(today, activated_on=first, offset_days=offset, yearly=True):
            if born.isoformat()[5:] in start.values:
                found.setdefault(start.event, set()).add(start.day)
    assert all(len(days) == 1 for days in found.values())
    assert len(found) in {2, 3}


def test_a_single_date_begins_on_its_day_and_up_to_a_week_later() -> None:
    today = date(2026, 12, 3)
    starts = list(dated_starts(today, activated_on=date(2026, 1, 1), offset_days=-7, yearly=False))
    assert len(starts) == KEPT_DAYS + 2
    assert {start.values for start in starts if start.day == today} == {("2026-12-10",)}
    fresh = dated_starts(today, activated_on=today, offset_days=0, yearly=False)
    assert {start.day for start in fresh} == {today, today + timedelta(days=1)}


@pytest.mark.parametrize(
    ("days", "hour"), [("-1", "08:00"), ("731", "08:00"), ("x", "08:00"), ("2", ""), ("0", "25:00")]
)
def test_what_is_no_time_is_refused(days: str, hour: str) -> None:
    with pytest.raises(ConflictError):
        read_timing(days, hour, own_clock=False)
