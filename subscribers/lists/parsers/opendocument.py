"""Lists in OpenDocument spreadsheets (``.ods``), which are converted to tables of HTML.

As for Excel workbooks, the result is a page with one table per sheet. Hidden, filtered or
struck-out rows are refused and reported. Dates are read by value, other cells as they are
displayed. Repeated cells and rows are stored once with their number, which is very large for blank
ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from tempfile import SpooledTemporaryFile
from typing import BinaryIO, cast
from urllib.parse import unquote

from newsletter.errors import ListError
from newsletter.i18n.messages import msg
from newsletter.i18n.values import Number, Size
from subscribers.lists.parsers.inner_columns import MOST_COLUMNS
from subscribers.lists.parsers.text_lists import comments_against
from subscribers.lists.parsers.workbook_comments import note_of, with_comment
from subscribers.lists.parsers.workbook_parts import MOST_UNPACKED, SAVE_SHEETS, Archive
from subscribers.lists.parsers.workbooks import UNNAMED
from subscribers.lists.records import MOST_SHEETS

_IN_MEMORY = 8 * 1024 * 1024
_MOST_IN_ROW, _MOST_BLANK = 1024 * 1024, 100_000
#: Characters that an empty element of a comment counts for.
_OF_A_COMMENT = 50
_CONTENT = "content.xml"
#: Elements within a cell that are not part of its text.
_ASIDE = frozenset({"annotation", "shapes", "frame"})
_CELLS = frozenset({"table-cell", "covered-table-cell"})


def page_of_sheets(archive: Archive) -> BinaryIO:
    """Return the sheets of a document as an HTML page in UTF-8, rewound.

    Raises:
        ListError: The document is broken or too large, or contains no address.
    """
    styles = _Styles(archive)
    for path in ("styles.xml", _CONTENT):
        if archive.has(path):
            archive.parse(path, start=styles.start, end=styles.end)
    page = cast("BinaryIO", SpooledTemporaryFile(max_size=_IN_MEMORY))  # noqa: SIM115 - the caller reads it
    try:
        page.write(b"<!doctype html><html><head><meta charset=utf-8></head><body>\n")
        sheets = _Sheets(archive, styles, page)
        archive.parse(_CONTENT, start=sheets.start, end=sheets.end, text=sheets.text)
        sheets.refuse_nobody()
    except BaseException:
        page.close()
        raise
    page.seek(0)
    return page


class _Styles:
    """Collects the styles that strike out or hide a sheet, and the number of sheets."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self.struck: set[str] = set()
        self.hidden: set[str] = set()
        self.sheets = 0
        self._name = ""

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        """Process a start tag."""
        said = _plain(attributes)
        if tag == "style":
            self._name = said.get("name", "")
            if said.get("parent-style-name") in self.struck:
                self._keep(self.struck)
        elif tag == "table":
            self.sheets += 1
        elif tag == "table-properties" and said.get("display") == "false":
            self._keep(self.hidden)
        elif tag == "text-properties":
            line = said.get("text-line-through-style", said.get("text-line-through-type"))
            if line == "none":
                self.struck.discard(self._name)
            elif line is not None:
                self._keep(self.struck)

    def end(self, tag: str) -> None:
        """Process an end tag."""
        if tag == "style":
            self._name = ""

    def _keep(self, kind: set[str]) -> None:
        kind.add(self._archive.keep(self._name))
        self._archive.refuse_many(len(kind))


class _Sheets:
    """Converts the elements of a document to rows of tables."""

    def __init__(self, archive: Archive, styles: _Styles, page: BinaryIO) -> None:
        self._archive, self._styles, self._page = archive, styles, page
        self._has_address = False
        self._sheets = 0
        self._row: list[str] = []
        self._row_tag = ""
        self._times = self._blank = self._size = 0
        self._cell: dict[str, str] | None = None
        self._text: list[str] = []
        self._link = ""
        self._struck = False
        self._aside = 0
        #: The comments on cells of the row, each in parts, and whether one is being parsed.
        self._comments: list[list[str]] = []
        self._in_comment = self._in_paragraph = False
        #: The number of blank cells before the next filled one.
        self._gap = 0

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        """Process a start tag."""
        if self._aside or tag in _ASIDE:
            self._aside += 1
            self._start_aside(tag)
        elif tag == "table":
            self._start_sheet(_plain(attributes))
        elif tag == "table-row":
            said = _plain(attributes)
            self._times = _number(said.get("number-rows-repeated"))
            hidden = " hidden" if said.get("visibility", "visible") != "visible" else ""
            self._row_tag = f"<tr{hidden}>"
            self._row.clear()
            self._comments.clear()
            self._gap = self._size = 0
        elif tag in _CELLS:
            self._cell = _plain(attributes)
            self._struck = self._cell.get("style-name") in self._styles.struck
            self._text.clear()
            self._link = ""
        elif self._cell is not None:
            self._start_words(tag, _plain(attributes))

    def _start_aside(self, tag: str) -> None:
        if self._in_comment or tag == "annotation":
            self._size += _OF_A_COMMENT
            if self._size > _MOST_IN_ROW:
                raise self._refusal()
        if tag == "annotation":
            self._in_comment = True
            self._comments.append([])
        elif tag == "p" and self._in_comment:
            self._in_paragraph = True
            self._comments[-1].append(" ")

    def refuse_nobody(self) -> None:
        """Refuse a document without addresses.

        Raises:
            ListError: The document contains no address.
        """
        if not self._has_address:
            raise self._archive.refusal(
                msg("No sheet of this workbook holds email addresses."),
                msg("Check that the file is a list of people."),
            )

    def _start_sheet(self, said: Mapping[str, str]) -> None:
        self._sheets += 1
        if self._sheets > MOST_SHEETS:
            raise self._archive.refusal(
                msg("The workbook has more than {count} sheets.", count=Number(MOST_SHEETS)),
                msg("Leave out the sheets that are not needed."),
            )
        name = said.get("name", "")
        title = "" if UNNAMED.fullmatch(name.strip()) else escape(name)
        hidden = " hidden" if said.get("style-name") in self._styles.hidden else ""
        self._blank = 0
        number = f" data-sheet={self._sheets}" if self._styles.sheets > 1 else ""
        self._write(f"<h2>{title}</h2>\n<table{number}{hidden}>\n")

    def _start_words(self, tag: str, said: Mapping[str, str]) -> None:
        if tag in {"p", "line-break", "s", "tab"} and self._text:
            self._text.append(" ")
        elif tag == "a":
            href = unquote(said.get("href", ""))
            if href.lower().startswith("mailto:"):
                self._link = href[len("mailto:") :].partition("?")[0].strip()
        if said.get("style-name") in self._styles.struck:
            self._struck = True

    def text(self, text: str) -> None:
        """Process text."""
        is_word = self._cell is not None and not self._aside
        if is_word or self._in_paragraph:
            (self._text if is_word else self._comments[-1]).append(text)
            self._size += len(text)
            if self._size > _MOST_IN_ROW:
                raise self._refusal()

    def end(self, tag: str) -> None:
        """Process an end tag."""
        if self._aside:
            self._aside -= 1
            self._in_comment = self._in_comment and self._aside > 0
            self._in_paragraph = self._in_paragraph and self._in_comment and tag != "p"
        elif tag in _CELLS:
            self._end_cell()
        elif tag == "table-row":
            self._end_row()
        elif tag == "table":
            self._write("</table>\n")

    def _end_cell(self) -> None:
        said, self._cell = self._cell or {}, None
        words = _shown(said, " ".join("".join(self._text).split()))
        times = _number(said.get("number-columns-repeated"))
        if not words and not self._link:
            self._gap += times
            return
        if len(self._row) + self._gap + times > MOST_COLUMNS:
            raise self._archive.refusal(
                msg("This row has more than {limit} cells.", limit=MOST_COLUMNS), SAVE_SHEETS
            )
        self._row += ["<td>"] * self._gap
        self._gap = 0
        piece = escape(words)
        if self._link:
            piece = f'<a href="mailto:{escape(self._link)}">{piece}</a>'
        if self._struck:
            piece = f"<s>{piece}</s>"
        rows = min(_number(said.get("number-rows-spanned")), _MOST_BLANK - 1)
        down = f" rowspan={rows}" if rows > 1 else ""
        self._row += [f"<td{down}>{piece}"] * times
        self._size += len(piece) * times
        if self._size > _MOST_IN_ROW:
            raise self._refusal()
        self._has_address = self._has_address or "@" in piece or "＠" in piece

    def _end_row(self) -> None:
        comment = comments_against(map("".join, self._comments))
        self._comments.clear()
        if comment and not self._row:
            self._row.append(f"<td>{note_of(comment)}")
            comment = ""
        if not self._row:
            self._blank += self._times
            return
        if self._blank > _MOST_BLANK or self._times > _MOST_BLANK:
            raise self._archive.refusal(
                msg("More than {count} lines in a row are empty.", count=Number(_MOST_BLANK)),
                SAVE_SHEETS,
            )
        self._write("<tr></tr>\n" * self._blank)
        self._blank = 0
        tag = with_comment(self._row_tag, comment)
        row = f"{tag}{''.join(self._row)}\n"
        for _ in range(self._times):
            self._write(row)

    def _write(self, text: str) -> None:
        self._page.write(text.encode("utf-8", "replace"))
        if self._page.tell() > MOST_UNPACKED:
            raise self._archive.refusal(
                msg("Unpacked, the workbook is larger than {size}.", size=Size(MOST_UNPACKED)),
                SAVE_SHEETS,
            )

    def _refusal(self) -> ListError:
        return self._archive.refusal(msg("This row is larger than 1 MiB."), SAVE_SHEETS)


def _plain(attributes: Mapping[str, str]) -> dict[str, str]:
    return {name.rpartition(" ")[2]: value for name, value in attributes.items()}


def _number(text: str | None) -> int:
    text = text or "1"
    return max(int(text), 1) if text.isascii() and text.isdecimal() and len(text) < 9 else 1  # noqa: PLR2004 - a limit of digits


def _shown(said: Mapping[str, str], words: str) -> str:
    """Return the text of a cell; for a date its value, since the format may omit parts."""
    kind = said.get("value-type")
    if kind == "date":
        day = said.get("date-value", "")
        return day.removesuffix("T00:00:00").replace("T", " ") or words
    if kind == "boolean":
        return said.get("boolean-value", words).upper()
    return words
