"""Cards: blocks that an editor fills in like a form, with no running text of their own."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from newsletter.i18n.normal_form import normal_form


@dataclass(frozen=True, kw_only=True, slots=True)
class Button:
    """What the reader is asked to do; ``url`` as of an anchor, empty while it is not known."""

    label: str
    url: str = ""
    kind: Literal["button"] = "button"


@dataclass(frozen=True, kw_only=True, slots=True)
class File:
    """A document to open, such as a PDF.

    Attributes:
        media_type: Such as ``application/pdf``; empty where it is not known.
        size: In octets; 0 where it is not known.
    """

    url: str
    name: str
    media_type: str = ""
    size: int = 0
    kind: Literal["file"] = "file"


@dataclass(frozen=True, kw_only=True, slots=True)
class Event:
    """What takes place, with what a calendar wants to know.

    Attributes:
        starts: ``2026-12-03T10:00`` in the newsletter's time zone, ``2026-12-03`` for the whole
            day; any other text, as an editor leaves it, is named by preflight.
        ends: Likewise, the last day included; none where it is not known.
        capacity: How many can come, as it is printed.
        url: Where to register or read more.
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
        """What it says besides when, in the order of reading."""
        return (self.name, self.place, self.capacity)


@dataclass(frozen=True, kw_only=True, slots=True)
class Contact:
    """Whom to ask; what is empty is not shown."""

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
        """What it says, in the order of reading."""
        named = (self.department, self.name, self.address)
        return (*named, self.phone, self.email, self.hours)


#: A number in full, or one of the short ones that public services have, such as 188 and #7119.
_NUMBER = re.compile(r"[+(]?[0-9][-0-9.() ]{6,}[0-9]|(?<![-0-9])#?[0-9]{3,4}(?![-0-9])")
_EMAIL = re.compile(
    r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.)+[A-Za-z]{2,63}"
)


def half_width(text: str) -> str:
    """Return a number or an address with its letters, digits, hyphens and brackets in ASCII."""
    return re.sub("[\u2010-\u2015\u2212\u30fc]", "-", normal_form(text)).strip()


def dialled(phone: str) -> str:
    """Return what a telephone dials for a number as it is printed; empty for what is none.

    Words around it, such as an extension, are no part of it.
    """
    match = _NUMBER.search(half_width(phone))
    return re.sub(r"[^+0-9#]", "", match[0]).replace("#", "%23") if match else ""


def is_email(text: str) -> bool:
    """Whether a text is one mail address in ASCII, as mail programs open it."""
    return bool(_EMAIL.fullmatch(text))
