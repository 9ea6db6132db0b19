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
_BEGINNINGS = "\t\r\n" + _SIGNS
#: Where a spreadsheet may cut within a cell.
_CUTS = ";\t\r\n"
_FORMULA = re.compile(rf"\A(?='*[{_BEGINNINGS}])|(?<=[{_CUTS}])(?=['\"]*[{_SIGNS}])")
_DEFUSED = re.compile(rf"\A'(?='*[{_BEGINNINGS}])|(?<=[{_CUTS}])'(?=['\"]*[{_SIGNS}])")
_FIRST_SIGNS = frozenset(f"'{_BEGINNINGS}")
#: A cell of CSV with what is before it, and what is within its quotes.
_CELL = re.compile(r'(^|,)(?:"([^"]*(?:""[^"]*)*)"|([^,"]*))')
#: Lines looked at together for one that has a formula.
_LINES = 100


def _kinds(**of_kind: str | bytes) -> bytes:
    """Return a table for `bytes.translate` that leaves of each octet only its kind."""
    table = bytearray(b"x" * 256)
    for kind, octets in of_kind.items():
        for octet in octets.encode() if isinstance(octets, str) else octets:
            table[octet] = ord(kind)
    return bytes(table)


#: Octets by what they are for a formula: what a cell may begin behind or be cut at, a quote, a
#: sign, or the octet before a wide sign's last, which counts as a sign.
_WIDE = [sign.encode() for sign in _SIGNS if not sign.isascii()]
_KINDS_OF_SIGNS = _kinds(
    b=f",'{_CUTS}",
    q='"',
    s=b"".join(sign.encode()[-1:] for sign in _SIGNS),
    w=bytes(sign[-2] for sign in _WIDE),
)
#: Found wherever there is a formula, and seldom elsewhere; the quotes are of an address.
_MAY_BE_FORMULA = re.compile(b"s(?<=[bqw]s)(?<!xqqs)")
_KINDS_OF_BLANKS = _kinds(b="\"'", s="\t\r\n")


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


def defuse_lines(lines: bytes, count: int) -> bytes:
    """Return lines of CSV with each cell as `defuse` has it, and CRLF at their ends.

    All of them are looked at together, since few lists have a formula: 0.4 µs a line.

    Args:
        lines: UTF-8, each with a line feed behind it and a last cell that is empty, without quotes.
        count: How many they are; cells may have line breaks.
    """
    if not _may_have_formula(lines, count) and lines.count(b"\n") == count:
        return lines.replace(b"\n", b"\r\n")
    each = _split(lines)
    safe: list[bytes] = []
    for first in range(0, len(each), _LINES):
        some = each[first : first + _LINES]
        if _may_have_formula(b"".join(some), len(some)):
            some = [_defuse_line(one) if _may_have_formula(one, 1) else one for one in some]
        safe += some
    return b"".join([line[:-1] + b"\r\n" for line in safe])


def _may_have_formula(lines: bytes, count: int) -> bool:
    kinds = lines.translate(_KINDS_OF_SIGNS)
    # The first line has nothing before it. Putting it there would copy all of them, for a third of
    # what looking through them takes.
    if kinds.startswith(b"s") or _MAY_BE_FORMULA.search(kinds):
        return True
    if lines.count(b"\n") == count and b"\r" not in lines and b"\t" not in lines:
        return False
    if lines.startswith(b"\t") or b"\n\t" in lines or b",\t" in lines:
        return True
    return b"bs" in lines.translate(_KINDS_OF_BLANKS)


def _split(lines: bytes) -> list[bytes]:
    """Return lines one by one: a line ends where its quotes are even."""
    each: list[bytes] = []
    begun: list[bytes] = []
    quotes = 0
    for part in re.findall(rb"[^\n]*\n", lines):
        begun.append(part)
        quotes += part.count(b'"')
        if quotes % 2 == 0:
            each.append(b"".join(begun))
            begun, quotes = [], 0
    return each


def _defuse_line(line: bytes) -> bytes:
    def safe(found: re.Match[str]) -> str:
        before, quoted, plain = found.groups()
        cell = plain if quoted is None else quoted.replace('""', '"')
        if (harmless := defuse(cell)) == cell:
            return found[0]
        doubled = harmless.replace('"', '""')
        return f'{before}"{doubled}"'

    return _CELL.sub(safe, line[:-1].decode()).encode() + b"\n"


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
