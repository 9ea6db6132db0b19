"""Octets of a list as lines of text, in the encodings that lists come in."""

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
    demand_encoding,
    guess_wide,
    mixed_encodings,
    recognise,
)

#: How much is looked at, from the first octet beyond ASCII on, to recognise the encoding.
_PREFIX = 256 * 1024
_LINE_LIMIT = 1024 * 1024
_BLOCK = 64 * 1024
#: What blank rows of spreadsheets hold, and twice as many of them as any spreadsheet has.
_BLANK, _MOST_BLANK = b' \t\r\n,;"', 2_000_000
#: Encodings in which no character goes on beyond the end of a line, nor holds its octet.
_BY_OCTETS = frozenset({"ascii", *ENCODINGS}) - {"iso2022_jp"}
#: A cell in quotes, or all that comes behind a quotation mark that has no second one.
_CELL_IN_QUOTES = re.compile(rb'"[^"]*(?:"|\Z)')


def text_lines(stream: BinaryIO, *, source: str, encoding: str = "") -> Iterator[str]:
    """Yield lines decoded, recognising the encoding where the first octet beyond ASCII stands.

    Args:
        stream: The octets.
        source: Names the list in errors.
        encoding: What somebody chose of `ENCODINGS`; nothing where it is to be recognised.

    Raises:
        ListError: It is no text, in no known encoding, in more than one, or a line has over 1 MiB.
    """
    start = _read_start(stream, source)
    marked = start.startswith((b"\xff\xfe", b"\xfe\xff"))
    wide = "utf-16" if marked else guess_wide(start[:_BLOCK])
    if wide or encoding.startswith("utf-16"):
        yield from _utf_16_lines(stream, source, wide or encoding)
        return
    # Spreadsheets for older Macintoshes end lines by CR alone, but for those within cells.
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
    """Return in which encoding a list is read, and go back to its beginning.

    Args:
        stream: The octets.
        source: Names the list in errors.
        chosen: Any name of an encoding that somebody chose.

    Raises:
        ListError: See `text_lines`; or lists are not read in what was chosen.
    """
    if chosen:
        return ListEncoding(encoding=demand_encoding(chosen))
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
    """Return how a list begins, and go back to its beginning.

    Raises:
        ListError: It is a file of an office program, or a picture.
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
        # Else the stream would be closed with it, under whoever asks how far it was read.
        wrapper.detach()


def _octet_blocks(stream: BinaryIO, end: bytes, source: str) -> Iterator[bytes]:
    """Yield whole lines, many at once: a call for each costs more than reading it."""
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
    """Return lines with their ends."""
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
    """Return the encoding from the first line on that needs one; ``number`` is the first's."""
    at = next(at for at, part in enumerate(parts) if _needs_encoding(part))
    return recognise(b"".join(parts[at:]), source=source, line=number + at)


def _decoded(octets: bytes, encoding: str, end: str, source: str, number: int) -> Iterator[str]:
    """Yield a block's lines; ``number`` is the first's."""
    if encoding in _BY_OCTETS:
        try:
            yield from _lines(decode_as(octets, encoding), end)
        except UnicodeDecodeError:
            # Line by line below, to name the one that is at fault after those before it.
            pass
        else:
            return
    for line, part in enumerate(_lines(octets, end.encode()), start=number):
        try:
            yield decode_as(part, encoding)
        except UnicodeDecodeError:
            raise mixed_encodings(encoding, source=source, line=line) from None
