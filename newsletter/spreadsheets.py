"""Cells of CSV that a spreadsheet takes for text, and files of office programs that are no text."""

from __future__ import annotations

import re

from newsletter.i18n.messages import Message, msg

#: OWASP, CSV injection: what begins like this is a formula to some spreadsheet. So is what follows
#: a semicolon, tab or line break within a cell, where a spreadsheet's language cuts rows at
#: semicolons: then quotes are none to it. Apostrophes already there are counted in, so that ours
#: can be told from them when a list comes back.
#: The hyphen is the last, so that it is none of a range in a pattern.
_SIGNS = "=+@＝＋－＠-"
#: What a cell may begin with that is a formula to some spreadsheet: blanks may be dropped there.
BEGINNINGS = "\t\r\n" + _SIGNS
#: Where a spreadsheet may cut within a cell, and the pattern of a cut with a formula behind it.
CUTS = ";\t\r\n"
FORMULA_WITHIN = rf"([{CUTS}])(?=['\"]*[{_SIGNS}])"
_FORMULA = re.compile(rf"\A(?='*[{BEGINNINGS}])|(?<=[{CUTS}])(?=['\"]*[{_SIGNS}])")
_DEFUSED = re.compile(rf"\A'(?='*[{BEGINNINGS}])|(?<=[{CUTS}])'(?=['\"]*[{_SIGNS}])")
_FIRST_SIGNS = frozenset(f"'{BEGINNINGS}")


def defuse(cell: str) -> str:
    """Return a cell that no spreadsheet takes for a formula, or for several cells with one."""
    # Asked of each cell of a list, of which most are plain: a pattern costs three times as much.
    is_plain = (
        cell[:1] not in _FIRST_SIGNS
        and ";" not in cell
        and "\n" not in cell
        and "\t" not in cell
        and "\r" not in cell
    )
    return cell if is_plain else _FORMULA.sub("'", cell)


def restore(cell: str) -> str:
    """Return what a cell was before `defuse`."""
    return _DEFUSED.sub("", cell) if "'" in cell else cell


_OFFICE = msg("a file of Word, Excel or a similar program")
_PICTURE = msg("a picture")
_PACKED = msg("a compressed file")
_KINDS = {
    b"PK\x03\x04": _OFFICE,
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1": _OFFICE,
    b"{\\rtf": _OFFICE,
    b"%PDF-": msg("a PDF file"),
    b"\x89PNG": _PICTURE,
    b"\xff\xd8\xff": _PICTURE,
    b"GIF8": _PICTURE,
    b"\x1f\x8b": _PACKED,
    b"BZh": _PACKED,
    b"\xfd7zXZ": _PACKED,
    b"7z\xbc\xaf": _PACKED,
    b"Rar!": _PACKED,
    b"\x28\xb5\x2f\xfd": _PACKED,
    b"SQLite format 3\0": msg("a database"),
}


def kind_of(octets: bytes) -> Message | None:
    """Return what a file is that is no plain text, by its first octets; None where it may be."""
    return next((kind for start, kind in _KINDS.items() if octets.startswith(start)), None)
