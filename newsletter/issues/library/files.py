"""Files that an issue offers: what kinds there are, and how kind and size are worded."""

from __future__ import annotations

import re

from newsletter.i18n.formats import format_size
from newsletter.i18n.language import Language
from newsletter.i18n.messages import pmsg

#: Media types by the name that readers know them by.
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
    """Return what readers call a kind of file; an unknown media type as it is."""
    return _NAMES.get(media_type, media_type)


def read_kind(text: str) -> str:
    """Return the media type that a name stands for; what is no such name as it is."""
    return _TYPES.get(text.strip().lower(), text.strip())


def read_size(text: str) -> int | None:
    """Return the octets of ``1234567`` or ``1.2 MB``; None for any other text."""
    match = _SIZE.fullmatch(text.strip())
    unit = _UNITS.get(match[2].lower()) if match else None
    if match is None or unit is None:
        return None
    return round(float(match[1].replace(",", "")) * unit)


def kind_and_size(media_type: str, octets: int, language: Language) -> str:
    """Say what opens behind a file's link: ``PDF・1.2 MB``; without a size that is not known."""
    size = format_size(octets, language) if octets > 0 else ""
    if not size:
        return kind_name(media_type)
    both = pmsg("a file", "{kind}, {size}", kind=kind_name(media_type), size=size)
    return both.in_language(language)
