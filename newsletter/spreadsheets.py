"""Cells of CSV that a spreadsheet takes for text, whoever wrote them."""

from __future__ import annotations

import re

#: OWASP, CSV injection: what begins like this is a formula to some spreadsheet. An apostrophe
#: before one would be taken for ours when a list comes back.
_FORMULA = re.compile(r"'*[=+\-@\t\r\n＝＋－＠]")
_FIRST_SIGNS = frozenset("'=+-@\t\r\n＝＋－＠")


def defuse(cell: str) -> str:
    """Return a cell that no spreadsheet takes for a formula."""
    return f"'{cell}" if cell[:1] in _FIRST_SIGNS and _FORMULA.match(cell) else cell
