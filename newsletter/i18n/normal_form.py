"""Texts of strangers in one normal form (NFKC), in time that grows with their length."""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import SplitResult, urlsplit

#: Marks that stand in a row on one letter; UAX #15 (stream-safe text) knows no language with more.
_MOST_MARKS = 30
_TOO_MANY = re.compile(rb"(?<=[^\0]{%d})[^\0]+" % _MOST_MARKS)
#: Letters that become marks, by what they become.
_BECOME_MARKS = {
    letter: unicodedata.normalize("NFKC", letter) for letter in "\u0f73\u0f75\u0f81\uff9e\uff9f"
}


def normal_form(text: str) -> str:
    """Return a text in NFKC: letters of full and half width, and composed ones, are alike.

    Marks in a row are put in order by comparing each with those before it, while no other thread
    of the process goes on: a hundred thousand of them take ten seconds. So of more in a row than
    any language has, the rest is left out.
    """
    if len(text) > _MOST_MARKS and not text.isascii():
        text = _without_heaps(text)
    return unicodedata.normalize("NFKC", text)


def single_spaced(text: str) -> str:
    """Return a text in its normal form without space around it, each gap within it one space.

    For patterns of what people type, whose parts may have gaps between them. Several gaps that may
    each be there or not divide a wide one in every way there is.
    """
    return " ".join(normal_form(text).split())


def split_url(url: str) -> SplitResult:
    """Return the parts of an address that somebody wrote, of which the library normalises the host.

    Raises:
        ValueError: It is none, or has more marks in a row than any language.
    """
    if not url.isascii() and _TOO_MANY.search(_classes(_with_marks(url))):
        raise ValueError("more marks in a row than any language has")
    return urlsplit(url)


def _with_marks(text: str) -> str:
    for letter, marks in _BECOME_MARKS.items():
        text = text.replace(letter, marks)
    return text


def _classes(text: str) -> bytes:
    """Return for each letter the class of mark that it is; 0 for none."""
    return bytes(map(unicodedata.combining, text))


def _without_heaps(text: str) -> str:
    text = _with_marks(text)
    parts, start = [], 0
    for heap in _TOO_MANY.finditer(_classes(text)):
        parts.append(text[start : heap.start()])
        start = heap.end()
    return "".join([*parts, text[start:]])
