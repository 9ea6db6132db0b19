"""Column names from headings of several rows with merged cells, as in spreadsheets.

In CSV, the text of a merged cell is in its first cell, and the others are blank. A vertically
merged cell is the name of its column; a horizontally merged cell qualifies the headings below it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import zip_longest

from subscribers.lists.words.column_names import asks_something, mark_of
from subscribers.lists.words.formats import fold, guess_field, is_weak

#: Lines in which the header must be found and the form of a list detected.
HEAD_LINES = 30
#: Byte order marks and zero-width characters.
_UNSEEN = re.compile("[\ufeff\u200b-\u200f\u2060\u00ad]")
#: The largest number of rows of headings above the lowest one.
_MOST_ABOVE = 3


def merge_headings(above: Sequence[Sequence[str]], lowest: Sequence[str]) -> list[str]:
    """Return the names of the columns from the lowest row of headings and the rows above it.

    The headings end at a blank row, or at a row with only a title in its first cell.
    """
    names = list(map(str.strip, lowest))
    for row in [*reversed(above)][:_MOST_ABOVE]:
        if not any(map(str.strip, row[1:])):
            break
        names = _below(list(map(str.strip, row)), names)
    return names


def distinct_names(cells: Iterable[str]) -> list[str]:
    """Return single-line, visible and distinct names of columns."""
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
    """Return whether the row below a header continues it.

    Such a row has text below blank headings, none below a vertically merged heading such as the
    address, and no digits.
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
    """Return the names of columns below merged headings."""
    merged: list[str] = []
    group = ""
    for over, own in zip_longest(groups, names, fillvalue=""):
        group = over or group
        both = f"{group} {own}"
        if own and names.count(own) > 1 and mark_of(both):
            # Of equal names, the merged heading above determines which one is about mail.
            merged.append(both)
        else:
            merged.append(_name(group, own, is_first=bool(over)) if own else over)
    return merged


def _name(group: str, own: str, *, is_first: bool) -> str:
    """Return a heading, qualified by the merged heading above if it is not about mail itself.

    CSV does not contain the width of merged cells: to the right, only questions and counts are
    regarded as belonging to it.
    """
    both = f"{group} {own}".strip()
    known = guess_field(own)
    if guess_field(both) and (not known or is_weak(own)):
        return both
    if known or not (is_first or asks_something(own)) or fold(group) in fold(own):
        return own
    return both if mark_of(group) or (mark_of(both) and not mark_of(own)) else own
