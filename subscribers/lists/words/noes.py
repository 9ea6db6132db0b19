"""What is a no in a column that says who wants no mail: a word for it, a cross, a blank.

A cross is a no beside other answers ("退会": ○ and ×), and a mark where it stands alone ("×" and
blanks). So is a word, in a column whose name denies nothing: whoever imports it said that an entry
there keeps from mail.
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

#: Columns that say something against mail wherever they are filled, the gravest first.
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
    """Tell whether a mark says no, as a blank one and a day that is none ("0000/00/00") do."""
    text = str(value)
    return _is_no(text) or is_blank(text)


def _is_no(text: str) -> bool:
    return fold(text) in list_words().noes or _CROSS.fullmatch(text.strip()) is not None


def denies_mail(name: str) -> bool:
    """Tell whether a column's name says what keeps from mail, so that a yes there is a no.

    By itself: "Uitgeschreven". One that only has a word that denies may ask anything.
    """
    if _EITHER.search(name):
        return False
    plain = normal_form(name)
    return mark_of(name) == "disabled" or tells_leaving(plain) or read_remark(plain) in _AGAINST


def find_marked(records: Iterable[Record], columns: Mapping[str, str]) -> frozenset[str]:
    """Return the columns in which even what looks like a no is an entry.

    Args:
        records: The list's first ones.
        columns: Those that say against mail where they are filled, and which of ours each is.
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
        # No blanks: all of them answer.
        return False
    if all(map(_CROSS.fullmatch, filled)):
        return True
    return ours == "disabled" and not denies_mail(name) and all(map(_is_no, filled))


def _text(value: object) -> str:
    return "" if value is None else str(value).strip()


def marked_rows(cells: Sequence[object]) -> list[int]:
    """Return in which cells of such a column there is an entry."""
    return [row for row, cell in enumerate(cells) if not is_blank(_text(cell))]
