"""The days that an edition can have: those of which somebody may have meant one."""

from __future__ import annotations

from datetime import date, datetime

from newsletter.errors import ContentError, Place
from newsletter.i18n.messages import msg

#: Far enough from the calendar's ends that the next edition's day is always one, too.
YEARS = range(1900, 2201)


def check_day(day: date, place: Place) -> date:
    """Return an edition's day.

    Raises:
        ContentError: It lies in no year that an edition can have.
    """
    if day.year not in YEARS:
        raise ContentError(
            msg("{day} is out of range.", day=day.isoformat()),
            place=place,
            remedy=msg("Use years from 1900 to 2200."),
        )
    return day


def read_day(text: str, place: Place | None = None) -> date:
    """Read a day as forms send it, such as 2026-12-01.

    Raises:
        ContentError: It is none.
    """
    try:
        return datetime.strptime(text.strip(), "%Y-%m-%d").date()  # noqa: DTZ007 - a day, no instant
    except ValueError:
        raise ContentError(
            msg("“{text}” is not a date.", text=text),
            place=place,
            remedy=msg("Write it as 2026-12-01."),
        ) from None
