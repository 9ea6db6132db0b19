"""How times to come are written, and where."""

import re
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from newsletter.i18n.formats import format_percent, format_planned, format_wall_time
from newsletter.i18n.language import Language

_ROOT = Path(__file__).resolve().parents[2]
_MONDAY = datetime(2026, 11, 30, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("language", "shown"),
    [
        (Language.JAPANESE, "2026年11月30日（月）09:00"),
        (Language.ENGLISH, "Mon 30 Nov 2026, 09:00"),
    ],
)
def test_a_time_to_come_has_its_day_of_the_week_by_the_clock_of_its_zone(
    language: Language, shown: str
) -> None:
    assert format_planned(_MONDAY, language, ZoneInfo("Asia/Tokyo")) == shown
    assert format_wall_time(datetime(2026, 11, 30, 9, 0), language) == shown  # noqa: DTZ001


def test_the_day_of_the_week_is_that_of_the_zone_and_not_of_the_instant() -> None:
    assert format_planned(_MONDAY, Language.ENGLISH, ZoneInfo("America/New_York")).startswith("Sun")


@pytest.mark.parametrize(
    ("share", "shown"), [(0, "0%"), (0.02, "0.02%"), (0.3, "0.3%"), (4.44, "4.4%"), (33.33, "33%")]
)
def test_a_share_has_as_many_digits_as_tell_it_from_its_like(share: float, shown: str) -> None:
    assert format_percent(share, Language.ENGLISH) == shown


def test_scripts_write_days_and_moments_in_one_place() -> None:
    folders = (_ROOT / "frontend/src", _ROOT / "newsletter/web/static")
    scripts = [path for folder in folders for path in folder.glob("*.js")]
    manner = re.compile(r"new Intl\.DateTimeFormat|\.toLocale\w*(?:Date|Time)?String\(")
    writing = {path.name for path in scripts if manner.search(path.read_text(encoding="utf-8"))}
    assert writing == {"page.js"}
