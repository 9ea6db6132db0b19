"""Rows of CSV (RFC 4180); a broken row does not affect the other rows."""

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
#: Limits of a row in lines and characters; multi-line cells contain at most postal addresses and
#: notes.
_ROW_LINES, _ROW_SIZE = 1000, 1024 * 1024
#: Attempts to read a line as part of a broken row before it is read separately.
_READINGS = 4


class CsvRow(NamedTuple):
    """The cells of a row that begins at a line; empty if it cannot be read."""

    line: int
    cells: Sequence[str]
    fault: Message | None = None


class _EndlessRowError(csv.Error):
    """The row exceeds the limits."""


class Lines:
    """Lines with numbers; all lines of the current row except the first can be pushed back.

    The work is linear in the size of the list, since rows are limited, and lines that were pushed
    back several times are read separately.

    Attributes:
        row: The lines of the current row.
    """

    def __init__(self, lines: Iterable[str], number: int = 0) -> None:
        self._lines = iter(lines)
        #: Pushed-back lines with the number of times, which never increases along the queue.
        self._back: deque[tuple[str, int]] = deque()
        self.number = number
        self.row: list[str] = []
        self._given_back: list[int] = []
        self._size = 0

    def begin_row(self) -> None:
        """Start a new row with the next line."""
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
        """Whether there are pushed-back lines."""
        return bool(self._back)

    def take(self, count: int) -> list[str]:
        """Return the next lines to the caller; there must be no pushed-back lines."""
        block = list(islice(self._lines, count))
        self.number += len(block)
        return block

    def put_back(self, block: Sequence[str]) -> None:
        """Return lines from `take`, to be read one by one."""
        self._back.extend((line, 0) for line in block)
        self.number -= len(block)

    def give_back(self) -> None:
        """Push back the lines of the current row except the first."""
        again = zip(self.row[1:], (count + 1 for count in self._given_back[1:]), strict=True)
        self._back.extendleft(reversed(list(again)))
        self.number -= len(self.row) - 1
        self.begin_row()


def rows_of(lines: Lines, delimiter: str) -> Iterator[CsvRow]:
    """Yield rows; a row with broken quotes or without end has a fault."""
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    while True:
        lines.begin_row()
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            # Otherwise an unclosed quote would include all later rows.
            lines.give_back()
            fault = _ENDLESS if isinstance(error, _EndlessRowError) else _BROKEN
            yield CsvRow(line=lines.number, cells=(), fault=fault)
            reader = csv.reader(lines, delimiter=delimiter, strict=True)
            continue
        yield CsvRow(line=lines.number - len(lines.row) + 1, cells=cells)
