"""Negative values in columns that exclude from mail: a word, a cross, a blank.

A cross means no next to other answers ("退会": ○ and ×), and is an entry if the other values are
blank. The same applies to words in a column whose name is not negative, after the user said that
entries in the column exclude from mail.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from newsletter.i18n.normal_form import normal_form
from subscribers.lists.records import Record
from subscribers.lists.words.cell_words import read_remark
from subscribers.lists.words.column_names import mark_of
from subscribers.lists.words.formats import ListState, fold, list_words
from subscribers.lists.words.harmless import is_blank, tells_leaving

#: Columns that exclude from mail if they are filled, the most severe first.
MARKS = {
    "complained_at": ListState.COMPLAINED,
    "bounced_at": ListState.BOUNCED,
    "deleted_at": ListState.UNSUBSCRIBED,
    "unsubscribed_at": ListState.UNSUBSCRIBED,
    "disabled": ListState.UNSUBSCRIBED,
}
_CROSS = re.compile("[×✕✖✗✘☓╳❌]\ufe0f?")
_EITHER = re.compile("[/／|・]")
_AGAINST = frozenset({*MARKS.values(), ListState.SUPPRESSED})


def is_false(value: object) -> bool:
    """Return whether a value is negative; blanks and empty dates ("0000/00/00") are, too."""
    text = str(value)
    return _is_no(text) or is_blank(text)


def _is_no(text: str) -> bool:
    return fold(text) in list_words().noes or _CROSS.fullmatch(text.strip()) is not None


def denies_mail(name: str) -> bool:
    """Return whether a column's name is a state against mail, so that a yes excludes the row.

    The whole name must be such a state: "Uitgeschreven". Other names with negations are ambiguous.
    """
    if _EITHER.search(name):
        return False
    plain = normal_form(name)
    return mark_of(name) == "disabled" or tells_leaving(plain) or read_remark(plain) in _AGAINST


def find_marked(records: Iterable[Record], columns: Mapping[str, str]) -> frozenset[str]:
    """Return the columns in which even negative values are entries.

    Args:
        records: The first records of the list.
        columns: The mappings of columns that exclude from mail if they are filled.
    """
    if not columns:
        return frozenset()
    values: dict[str, set[str]] = defaultdict(set)
    for record in records:
        if record.header or record.fault:
            continue
        held = record.values
        for name in columns:
            values[name].add(_text(held.get(name)))
    return frozenset(name for name, ours in columns.items() if _are_marks(name, ours, values[name]))


def _are_marks(name: str, ours: str, values: Iterable[str]) -> bool:
    filled = [text for text in values if not is_blank(text)]
    if not filled or len(filled) == len([*values]):
        # Without blanks, all values are answers.
        return False
    if all(map(_CROSS.fullmatch, filled)):
        return True
    return ours == "disabled" and not denies_mail(name) and all(map(_is_no, filled))


def _text(value: object) -> str:
    return "" if value is None else str(value).strip()


def marked_rows(cells: Sequence[object]) -> list[int]:
    """Return the indexes of the cells with an entry."""
    return [row for row, cell in enumerate(cells) if not is_blank(_text(cell))]
