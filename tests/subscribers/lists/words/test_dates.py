"""Days and moments as lists and forms have them, whatever gaps they are typed with."""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from subscribers.lists.words.dates import read_day, read_instant
from tests.support.growth import assert_linear

_TOKYO = ZoneInfo("Asia/Tokyo")


@pytest.mark.parametrize(
    "typed",
    [
        "2026-1-2{}x",
        "2026{}年{}1{}月{}2{}日{}(x",
        "令和{}8{}年1月2日{}x",
        "2026-1-2{}1{}:{}x",
        "2026-1-2 1:1{}x",
        "2026-1-2 1:1:1{}x",
        "2026-1-2 午前{}1時{}1分{}1{}秒{}午前{}Z{}x",
        "Jan{}2{}2026{}x",
    ],
)
def test_a_gap_of_any_width_takes_as_long_as_it_is(typed: str) -> None:
    def make(width: int) -> str:
        return typed.replace("{}", " " * width)

    assert_linear(read_day, make, size=16_000)
    assert_linear(lambda text: read_instant(text, _TOKYO), make, size=16_000)


@pytest.mark.parametrize("gap", [" ", "   ", "\u3000", "\t \n"])
@pytest.mark.parametrize(
    "typed", ["2026年{}1月{}2日{}(金){}10時{}30分", "2026-01-02{}10:30", "2026/1/2{}10:30{}JST"]
)
def test_gaps_of_any_width_are_read_alike(typed: str, gap: str) -> None:
    text = typed.replace("{}", gap)
    assert read_day(text) == date(2026, 1, 2)
    assert read_instant(text, _TOKYO) == datetime(2026, 1, 2, 1, 30, tzinfo=UTC)


@pytest.mark.parametrize("zone", ["+0900 JST", "+0900 +0900"])
def test_a_zone_may_be_named_behind_its_offset(zone: str) -> None:
    read = read_instant(f"2026-01-02 10:30:00.123456 {zone}", ZoneInfo("UTC"))
    assert read == datetime(2026, 1, 2, 1, 30, tzinfo=UTC)
    assert read_instant("2026-01-02 10:30 CET", _TOKYO) is None


@pytest.mark.parametrize(
    ("typed", "day"),
    [
        ("31.12.2025", date(2025, 12, 31)),
        ("1.5.2026", date(2026, 5, 1)),
        ("01. 05. 2026", date(2026, 5, 1)),
        ("31/08/2023", date(2023, 8, 31)),
        ("08/31/2023 10:15", date(2023, 8, 31)),
        ("13-02-2024", date(2024, 2, 13)),
        ("5/5/2026", date(2026, 5, 5)),
        ("2.2.2026.", date(2026, 2, 2)),
        ("13. 3. 2025. 14:05", date(2025, 3, 13)),
        ("2026. 2. 2.", date(2026, 2, 2)),
        ("1/5/2026", None),
        ("31.13.2025", None),
        ("32/12/2025", None),
        ("1.5.20261", None),
        ("1.2.3.2025", None),
    ],
)
def test_a_year_that_comes_last_is_read_where_the_day_is_known(
    typed: str, day: date | None
) -> None:
    assert read_day(typed) == day
