"""Lists in HTML tables: saved pages, and files that many systems export as ``.xls``.

A table is converted to CSV with one line per row, so that titles, headings of several rows, merged
cells and sections are handled as in other lists. Positions are row numbers or, in a workbook with
several sheets, those of sheet and row. Rows that a browser hides or shows as struck out were
removed by somebody; they are refused and reported. Tables of any length are streamed.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import chain, groupby
from operator import itemgetter
from typing import BinaryIO

from lxml import etree

from newsletter.errors import ListError, Place
from newsletter.i18n.messages import Message, msg
from subscribers.lists.parsers.encodings import (
    BYTE_ORDER_MARKS,
    ListEncoding,
    mixed_encodings,
    recognise,
    require_encoding,
)
from subscribers.lists.parsers.headings import distinct_names
from subscribers.lists.parsers.html_cells import HtmlRow, HtmlTable, TableTarget
from subscribers.lists.parsers.tables import csv_records
from subscribers.lists.parsers.text_lists import (
    BESIDE,
    COMMENTS,
    SECTION,
    read_heading,
    titles_against,
)
from subscribers.lists.records import Record, before_sheet
from subscribers.lists.words.formats import ListState
from subscribers.lists.words.legends import legends_in, read_legend

_BLOCK, _START = 64 * 1024, 256 * 1024
#: The beginning of a page, or of a workbook in XML.
_BEGINS = re.compile(
    r"\ufeff?\s*(?:<\?(?:xml|mso)[^>]{0,200}>\s*|<!--[^>]{0,2000}-->\s*)*<(?:!doctype\s+html|html|head|meta"
    r"|body|table|tbody|thead|div|center|style|title|font|h[1-6]|p|span|workbook|form|b|br|link)\b",
    re.IGNORECASE,
)
_CHARSET = re.compile(rb"""charset\s*=\s*["']?\s*([\w-]{2,40})""", re.IGNORECASE)
_A_PAIR = 2
_DIVIDING = frozenset('",;\t|')
_FOREIGN_ROW = msg("This row stands in another table, which has no headings of its own.")


def is_html(start: bytes) -> bool:
    """Return whether a file is an HTML page or table, by its first octets."""
    for mark, encoding in BYTE_ORDER_MARKS.items():
        if start.startswith(mark):
            return _BEGINS.match(start[:4096].decode(encoding, "replace")) is not None
    return _BEGINS.match(start[:4096].decode("latin-1")) is not None


def encoding_of_html(stream: BinaryIO, *, source: str, chosen: str = "") -> ListEncoding:
    """Return the encoding of a page, as declared in it, and rewind the stream.

    Raises:
        ListError: The encoding is neither declared nor recognised, or it is not supported.
    """
    start = stream.read(_START)
    stream.seek(0)
    if chosen:
        return ListEncoding(encoding=require_encoding(chosen))
    for mark, encoding in BYTE_ORDER_MARKS.items():
        if start.startswith(mark):
            return ListEncoding(encoding=encoding)
    declared = _CHARSET.search(start[:4096])
    # Valid UTF-8 takes precedence over the declaration, except for pure ASCII, which can be
    # ISO-2022-JP.
    named = declared[1].decode("ascii", "replace") if declared else ""
    for name in [named, "utf-8"] if start.isascii() else ["utf-8", named]:
        with suppress(ListError, UnicodeDecodeError):
            encoding = require_encoding(name)
            codecs.getincrementaldecoder(encoding)().decode(start)
            return ListEncoding(encoding=encoding)
    at = next((at for at, octet in enumerate(start) if octet > 127), 0)  # noqa: PLR2004 - ASCII
    text = re.sub(rb"<[^>]*>", b"\n", start[start.rfind(b">", 0, at) + 1 :])
    return recognise(text, source=source, line=start.count(b"\n", 0, at) + 1)


def html_records(
    stream: BinaryIO,
    *,
    source: str,
    is_header: Callable[[Sequence[str]], bool],
    encoding: str = "",
) -> Iterator[Record]:
    """Yield the rows of the tables with addresses in a page.

    Each of several tables with headings is read by these; rows of other tables are reported. The
    text above a table applies to its people if it is against mail, and for all tables but the
    first.

    Raises:
        ListError: No table contains an address, or the declared encoding is wrong.
    """
    tables, begun = 0, 0
    for _, pieces in groupby(_pieces(stream, source, encoding), key=lambda piece: id(piece[0])):
        table, first = next(pieces)
        if not any("@" in cell or "＠" in cell for row in first for cell in row.cells):
            if legend := _legend_of(first):
                yield Record(begun, (), (), header=True, beyond=legend)
            continue
        tables += 1
        if table.sheet:
            begun = max(begun, before_sheet(table.sheet))
        rows = _TableLines(chain(first, chain.from_iterable(map(itemgetter(1), pieces))))  # noqa: B031
        if tables > 1 and not any(is_header(distinct_names(row.cells)) for row in first):
            for line in rows.lines():
                if line.strip():
                    yield Record(begun + rows.count, (), (), fault=_FOREIGN_ROW)
        else:
            heading = _heading_of(table, is_first=tables == 1)
            records = csv_records(rows.lines(), source=source, is_header=is_header)
            for record in _with_comments(records, rows.comments):
                yield _placed(_with_legend(record, table), begun, heading, rows.faults)
        begun += rows.count
    if not tables:
        raise ListError(
            msg("This page holds no table with email addresses."),
            place=Place(source=source),
            remedy=msg(
                "Save the list as an Excel workbook (.xlsx) or as CSV in UTF-8, and use that file."
            ),
        )


def _legend_of(rows: Iterable[HtmlRow]) -> str:
    """Return the codes and meanings in a table, one per line; empty for other tables."""
    filled = ([cell.strip() for cell in row.cells if cell.strip()] for row in rows)
    return legends_in(["\n".join(":".join(cells) for cells in filled if len(cells) == _A_PAIR)])


class _TableLines:
    """The rows of a table as lines of CSV."""

    def __init__(self, rows: Iterator[HtmlRow]) -> None:
        self._rows = rows
        self.count = 0
        #: Reasons why rows are refused, by row number.
        self.faults: dict[int, Message] = {}
        #: Comments on rows, by row number.
        self.comments: dict[int, str] = {}

    def lines(self) -> Iterator[str]:
        """Yield a line for each row."""
        for row in self._rows:
            self.count += 1
            if row.fault:
                self.faults[self.count] = row.fault
            if row.comment:
                self.comments[self.count] = row.comment
            yield _line(row.cells)


def _line(cells: Sequence[str]) -> str:
    if not any(cells):
        return "\n"
    return ",".join(map(_quoted, cells)) + "\n"


def _quoted(cell: str) -> str:
    """Return a cell of CSV, quoted if it contains any possible separator."""
    if _DIVIDING.isdisjoint(cell):
        return cell
    return f'"{cell.replace(chr(34), chr(34) * 2)}"'


def _heading_of(table: HtmlTable, *, is_first: bool) -> str:
    """Return the text above a table that applies to its people; empty if there is none."""
    titles = [title for title in table.titles if not read_legend(title)]
    states = [(title, read_heading(title)) for title in titles]
    for title, state in states:
        if state not in {None, ListState.CONFIRMED, ListState.UNCLEAR}:
            return title
    unclear = [title for title, state in states if state is not None]
    leaving = [title for title in unclear if titles_against([title])]
    return next(reversed(leaving or ([] if is_first else unclear)), "")


def _with_comments(records: Iterable[Record], comments: dict[int, str]) -> Iterator[Record]:
    """Yield records with the comments on their rows in additional columns.

    Comments on headings apply to all rows below, like the titles of a list.
    """
    title = ""
    widened: dict[tuple[str, ...], tuple[str, ...]] = {}
    for record in records:
        is_row = not (record.header or record.fault)
        own = comments.pop(record.line, "") if is_row else ""
        while comments and (line := next(iter(comments))) <= record.line:
            title = titles_against([comments.pop(line)]) or title
        beside = ((COMMENTS, own), (BESIDE, title))
        more = {name: text for name, text in beside if text and name not in record.names}
        if not (is_row and more):
            yield record
            continue
        names = (*record.names, *more)
        names = widened.setdefault(names, names)
        yield record._replace(names=names, cells=[*record.cells, *more.values()])


def _with_legend(record: Record, table: HtmlTable) -> Record:
    """Return a header with the legend above its table; other records unchanged."""
    if not record.header:
        return record
    return record._replace(beyond=legends_in([record.beyond, *table.titles]))


def _placed(record: Record, begun: int, heading: str, faults: dict[int, Message]) -> Record:
    line = begun + record.line
    if not record.header and (fault := faults.pop(record.line, None)):
        return Record(line, (), (), fault=fault)
    if heading and not record.fault and SECTION not in record.names:
        names = (*record.names, SECTION)
        cells = record.cells if record.header else [*record.cells, heading]
        return record._replace(line=line, names=names, cells=cells)
    return record._replace(line=line)


def _pieces(
    stream: BinaryIO, source: str, encoding: str
) -> Iterator[tuple[HtmlTable, Sequence[HtmlRow]]]:
    """Yield the tables of a page in one or more parts."""
    encoding = encoding or encoding_of_html(stream, source=source).encoding
    decoder = codecs.getincrementaldecoder(encoding)()
    target = TableTarget(source)
    parser = etree.HTMLParser(target=target, huge_tree=True)
    stream.seek(0)
    line = 1
    while block := stream.read(_BLOCK):
        try:
            text = decoder.decode(block)
        except UnicodeDecodeError:
            raise mixed_encodings(encoding, source=source, line=line) from None
        line += text.count("\n")
        parser.feed(text)
        yield from target.taken()
    parser.close()
    yield from target.taken()
