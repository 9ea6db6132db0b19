"""Rows of CSV (RFC 4180), of which a broken one stops no other."""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import NamedTuple

from newsletter.i18n.messages import Message, msg

_BROKEN = msg("A quotation mark is missing in this row, or is inside a field.")
_ENDLESS = msg(
    "This row is longer than 1,000 lines or 1 MiB; check whether a quotation mark is missing."
)
#: So far a row may go on: cells with line breaks hold postal addresses and notes, not more.
_ROW_LINES, _ROW_SIZE = 1000, 1024 * 1024
#: So often a line is read as part of rows that break before it is read by itself.
_READINGS = 4


class CsvRow(NamedTuple):
    """The cells of a row that begins at a line; none where it could not be read."""

    line: int
    cells: Sequence[str]
    fault: Message | None = None


class _EndlessRowError(csv.Error):
    """The row went on beyond the bound."""


class Lines:
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


def rows_of(lines: Lines, delimiter: str) -> Iterator[CsvRow]:
    """Yield rows; one whose quotes are broken, or that does not end, comes with its fault."""
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
            yield CsvRow(line=lines.number, cells=(), fault=fault)
            reader = csv.reader(lines, delimiter=delimiter, strict=True)
            continue
        yield CsvRow(line=lines.number - len(lines.row) + 1, cells=cells)
