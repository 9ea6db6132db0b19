"""Lists as CSV tables, including titles and notes of spreadsheets, and lists without a table."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, islice, takewhile

from newsletter.errors import ListError, Place
from newsletter.i18n.messages import msg
from newsletter.i18n.values import Number
from subscribers.lists.parsers.csv_rows import CsvRow, Lines, rows_of
from subscribers.lists.parsers.headings import (
    HEAD_LINES,
    continues_below,
    distinct_names,
    merge_headings,
)
from subscribers.lists.parsers.inner_columns import MOST_COLUMNS
from subscribers.lists.parsers.text_lists import (
    BESIDE,
    NAMES,
    SECTION,
    is_heading,
    is_of_mail,
    is_of_sender,
    is_remark,
    is_table,
    lines_of,
    names_column,
    says_nothing_of_mail,
    titles_against,
)
from subscribers.lists.records import Record
from subscribers.lists.words.formats import guess_field
from subscribers.lists.words.legends import legends_in, read_legend

_SENDER = msg("This is the sender of the mail that was pasted, and none of its readers.")
#: Single-line rows that are parsed together.
_ROWS = 64
#: Delimiters in order of preference; Excel writes semicolons where the comma is the decimal sign.
_DELIMITERS = (",", "\t", ";", "|")
#: Japanese separators, which people type between cells. They also occur within sentences, so they
#: count only if the heading has as many cells as the row below it.
_WIDE_DELIMITERS = ("、", "，", "；", "｜")
#: A title with an address, behind a sign that a name has none of: "連絡先：info@x.example".
_CONTACT = re.compile(r"[^<@]*[:：（(?？][^<@]*@[^<@]*")
#: The line by which Excel declares the delimiter.
_SEPARATOR_LINE = re.compile(r'\ufeff?"?sep=(.)"?,*')
#: Text written as a formula, so that spreadsheets do not convert it to a number: ``="0123"``. Other
#: quoted cells also match, so that their content is not searched.
_FORMULA = re.compile(
    r'(?P<before>^|[,;\t|])(?:="(?P<text>(?:[^"]|"")*)"|"=""(?P<quoted>(?:[^"]|"{4})*)"""'
    r'|(?P<other>"(?:[^"]|"")*(?:"|\Z)))(?=[,;\t|\r\n]|$)'
)
_BEGUN = re.compile('(?:[^"]|"")*"?')
#: The full-width at sign of Japanese input, which is converted to the ASCII one.
_WIDE_AT = "＠"
#: The characters of lines that separate rows of plain-text tables, as in Markdown or in the output
#: of database terminals.
_OF_RULES = "-=:|+ \t\r\n"
#: A query in the output of a database terminal, which also names columns:
#: "shop=> select email, name".
_QUERY = re.compile(r"[\w\[\]() .@-]{0,60}[=>#]{1,2}\s{0,8}select\s", re.IGNORECASE)
#: The largest number of successive rows that are broken or have one cell without address. A list
#: sorted by address can contain many people without one.
_MOST_NOBODY = 100_000


def csv_records(
    lines: Iterable[str],
    *,
    source: str,
    is_header: Callable[[Sequence[str]], bool] = lambda _names: False,
) -> Iterator[Record]:
    """Yield the records of CSV (RFC 4180), also with tabs or semicolons, titles and notes.

    The header is the first row in the first 30 lines for which ``is_header`` is true, or else the
    row above the first address. It may be preceded by ``sep=;``, titles and blank rows. Rows of
    headings above and below it also name columns. Repeated names get a number. A row with broken
    quotes has a fault and does not affect others. If addresses are not in a table, or in one
    without header, the columns are "#1" etc. A row with one cell that is about mail is a heading of
    the rows below it, which contain it in the column `SECTION`.

    Raises:
        ListError: The header has broken quotes, or more than 1,000 columns.
    """
    rest = iter(lines)
    head = list(map(_plain_line, islice(rest, HEAD_LINES)))
    if list(_without_formulas(head)) != head:
        # Programs that write trailing delimiters write them in each row.
        count = len(head)
        rest = _without_formulas(chain(head, rest))
        head = list(islice(rest, count))
    skipped, delimiter, above = _find_header(head, is_header)
    if above is None:
        yield from _headless_records(head, map(_plain_line, rest), skipped, source)
        return
    if delimiter == "|":
        rest = map(_plain_line, rest)
    feed = Lines(chain(head[skipped:], rest), number=skipped)
    header = next(rows_of(feed, delimiter), None)
    if header is None:
        yield Record(1, (), (), header=True)
        return
    if header.fault:
        raise ListError(header.fault, place=Place(source=source, line=header.line))
    _refuse_widest(header.cells, source, header.line)
    legend = legends_in(map(_whole, above))
    above = [cells for cells in above if not read_legend(_whole(cells))]
    headings = merge_headings(above, header.cells)
    below = next(rows_of(Lines(head[skipped + len(feed.row) :]), delimiter), None)
    if below is not None and not below.fault and continues_below(headings, below.cells):
        next(rows_of(feed, delimiter))
        headings = merge_headings([headings], below.cells)
    names = _name_nameless(distinct_names(headings), rows_of(Lines(head[skipped:]), delimiter))
    yield Record(header.line, names, (), header=True, beyond=legend)
    records = _with_sections(_table_records(feed, delimiter, names), source)
    note = titles_against(_titles_of(above, header.cells))
    yield from with_note(records, note) if note else records


def _titles_of(above: Sequence[Sequence[str]], header: Sequence[str]) -> Iterator[str]:
    """Yield the titles above a table; cells further to the right may be column names instead."""
    first = next((at for at, cell in enumerate(header) if cell.strip()), 0)
    for cells in above:
        filled = [at for at, cell in enumerate(cells) if cell.strip()]
        if len(filled) == 1 and filled[0] <= first:
            yield cells[filled[0]].strip()


def _whole(cells: Sequence[str]) -> str:
    return ", ".join(filter(None, map(str.strip, cells)))


def with_note(records: Iterable[Record], note: str) -> Iterator[Record]:
    """Yield records with a note that applies to all of them in the column `BESIDE`."""
    before: tuple[str, ...] = ()
    names = before
    for record in records:
        if record.header or record.fault or BESIDE in record.names:
            yield record
            continue
        if record.names is not before:
            before, names = record.names, (*record.names, BESIDE)
        yield record._replace(names=names, cells=[*record.cells, note])


def _plain_line(line: str) -> str:
    """Return a line with ASCII at signs; blank for separator lines and queries."""
    return "\n" if _is_rule(line) or _QUERY.match(line) else line.replace(_WIDE_AT, "@")


def _without_formulas(lines: Iterable[str]) -> Iterator[str]:
    """Yield lines in which texts written as formulas are replaced by the texts."""
    is_within = False
    for line in lines:
        # A quoted cell from the previous line ends at its quotation mark.
        begun = found[0] if is_within and (found := _BEGUN.match(line)) else ""
        yield begun + _FORMULA.sub(_without_formula, line[len(begun) :])
        is_within ^= line.count('"') % 2 == 1


def _without_formula(cell: re.Match[str]) -> str:
    if cell["other"] is not None:
        return cell[0]
    return f'{cell["before"]}"{cell["text"] or cell["quoted"] or ""}"'


def _is_rule(line: str) -> bool:
    return not line.strip(_OF_RULES) and ("---" in line or "===" in line)


def _table_records(feed: Lines, delimiter: str, names: tuple[str, ...]) -> Iterator[Record]:
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
    if len(cells) > MOST_COLUMNS:
        raise ListError(
            msg(
                "This list has {count} columns; the limit is {limit}.",
                count=len(cells),
                limit=MOST_COLUMNS,
            ),
            place=Place(source=source, line=line),
            remedy=msg("Leave out the columns that are not needed."),
        )


def _headless_records(
    head: Sequence[str], rest: Iterator[str], skipped: int, source: str
) -> Iterator[Record]:
    """Yield the records of a list without header: a table without column names, or text lines."""
    begun = head[skipped:]
    for delimiter in _DELIMITERS:
        rows = [row.cells for row in rows_of(Lines(begun), delimiter) if not row.fault]
        if is_table(rows):
            _refuse_widest(max(rows, key=len), source, skipped + 1)
            names = tuple(f"#{at}" for at in range(1, max(map(len, rows)) + 1))
            yield Record(skipped, names, (), header=True)
            feed = Lines(chain(begun, rest), number=skipped)
            yield from _with_sections(_table_records(feed, delimiter, names), source)
            return
    yield Record(skipped, NAMES, (), header=True)
    names, section = NAMES, ""
    notes = _Notes()
    is_mail = is_of_mail(begun)
    for number, line in enumerate(chain(begun, rest), start=skipped + 1):
        found = [*lines_of(line)]
        if is_mail and is_of_sender(line):
            yield from (Record(number, (), (), fault=_SENDER) for _ in found)
            continue
        if not found and (is_remark(line) or (is_mail and says_nothing_of_mail(line))):
            continue
        if not found and line.strip():
            names, section = (*NAMES, SECTION), " ".join(line.split())
            yield from notes.begin(Record(number, NAMES, ("", "")), section)
        for one in found:
            notes.meet(one)
            cells = (*one, section) if section else one
            yield Record(number, names, cells)
    yield from notes.end()


class _Notes:
    """Headings without rows below them, which may be notes about people."""

    def __init__(self) -> None:
        self._waiting: list[Record] = []

    def begin(self, record: Record, heading: str) -> Iterator[Record]:
        """Start a heading; yield the previous one as a row if it had no rows."""
        yield from self.end()
        if is_heading(heading):
            cells = [*[""] * len(record.names), heading]
            self._waiting.append(record._replace(names=(*record.names, BESIDE), cells=cells))

    def meet(self, cells: Iterable[str]) -> None:
        """Process a row, which belongs to the last heading if it has an address."""
        if self._waiting and any("@" in cell for cell in cells):
            self._waiting.clear()

    def end(self) -> Iterator[Record]:
        """Yield the last heading as a row if it had no rows."""
        yield from self._waiting
        self._waiting.clear()


def _with_sections(records: Iterator[Record], source: str) -> Iterator[Record]:
    """Yield records with the heading above them in a separate column.

    Rows with one cell are headings if they are about mail, and after the first such heading all of
    them are: "現在の会員" ends the section "退会者".

    Raises:
        ListError: Too many successive rows are not people.
    """
    names: tuple[str, ...] = ()
    section, column = "", 0
    notes = _Notes()
    nobody = _RowsOfNobody(source)
    for at, record in enumerate(records):
        cells = record.cells
        if record.fault:
            nobody.count(at, record.line)
        elif section or (cells and not (cells[0] and any(cells[1:2]))):
            filled = [at for at, cell in enumerate(cells) if cell.strip()]
            if len(filled) == 1 and (not section or filled[0] == column):
                text = cells[filled[0]].strip()
                if "@" not in text:
                    nobody.count(at, record.line)
                if _is_rule(text):  # a line below the heading
                    continue
                if read_legend(text):
                    yield record._replace(cells=(), header=True, beyond=text)
                    continue
                if "@" not in text and (section or is_heading(text)):
                    section, column = text, filled[0]
                    yield from notes.begin(record, text)
                    names = (*record.names, SECTION)
                    continue
            if section and not record.fault:
                notes.meet(cells)
                yield record._replace(names=names, cells=[*cells, section])
                continue
        yield record
    yield from notes.end()


class _RowsOfNobody:
    """Counts successive rows that are not people, such as those within an unclosed quote."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._count, self._last = 0, -1

    def count(self, at: int, line: int) -> None:
        """Count a row that is not a person.

        Raises:
            ListError: There are too many in a row.
        """
        self._count = self._count + 1 if at == self._last + 1 else 1
        self._last = at
        if self._count > _MOST_NOBODY:
            raise ListError(
                msg("More than {count} rows in a row hold nobody.", count=Number(_MOST_NOBODY)),
                place=Place(source=self._source, line=line),
                remedy=msg("Check whether a quotation mark is missing above this line."),
            )


def _records_one_by_one(
    feed: Lines, delimiter: str, names: tuple[str, ...], *, last: int
) -> Iterator[Record]:
    """Yield multi-line or broken rows, up to one that ends at the line ``last``."""
    for row in rows_of(feed, delimiter):
        if row.fault:
            yield Record(row.line, (), (), fault=row.fault)
        elif any(row.cells):
            yield _record_of_width(row.line, names, row.cells)
        if feed.number >= last and not feed.has_given_back:
            return


def _record_of_width(line: int, names: tuple[str, ...], cells: Sequence[str]) -> Record:
    """Return a row with as many cells as the header; further cells are kept separately."""
    width = len(names)
    beyond = ", ".join(cell for cell in cells[width:] if cell.strip())
    return Record(line, names, [*cells[:width], *[""] * (width - len(cells))], beyond=beyond)


def _find_header(
    head: Sequence[str], is_header: Callable[[Sequence[str]], bool]
) -> tuple[int, str, Sequence[Sequence[str]] | None]:
    """Return the number of lines before the header, the delimiter, and the rows before it.

    If there are addresses without a header, the rows are None.
    """
    named = _SEPARATOR_LINE.fullmatch(head[0].strip()) if head else None
    skipped = 1 if named else 0
    delimiters = (named[1],) if named else (*_DELIMITERS, *_WIDE_DELIMITERS)
    known: list[tuple[int, int, str, Sequence[Sequence[str]]]] = []
    guessed = known.copy()
    for delimiter in delimiters:
        rows: list[CsvRow] = []
        if delimiter in _WIDE_DELIMITERS and not _divides(delimiter, head):
            continue
        for row in rows_of(Lines(head[skipped:]), delimiter):
            above: Sequence[Sequence[str]] = [each.cells for each in rows]
            if is_header(distinct_names(row.cells)):
                known.append((row.line - 1, -len(row.cells), delimiter, above))
                break
            if any("@" in cell for cell in row.cells) and not _is_contact(row.cells):
                last = rows[-1] if rows else row
                has_contact = any("@" in cell for cells in above for cell in cells)
                is_named = not has_contact or "address" in map(guess_field, last.cells)
                if is_named and rows and len(row.cells) > 1 and sum(map(bool, last.cells)) > 1:
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
    delimiter = max(_DELIMITERS if not named else delimiters, key=line.count)
    before = [*takewhile(lambda each: "@" not in each, head[first:])]
    others = head[first + len(before) :]
    if not others or _is_name_alone(before, others) or _is_as_wide(before, others, delimiter):
        return first, delimiter, ()
    return first, delimiter, None


def _is_contact(cells: Sequence[str]) -> bool:
    """Return whether a row is one text with an address, such as whom to ask above a table."""
    filled = [cell for cell in cells if cell.strip()]
    return len(filled) == 1 and _CONTACT.fullmatch(filled[0].strip()) is not None


def _divides(delimiter: str, head: Sequence[str]) -> bool:
    """Return whether the first row with an address has as many cells as the row above it."""
    above = ""
    for line in head:
        if "@" in line:
            return 0 < above.count(delimiter) == line.count(delimiter)
        above = line if line.strip() else above
    return False


def _is_name_alone(before: Sequence[str], others: Sequence[str]) -> bool:
    """Return whether the line above the addresses is the name of their column and no heading.

    If there are other lines without address between the addresses, all of them are headings.
    """
    named = [line.strip() for line in before if line.strip()]
    headings = [line for line in others if line.strip() and "@" not in line]
    return len(named) == 1 and names_column(named[0]) and not headings


def _is_as_wide(before: Sequence[str], others: Sequence[str], delimiter: str) -> bool:
    """Return whether the first line has as many cells as the first row with an address.

    It is then the header, and rows between the two have another value instead of an address.
    """
    return bool(before) and 0 < before[0].count(delimiter) == others[0].count(delimiter)


def _name_nameless(names: list[str], first: Iterable[CsvRow]) -> tuple[str, ...]:
    """Return names in which used columns without name are named by number, such as "#5".

    These are notes next to the table. Columns after the last one with a name, or with a value in
    one of the ``first`` rows, are not included; later values there are cells beyond the header.
    """
    filled = {at for row in first for at, cell in enumerate(row.cells) if cell.strip()}
    width = max((at + 1 for at, name in enumerate(names) if name or at in filled), default=0)
    return tuple(name or f"#{at}" for at, name in enumerate(names[:width], start=1))
