"""Text folded for comparing: widths, case and blanks aside."""

from __future__ import annotations

import unicodedata


def fold(text: str) -> str:
    """Return text in the form in which it is compared: NFKC, without case, blanks as one."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())
