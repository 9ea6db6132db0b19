"""Decoding of a list's octets to lines of text."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import AnyStr, BinaryIO

from newsletter.errors import ListError, Place
from newsletter.i18n.messages import msg
from newsletter.i18n.values import Number
from newsletter.issues.sources.encodings import decode_as, has_designations
from newsletter.spreadsheets import kind_of
from subscribers.lists.parsers.encodings import (
    ENCODINGS,
    ListEncoding,
    guess_wide,
    mixed_encodings,
    recognise,
    require_encoding,
)

#: Octets from the first non-ASCII one on that are examined to recognise the encoding.
_PREFIX = 256 * 1024
_LINE_LIMIT = 1024 * 1024
_BLOCK = 64 * 1024
#: Characters in blank rows, and a limit for them, which is twice the rows of any spreadsheet.
_BLANK, _MOST_BLANK = b' \t\r\n,;"', 2_000_000
#: Encodings in which the octet of a line end is never part of another character.
_BY_OCTETS = frozenset({"ascii", *ENCODINGS}) - {"iso2022_jp"}
#: A quoted cell, or everything after an unclosed quotation mark.
_CELL_IN_QUOTES = re.compile(rb'"[^"]*(?:"|\Z)')


def text_lines(stream: BinaryIO, *, source: str, encoding: str = "") -> Iterator[str]:
    """Yield decoded lines; the encoding is recognised from the first non-ASCII octet on.

    Args:
        stream: The octets.
        source: The name of the list in errors.
        encoding: The chosen one of `ENCODINGS`; empty to recognise it.

    Raises:
        ListError: The file is not text, its encoding is unknown or mixed, or a line is longer than
            1 MiB.
    """
    start = _read_start(stream, source)
    marked = start.startswith((b"\xff\xfe", b"\xfe\xff"))
    wide = "utf-16" if marked else guess_wide(start[:_BLOCK])
    if wide or encoding.startswith("utf-16"):
        yield from _utf_16_lines(stream, source, wide or encoding)
        return
    # Spreadsheets of old Macintoshes end lines with CR, but lines within cells with LF.
    outside = start if b"\n" not in start else _CELL_IN_QUOTES.sub(b"", start)
    end = "\r" if b"\r" in outside and b"\n" not in outside else "\n"
    number = 1
    blocks = _octet_blocks(stream, end.encode(), source)
    while block := next(blocks, b""):
        octets = block.removeprefix(b"\xef\xbb\xbf") if number == 1 else block
        if not encoding and _needs_encoding(octets):
            ahead = list(_prefix(blocks))
            parts = [*_lines(octets, end.encode()), *ahead]
            encoding = _recognise(parts, source, number).encoding
            blocks = chain(ahead, blocks)
        yield from _decoded(octets, encoding or "ascii", end, source, number)
        number += block.count(end.encode())


def find_encoding(stream: BinaryIO, *, source: str, chosen: str = "") -> ListEncoding:
    """Return the encoding of a list, and rewind the stream.

    Args:
        stream: The octets.
        source: The name of the list in errors.
        chosen: Any name of the chosen encoding.

    Raises:
        ListError: See `text_lines`; or the chosen encoding is not supported.
    """
    if chosen:
        return ListEncoding(encoding=require_encoding(chosen))
    start = _read_start(stream, source)
    if start.startswith((b"\xff\xfe", b"\xfe\xff")) or guess_wide(start[:_BLOCK]):
        return ListEncoding(encoding="utf-16")
    end = b"\n" if b"\n" in start else b"\r"
    number = 1
    blocks = _octet_blocks(stream, end, source)
    try:
        while block := next(blocks, b""):
            octets = block.removeprefix(b"\xef\xbb\xbf") if number == 1 else block
            if _needs_encoding(octets):
                return _recognise([*_lines(octets, end), *_prefix(blocks)], source, number)
            number += block.count(end)
    finally:
        stream.seek(0)
    return ListEncoding(encoding="utf-8")


def _read_start(stream: BinaryIO, source: str) -> bytes:
    """Return the beginning of a list, and rewind the stream.

    Raises:
        ListError: The file is an office document or a picture.
    """
    start = stream.read(_PREFIX)
    stream.seek(0)
    if kind := kind_of(start):
        raise ListError(
            msg("This is {kind}, not a list in plain text.", kind=kind),
            place=Place(source=source),
            remedy=msg(
                "Save the list as an Excel workbook (.xlsx) or as CSV in UTF-8, and use that file."
            ),
        )
    return start


def _needs_encoding(octets: bytes) -> bool:
    return not octets.isascii() or has_designations(octets)


def _utf_16_lines(stream: BinaryIO, source: str, encoding: str) -> Iterator[str]:
    wrapper = io.TextIOWrapper(stream, encoding=encoding, newline="")
    number = 0
    try:
        while line := wrapper.readline(_LINE_LIMIT):
            number += 1
            _refuse_longest(line, source, number)
            yield line
    except UnicodeDecodeError:
        raise ListError(
            msg("This line is not in UTF-16, unlike the start of the list."),
            place=Place(source=source, line=number + 1),
            remedy=msg("Check whether the file was cut short, and save it again."),
        ) from None
    finally:
        # Otherwise the stream would be closed with the wrapper, while others still use it.
        wrapper.detach()


def _octet_blocks(stream: BinaryIO, end: bytes, source: str) -> Iterator[bytes]:
    """Yield blocks of whole lines, since a call for each line would take longer than reading it."""
    rest, number = b"", 1
    blank = 0
    while chunk := stream.read(_BLOCK):
        whole, sign, rest = (rest + chunk).rpartition(end)
        if sign:
            blank = blank + whole.count(end) + 1 if not whole.strip(_BLANK) else 0
            if blank > _MOST_BLANK:
                raise ListError(
                    msg("More than {count} lines in a row are empty.", count=Number(_MOST_BLANK)),
                    place=Place(source=source, line=number),
                    remedy=msg("Check that the file is a list with one subscriber per line."),
                )
            yield whole + sign
            number += whole.count(end) + 1
        _refuse_longest(rest, source, number)
    if rest:
        yield rest


def _lines(text: AnyStr, end: AnyStr) -> list[AnyStr]:
    """Return lines including their line ends."""
    lines: list[AnyStr] = [part + end for part in text.split(end)]
    last = lines.pop()[: -len(end)]
    if last:
        lines.append(last)
    return lines


def _refuse_longest(line: bytes | str, source: str, number: int) -> None:
    if len(line) >= _LINE_LIMIT:
        raise ListError(
            msg("This line is larger than 1 MiB."),
            place=Place(source=source, line=number),
            remedy=msg("Check that the file is a list with one subscriber per line."),
        )


def _prefix(blocks: Iterator[bytes]) -> Iterator[bytes]:
    size = 0
    while size < _PREFIX and (block := next(blocks, b"")):
        size += len(block)
        yield block


def _recognise(parts: Sequence[bytes], source: str, number: int) -> ListEncoding:
    """Return the encoding, from the first non-ASCII line on; ``number`` is the first line's."""
    at = next(at for at, part in enumerate(parts) if _needs_encoding(part))
    return recognise(b"".join(parts[at:]), source=source, line=number + at)


def _decoded(octets: bytes, encoding: str, end: str, source: str, number: int) -> Iterator[str]:
    """Yield the lines of a block; ``number`` is that of the first line."""
    if encoding in _BY_OCTETS:
        try:
            yield from _lines(decode_as(octets, encoding), end)
        except UnicodeDecodeError:
            # Decoded line by line below, so that the error names the wrong line.
            pass
        else:
            return
    for line, part in enumerate(_lines(octets, end.encode()), start=number):
        try:
            yield decode_as(part, encoding)
        except UnicodeDecodeError:
            raise mixed_encodings(encoding, source=source, line=line) from None
