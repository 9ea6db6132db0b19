"""Records of a list, as they are in the file, with their positions and problems."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from newsletter.i18n.messages import Message, msg
from newsletter.i18n.values import Number
from subscribers.fields.reading import written_value


class Record(NamedTuple):
    """The cells of one row under the column names of the list; the header is line 1.

    Attributes:
        names: The names of the columns; rows with the same columns share one tuple.
        cells: As many cells as names; empty for the header and for lines that cannot be read.
        fault: Why the line cannot be read; otherwise empty.
        beyond: The cells beyond those of the header; for a header, a legend of codes next to it.
    """

    line: int
    names: tuple[str, ...]
    cells: Sequence[Any]
    header: bool = False
    fault: Message | None = None
    beyond: str = ""

    @property
    def values(self) -> dict[str, Any]:
        """The cells by column name, as a new dictionary."""
        return dict(zip(self.names, self.cells, strict=False))


@dataclass(frozen=True, kw_only=True, slots=True)
class Problem:
    """A problem or an oddity in one value of a line.

    Attributes:
        address: The address in the line, unchanged.
        taken: Whether the line was accepted nevertheless.
    """

    line: int
    field: str
    value: str
    problem: Message
    address: str = ""
    taken: bool = False

    @property
    def warning(self) -> Message:
        """The message without mentioning an import, since a trial imports nothing."""
        warning = dict(self.problem.values).get("warning")
        return warning if isinstance(warning, Message) else self.problem


class RefusedError(Exception):
    """A record cannot be accepted."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.problem)
        self.problem = problem


def shown(value: Any) -> str:  # noqa: ANN401 - any JSON value
    """Return a list's value as it is quoted in a report."""
    text = written_value(value) if isinstance(value, bool) else "" if value is None else str(value)
    return text[:200]


#: The offset of each sheet's rows: more than any list has lines, and than any sheet has rows.
_SHEETS, _ROWS = 1 << 30, 1 << 21
MOST_SHEETS = 500


def before_sheet(sheet: int) -> int:
    """Return the number before the first row of a sheet; sheets count from 1."""
    return _SHEETS + sheet * _ROWS


def _divided(line: int) -> tuple[int, int]:
    """Return the number of the sheet, or 0, and the number of the line or row."""
    return divmod(line - _SHEETS, _ROWS) if line > _SHEETS else (0, line)


def line_named(line: int) -> Message:
    """Return the position of a row for a sentence."""
    sheet, row = _divided(line)
    if sheet:
        return msg("sheet {sheet}, row {row}", sheet=Number(sheet), row=Number(row))
    return msg("line {line}", line=line)


def line_json(line: int) -> dict[str, int]:
    """Return the position of a row as JSON."""
    sheet, row = _divided(line)
    return {"sheet": sheet, "line": row} if sheet else {"line": line}


def in_sheet(line: int) -> bool:
    """Return whether a row is in one of several sheets."""
    return line > _SHEETS


def line_told(line: int) -> str:
    """Return the position of a row for a table column: 17, or 2:17 in the second sheet."""
    sheet, row = _divided(line)
    return f"{sheet}:{row}" if sheet else str(line)
