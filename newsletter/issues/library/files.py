"""The kinds of files that issues can offer, and the wording of kind and size."""

from __future__ import annotations

import re

from newsletter.i18n.formats import format_size
from newsletter.i18n.language import Language
from newsletter.i18n.messages import pmsg

#: Media types by the names that readers know.
FILE_KINDS = {
    "PDF": "application/pdf",
    "Word": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "Excel": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "PowerPoint": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    "CSV": "text/csv",
    "ZIP": "application/zip",
}
_NAMES = {media_type: name for name, media_type in FILE_KINDS.items()}
_TYPES = {name.lower(): media_type for name, media_type in FILE_KINDS.items()}
_UNITS = {"": 1, "bytes": 1, "byte": 1, "b": 1, "kb": 1_000, "mb": 1_000_000, "gb": 1_000_000_000}
_SIZE = re.compile(r"(\d{1,12}(?:,\d{3})*(?:\.\d{1,3})?)\s*([A-Za-z]*)")


def kind_name(media_type: str) -> str:
    """Return the name of a media type for readers; unknown ones unchanged."""
    return _NAMES.get(media_type, media_type)


def read_kind(text: str) -> str:
    """Return the media type for a name; other texts unchanged."""
    return _TYPES.get(text.strip().lower(), text.strip())


def read_size(text: str) -> int | None:
    """Return the size in bytes of ``1234567`` or ``1.2 MB``; None for other texts."""
    match = _SIZE.fullmatch(text.strip())
    unit = _UNITS.get(match[2].lower()) if match else None
    if match is None or unit is None:
        return None
    return round(float(match[1].replace(",", "")) * unit)


def kind_and_size(media_type: str, octets: int, language: Language) -> str:
    """Return kind and size for a file's link, such as ``PDF・1.2 MB``; without an unknown size."""
    size = format_size(octets, language) if octets > 0 else ""
    if not size:
        return kind_name(media_type)
    both = pmsg("a file", "{kind}, {size}", kind=kind_name(media_type), size=size)
    return both.in_language(language)
