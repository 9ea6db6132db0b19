"""Lists as files: octets to records, one at a time, in the encodings that lists come in."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, islice, takewhile
from typing import Any, AnyStr, BinaryIO, NamedTuple

from newsletter.errors import ListError, Place
from newsletter.i18n.messages import Message, msg
from newsletter.issues.sources.encodings import decode_as, has_designations
from newsletter.spreadsheets import kind_of
from subscribers.lists.encodings import (
    ENCODINGS,
    ListEncoding,
    demand_encoding,
    guess_wide,
    recognise,
)
from subscribers.lists.harmless import speaks, tells_leaving
from subscribers.lists.headings import continues_below, merge_headings
from subscribers.lists.text_lists import (
    NAMES,
    SECTION,
    is_table,
    lines_of,
    names_column,
    read_heading,
)

#: How much is looked at, from the first octet beyond ASCII on, to recognise the encoding.
_PREFIX = 256 * 1024
_LINE_LIMIT = 1024 * 1024
_BLOCK = 64 * 1024
#: Encodings in which no character goes on beyond the end of a line, nor holds its octet.
_BY_OCTETS = frozenset({"ascii", *ENCODINGS}) - {"iso2022_jp"}
#: So many rows of one line each are read by one call.
_ROWS = 64
_JSON_ENDINGS = (".jsonl", ".ndjson")
_JSON_START = re.compile(rb'(?:\xef\xbb\xbf)?\s*(?:\[\s*)?\{\s*"')
#: Excel writes semicolons where the comma is the decimal sign; of equals, the first counts.
#: A cell in quotes, or all that comes behind a quotation mark that has no second one.
_CELL_IN_QUOTES = re.compile(rb'"[^"]*(?:"|\Z)')
_DELIMITERS = (",", "\t", ";", "|")
#: What Excel reads as the sign between cells, and writes before some exports.
_SEPARATOR_LINE = re.compile(r'\ufeff?"?sep=(.)"?,*')
#: Within so many lines the header must stand, and the form of a list be seen.
HEAD_LINES = 30
_BROKEN = msg("A quotation mark is missing in this row, or is inside a field.")
_ENDLESS = msg(
    "This row is longer than 1,000 lines or 1 MiB; check whether a quotation mark is missing."
)
#: So far a row may go on: cells with line breaks hold postal addresses and notes, not more.
_ROW_LINES, _ROW_SIZE = 1000, 1024 * 1024
#: Each row has as many cells as the header: of a wider one, short rows would take gigabytes.
_MOST_COLUMNS = 1000
#: So often a line is read as part of rows that break before it is read by itself.
_READINGS = 4
#: Byte order marks and characters of no width.
_UNSEEN = re.compile("[\ufeff\u200b-\u200f\u2060\u00ad]")


class Record(NamedTuple):
    """One subscriber's cells under the names the list uses; the header is line 1.

    Attributes:
        names: Of the columns; rows of one list have one tuple, so that they can be told by it.
        cells: As many as names; none of the header and of what could not be read.
        fault: Why the line could not be read, where it could not.
        beyond: What stood in cells beyond the header's.
    """

    line: int
    names: tuple[str, ...]
    cells: Sequence[Any]
    header: bool = False
    fault: Message | None = None
    beyond: str = ""

    @property
    def values(self) -> dict[str, Any]:
        """The cells by their columns' names, in a dictionary made anew."""
        return dict(zip(self.names, self.cells, strict=False))


def is_json(file_name: str) -> bool:
    """Tell whether a file is JSON lines, by its name."""
    return file_name.lower().endswith(_JSON_ENDINGS)


def refuse_foreign(stream: BinaryIO, *, source: str, file_name: str) -> None:
    """Refuse what is no list at all by its first octets.

    Raises:
        ListError: It is a file of an office program, a picture, or JSON by another name.
    """
    start = stream.read(100)
    stream.seek(0)
    place = Place(source=source)
    if kind := kind_of(start):
        raise ListError(
            msg("This is {kind}, not a list in plain text.", kind=kind),
            place=place,
            remedy=msg("Save the sheet as CSV in UTF-8, and use that file."),
        )
    if not is_json(file_name) and _JSON_START.match(start):
        raise ListError(
            msg("This is JSON, which is read as a list only with an object on each line."),
            place=place,
            remedy=msg("Write it so, and let the name of the file end in .jsonl."),
        )


def digest_of(stream: io.BufferedReader | io.BytesIO, *how: str) -> str:
    """Return the SHA-256 of a file and of how it is to be read, and go back to its beginning."""
    digest = hashlib.file_digest(stream, "sha256")
    for part in how:
        digest.update(b"\0" + part.encode())
    stream.seek(0)
    return digest.hexdigest()


def text_lines(stream: BinaryIO, *, source: str, encoding: str = "") -> Iterator[str]:
    """Yield lines decoded, recognising the encoding where the first octet beyond ASCII stands.

    Args:
        stream: The octets.
        source: Names the list in errors.
        encoding: What somebody chose of `ENCODINGS`; nothing where it is to be recognised.

    Raises:
        ListError: It is in no known encoding, in more than one, or a line has over 1 MiB.
    """
    start = stream.read(_PREFIX)
    stream.seek(0)
    marked = start.startswith((b"\xff\xfe", b"\xfe\xff"))
    wide = "utf-16" if marked else guess_wide(start[:_BLOCK])
    if wide or encoding.startswith("utf-16"):
        yield from _utf_16_lines(stream, source, wide or encoding)
        return
    # Spreadsheets for older Macintoshes end lines by CR alone, but for those within cells.
    outside = start if b"\n" not in start else _CELL_IN_QUOTES.sub(b"", start)
    end = "\r" if b"\r" in outside and b"\n" not in outside else "\n"
    number = 1
    blocks = _octet_blocks(stream, end.encode(), source)
    while block := next(blocks, b""):
        octets = block.removeprefix(b"\xef\xbb\xbf") if number == 1 else block
        if not encoding and _needs_encoding(octets):
            ahead = list(_prefix(blocks))
            parts = [*_lines(octets, end.encode()), *ahead]
            encoding = _recognise(parts, source, number).encoding
            blocks = chain(ahead, blocks)
        yield from _decoded(octets, encoding or "ascii", end, source, number)
        number += block.count(end.encode())


def find_encoding(stream: BinaryIO, *, source: str, chosen: str = "") -> ListEncoding:
    """Return in which encoding a list is read, and go back to its beginning.

    Args:
        stream: The octets.
        source: Names the list in errors.
        chosen: Any name of an encoding that somebody chose.

    Raises:
        ListError: See `text_lines`; or lists are not read in what was chosen.
    """
    if chosen:
        return ListEncoding(encoding=demand_encoding(chosen))
    start = stream.read(_PREFIX)
    stream.seek(0)
    if start.startswith((b"\xff\xfe", b"\xfe\xff")) or guess_wide(start[:_BLOCK]):
        return ListEncoding(encoding="utf-16")
    end = b"\n" if b"\n" in start else b"\r"
    number = 1
    blocks = _octet_blocks(stream, end, source)
    try:
        while block := next(blocks, b""):
            octets = block.removeprefix(b"\xef\xbb\xbf") if number == 1 else block
            if _needs_encoding(octets):
                return _recognise([*_lines(octets, end), *_prefix(blocks)], source, number)
            number += block.count(end)
    finally:
        stream.seek(0)
    return ListEncoding(encoding="utf-8")


def _needs_encoding(octets: bytes) -> bool:
    return not octets.isascii() or has_designations(octets)


def _utf_16_lines(stream: BinaryIO, source: str, encoding: str) -> Iterator[str]:
    wrapper = io.TextIOWrapper(stream, encoding=encoding, newline="")
    number = 0
    try:
        while line := wrapper.readline(_LINE_LIMIT):
            number += 1
            _refuse_longest(line, source, number)
            yield line
    except UnicodeDecodeError:
        raise ListError(
            msg("This line is not in UTF-16, unlike the start of the list."),
            place=Place(source=source, line=number + 1),
            remedy=msg("Check whether the file was cut short, and save it again."),
        ) from None
    finally:
        # Else the stream would be closed with it, under whoever asks how far it was read.
        wrapper.detach()


def _octet_blocks(stream: BinaryIO, end: bytes, source: str) -> Iterator[bytes]:
    """Yield whole lines, many at once: a call for each costs more than reading it."""
    rest, number = b"", 1
    while chunk := stream.read(_BLOCK):
        whole, sign, rest = (rest + chunk).rpartition(end)
        if sign:
            yield whole + sign
            number += whole.count(end) + 1
        _refuse_longest(rest, source, number)
    if rest:
        yield rest


def _lines(text: AnyStr, end: AnyStr) -> list[AnyStr]:
    """Return lines with their ends."""
    lines: list[AnyStr] = [part + end for part in text.split(end)]
    last = lines.pop()[: -len(end)]
    if last:
        lines.append(last)
    return lines


def _refuse_longest(line: bytes | str, source: str, number: int) -> None:
    if len(line) >= _LINE_LIMIT:
        raise ListError(
            msg("This line is larger than 1 MiB."),
            place=Place(source=source, line=number),
            remedy=msg("Check that the file is a list with one subscriber per line."),
        )


def _prefix(blocks: Iterator[bytes]) -> Iterator[bytes]:
    size = 0
    while size < _PREFIX and (block := next(blocks, b"")):
        size += len(block)
        yield block


def _recognise(parts: Sequence[bytes], source: str, number: int) -> ListEncoding:
    """Return the encoding from the first line on that needs one; ``number`` is the first's."""
    at = next(at for at, part in enumerate(parts) if _needs_encoding(part))
    return recognise(b"".join(parts[at:]), source=source, line=number + at)


def _decoded(octets: bytes, encoding: str, end: str, source: str, number: int) -> Iterator[str]:
    """Yield a block's lines; ``number`` is the first's."""
    if encoding in _BY_OCTETS:
        try:
            yield from _lines(decode_as(octets, encoding), end)
        except UnicodeDecodeError:
            # Line by line below, to name the one that is at fault after those before it.
            pass
        else:
            return
    for line, part in enumerate(_lines(octets, end.encode()), start=number):
        try:
            yield decode_as(part, encoding)
        except UnicodeDecodeError:
            raise ListError(
                msg(
                    "This line is not in {encoding}, unlike the lines before.",
                    encoding=ENCODINGS.get(encoding, encoding),
                ),
                place=Place(source=source, line=line),
                remedy=msg("The list mixes encodings; save it as UTF-8 from one program."),
            ) from None


def csv_records(
    lines: Iterable[str],
    *,
    source: str,
    is_header: Callable[[Sequence[str]], bool] = lambda _names: False,
) -> Iterator[Record]:
    """Read CSV (RFC 4180), also with tabs or semicolons, and with what spreadsheets put around it.

    The header is the first row that ``is_header`` knows within the first 30 lines, or else the one
    above the first address; before it may stand ``sep=;``, titles and blank rows. Rows of headings
    above and below it name their columns, too. Of columns with one name the second gets a number.
    A row whose quotes are broken comes as a fault, and stops no other. Where addresses stand in no
    table, or in one without a header, its columns are "#1" and so on. A row of one cell that says
    something of mail is a heading of the rows below it, which have it in the column `SECTION`.

    Raises:
        ListError: The header's own quotes are broken, or it has over 1,000 columns.
    """
    rest = iter(lines)
    head = list(islice(rest, HEAD_LINES))
    skipped, delimiter, above = _find_header(head, is_header)
    if above is None:
        yield from _headless_records(head, rest, skipped, source)
        return
    feed = _Lines(chain(head[skipped:], rest), number=skipped)
    header = next(_rows(feed, delimiter), None)
    if header is None:
        yield Record(1, (), (), header=True)
        return
    if header.fault:
        raise ListError(header.fault, place=Place(source=source, line=header.line))
    _refuse_widest(header.cells, source, header.line)
    headings = merge_headings(above, header.cells)
    below = next(_rows(_Lines(head[skipped + len(feed.row) :]), delimiter), None)
    if below is not None and not below.fault and continues_below(headings, below.cells):
        next(_rows(feed, delimiter))
        headings = merge_headings([headings], below.cells)
    names = _name_nameless(distinct_names(headings), _rows(_Lines(head[skipped:]), delimiter))
    yield Record(header.line, names, (), header=True)
    yield from _with_sections(_table_records(feed, delimiter, names))


def _table_records(feed: _Lines, delimiter: str, names: tuple[str, ...]) -> Iterator[Record]:
    width = len(names)
    while block := feed.take(_ROWS):
        first = feed.number - len(block) + 1
        try:
            found = list(csv.reader(block, delimiter=delimiter, strict=True))
        except csv.Error:
            found = []
        if len(found) == len(block):
            for line, cells in enumerate(found, start=first):
                if len(cells) == width and cells and cells[0]:
                    yield Record(line, names, cells)
                elif any(cells):
                    yield _record_of_width(line, names, cells)
        else:
            feed.put_back(block)
            yield from _records_one_by_one(feed, delimiter, names, last=first + len(block) - 1)


def _refuse_widest(cells: Sequence[str], source: str, line: int) -> None:
    if len(cells) > _MOST_COLUMNS:
        raise ListError(
            msg(
                "This list has {count} columns; the limit is {limit}.",
                count=len(cells),
                limit=_MOST_COLUMNS,
            ),
            place=Place(source=source, line=line),
            remedy=msg("Leave out the columns that are not needed."),
        )


def _headless_records(
    head: Sequence[str], rest: Iterator[str], skipped: int, source: str
) -> Iterator[Record]:
    """Read addresses under no header: a table of columns without names, or lines of text."""
    begun = head[skipped:]
    for delimiter in _DELIMITERS:
        rows = [row.cells for row in _rows(_Lines(begun), delimiter) if not row.fault]
        if is_table(rows):
            _refuse_widest(max(rows, key=len), source, skipped + 1)
            names = tuple(f"#{at}" for at in range(1, max(map(len, rows)) + 1))
            yield Record(skipped, names, (), header=True)
            feed = _Lines(chain(begun, rest), number=skipped)
            yield from _with_sections(_table_records(feed, delimiter, names))
            return
    yield Record(skipped, NAMES, (), header=True)
    names, section = NAMES, ""
    for number, line in enumerate(chain(begun, rest), start=skipped + 1):
        found = [*lines_of(line)]
        if not found and line.strip():
            names, section = (*NAMES, SECTION), " ".join(line.split())
        for one in found:
            cells = (*one, section) if section else one
            yield Record(number, names, cells)


def _with_sections(records: Iterator[Record]) -> Iterator[Record]:
    """Pass records on; those below a row that is a heading have it in a column of their own.

    Of rows with one cell those are headings that say something of mail, and all others once there
    was one: "現在の会員" ends what was said by "退会者".
    """
    names: tuple[str, ...] = ()
    section, column = "", 0
    for record in records:
        cells = record.cells
        if section or (cells and not (cells[0] and any(cells[1:2]))):
            filled = [at for at, cell in enumerate(cells) if cell.strip()]
            if len(filled) == 1 and (not section or filled[0] == column):
                text = cells[filled[0]].strip()
                if "@" not in text and (section or _is_heading(text)):
                    section, column = text, filled[0]
                    names = (*record.names, SECTION)
                    continue
            if section and not record.fault:
                yield record._replace(names=names, cells=[*cells, section])
                continue
        yield record


def _is_heading(text: str) -> bool:
    return read_heading(text) is not None and (speaks(text) or tells_leaving(text))


def _records_one_by_one(
    feed: _Lines, delimiter: str, names: tuple[str, ...], *, last: int
) -> Iterator[Record]:
    """Read rows of several lines, or with broken quotes, up to one that ends at line ``last``."""
    for row in _rows(feed, delimiter):
        if row.fault:
            yield Record(row.line, (), (), fault=row.fault)
        elif any(row.cells):
            yield _record_of_width(row.line, names, row.cells)
        if feed.number >= last and not feed.has_given_back:
            return


def _record_of_width(line: int, names: tuple[str, ...], cells: Sequence[str]) -> Record:
    """Return a row with as many cells as the header has: blank ones are added, others named."""
    width = len(names)
    beyond = ", ".join(cell for cell in cells[width:] if cell.strip())
    return Record(line, names, [*cells[:width], *[""] * (width - len(cells))], beyond=beyond)


class _Row(NamedTuple):
    line: int
    cells: Sequence[str]
    fault: Message | None = None


class _EndlessRowError(csv.Error):
    """The row went on beyond the bound."""


class _Lines:
    """Lines with their numbers, of which the row being read can give back all but the first.

    The work is linear in the list's size: a row is bounded, and a line that was given back several
    times is read as a row by itself.

    Attributes:
        row: The lines of the row being read.
    """

    def __init__(self, lines: Iterable[str], number: int = 0) -> None:
        self._lines = iter(lines)
        #: Each with how often it was given back; never less often than the one after it.
        self._back: deque[tuple[str, int]] = deque()
        self.number = number
        self.row: list[str] = []
        self._given_back: list[int] = []
        self._size = 0

    def begin_row(self) -> None:
        """Let the next line be a row's first."""
        self.row.clear()
        self._given_back.clear()
        self._size = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        if len(self.row) >= _ROW_LINES or self._size >= _ROW_SIZE:
            raise _EndlessRowError
        if self._given_back and self._given_back[0] >= _READINGS:
            raise csv.Error
        line, given_back = self._back.popleft() if self._back else (next(self._lines), 0)
        self.number += 1
        self.row.append(line)
        self._given_back.append(given_back)
        self._size += len(line)
        return line

    @property
    def has_given_back(self) -> bool:
        """Whether lines wait to be read again."""
        return bool(self._back)

    def take(self, count: int) -> list[str]:
        """Return the next lines, to be read by whoever asks; none wait to be read again."""
        block = list(islice(self._lines, count))
        self.number += len(block)
        return block

    def put_back(self, block: Sequence[str]) -> None:
        """Let lines that were taken be read one by one."""
        self._back.extend((line, 0) for line in block)
        self.number -= len(block)

    def give_back(self) -> None:
        """Let the lines of a row after its first be read again."""
        again = zip(self.row[1:], (count + 1 for count in self._given_back[1:]), strict=True)
        self._back.extendleft(reversed(list(again)))
        self.number -= len(self.row) - 1
        self.begin_row()


def _rows(lines: _Lines, delimiter: str) -> Iterator[_Row]:
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    while True:
        lines.begin_row()
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            # A quote that is never closed would swallow the rows after its own.
            lines.give_back()
            fault = _ENDLESS if isinstance(error, _EndlessRowError) else _BROKEN
            yield _Row(line=lines.number, cells=(), fault=fault)
            reader = csv.reader(lines, delimiter=delimiter, strict=True)
            continue
        yield _Row(line=lines.number - len(lines.row) + 1, cells=cells)


def _find_header(
    head: Sequence[str], is_header: Callable[[Sequence[str]], bool]
) -> tuple[int, str, Sequence[Sequence[str]] | None]:
    """Return how many lines stand before the header, what divides cells, and the rows before.

    None of these where there is no header, but addresses.
    """
    named = _SEPARATOR_LINE.fullmatch(head[0].strip()) if head else None
    skipped = 1 if named else 0
    delimiters = (named[1],) if named else _DELIMITERS
    known: list[tuple[int, int, str, Sequence[Sequence[str]]]] = []
    guessed = known.copy()
    for delimiter in delimiters:
        rows: list[_Row] = []
        for row in _rows(_Lines(head[skipped:]), delimiter):
            above: Sequence[Sequence[str]] = [each.cells for each in rows]
            if is_header(distinct_names(row.cells)):
                known.append((row.line - 1, -len(row.cells), delimiter, above))
                break
            if any("@" in cell for cell in row.cells):
                last = rows[-1] if rows else row
                if rows and sum(map(bool, last.cells)) > 1:
                    guessed.append((last.line - 1, -len(last.cells), delimiter, above[:-1]))
                break
            rows.append(row)
    if found := known or guessed:
        first, _, delimiter, above = min(found)
        return skipped + first, delimiter, above
    first = skipped
    while first < len(head) - 1 and not head[first].strip(" ,;\t\r\n\ufeff"):
        first += 1
    line = head[first] if head else ""
    delimiter = max(delimiters, key=line.count)
    before = [*takewhile(lambda each: "@" not in each, head[first:])]
    others = head[first + len(before) :]
    if not others or _is_name_alone(before, others) or _is_as_wide(before, others, delimiter):
        return first, delimiter, ()
    return first, delimiter, None


def _is_name_alone(before: Sequence[str], others: Sequence[str]) -> bool:
    """Tell whether one line stands above the addresses, names their column, and is no heading.

    Where other lines between the addresses have none either, all are headings.
    """
    named = [line.strip() for line in before if line.strip()]
    headings = [line for line in others if line.strip() and "@" not in line]
    return len(named) == 1 and names_column(named[0]) and not headings


def _is_as_wide(before: Sequence[str], others: Sequence[str], delimiter: str) -> bool:
    """Tell whether the first line has as many columns as the first with an address: it names them.

    Rows of the table between the two have something else where an address should stand.
    """
    return bool(before) and 0 < before[0].count(delimiter) == others[0].count(delimiter)


def _name_nameless(names: list[str], first: Iterable[_Row]) -> tuple[str, ...]:
    """Return names with "#5" for the fifth column where it has none, and says something.

    Somebody wrote beside the table. Columns behind the last that has a name, or holds something in
    one of the ``first`` rows, are none: what comes there later is a cell beyond the header.
    """
    filled = {at for row in first for at, cell in enumerate(row.cells) if cell.strip()}
    width = max((at + 1 for at, name in enumerate(names) if name or at in filled), default=0)
    return tuple(name or f"#{at}" for at, name in enumerate(names[:width], start=1))


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


def json_records(lines: Iterable[str], *, source: str) -> Iterator[Record]:
    """Read JSON lines: an object a line; what is none comes as a record without values."""
    del source
    names: tuple[str, ...] = ()
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            value = read_json(line)
        except HalfCharacterError as error:
            yield Record(number, (), (), fault=error.message)
            continue
        if isinstance(value, dict):
            names = names if names == tuple(value) else tuple(value)
            yield Record(number, names, tuple(value.values()))
        else:
            yield Record(number, (), (), fault=msg("This line is not a JSON object."))


class HalfCharacterError(ValueError):
    r"""It holds half of a character: an escape such as \ud83d without the one that follows it."""

    message = msg("The line contains half of a character, such as \\ud83d without its second half.")


def read_json(text: str) -> Any:  # noqa: ANN401 - whatever it says
    """Return what JSON says, None where it is none; numbers that are no number are None.

    Raises:
        HalfCharacterError: It escapes half of a surrogate pair, which no database keeps.
    """
    try:
        value = json.loads(text, parse_constant=lambda _name: None)
    except (ValueError, RecursionError):
        return None
    if "\\u" in text:
        try:
            json.dumps(value, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            raise HalfCharacterError from None
    return value


def read_object(value: object) -> dict[str, Any]:
    """Return an object of JSON, as it is or as text; empty where it is none."""
    try:
        value = read_json(value) if isinstance(value, str) else value
    except HalfCharacterError:
        return {}
    return value if isinstance(value, dict) else {}
