"""Times in the terminal are in one zone, and say which."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from newsletter.cli.console import format_clock, format_day, format_moment

_NEW_YEAR = datetime(2027, 1, 1, 8, 30, 15, tzinfo=ZoneInfo("Asia/Tokyo"))


def test_a_moment_of_another_zone_is_shown_in_utc_and_says_so() -> None:
    assert format_moment(_NEW_YEAR) == "31 Dec 2026, 23:30 UTC"
    assert format_moment(_NEW_YEAR, seconds=True) == "31 Dec 2026, 23:30:15 UTC"
    assert format_clock(_NEW_YEAR) == "23:30:15 UTC"
    assert format_day(_NEW_YEAR) == "31 December 2026"
