"""Positions of rows: the number of a line, or of a sheet and of a row in it.

Both are encoded in one number, which is sufficient for storing and sorting rows.
"""

from __future__ import annotations

from newsletter.i18n.messages import Message, msg
from newsletter.i18n.values import Number

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
