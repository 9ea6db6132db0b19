"""Where a row stands: the number of its line, or of its sheet and of its row there.

One number says both, so that whatever keeps and orders rows by their lines needs no other.
"""

from __future__ import annotations

from newsletter.i18n.messages import Message, msg
from newsletter.i18n.values import Number

#: More than any list has lines; behind it are the rows of sheets, of which a sheet has fewer.
_SHEETS, _ROWS = 1 << 30, 1 << 21
MOST_SHEETS = 500


def before_sheet(sheet: int) -> int:
    """Return the number before that of a sheet's first row; sheets count from 1."""
    return _SHEETS + sheet * _ROWS


def _divided(line: int) -> tuple[int, int]:
    """Return the number of the sheet, 0 for none, and that of the line or row."""
    return divmod(line - _SHEETS, _ROWS) if line > _SHEETS else (0, line)


def line_named(line: int) -> Message:
    """Return where a row stands, within a sentence."""
    sheet, row = _divided(line)
    if sheet:
        return msg("sheet {sheet}, row {row}", sheet=Number(sheet), row=Number(row))
    return msg("line {line}", line=line)


def line_json(line: int) -> dict[str, int]:
    """Return where a row stands for machines."""
    sheet, row = _divided(line)
    return {"sheet": sheet, "line": row} if sheet else {"line": line}


def in_sheet(line: int) -> bool:
    """Tell whether a row stands in one of several sheets."""
    return line > _SHEETS


def line_told(line: int) -> str:
    """Return where a row stands for a column of lines: 17, or 2:17 in the second sheet."""
    sheet, row = _divided(line)
    return f"{sheet}:{row}" if sheet else str(line)
