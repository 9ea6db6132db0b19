"""Cards: blocks with form-like fields instead of running text."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from newsletter.i18n.normal_form import normal_form


@dataclass(frozen=True, kw_only=True, slots=True)
class Button:
    """A button; ``url`` is as for an anchor, or empty while it is not known."""

    label: str
    url: str = ""
    kind: Literal["button"] = "button"


@dataclass(frozen=True, kw_only=True, slots=True)
class File:
    """A document to open, such as a PDF.

    Attributes:
        media_type: Such as ``application/pdf``; empty if unknown.
        size: The size in bytes; 0 if unknown.
    """

    url: str
    name: str
    media_type: str = ""
    size: int = 0
    kind: Literal["file"] = "file"


@dataclass(frozen=True, kw_only=True, slots=True)
class Event:
    """An event, with the data for a calendar file.

    Attributes:
        starts: ``2026-12-03T10:00`` in the newsletter's time zone, or ``2026-12-03`` for a whole
            day. Other texts are permitted while editing, and reported by preflight.
        ends: The same for the end, including the last day; empty if unknown.
        capacity: The number of places, as printed.
        url: A page for registration or details.
    """

    name: str
    starts: str = ""
    ends: str | None = None
    place: str = ""
    capacity: str = ""
    url: str = ""
    kind: Literal["event"] = "event"

    @property
    def words(self) -> tuple[str, ...]:
        """Its texts without the time, in order."""
        return (self.name, self.place, self.capacity)


@dataclass(frozen=True, kw_only=True, slots=True)
class Contact:
    """Contact data; empty fields are not shown."""

    name: str = ""
    department: str = ""
    phone: str = ""
    email: str = ""
    url: str = ""
    hours: str = ""
    address: str = ""
    kind: Literal["contact"] = "contact"

    @property
    def words(self) -> tuple[str, ...]:
        """Its texts, in order."""
        named = (self.department, self.name, self.address)
        return (*named, self.phone, self.email, self.hours)


#: A complete telephone number, or a short one of public services, such as 188 and #7119.
_NUMBER = re.compile(r"[+(]?[0-9][-0-9.() ]{6,}[0-9]|(?<![-0-9])#?[0-9]{3,4}(?![-0-9])")
_EMAIL = re.compile(
    r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.)+[A-Za-z]{2,63}"
)


def half_width(text: str) -> str:
    """Return the text with full-width letters, digits, hyphens and brackets in ASCII."""
    return re.sub("[\u2010-\u2015\u2212\u30fc]", "-", normal_form(text)).strip()


def dialled(phone: str) -> str:
    """Return the digits to dial for a printed number; empty if there is no number.

    Words around it, such as an extension, are ignored.
    """
    match = _NUMBER.search(half_width(phone))
    return re.sub(r"[^+0-9#]", "", match[0]).replace("#", "%23") if match else ""


def is_email(text: str) -> bool:
    """Return whether a text is a single ASCII mail address, for use in mailto links."""
    return bool(_EMAIL.fullmatch(text))
