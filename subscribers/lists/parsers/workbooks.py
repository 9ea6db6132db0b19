"""Lists in workbooks (``.xlsx``), which are converted to tables of HTML.

The result is a page with one table per sheet, which is read like any other page, with the same
handling of headings, merged cells and sections. Hidden or struck-out rows are refused and reported;
libraries for workbooks omit this information, or hold whole sheets in memory. Uploaded lists are
also stored as this page, in which addresses to erase can be found. Hidden columns are read, since
they can exclude people from mail.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from html import escape
from tempfile import SpooledTemporaryFile
from typing import BinaryIO, NamedTuple, cast
from urllib.parse import unquote

from newsletter.errors import ListError, Place
from newsletter.i18n.messages import Message, msg
from newsletter.i18n.values import Number, Size
from subscribers.lists.parsers.inner_columns import MOST_COLUMNS
from subscribers.lists.parsers.workbook_comments import note_of, read_comments, with_comment
from subscribers.lists.parsers.workbook_parts import MOST_UNPACKED, SAVE_SHEETS, Attributes, Parts
from subscribers.lists.parsers.workbook_values import (
    NumberFormat,
    Runs,
    Styles,
    is_on,
    number_shown,
    piece_of,
    read_styles,
    read_texts,
)
from subscribers.lists.records import MOST_SHEETS

#: Octets of a page in memory; larger pages are on disk.
_IN_MEMORY = 8 * 1024 * 1024
_MOST_IN_ROW = 1024 * 1024
#: Rows of a sheet (the limit of Excel), blank rows between two rows, and blank rows before a note.
_MOST_ROWS, _MOST_BLANK, _NEAR = 1_048_576, 100_000, 100
_LONGEST_SPAN = 99_999
_COLUMN, _DIGITS = re.compile("[A-Z]{1,3}"), "0123456789"
_AREA = re.compile(r"\$?([A-Z]{1,3})\$?(\d{1,7})(?::\$?([A-Z]{1,3})\$?(\d{1,7}))?")
_MAILTO = re.compile(r"mailto:\s*([^?]+@[^?]+)", re.IGNORECASE)
#: Default names of sheets in several languages.
UNNAMED = re.compile(
    r"(?:sheet|table|シート|表|tabelle|feuille?|hoja|foglio|planilha|folha|blad|ark|arkusz|taulukko"
    r"|list|munka|sayfa|лист|аркуш|工作表|시트)\s*\d*",
    re.IGNORECASE,
)
_BOOLEANS = {"1": "TRUE", "0": "FALSE", "true": "TRUE", "false": "FALSE"}


class _Area(NamedTuple):
    """The size of a merged area, including its first cell."""

    rows: int
    columns: int


@dataclass(slots=True)
class _Sheet:
    """A sheet with the data about its rows that is stored after them."""

    number: int
    name: str
    path: str
    hidden: bool
    areas: dict[tuple[int, int], _Area] = field(default_factory=dict)
    links: dict[tuple[int, int], str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Book:
    """The shared data of all sheets."""

    parts: Parts
    styles: Styles
    texts: list[str]
    from_1904: bool


def page_of_workbook(stream: BinaryIO, *, source: str) -> BinaryIO:
    """Return a workbook as an HTML page in UTF-8 with one table per sheet, rewound.

    Raises:
        ListError: The file is not a workbook (the error names its format), is protected, broken or
            too large, or contains no address.
    """
    parts = Parts(stream, source)
    sheets, from_1904 = _sheets_of(parts)
    related = parts.targets(parts.workbook, kind="/styles")
    styles = read_styles(parts, next(iter(related.values()), ""))
    related = parts.targets(parts.workbook, kind="/sharedStrings")
    texts = read_texts(parts, next(iter(related.values()), ""))
    book = _Book(parts, styles, texts, from_1904)
    page = cast("BinaryIO", SpooledTemporaryFile(max_size=_IN_MEMORY))  # noqa: SIM115 - the caller reads it
    try:
        _write_page(page, book, sheets)
    except BaseException:
        page.close()
        raise
    page.seek(0)
    return page


def _write_page(page: BinaryIO, book: _Book, sheets: Sequence[_Sheet]) -> None:
    parts = book.parts
    page.write(b"<!doctype html><html><head><meta charset=utf-8></head><body>\n")
    several = sum(not sheet.hidden for sheet in sheets) > 1
    has_address = False
    for sheet in sheets:
        _read_areas(parts, sheet)
        rows = _Rows(book, sheet, page)
        said = f' data-sheet="{sheet.number}"' if several or sheet.hidden else ""
        hidden = " hidden" if sheet.hidden else ""
        title = "" if UNNAMED.fullmatch(sheet.name.strip()) else escape(sheet.name)
        page.write(f"<h2>{title}</h2>\n<table{said}{hidden}>\n".encode())
        parts.parse(sheet.path, start=rows.start, end=rows.end, text=rows.text)
        rows.write_notes()
        page.write(b"</table>\n")
        has_address = has_address or rows.has_address
    if not has_address:
        raise parts.refusal(
            msg("No sheet of this workbook holds email addresses."),
            msg("Check that the file is a list of people."),
        )


def _sheets_of(parts: Parts) -> tuple[list[_Sheet], bool]:
    """Return the sheets of a workbook, and whether its dates count from 1904.

    Hidden sheets come last, so that visible ones have the expected numbers.
    """
    paths = parts.targets(parts.workbook, kind="/worksheet")
    shown: list[tuple[str, str]] = []
    hidden = shown.copy()
    from_1904 = False

    def start(tag: str, attributes: Attributes) -> None:
        nonlocal from_1904
        if tag == "workbookPr":
            from_1904 = is_on(attributes, "date1904")
        if tag != "sheet":
            return
        if len(shown) + len(hidden) >= MOST_SHEETS:
            raise parts.refusal(
                msg("The workbook has more than {count} sheets.", count=Number(MOST_SHEETS)),
                msg("Leave out the sheets that are not needed."),
            )
        named = (value for name, value in attributes.items() if name.endswith(" id"))
        among = shown if attributes.get("state", "visible") == "visible" else hidden
        among.append((attributes.get("name", ""), paths.get(next(named, ""), "")))

    parts.parse(parts.workbook, start=start)
    sheets = [
        _Sheet(number, name, path, number > len(shown))
        for number, (name, path) in enumerate(shown + hidden, start=1)
        if parts.has(path)  # sheets with only a chart are skipped
    ]
    return sheets, from_1904


def _read_areas(parts: Parts, sheet: _Sheet) -> None:
    """Read a sheet's merged areas and links, which are stored after its rows."""
    if not parts.mentions(sheet.path, b"mergeCell", b"hyperlink"):
        return
    related = parts.targets(sheet.path, kind="/hyperlink", outside=True)
    addresses = {
        name: found[1].strip()
        for name, target in related.items()
        if (found := _MAILTO.match(unquote(target)))
    }

    def start(tag: str, attributes: Attributes) -> None:
        if tag not in {"mergeCell", "hyperlink"}:
            return
        area = _AREA.fullmatch(attributes.get("ref", ""))
        if area is None:
            return
        at = int(area[2]), _column(area[1])
        if tag == "mergeCell" and area[3]:
            last = int(area[4]), _column(area[3])
            sheet.areas[at] = _Area(max(last[0] - at[0], 0) + 1, max(last[1] - at[1], 0) + 1)
        elif tag == "hyperlink":
            named = (value for name, value in attributes.items() if name.endswith(" id"))
            if address := addresses.get(next(named, "")):
                sheet.links[at] = address
        parts.refuse_many(len(sheet.areas) + len(sheet.links))

    parts.parse(sheet.path, start=start)


@lru_cache(maxsize=32_768)
def _column(letters: str) -> int:
    """Return a column's number from its letters; 0 if they are invalid."""
    if not _COLUMN.fullmatch(letters):
        return 0
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - 64
    return number


def _refusal(parts: Parts, sheet: _Sheet, row: int | None, problem: Message) -> ListError:
    return ListError(
        problem,
        place=Place(
            source=msg("{file}, sheet “{sheet}”", file=parts.source, sheet=sheet.name), line=row
        ),
        remedy=SAVE_SHEETS,
    )


class _Rows:
    """Converts the elements of a sheet to rows of a table."""

    def __init__(self, book: _Book, sheet: _Sheet, page: BinaryIO) -> None:
        self._book, self._sheet, self._page = book, sheet, page
        self.has_address = False
        #: Comments on rows that are not written yet, the next one last.
        self._comments = read_comments(book.parts, sheet.path)
        #: The numbers of the current row and of the last written row.
        self._row = self._written = 0
        self._hidden = self._without_result = False
        self._cells: dict[int, str] = {}
        self._size = 0
        self._column = 0
        self._cell: Attributes | None = None
        self._value: list[str] = []
        self._in_value = self._has_formula = self._in_texts = False
        self._runs = Runs()
        #: The last row of each column that is filled by a vertically merged cell.
        self._filled: dict[int, int] = {}

    def start(self, tag: str, attributes: Attributes) -> None:
        """Process a start tag."""
        if tag == "c":
            self._cell = attributes
            self._column = _column(attributes.get("r", "").rstrip(_DIGITS)) or self._column + 1
            self._has_formula = False
        elif tag == "v":
            self._in_value = self._cell is not None
        elif tag == "row":
            given = attributes.get("r", "")
            number = int(given) if given.isdecimal() and len(given) < 9 else 0  # noqa: PLR2004 - a limit of digits
            self._row = max(number, self._row + 1)
            self._hidden = is_on(attributes, "hidden")
            self._column = 0
            if self._row > _MOST_ROWS:
                raise self._refusal(
                    msg("The sheet has more than {count} rows.", count=Number(_MOST_ROWS))
                )
        elif tag == "f":
            self._has_formula = True
        elif tag == "is":
            self._in_texts = self._cell is not None
        elif self._in_texts:
            self._runs.start(tag, attributes)

    def text(self, text: str) -> None:
        """Process text."""
        if self._in_value:
            self._value.append(text)
        elif self._in_texts:
            self._runs.text(text)
        else:
            return
        self._count(len(text))

    def end(self, tag: str) -> None:
        """Process an end tag."""
        if tag == "v":
            self._in_value = False
        elif tag == "c":
            self._end_cell()
        elif tag == "row":
            self._end_row()
        elif tag == "is":
            self._in_texts = False
        elif self._in_texts:
            self._runs.end(tag)

    def _count(self, size: int) -> None:
        self._size += size
        if self._size > _MOST_IN_ROW:
            raise self._refusal(msg("This row is larger than 1 MiB."))

    def _end_cell(self) -> None:
        if self._cell is None:
            return
        shown, struck = self._book.styles.of(self._cell.get("s"))
        if not self._value and not self._has_formula and not self._runs.holds:
            self._cell = None
            return  # a cell with only a style
        piece = self._piece(self._cell.get("t", "n"), shown)
        self._cell = None
        link = self._sheet.links.get((self._row, self._column))
        if link:
            piece = f'<a href="mailto:{escape(link)}">{piece}</a>'
        if struck and piece:
            piece = f"<s>{piece}</s>"
        if not piece.strip():
            return
        if self._column > MOST_COLUMNS:
            raise self._refusal(msg("This row has more than {limit} cells.", limit=MOST_COLUMNS))
        self._cells[self._column] = piece
        self._count(len(piece))
        if not self.has_address and ("@" in piece or "＠" in piece):
            self.has_address = True

    def _piece(self, kind: str, shown: NumberFormat) -> str:
        """Return the displayed value of the current cell as an HTML fragment."""
        value = "".join(self._value)
        self._value.clear()
        inline = self._runs.taken()
        if kind == "s":
            at = int(value) if value.isdecimal() and len(value) < 9 else -1  # noqa: PLR2004 - a limit of digits
            return self._book.texts[at] if 0 <= at < len(self._book.texts) else ""
        if kind == "b":
            return _BOOLEANS.get(value.strip(), piece_of(value))
        if kind == "n" and value.strip():
            number = number_shown(value.strip(), shown, from_1904=self._book.from_1904)
            return piece_of(number)
        if not value and self._has_formula and kind not in {"str", "inlineStr"}:
            self._without_result = True
        return piece_of(value) or inline

    def _end_row(self) -> None:
        if self._cells:
            self.write_notes(self._row)
            self._write_row()
        self._cells.clear()
        self._size = 0
        self._without_result = False

    def write_notes(self, before: int = _MOST_ROWS + 1) -> None:
        """Write comments on rows without cells before a row, which are notes about no person."""
        while self._comments and self._comments[-1][0] < before:
            row, comment = self._comments.pop()
            # Large distances are shortened.
            blank = min(row - self._written - 1, _NEAR)
            self._written += blank + 1
            self._write("<tr></tr>\n" * blank + f"<tr><td>{note_of(comment)}\n")

    def _write_row(self) -> None:
        blank = self._row - self._written - 1
        if blank > _MOST_BLANK:
            raise self._refusal(
                msg("More than {count} lines in a row are empty.", count=Number(_MOST_BLANK))
            )
        self._written = self._row
        begin = "<tr hidden" if self._hidden else "<tr"
        begin += ' data-fault="formula">' if self._without_result else ">"
        if self._comments and self._comments[-1][0] == self._row:
            begin = with_comment(begin, self._comments.pop()[1])
        row = ["<tr></tr>\n" * blank, begin]
        last = max(self._cells)
        column = 1
        while column <= last:
            if self._filled.get(column, 0) >= self._row:
                column += 1
                continue
            piece = self._cells.get(column, "")
            area = self._sheet.areas.get((self._row, column)) if piece else None
            if area is None:
                row.append(f"<td>{piece}")
                column += 1
                continue
            columns = min(area.columns, MOST_COLUMNS + 1 - column)
            rows = min(area.rows, _LONGEST_SPAN)
            row.append(f"<td colspan={columns} rowspan={rows}>{piece}")
            if rows > 1:
                reaches = dict.fromkeys(range(column, column + columns), self._row + rows - 1)
                self._filled |= reaches
            column += columns
        row.append("\n")
        self._write("".join(row))

    def _write(self, text: str) -> None:
        self._page.write(text.encode("utf-8", "replace"))
        if self._page.tell() > MOST_UNPACKED:
            raise self._refusal(
                msg("Unpacked, the workbook is larger than {size}.", size=Size(MOST_UNPACKED))
            )

    def _refusal(self, problem: Message) -> ListError:
        return _refusal(self._book.parts, self._sheet, self._row, problem)
