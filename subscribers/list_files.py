"""Lists as files: octets to records, one at a time, in the encodings that Japan's lists come in."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any, BinaryIO, NamedTuple

from newsletter.errors import ContentError, ListError, Place
from newsletter.issues.normalise import decode

#: How much is looked at, from the first octet beyond ASCII on, to recognise the encoding.
_PREFIX = 256 * 1024
_LINE_LIMIT = 1024 * 1024
#: Excel writes semicolons where the comma is the decimal sign; of equals, the first counts.
_DELIMITERS = (",", "\t", ";")


class Record(NamedTuple):
    """One subscriber's values by the names the list uses; the header is line 1.

    Attributes:
        fault: Why the line could not be read, where it could not; it has no values then.
    """

    line: int
    values: dict[str, Any]
    header: bool = False
    fault: str = ""


def digest_of(stream: io.BufferedReader | io.BytesIO, *how: str) -> str:
    """Return the SHA-256 of a file and of how it is to be read, and go back to its beginning."""
    digest = hashlib.file_digest(stream, "sha256")
    for part in how:
        digest.update(b"\0" + part.encode())
    stream.seek(0)
    return digest.hexdigest()


def text_lines(stream: BinaryIO, *, source: str) -> Iterator[str]:
    """Decode line by line, recognising the encoding where the first octet beyond ASCII stands.

    Raises:
        ListError: It is in no known encoding, in more than one, or a line has over 1 MiB.
    """
    start = stream.read(2)
    stream.seek(0)
    if start in {b"\xff\xfe", b"\xfe\xff"}:
        yield from _utf_16_lines(stream, source)
        return
    encoding = ""
    lines = _octet_lines(stream, source)
    for number, line in enumerate(lines, start=1):
        octets = line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line
        if not encoding and (not octets.isascii() or b"\x1b$" in octets):
            ahead = list(_prefix(lines))
            encoding = _recognise(octets + b"".join(ahead), source, number)
            lines = chain(ahead, lines)
            yield _decoded(octets, encoding, source, number)
            for later, following in enumerate(lines, start=number + 1):
                yield _decoded(following, encoding, source, later)
            return
        yield octets.decode("ascii")


def _utf_16_lines(stream: BinaryIO, source: str) -> Iterator[str]:
    wrapper = io.TextIOWrapper(stream, encoding="utf-16", newline="")
    number = 0
    try:
        while line := wrapper.readline(_LINE_LIMIT):
            number += 1
            _refuse_longest(line, source, number)
            yield line
    except UnicodeDecodeError:
        raise ListError(
            "This line is not UTF-16, which the list begins in.",
            place=Place(source=source, line=number + 1),
            remedy="Was the file cut short? Save it again.",
        ) from None
    finally:
        # Else the stream would be closed with it, under whoever asks how far it was read.
        wrapper.detach()


def _octet_lines(stream: BinaryIO, source: str) -> Iterator[bytes]:
    number = 0
    while line := stream.readline(_LINE_LIMIT):
        number += 1
        _refuse_longest(line, source, number)
        yield line


def _refuse_longest(line: bytes | str, source: str, number: int) -> None:
    if len(line) == _LINE_LIMIT:
        raise ListError(
            "This line has more than 1 MiB.",
            place=Place(source=source, line=number),
            remedy="Is it a list? Each subscriber has a line.",
        )


def _prefix(lines: Iterator[bytes]) -> Iterator[bytes]:
    size = 0
    while size < _PREFIX and (line := next(lines, None)) is not None:
        size += len(line)
        yield line


def _recognise(octets: bytes, source: str, line: int) -> str:
    try:
        return decode(octets, source=source).encoding
    except ContentError:
        raise ListError(
            "This is neither UTF-8, Shift_JIS (CP932), EUC-JP nor ISO-2022-JP, or a mixture.",
            place=Place(source=source, line=line),
            remedy="Save the list as UTF-8.",
        ) from None


def _decoded(octets: bytes, encoding: str, source: str, line: int) -> str:
    try:
        return octets.decode(encoding)
    except UnicodeDecodeError:
        raise ListError(
            f"This line is not {encoding}, which the lines before are in.",
            place=Place(source=source, line=line),
            remedy="The list mixes encodings; save it as UTF-8 from one program.",
        ) from None


def csv_records(lines: Iterable[str], *, source: str) -> Iterator[Record]:
    """Read CSV (RFC 4180), also with the tabs or semicolons that its header is divided by.

    Raises:
        ListError: The list is empty, or its form is broken.
    """
    feed = iter(lines)
    first = next(feed, "").removeprefix("\ufeff")
    delimiter = max(_DELIMITERS, key=first.count)
    reader = csv.reader(chain([first], feed), delimiter=delimiter, strict=True)
    try:
        header = [cell.strip() for cell in next(reader, [])]
        yield Record(line=1, values=dict.fromkeys(header), header=True)
        for row in reader:
            if any(row):
                values = dict(zip(header, row, strict=False))
                yield Record(line=reader.line_num, values=values)
    except csv.Error as error:
        raise ListError(
            f"The CSV is broken: {error}.",
            place=Place(source=source, line=reader.line_num),
            remedy="A quotation mark may be missing, or stand within a field, here or above.",
        ) from None


def json_records(lines: Iterable[str], *, source: str) -> Iterator[Record]:
    """Read JSON lines: an object a line; what is none comes as a record without values."""
    del source
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            value = json.loads(line, parse_constant=lambda _name: None)
        except (ValueError, RecursionError):
            value = None
        if isinstance(value, dict):
            yield Record(line=number, values=value)
        else:
            yield Record(line=number, values={}, fault="This line is no JSON object.")
