"""Headings of several rows, as spreadsheets have them with merged cells: a name for each column.

CSV keeps a merged cell's text in the first of its cells, and leaves the others blank. What is
merged downwards names its column from above; what is merged across says of what the headings below
it speak.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import zip_longest

from subscribers.lists.words.column_names import asks_something, mark_of
from subscribers.lists.words.formats import fold, guess_field, is_weak

#: Within so many lines the header must stand, and the form of a list be seen.
HEAD_LINES = 30
#: Byte order marks and characters of no width.
_UNSEEN = re.compile("[\ufeff\u200b-\u200f\u2060\u00ad]")
#: Nobody writes more rows of headings.
_MOST_ABOVE = 3


def merge_headings(above: Sequence[Sequence[str]], lowest: Sequence[str]) -> list[str]:
    """Return a name for each column, from the lowest row of headings and those above it.

    A blank row, or one with nothing but a title in its first cell, ends the headings.
    """
    names = list(map(str.strip, lowest))
    for row in [*reversed(above)][:_MOST_ABOVE]:
        if not any(map(str.strip, row[1:])):
            break
        names = _below(list(map(str.strip, row)), names)
    return names


def distinct_names(cells: Iterable[str]) -> list[str]:
    """Return columns' names on one line, without what cannot be seen, each another."""
    names: list[str] = []
    taken: set[str] = set()
    counts: dict[str, int] = {}
    for cell in cells:
        name = shown = " ".join(_UNSEEN.sub("", cell).split())
        while name and shown in taken:
            counts[name] = counts.get(name, 1) + 1
            shown = f"{name} ({counts[name]})"
        taken.add(shown)
        names.append(shown)
    return names


def continues_below(header: Sequence[str], row: Sequence[str]) -> bool:
    """Tell whether the row below a header that names the address goes on with it.

    It has something below blank headings, nothing below a heading that stands by itself, such as
    the address, and no digit, as no heading has that is divided so.
    """
    filled = [number for number, cell in enumerate(row) if cell.strip()]
    blank = {number for number, cell in enumerate(header) if not cell.strip()}
    divided = blank | {number - 1 for number in blank}
    return (
        any(guess_field(cell.strip()) == "address" for cell in header)
        and not blank.isdisjoint(filled)
        and divided.issuperset(filled)
        and not any(char.isdecimal() or char == "@" for cell in row for char in cell)
    )


def _below(groups: Sequence[str], names: Sequence[str]) -> list[str]:
    """Return names below merged headings."""
    merged: list[str] = []
    group = ""
    for over, own in zip_longest(groups, names, fillvalue=""):
        group = over or group
        both = f"{group} {own}"
        if own and names.count(own) > 1 and mark_of(both):
            # What stands above tells whether mail is wanted from the address itself.
            merged.append(both)
        else:
            merged.append(_name(group, own, is_first=bool(over)) if own else over)
    return merged


def _name(group: str, own: str, *, is_first: bool) -> str:
    """Return a heading, with what stands above it where it says nothing of mail by itself.

    CSV does not say how far a merged cell goes: to its right only what asks or counts something is
    taken to belong to it.
    """
    both = f"{group} {own}".strip()
    known = guess_field(own)
    if guess_field(both) and (not known or is_weak(own)):
        return both
    if known or not (is_first or asks_something(own)) or fold(group) in fold(own):
        return own
    return both if mark_of(group) or (mark_of(both) and not mark_of(own)) else own
