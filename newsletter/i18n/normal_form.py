"""Texts of strangers in one normal form (NFKC), in time that grows with their length."""

from __future__ import annotations

import re
import unicodedata

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


def _without_heaps(text: str) -> str:
    for letter, marks in _BECOME_MARKS.items():
        text = text.replace(letter, marks)
    classes = bytes(map(unicodedata.combining, text))
    parts, start = [], 0
    for heap in _TOO_MANY.finditer(classes):
        parts.append(text[start : heap.start()])
        start = heap.end()
    return "".join([*parts, text[start:]])
