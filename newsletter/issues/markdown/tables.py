"""GFM tables that are as wide as their longest row, so that no cell is dropped."""

from __future__ import annotations

from markdown_it.rules_block import StateBlock
from markdown_it.rules_block.table import escapedSplit, getLine
from markdown_it.token import Token

#: Cells of all tables; rows are filled up, so that a short text could create a million cells.
MOST_CELLS = 10_000


class TooManyCellsError(Exception):
    """The tables of a text have too many cells."""

    def __init__(self, line: int) -> None:
        super().__init__(line)
        self.line = line


def as_wide_as_its_rows(state: StateBlock, tokens: list[Token]) -> list[Token]:
    """Return a table's tokens with the cells that exceed the header, which GFM drops.

    The header and shorter rows are filled up with empty cells.
    """
    head = sum(token.type == "th_open" for token in tokens)
    lines = [token.map[0] for token in tokens if token.type == "tr_open" and token.map]
    rows = {line: _cells_of(getLine(state, line), head) for line in lines}
    width = max((len(cells) for cells in rows.values()), default=head)
    if width <= head:
        return tokens
    if width * len(rows) > MOST_CELLS:
        raise TooManyCellsError(lines[0])
    wide: list[Token] = []
    line, tag, level = 0, "td", 0
    for token in tokens:
        if token.type == "tr_open" and token.map:
            line, level = token.map[0], token.level + 1
            tag = "th" if wide[-1].type == "thead_open" else "td"
        elif token.type == "tr_close":
            beyond = rows[line][head:]
            for words in (*beyond, *[""] * (width - head - len(beyond))):
                wide += [
                    Token(f"{tag}_open", tag, 1, level=level, block=True),
                    Token(
                        "inline",
                        "",
                        0,
                        map=[line, line + 1],
                        level=level + 1,
                        children=[],
                        content=words.strip(),
                        block=True,
                    ),
                    Token(f"{tag}_close", tag, -1, level=level, block=True),
                ]
        wide.append(token)
    return wide


def _cells_of(row: str, head: int) -> list[str]:
    """Return the cells of a row as split by GFM, without empty ones that exceed the header."""
    cells = escapedSplit(row.strip().removeprefix("|"))
    while len(cells) > head and not cells[-1].strip():
        cells.pop()
    return cells
