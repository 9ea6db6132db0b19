"""Cards: blocks that an editor fills in like a form, with no running text of their own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


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
