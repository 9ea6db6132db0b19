"""Lists that are no table: addresses by lines or behind one another, with headings between them.

What a heading says ("BOUNCING", "停止した方") is said of all below it. It becomes a column of these
rows, so that it is read, and asked about, as what a column of states says.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from newsletter.i18n.normal_form import normal_form
from subscribers.lists.cell_words import against_mail, denies, read_remark, read_state
from subscribers.lists.formats import ListState
from subscribers.lists.harmless import (
    ValueKind,
    kind_of_value,
    may_speak,
    speaks,
    speaks_of_more_than_mail,
    tells_leaving,
)

#: The column of the headings that stand above rows; nothing that a list calls one.
SECTION = "##"
#: The column of what stands beside rows and speaks against mail, a title or a note: of whom, nobody
#: but a person can tell.
BESIDE = "###"
#: The column of the comments that a spreadsheet's user put to cells of a row.
COMMENTS = "####"
#: Columns of what stands beside the rows.
OURS = frozenset({SECTION, BESIDE, COMMENTS})
#: Characters that are read of a comment, and of all those of a row.
LONGEST_COMMENT = 1000
#: What stands behind the addresses of a list that is no table.
NAMES = ("#1", "#2")
#: What Japanese writing puts between addresses, and around them.
_WIDE = "、，；：・／｜＜＞（）「」『』【】"
_ADDRESS = re.compile(rf"[^\s@<>()\[\]\"',;:{_WIDE}]{{1,64}}@[^\s@<>()\[\]\"',;:{_WIDE}]{{1,255}}")
_AROUND = f" \t\r\n,;:<>\"'()|{_WIDE}"
_BEHIND = re.compile(r"[\s,;>、，；・／｜＞]*")
_REMARK = re.compile(r"\s[-‐-―]+\s|[:：(（]")
_NAMES_ADDRESS = re.compile(
    r"mail|address|adress|アドレス|連絡先|correo|courriel|poczta|post|메일|邮箱|郵箱|信箱|почт",
    re.IGNORECASE,
)


class Line(NamedTuple):
    """An address with the name before it, and what stands behind it."""

    address: str
    remark: str


def read_heading(text: str) -> ListState | None:
    """Return what a heading says against mail of those below it; unclear where nobody knows.

    A word of a state is one with a remark, too: "BOUNCING (May)". A place, a class or a number says
    nothing, nor what says that they want mail.
    """
    piece = _REMARK.split(normal_form(text).strip(), maxsplit=1)[0].strip(" .:*=#-[]【】<>《》")
    state = against_mail(piece) or read_state(piece)
    if state is ListState.CONFIRMED or (
        state is None and not speaks(piece) and kind_of_value(piece) is not ValueKind.TEXT
    ):
        return None
    if state is None and denies(piece):
        state = ListState.UNSUBSCRIBED
    return state or read_remark(piece) or ListState.UNCLEAR


@lru_cache(maxsize=1024)
def is_heading(text: str) -> bool:
    """Tell whether a text that stands alone says something of mail of those below it."""
    return read_heading(text) is not None and (speaks(text) or tells_leaving(text))


def titles_against(texts: Iterable[str]) -> str:
    """Return those of a list's titles that speak of leaving or against mail."""
    return " / ".join(filter(_is_title_against, texts))


def _is_title_against(title: str) -> bool:
    state = read_heading(title)
    if state is ListState.UNCLEAR:
        return speaks_of_more_than_mail(title) or tells_leaving(title)
    return state is not None or tells_leaving(title)


def comments_against(texts: Iterable[str]) -> str:
    """Return those of a row's comments that speak of mail or leaving, on one line."""
    plain = (" ".join(text.split())[:LONGEST_COMMENT] for text in texts)
    return " / ".join(text for text in plain if _is_against(text))[:LONGEST_COMMENT]


@lru_cache(maxsize=1024)
def _is_against(text: str) -> bool:
    return may_speak(text) or tells_leaving(text) or read_remark(text) is not None


def names_column(text: str) -> bool:
    """Tell whether the line above all addresses is the name of their column, not a heading."""
    if _NAMES_ADDRESS.search(text):
        return read_state(text) is None
    is_word = len(text.split()) == 1
    says = speaks(text) or tells_leaving(text) or against_mail(text) or denies(text)
    return is_word and not says and read_state(text) is None


def lines_of(text: str) -> Iterator[Line]:
    """Yield the addresses of a line, each with the name before it; none of a heading."""
    found = [*_ADDRESS.finditer(text)]
    begins = 0
    for at, match in enumerate(found):
        name = " ".join(text[begins : match.start()].strip(_AROUND).split())
        address = match[0].rstrip(".。")
        begins = match.end()
        behind = text[begins:].strip() if at + 1 == len(found) else ""
        remark = _BEHIND.sub("", behind, count=1)
        yield Line(f"{name} <{address}>" if name else address, remark)


def is_table(rows: Iterable[Sequence[str]]) -> bool:
    """Tell whether rows that hold an address have several cells, as many each, one an address."""
    held = [row for row in rows if any("@" in cell for cell in row)]
    return (
        len({len(row) for row in held}) == 1
        and len(held[0]) > 1
        and all(
            sum("@" in cell for cell in row) == 1
            and any(_ADDRESS.fullmatch(cell.strip()) for cell in row)
            for row in held
        )
    )
