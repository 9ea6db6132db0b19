"""Cells of CSV that a spreadsheet takes for text, and files of office programs that are no text."""

from __future__ import annotations

import re

from newsletter.i18n.messages import Message, msg

#: OWASP, CSV injection: what begins like this is a formula to some spreadsheet. An apostrophe
#: before one would be taken for ours when a list comes back.
_FORMULA = re.compile(r"'*[=+\-@\t\r\n＝＋－＠]")
_FIRST_SIGNS = frozenset("'=+-@\t\r\n＝＋－＠")


def defuse(cell: str) -> str:
    """Return a cell that no spreadsheet takes for a formula."""
    return f"'{cell}" if cell[:1] in _FIRST_SIGNS and _FORMULA.match(cell) else cell


_OFFICE = msg("a file of Word, Excel or a similar program")
_PICTURE = msg("a picture")
_KINDS = {
    b"PK\x03\x04": _OFFICE,
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1": _OFFICE,
    b"{\\rtf": _OFFICE,
    b"%PDF-": msg("a PDF file"),
    b"\x89PNG": _PICTURE,
    b"\xff\xd8\xff": _PICTURE,
    b"GIF8": _PICTURE,
}


def kind_of(octets: bytes) -> Message | None:
    """Return what a file is that is no plain text, by its first octets; None where it may be."""
    return next((kind for start, kind in _KINDS.items() if octets.startswith(start)), None)
