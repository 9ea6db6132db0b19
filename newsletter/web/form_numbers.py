"""Numbers that a form or an address brings as text."""

from __future__ import annotations

#: Digits of the greatest number that a column holds. The language reads none of thousands of
#: digits: it fails, where no page is expected to.
_DIGITS = 18


def read_number(text: str) -> int | None:
    """Return a natural number in digits of ASCII; None for whatever else stands there."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _DIGITS else None
