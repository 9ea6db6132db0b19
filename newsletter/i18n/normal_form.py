"""Unicode normalization (NFKC) of untrusted texts in linear time."""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import SplitResult, urlsplit

#: Successive combining marks; no language has more on one letter (UAX #15, stream-safe text).
_MOST_MARKS = 30
_TOO_MANY = re.compile(rb"(?<=[^\0]{%d})[^\0]+" % _MOST_MARKS)
#: Characters that NFKC replaces by combining marks, and these marks.
_BECOME_MARKS = {
    letter: unicodedata.normalize("NFKC", letter) for letter in "\u0f73\u0f75\u0f81\uff9e\uff9f"
}


def normal_form(text: str) -> str:
    """Return a text in NFKC, which unifies letters of full and half width and composed letters.

    Python sorts successive combining marks in quadratic time and holds the interpreter's lock
    meanwhile: a hundred thousand marks take ten seconds. Therefore marks beyond the number that any
    language has are removed.
    """
    if len(text) > _MOST_MARKS and not text.isascii():
        text = _without_heaps(text)
    return unicodedata.normalize("NFKC", text)


def single_spaced(text: str) -> str:
    """Return a text in normal form, stripped and with single spaces.

    This is for regular expressions with optional spaces between their parts, which could otherwise
    match a long run of spaces in exponentially many ways.
    """
    return " ".join(normal_form(text).split())


def split_url(url: str) -> SplitResult:
    """Return the parts of an untrusted URL, whose host the library normalizes.

    Raises:
        ValueError: The URL is invalid, or has too many successive combining marks.
    """
    if not url.isascii() and _TOO_MANY.search(_classes(_with_marks(url))):
        raise ValueError("more marks in a row than any language has")
    return urlsplit(url)


def _with_marks(text: str) -> str:
    for letter, marks in _BECOME_MARKS.items():
        text = text.replace(letter, marks)
    return text


def _classes(text: str) -> bytes:
    """Return the canonical combining class of each character; 0 for those that do not combine."""
    return bytes(map(unicodedata.combining, text))


def _without_heaps(text: str) -> str:
    text = _with_marks(text)
    parts, start = [], 0
    for heap in _TOO_MANY.finditer(_classes(text)):
        parts.append(text[start : heap.start()])
        start = heap.end()
    return "".join([*parts, text[start:]])
