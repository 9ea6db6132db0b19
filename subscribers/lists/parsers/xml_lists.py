"""Lists in XML of any vocabulary, which are converted to HTML tables; repeated elements are rows.

The inner elements and attributes of an element, and those of the group around it, are columns of
its row. XML is untrusted: it is parsed by expat as a stream, and declarations, especially of
entities, are refused. Uploaded lists are stored as the converted page.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from html import escape
from tempfile import SpooledTemporaryFile
from typing import BinaryIO, cast
from xml.parsers import expat

from newsletter.errors import ListError, Place
from newsletter.i18n.messages import Message, msg
from newsletter.i18n.values import Number, Size
from subscribers.lists.parsers.encodings import BYTE_ORDER_MARKS, not_in, require_encoding
from subscribers.lists.parsers.inner_columns import MOST_COLUMNS
from subscribers.lists.parsers.text_lists import is_heading, titles_against
from subscribers.lists.parsers.workbook_parts import MOST_UNPACKED, Names
from subscribers.lists.parsers.xml_shape import MOST_KINDS, OF_FIELDS, Path, Shape, named_by
from subscribers.lists.words.formats import guess_field

_BLOCK, _IN_MEMORY = 64 * 1024, 8 * 1024 * 1024
_MOST_IN_ROW, _MOST_INHERITED = 1024 * 1024, 1000
_DEEPEST, _MOST_ELEMENTS = 64, 8_000_000
#: The beginning of XML: a declaration, or a tag directly before another one.
_BEGINS = re.compile(
    r"\ufeff?\s*(?:<\?xml\s|(?:<!--[^>]{0,2000}-->\s*)*<[^\W\d][\w:.-]{0,80}(?:\s[^<>@]{0,500})?>\s*"
    r"(?:<!--[^>]{0,2000}-->\s*)*<[^\W\d][\w:.-]{0,80}[\s/>])"
)
_DECLARED = re.compile(rb"""^[^>]{0,100}?encoding\s*=\s*["']([\w.-]{2,40})""")
#: Columns of all kinds of rows together, since each kind has its own columns.
_MOST_OF_ALL = 20 * MOST_COLUMNS
_REMARK = "comment"
#: The key for the name of the whole file.
_WHOLE = "<>"
_BETWEEN_WORDS = re.compile(r"[_.-]+|(?<=[a-z])(?=[A-Z])")
#: The largest number of titles of a file that apply to its people.
_MOST_TITLES = 20
_CHECK = msg("Check that the file is a list of people.")


def is_xml(start: bytes) -> bool:
    """Return whether a file is XML, by its first octets; an HTML page may be XML, too."""
    for mark, encoding in BYTE_ORDER_MARKS.items():
        if start.startswith(mark):
            return _BEGINS.match(start[:8192].decode(encoding, "replace")) is not None
    return _BEGINS.match(start[:8192].decode("utf-8", "replace")) is not None


def page_of_xml(stream: BinaryIO, *, source: str) -> BinaryIO:
    """Return a list in XML as an HTML page in UTF-8, rewound.

    Raises:
        ListError: The file is not well-formed, declares entities, or contains no addresses.
    """
    document = _Document(stream, source)
    shape = Shape(document.refuse_kinds)
    document.parse(start=shape.start, text=shape.text, end=shape.end)
    people = shape.people()
    if not people:
        raise document.refusal(msg("This XML holds no email addresses."))
    columns = _Columns(document)
    document.read(_Rows(document, people, columns.add))
    page = cast("BinaryIO", SpooledTemporaryFile(max_size=_IN_MEMORY))  # noqa: SIM115 - the caller reads it
    try:
        writer = _Writer(document, columns, page)
        document.read(_Rows(document, people, writer.row, writer.remark))
        writer.end()
    except BaseException:
        page.close()
        raise
    page.seek(0)
    return page


class _Document:
    """An XML file, which is parsed several times."""

    def __init__(self, stream: BinaryIO, source: str) -> None:
        self._stream, self._source = stream, source
        self._line = 1
        stream.seek(0)
        start = stream.read(_BLOCK)
        marked = next(
            (name for mark, name in BYTE_ORDER_MARKS.items() if start.startswith(mark)), ""
        )
        declared = _DECLARED.match(start)
        named = declared[1].decode("ascii") if declared else "utf-8"
        self._encoding = marked or "utf-8"
        if not marked:
            with suppress(ListError):
                self._encoding = require_encoding(named)

    def read(self, rows: _Rows) -> None:
        """Parse the file and pass its elements to rows."""
        self.parse(start=rows.start, text=rows.text, end=rows.end, remark=rows.remark)

    def parse(
        self,
        *,
        start: Callable[[str, Mapping[str, str]], None],
        text: Callable[[str], None],
        end: Callable[[], None],
        remark: Callable[[str], None] | None = None,
    ) -> None:
        """Parse the file and call the functions for its elements, by names without namespace.

        Raises:
            ListError: The file is not well-formed, or declares elements or entities.
        """
        parser = expat.ParserCreate("utf-8", namespace_separator=" ")
        parser.buffer_text = True
        names = Names(parser, self.refuse_kinds)
        depth = met = 0

        def open_element(tag: str, attributes: dict[str, str]) -> None:
            nonlocal depth, met
            depth += 1
            met += 1
            if depth > _DEEPEST or met > _MOST_ELEMENTS:
                raise self.refusal(
                    msg("The XML has more than {count} elements, or very deep ones.", count=_MOST)
                )
            self._line = parser.CurrentLineNumber
            names.met(tag, attributes)
            start(_local(tag), {_local(name): value for name, value in attributes.items()})

        def close_element(_tag: str) -> None:
            nonlocal depth
            depth -= 1
            end()

        def declare(_name: str, _system: str | None, _public: str | None, has_own: bool) -> None:  # noqa: FBT001 - expat's
            if has_own:
                raise self.refusal(msg("The XML defines entities or elements."))

        parser.StartElementHandler = open_element
        parser.EndElementHandler = close_element
        parser.CharacterDataHandler = text
        parser.StartDoctypeDeclHandler = declare
        if remark:
            parser.CommentHandler = remark
        fed = 0
        for block in self._blocks():
            fed += len(block)
            self._feed(parser, block)
            if fed - parser.CurrentByteIndex > _MOST_IN_ROW:
                raise self.refusal(msg("This row is larger than 1 MiB."))
        self._feed(parser, b"", is_last=True)

    def _feed(self, parser: expat.XMLParserType, block: bytes, *, is_last: bool = False) -> None:
        try:
            parser.Parse(block, is_last)
        except expat.ExpatError as error:
            self._line = error.lineno
            raise ListError(
                msg("From this line on it is not XML."),
                place=Place(source=self._source, line=self._line),
                remedy=msg("Check whether the file was cut short, and save it again."),
            ) from None

    def _blocks(self) -> Iterator[bytes]:
        decoder = codecs.getincrementaldecoder(self._encoding)()
        self._stream.seek(0)
        while block := self._stream.read(_BLOCK):
            try:
                text = decoder.decode(block)
            except UnicodeDecodeError:
                raise self.refusal(not_in(self._encoding)) from None
            yield text.removeprefix("\ufeff").encode("utf-8", "replace")

    def refuse_kinds(self) -> None:
        """Refuse a file with too many kinds of elements.

        Raises:
            ListError: Always.
        """
        raise self.refusal(
            msg("The XML has more than {count} kinds of elements.", count=Number(MOST_KINDS))
        )

    def refusal(self, problem: Message) -> ListError:
        """Return an error at the current line."""
        return ListError(problem, place=Place(source=self._source, line=self._line), remedy=_CHECK)


_MOST = Number(_MOST_ELEMENTS)


def _local(name: str) -> str:
    return name.rpartition(" ")[2]


@dataclass(slots=True)
class _Element:
    """An element during parsing, with the values of its short inner elements so far."""

    path: Path
    attributes: Mapping[str, str]
    text: list[str] = field(default_factory=list)
    said: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class _Row:
    """A person: the values within the element, and around it."""

    path: Path
    titles: list[str]
    around: dict[str, str]
    cells: dict[str, list[str]] = field(default_factory=dict)
    size: int = 0


@lru_cache(maxsize=MOST_KINDS)
def _title_of(tag: str) -> str:
    """Return the name of an element in the form of a title."""
    return _BETWEEN_WORDS.sub(" ", tag[:_MOST_INHERITED])


class _Whole:
    """The texts around all people of a file.

    Each text is interpreted once, when a person follows, and not for every person.
    """

    def __init__(self) -> None:
        #: The texts since the last person, by element.
        self.said: dict[str, str] = {}
        self._titles: dict[str, str] = {}
        self._against = ""

    @property
    def against(self) -> str:
        """The texts about unsubscribing or against mail, within the limit of a row."""
        if self.said:
            for name, text in self.said.items():
                self._titles[name] = titles_against([text[:_MOST_INHERITED]])
            self.said = {}
            self._titles = {name: text for name, text in self._titles.items() if text}
            while len(self._titles) > _MOST_TITLES:
                self._titles.popitem()
            self._against = " / ".join(self._titles.values())[:_MOST_INHERITED]
        return self._against


class _Rows:
    """Converts the elements of a file to rows."""

    def __init__(
        self,
        document: _Document,
        people: set[Path],
        take: Callable[[_Row], None],
        heading: Callable[[str], None] | None = None,
    ) -> None:
        self._document, self._people = document, people
        self._take, self._heading = take, heading
        self._open: list[_Element] = []
        self._row: _Row | None = None
        self._whole = _Whole()

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        """Process a start tag."""
        path = (*self._open[-1].path, tag) if self._open else (tag,)
        if not self._open:
            self._whole.said = {_WHOLE: _title_of(tag), **attributes}
        if self._row is None and path in self._people:
            self._row = _Row(path, self._titles(), self._around())
        self._open.append(_Element(path, attributes))

    def text(self, text: str) -> None:
        """Process text."""
        if self._open and (self._row or len(self._open[-1].text) < _DEEPEST):
            self._open[-1].text.append(text)
            self._count(len(text))

    def remark(self, text: str) -> None:
        """Process a comment, which applies to the surrounding person or to the following ones."""
        words = " ".join(text.split())
        if self._row is not None:
            self._add(_REMARK, words)
        elif self._heading and is_heading(words) and "@" not in words:
            self._heading(words)

    def end(self) -> None:
        """Process an end tag."""
        ended = self._open.pop()
        words = " ".join("".join(ended.text).split())
        row = self._row
        if row is None:
            if self._open and words and len(words) <= _MOST_INHERITED:
                self._open[-1].said[ended.path[-1]] = words
                if len(self._open) == 1:
                    self._whole.said[f"<{ended.path[-1]}>"] = words
            return
        within = ended.path[len(row.path) :]
        names = self._field(ended, words)
        if names:
            self._add(*names)
        else:
            self._add_element(ended, within, words)
        if not within:
            self._row = None
            self._take(row)

    def _add_element(self, ended: _Element, within: Path, words: str) -> None:
        tag = ended.path[-1]
        column = ".".join(within) or (tag if guess_field(tag) == "address" else "email")
        for name, value in ended.attributes.items():
            is_taken = bool(self._row and name in self._row.cells)
            self._add(f"{column} {name}" if within and is_taken else name, value)
        is_leaf = not ended.said
        if words or (is_leaf and within and not ended.attributes):
            self._add(column, words)
        if len(self._open) > 0 and within:
            self._open[-1].said[within[-1].lower()] = words

    def _field(self, ended: _Element, words: str) -> tuple[str, str] | None:
        """Return the column and value of an element that contains the name of its column."""
        if ended.said.keys() == {"name", "value"} and self._row:
            for path in (*ended.path, "name"), (*ended.path, "value"):
                self._row.cells.pop(".".join(path[len(self._row.path) :]), None)
            return ended.said["name"], ended.said["value"]
        name = named_by(ended.attributes)
        value = words or ended.attributes.get("value", "")
        is_named = bool(name) and not ended.said and set(ended.attributes) <= OF_FIELDS
        is_inner = self._row is not None and ended.path != self._row.path
        return (name, value) if is_named and is_inner else None

    def _add(self, column: str, value: str) -> None:
        if self._row is not None:
            self._count(len(value) + len(column))
            self._row.cells.setdefault(column, []).append(value)

    def _count(self, size: int) -> None:
        if self._row is not None:
            self._row.size += size
            if self._row.size > _MOST_IN_ROW:
                raise self._document.refusal(msg("This row is larger than 1 MiB."))

    def _titles(self) -> list[str]:
        """Return the possible titles of the people: the names of the surrounding elements."""
        if not self._open:
            return []
        return [*map(_title_of, self._open[-1].path[1:]), self._whole.against]

    def _around(self) -> dict[str, str]:
        """Return the values of the groups around a person, without those of the whole file."""
        around: dict[str, str] = {}
        for group in self._open[1:]:
            around |= {**group.attributes, **group.said}
        if sum(map(len, around.values())) > _MOST_INHERITED:
            raise self._document.refusal(msg("This row is larger than 1 MiB."))
        return around


class _Columns:
    """The columns of each kind of row."""

    def __init__(self, document: _Document) -> None:
        self._document = document
        self.of: dict[Path, dict[str, None]] = {}
        self._rows: dict[Path, int] = {}
        self._present: dict[tuple[Path, str], int] = {}
        self._filled: set[tuple[Path, str]] = set()

    def add(self, row: _Row) -> None:
        """Add the columns of a row."""
        columns = self.of.setdefault(row.path, {})
        self._rows[row.path] = self._rows.get(row.path, 0) + 1
        for name, value in cells_of(row).items():
            columns.setdefault(name)
            key = row.path, name
            self._present[key] = self._present.get(key, 0) + 1
            if value:
                self._filled.add(key)
        if len(columns) > MOST_COLUMNS:
            raise self._document.refusal(
                msg("This row has more than {limit} cells.", limit=MOST_COLUMNS)
            )
        if len(self._present) > _MOST_OF_ALL:
            self._document.refuse_kinds()

    def is_flag(self, path: Path, name: str) -> bool:
        """Return whether an element is a flag: only some rows have it, and it is always empty."""
        key = path, name
        return key not in self._filled and self._present.get(key, 0) < self._rows[path]


def cells_of(row: _Row) -> dict[str, str]:
    """Return the cells of a row by column."""
    cells = {name: ", ".join(filter(None, values)) for name, values in row.cells.items()}
    around = {
        (f"{row.path[-2]} {name}" if name in cells and len(row.path) > 1 else name): value
        for name, value in row.around.items()
    }
    return {**around, **cells}


class _Writer:
    """Writes rows to HTML tables, one for each group."""

    def __init__(self, document: _Document, columns: _Columns, page: BinaryIO) -> None:
        self._document, self._columns, self._page = document, columns, page
        self._group: tuple[Path, list[str]] | None = None
        self._write("<!doctype html><html><head><meta charset=utf-8></head><body>\n")

    def row(self, row: _Row) -> None:
        """Write a row, preceded by the header if it is the first row of its table."""
        columns = self._columns.of[row.path]
        if self._group != (row.path, row.titles):
            self.end()
            self._group = row.path, row.titles
            self._write("".join(f"<h2>{escape(each)}</h2>\n" for each in row.titles if each))
            self._write("<table><tr>" + "".join(f"<td>{escape(name)}" for name in columns) + "\n")
        cells = cells_of(row)
        for name, value in cells.items():
            if not value and self._columns.is_flag(row.path, name):
                cells[name] = "1"
        self._write(
            "<tr>" + "".join(f"<td>{escape(cells.get(name, ''))}" for name in columns) + "\n"
        )

    def remark(self, text: str) -> None:
        """Write a heading between rows."""
        if self._group:
            self._write(f"<tr><td>{escape(text)}\n")

    def end(self) -> None:
        """Finish the table."""
        if self._group:
            self._write("</table>\n")

    def _write(self, text: str) -> None:
        self._page.write(text.encode("utf-8", "replace"))
        if self._page.tell() > MOST_UNPACKED:
            raise self._document.refusal(
                msg("As a table, the XML is larger than {size}.", size=Size(MOST_UNPACKED))
            )
