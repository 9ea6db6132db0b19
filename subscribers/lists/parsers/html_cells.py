"""The cells of HTML tables, collected during parsing into rows, including merged cells."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import unquote

from newsletter.errors import ListError, Place
from newsletter.i18n.messages import Message, msg
from newsletter.i18n.values import Number
from subscribers.lists.parsers.inner_columns import MOST_COLUMNS
from subscribers.lists.parsers.text_lists import LONGEST_COMMENT, comments_against, is_heading
from subscribers.lists.records import MOST_SHEETS
from subscribers.lists.words.legends import read_legend

#: Characters of a row, of cells repeated from above in it, and of the title of a table.
_MOST_IN_ROW, _MOST_REPEATED, _LONGEST_TITLE = 1024 * 1024, 1000, 100
#: Characters that an empty comment counts for.
_OF_A_COMMENT = 100
#: Levels of nested tables, and columns filled by cells from above.
_DEEPEST, _MOST_CARRIED = 32, 100
#: Blocks of text above a table that can be its title.
_MOST_TITLES = 3
#: Successive rows without text.
_MOST_BLANK = 100_000
#: Beginnings of notes.
_NOTED = ("※", "*", "＊", "注", "備考", "†", "Note", "NB")
_HIDDEN = re.compile(r"display\s*:\s*none|visibility\s*:\s*(?:hidden|collapse)", re.IGNORECASE)
_STRUCK = re.compile(r"line-through", re.IGNORECASE)
#: Characters of a page's styles that are examined.
_MOST_STYLE = 1024 * 1024
_CLASS = re.compile(r"\.([A-Za-z_][\w-]*)")
#: An address with the name after or below it, as on Mailman's page of members.
_ADDRESS_FIRST = re.compile(r"([^\s@<>]{1,64}@[^\s@<>]{1,255})\s([^@<>]+)")
_MAILTO = re.compile(r"mailto:([^?]+@[^?]+)", re.IGNORECASE)
#: HTML tags for elements of spreadsheets' XML.
_TAGS = {"row": "tr", "cell": "td"}
_CELLS = frozenset({"td", "th"})
_UNSEEN = frozenset({"script", "style", "template", "noscript", "datalist"})
#: Elements that separate words.
_BREAKS = frozenset({"br", "p", "div", "li", "tr", "td", "hr", "ul", "ol", "dd", "dt", "data"})
#: Elements that do not separate blocks of text.
_INLINE = frozenset({"b", "strong", "i", "em", "u", "font", "span", "a", "small", "big"})
_HIDDEN_ROW = msg("This row is hidden in the file.")
_STRUCK_ROW = msg("The address in this row is struck out.")
#: Faults that are marked in pages made from workbooks.
_FAULTS = {
    "formula": msg(
        "A formula in this row has no result; open the workbook in the spreadsheet program and "
        "save it."
    )
}


@dataclass(slots=True)
class HtmlCell:
    """A cell during parsing, or its repetition in rows below."""

    text: list[str] = field(default_factory=list)
    span: int = 1
    rows: int = 1
    is_heading: bool = False
    struck: bool = False
    #: The address of the first mailto link.
    link: str = ""

    @property
    def words(self) -> str:
        """The text on one line, with the address of a link if the text does not contain it."""
        text = " ".join("".join(self.text).split())
        if (below := _ADDRESS_FIRST.fullmatch(text)) is not None:
            return f"{below[2]} <{below[1]}>"
        if not self.link or "@" in text:
            return text
        return f"{text} <{self.link}>" if text else self.link


@dataclass(slots=True)
class HtmlTable:
    """A table during parsing."""

    titles: list[str]
    hidden: bool = False
    #: The number of the sheet in a workbook with several sheets.
    sheet: int = 0
    rows: list[HtmlRow] = field(default_factory=list)
    holds_table: bool = False
    carried: dict[int, tuple[int, str]] = field(default_factory=dict)
    cells: list[HtmlCell | None] = field(default_factory=list)
    cell: HtmlCell | None = None
    in_row: bool = False
    row_hidden: bool = False
    row_struck: bool = False
    row_fault: Message | None = None
    #: The comments on cells of the current row in a workbook.
    comments: list[str] = field(default_factory=list)
    blank: int = 0


@dataclass(frozen=True, slots=True)
class HtmlRow:
    """A parsed row."""

    cells: Sequence[str]
    fault: Message | None = None
    #: The comments that are about mail or unsubscribing.
    comment: str = ""


class TableTarget:
    """The parser's target; `taken` returns complete tables, and parts of long ones."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._tables: list[HtmlTable] = []
        #: Text outside of tables and in captions, and its last blocks.
        self._outside: list[str] = []
        self._titles: list[str] = []
        #: The last finished table, and the text after it.
        self._ended: HtmlTable | None = None
        self._below: list[str] = []
        self._unseen = 0
        #: The current style sheet of the page, and the classes that strike out or hide.
        self._sheet: str | None = None
        self._classes: dict[str, str] = {}
        self._option: bool | None = None
        self._in_comment = False
        self._size = 0
        self.rows = 0
        self._ready: list[tuple[HtmlTable, Sequence[HtmlRow]]] = []

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        """Process a start tag."""
        tag = _TAGS.get(tag, tag)
        if tag in _UNSEEN:
            self._unseen += 1
            self._sheet = "" if tag == "style" else self._sheet
        elif tag == "table":
            self._start_table(attributes)
        elif tag not in _INLINE:
            self._end_title()
        table = self._tables[-1] if self._tables else None
        if table is None:
            return
        if tag == "tr":
            self._end_row(table)
            table.in_row, table.row_hidden = True, self._is_hidden(attributes)
            table.row_struck = self._is_struck(attributes)
            table.row_fault = _FAULTS.get(attributes.get("data-fault", ""))
            table.comments = [attributes.get("data-comment", "")[:LONGEST_COMMENT]]
        elif tag in _CELLS:
            self._start_cell(table, tag, attributes)
        elif tag == "comment" and table.cell is not None:
            self._in_comment = True
            self._count(_OF_A_COMMENT)
            table.comments.append("")
        elif table.cell is not None:
            self._start_within(table.cell, tag, attributes)

    def _start_table(self, attributes: Mapping[str, str]) -> None:
        hidden = self._is_hidden(attributes)
        if self._tables:
            outer = self._tables[-1]
            outer.holds_table = True
            outer.rows.clear()
            hidden = hidden or outer.hidden or outer.row_hidden
        if len(self._tables) >= _DEEPEST:
            raise self._refusal(msg("The tables of this page are nested too deeply."))
        self._end_title()
        self._ended = None
        self._below.clear()
        sheet = min(_number(attributes.get("data-sheet"), 0), MOST_SHEETS)
        self._tables.append(HtmlTable(titles=self._titles, hidden=hidden, sheet=sheet))
        self._titles = []

    def _end_title(self) -> None:
        """Store a block of text, which may be the title or caption of a table."""
        title = " ".join("".join(self._outside).split())
        self._outside.clear()
        if title and self._ended and (not self._below or title.startswith(_NOTED)):
            self._below.append(title)
            del self._below[_MOST_TITLES:]
        if title and len(title) <= _LONGEST_TITLE:
            kept = self._tables[-1].titles if self._tables else self._titles
            kept.append(title)
            del kept[:-_MOST_TITLES]

    def _start_cell(self, table: HtmlTable, tag: str, attributes: Mapping[str, str]) -> None:
        self._end_cell(table)
        table.in_row = True
        at = _number(attributes.get("ss:index") or attributes.get("index"), 0)
        while len(table.cells) < min(at - 1, MOST_COLUMNS):
            table.cells.append(None)
        merged = _number(attributes.get("ss:mergeacross"), 0) + 1
        table.cell = HtmlCell(
            span=min(max(_number(attributes.get("colspan"), merged), 1), MOST_COLUMNS),
            rows=max(_number(attributes.get("rowspan"), 1), 1),
            is_heading=tag == "th",
            struck=table.row_struck or self._is_struck(attributes),
        )

    def _start_within(self, cell: HtmlCell, tag: str, attributes: Mapping[str, str]) -> None:
        """Process elements with a textual meaning: check boxes, options, pictures, links."""
        if tag in _BREAKS:
            self._write(cell, " ")
        if tag in {"s", "strike", "del"} or self._is_struck(attributes):
            cell.struck = True
        elif tag == "a" and (found := _MAILTO.match(unquote(attributes.get("href", "")))):
            cell.link = cell.link or found[1].strip()
        elif tag == "img":
            self._write(cell, f" {attributes.get('alt') or attributes.get('title') or ''} ")
        elif tag == "option":
            self._option = "selected" in attributes
        elif tag == "input":
            kind = attributes.get("type", "text").lower()
            if kind in {"checkbox", "radio"}:
                self._write(cell, " 1 " if "checked" in attributes else " 0 ")
            elif kind in {"text", "email"}:
                self._write(cell, f" {attributes.get('value', '')} ")

    def end(self, tag: str) -> None:
        """Process an end tag."""
        tag = _TAGS.get(tag, tag)
        if tag in _UNSEEN:
            self._unseen = max(self._unseen - 1, 0)
            self._end_sheet()
        elif tag not in _INLINE:
            self._end_title()
        if tag in {"option", "select"}:
            self._option = None
        if not self._tables:
            return
        table = self._tables[-1]
        if tag == "comment":
            self._in_comment = False
        elif tag in _CELLS:
            self._end_cell(table)
        elif tag == "tr":
            self._end_row(table)
        elif tag == "table":
            self._end_row(table)
            self._tables.pop()
            self._hand_on(table)
            self._ended = None if self._tables else table
        elif table.cell is not None and tag in _BREAKS:
            self._write(table.cell, " ")

    def data(self, text: str) -> None:
        """Process text."""
        if self._unseen:
            if self._sheet is not None and len(self._sheet) < _MOST_STYLE:
                self._sheet += text[:_MOST_STYLE]
            return
        table = self._tables[-1] if self._tables else None
        cell = table.cell if table else None
        if table is not None and self._in_comment and table.comments:
            kept = text[: LONGEST_COMMENT - len(table.comments[-1])]
            self._count(len(kept))
            table.comments[-1] += kept
        elif cell is None:
            if table is None or not table.in_row:
                self._outside.append(text[: _LONGEST_TITLE + 1])
                del self._outside[_LONGEST_TITLE:]
        elif self._option is not False:
            self._write(cell, text)

    def _end_sheet(self) -> None:
        """Store the classes that strike out or hide, which spreadsheets use in saved pages."""
        for rule in (self._sheet or "").split("}"):
            selector, _, style = rule.rpartition("{")
            if _STRUCK.search(style) or _HIDDEN.search(style):
                self._classes |= dict.fromkeys(_CLASS.findall(selector), style)
        self._sheet = None

    def _style_of(self, attributes: Mapping[str, str]) -> str:
        classes = attributes.get("class", "").split() if self._classes else ()
        of_classes = (self._classes.get(name, "") for name in classes)
        return ";".join((attributes.get("style", ""), *of_classes))

    def _is_struck(self, attributes: Mapping[str, str]) -> bool:
        return _STRUCK.search(self._style_of(attributes)) is not None

    def _is_hidden(self, attributes: Mapping[str, str]) -> bool:
        return (
            "hidden" in attributes
            or attributes.get("ss:hidden") == "1"
            or _HIDDEN.search(self._style_of(attributes)) is not None
        )

    def _write(self, cell: HtmlCell, text: str) -> None:
        """Append text to a cell within the limits of a row."""
        self._count(len(text))
        cell.text.append(text)

    def _count(self, size: int) -> None:
        self._size += size
        if self._size > _MOST_IN_ROW:
            raise self._refusal(msg("This row is larger than 1 MiB."))

    def taken(self) -> list[tuple[HtmlTable, Sequence[HtmlRow]]]:
        """Return and remove the finished rows."""
        taken, self._ready = self._ready, []
        return taken

    def close(self) -> None:
        """Process the end of the page."""
        while self._tables:
            table = self._tables.pop()
            self._end_row(table)
            self._hand_on(table)
        self._end_title()
        if self._ended is not None:
            self._ended.rows += [
                HtmlRow((note,)) for note in self._below if is_heading(note) or read_legend(note)
            ]
            self._hand_on(self._ended)

    def _end_cell(self, table: HtmlTable) -> None:
        if table.cell is not None:
            if len(table.cells) > MOST_COLUMNS:
                raise self._refusal(
                    msg("This row has more than {limit} cells.", limit=MOST_COLUMNS)
                )
            table.cells.append(table.cell)
        table.cell = None
        self._in_comment = False

    def _end_row(self, table: HtmlTable) -> None:
        self._end_cell(table)
        self._size = 0
        if not table.in_row:
            return
        cells, struck = _laid_out(table)
        if len(table.carried) > _MOST_CARRIED:
            raise self._refusal(msg("This row has more than {limit} cells.", limit=_MOST_CARRIED))
        table.in_row = False
        table.cells = []
        self.rows += 1
        table.blank = 0 if any(cells) else table.blank + 1
        if table.blank > _MOST_BLANK:
            raise self._refusal(
                msg("More than {count} lines in a row are empty.", count=Number(_MOST_BLANK))
            )
        if table.holds_table:
            return
        hidden = _HIDDEN_ROW if table.row_hidden or table.hidden else None
        fault = hidden or (_STRUCK_ROW if struck else None) or table.row_fault
        comment = comments_against(filter(None, table.comments))
        table.comments.clear()
        table.rows.append(HtmlRow(cells, fault if any(cells) else None, comment))
        if len(table.rows) > MOST_COLUMNS:
            self._hand_on(table)

    def _hand_on(self, table: HtmlTable) -> None:
        if table.rows:
            self._ready.append((table, table.rows))
            table.rows = []

    def _refusal(self, problem: Message) -> ListError:
        return ListError(
            problem,
            place=Place(source=self._source, line=self.rows + 1),
            remedy=msg("Check that the file is a list of people."),
        )


def _laid_out(table: HtmlTable) -> tuple[list[str], bool]:
    """Return a row's cells by column, and whether its address is struck out.

    A vertically merged cell is repeated below; a horizontally merged one is in its first column.
    The number of columns is limited, since cells with a large span would fill the memory.
    """
    row: list[str] = []
    carried: dict[int, tuple[int, str]] = {}
    repeated, struck = 0, False

    def fill() -> None:
        nonlocal repeated
        while len(row) in table.carried and len(row) < MOST_COLUMNS:
            left, text = table.carried[len(row)]
            if left > 1:
                carried[len(row)] = (left - 1, text)
            repeated += len(text)
            row.append(text if repeated <= _MOST_REPEATED else "")

    for cell in table.cells:
        fill()
        if cell is None:
            row.append("")
            continue
        words = cell.words
        struck = struck or (cell.struck and "@" in words)
        below = "" if cell.is_heading or "@" in words else words
        for at in range(min(cell.span, max(MOST_COLUMNS - len(row), 1))):
            if cell.rows > 1:
                carried[len(row)] = (cell.rows - 1, "" if at else below)
            row.append("" if at else words)
    fill()
    table.carried = carried
    while row and not row[-1]:
        row.pop()
    return row, struck


def _number(text: str | None, fallback: int) -> int:
    text = (text or "").strip()
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 6 else fallback  # noqa: PLR2004 - a limit of digits
