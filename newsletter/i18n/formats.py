"""Formats of days, moments, numbers, sizes and lists in each language, from the data of CLDR."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, tzinfo
from functools import cache
from typing import TYPE_CHECKING, Literal

from newsletter.i18n.language import Language

if TYPE_CHECKING:
    from babel import Locale

#: The default region of a language, which determines its formats: 1 December 2026, 18:30.
_REGIONS = {"en": "en-GB"}
_CLOCK = "HH:mm"
#: Formats of future moments with weekday, where running text differs from CLDR.
_PLANNED = {"ja": f"y年M月d日（E）{_CLOCK}", "en": f"E d MMM y, {_CLOCK}"}
_UNITS = ("B", "kB", "MB", "GB", "TB")
_STEP = 1000


@cache
def locale_of(language: Language) -> Locale:
    """Return the locale data of a language; those of English if CLDR lacks the tag."""
    from babel import Locale, UnknownLocaleError  # noqa: PLC0415 - most commands do without it

    try:
        return Locale.parse(_REGIONS.get(language.value, language.value), sep="-")
    except (UnknownLocaleError, ValueError):
        return Locale.parse(_REGIONS["en"], sep="-")


def format_day(day: date, language: Language) -> str:
    """Return a day in full: ``1 December 2026``, ``2026年12月1日``."""
    from babel.dates import format_date  # noqa: PLC0415 - as above

    return format_date(day, "long", locale=locale_of(language))


def format_moment(
    moment: datetime,
    language: Language,
    zone: tzinfo | None,
    *,
    year: bool = True,
    seconds: bool = False,
) -> str:
    """Return a moment in a time zone (None: that of this machine)."""
    local = moment.astimezone(zone)
    clock = format_clock(local, language, seconds=seconds)
    joined = str(locale_of(language).datetime_formats["medium"])
    return joined.format(clock, _short_day(local, language, year=year))


def format_planned(moment: datetime, language: Language, zone: tzinfo | None) -> str:
    """Return a future moment: ``Tue 1 Dec 2026, 08:00``, ``2026年12月1日（火）08:00``.

    People plan by weekday, and the weekday shows them that they chose a wrong day.
    """
    from babel.dates import format_datetime  # noqa: PLC0415 - as above

    local, locale = moment.astimezone(zone), locale_of(language)
    if pattern := _PLANNED.get(locale.language):
        return format_datetime(local, pattern, tzinfo=zone, locale=locale)
    joined = str(locale.datetime_formats["medium"])
    return joined.format(
        format_clock(local, language), format_event_day(local, language, year=True)
    )


def format_wall_time(local: datetime, language: Language) -> str:
    """Return a planned time without time zone, such as 08:00 in each reader's zone."""
    return format_planned(local.replace(tzinfo=UTC), language, UTC)


def format_clock(local: datetime, language: Language, *, seconds: bool = False) -> str:
    """Return the time of day of a local moment, from 00:00 to 23:59."""
    from babel.dates import format_time  # noqa: PLC0415 - as above

    return format_time(local, f"{_CLOCK}:ss" if seconds else _CLOCK, locale=locale_of(language))


def _short_day(day: date, language: Language, *, year: bool) -> str:
    from babel.dates import format_skeleton  # noqa: PLC0415 - as above

    return format_skeleton("yMMMd" if year else "MMMd", day, locale=locale_of(language))


def format_event_day(day: date, language: Language, *, year: bool) -> str:
    """Return a day in short with the weekday: ``Tue, 1 Dec 2026``, ``2026年12月1日(火)``."""
    from babel.dates import format_skeleton  # noqa: PLC0415 - as above

    return format_skeleton("yMMMEd" if year else "MMMEd", day, locale=locale_of(language))


def format_month(day: date, language: Language) -> str:
    """Return the abbreviated month of a day: ``Dec``, ``12月``."""
    from babel.dates import format_date  # noqa: PLC0415 - as above

    return format_date(day, "LLL", locale=locale_of(language))


def format_year_month(day: date, language: Language) -> str:
    """Return the month and year of a day: ``December 2026``, ``2026年12月``."""
    from babel.dates import format_skeleton  # noqa: PLC0415 - as above

    return format_skeleton("yMMMM", day, locale=locale_of(language))


def format_weekday(day: date, language: Language, *, short: bool = False) -> str:
    """Return the weekday: ``Tuesday``, ``火曜日``; in short ``Tue``, ``火``."""
    from babel.dates import format_date  # noqa: PLC0415 - as above

    return format_date(day, "ccc" if short else "EEEE", locale=locale_of(language))


def format_number(value: float, language: Language) -> str:
    """Return a number with thousands separators; small fractions have one decimal."""
    from babel.numbers import format_decimal  # noqa: PLC0415 - as above

    small = value < 10 and value != int(value)  # noqa: PLR2004
    return format_decimal(round(value, 1 if small else 0), "#,##0.#", locale=locale_of(language))


def format_percent(value: float, language: Language, *, digits: int | None = None) -> str:
    """Return a share that is given in percent: ``0.25%``.

    Without ``digits``, the number of decimals depends on the size: none for zero and from ten on,
    one from a tenth on, and two below, since one complaint in a thousand mails matters.
    """
    from babel.numbers import format_percent  # noqa: PLC0415 - as above

    if digits is None:
        size = abs(value)
        digits = 0 if not size or size >= 10 else 1 if size >= 0.1 else 2  # noqa: PLR2004 - above
    places = f".{'0' * digits}" if digits else ""
    return format_percent(value / 100, f"#,##0{places}%", locale=locale_of(language))


def format_size(octets: int, language: Language) -> str:
    """Return a size of data in decimal units: ``1.5 MB``."""
    size, unit = float(octets), 0
    while size >= _STEP and unit < len(_UNITS) - 1:
        size, unit = size / _STEP, unit + 1
    return f"{format_number(size, language)} {_UNITS[unit]}"


def format_list(
    items: Iterable[str], language: Language, style: Literal["standard", "or"] = "standard"
) -> str:
    """Return items as a list in a language: ``a, b and c``, ``a、b、c``."""
    from babel.lists import format_list  # noqa: PLC0415 - as above

    return format_list(list(items), style=style, locale=locale_of(language))
