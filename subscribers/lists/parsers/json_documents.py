"""JSON documents as lists: an array of objects, alone or within an object, or an object of objects.

This is the format of APIs and databases. Documents of any length are streamed entry by entry.
Positions are numbers of entries and not lines, since a whole document may be one line.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from io import TextIOWrapper
from typing import Any, BinaryIO

from newsletter.errors import ListError, Place
from newsletter.i18n.messages import msg
from subscribers.lists.parsers.inner_columns import ColumnCount, spread
from subscribers.lists.parsers.json_lines import (
    HalfCharacterError,
    NobodyInARow,
    read_json,
    refuse_half_character,
)
from subscribers.lists.parsers.text_lists import SECTION, read_heading
from subscribers.lists.records import Record
from subscribers.lists.words.formats import ListState, guess_field

_CHUNK = 64 * 1024
#: Characters of the longest entry, and of the longest object that is parsed at once.
_LONGEST = 1024 * 1024
#: Levels of nested objects and arrays.
_DEEPEST = 64
#: Values other than people that are skipped.
_MOST_PASSED = 100_000
_BLANKS = re.compile(r"[ \t\r\n]*")
#: Digits of the longest number, below Python's limit for conversion.
_MOST_DIGITS = 1000


def _number(digits: str) -> int | str:
    return int(digits) if len(digits) <= _MOST_DIGITS else digits


_DECODER = json.JSONDecoder(parse_constant=lambda _name: None, parse_int=_number)
_ADDRESS = re.compile(r"[^\s@<>]{1,64}@[^\s@<>]{1,255}")
#: The column for entries that are only an address, or whose key is an address.
_EMAIL = "email"


def is_document(start: bytes) -> bool:
    """Return whether a JSON file is one document and not JSON lines, by its first octets."""
    text = start.decode(encoding_of_document(start), errors="replace").lstrip("\ufeff \t\r\n")
    if not text.startswith("{"):
        return text.startswith("[")
    first, _, more = text.partition("\n")
    value = _read_whole(first)
    if not isinstance(value, dict) or _is_deep(value):
        return True
    return not (more.strip() or _is_person("", value)) and any(
        True for _ in _Lists().known("", value)
    )


def _read_whole(text: str) -> Any:  # noqa: ANN401 - any JSON value
    try:
        return read_json(text)
    except HalfCharacterError:
        return {}


def encoding_of_document(start: bytes) -> str:
    """Return the encoding of a document: UTF-8 (RFC 8259, 8.1), or UTF-16 with byte order mark."""
    return "utf-16" if start.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"


def document_records(stream: BinaryIO, *, source: str) -> Iterator[Record]:
    """Yield the entries of a document; entries that are not objects are records without values.

    The key of an array is a heading of its entries if it is against mail ("unsubscribed"), and for
    each array but the first.

    Raises:
        ListError: The document is invalid JSON, in a wrong encoding, or contains no list.
    """
    start = stream.read(_CHUNK)
    stream.seek(0)
    reader = TextIOWrapper(stream, encoding=encoding_of_document(start), newline="")
    names: tuple[str, ...] = ()
    number = 0
    columns, nobody = ColumnCount(source), NobodyInARow(source)
    try:
        for number, (heading, value) in enumerate(_Walk(_Text(reader, source)).entries(), start=1):
            if isinstance(value, str) and _ADDRESS.fullmatch(value.strip()):
                value = {_EMAIL: value}  # noqa: PLW2901 - the same entry, spelled out
            if not isinstance(value, dict):
                nobody.count(number)
                yield Record(number, (), (), fault=msg("This entry is not a JSON object."))
                continue
            nobody.end()
            try:
                refuse_half_character(value)
            except HalfCharacterError as error:
                yield Record(number, (), (), fault=error.message)
                continue
            entry = spread(value)
            entry = {**entry, SECTION: heading} if heading else entry
            if names != tuple(entry):
                names = tuple(entry)
                columns.add(names, number)
            yield Record(number, names, tuple(entry.values()))
    finally:
        # Otherwise the stream would be closed with the wrapper, while others still use it. The
        # caller may have closed it already.
        with suppress(ValueError):
            reader.detach()
    if not number:
        raise _nobody(Place(source=source))


def _nobody(place: Place) -> ListError:
    return ListError(
        msg("This JSON holds no list of people."),
        place=place,
        remedy=msg("Write an array of objects, or an object on each line."),
    )


class _Text:
    """The text of a document, of which only the current part is in memory."""

    def __init__(self, reader: TextIOWrapper, source: str) -> None:
        self._reader = reader
        self._source = source
        self._text = ""
        self._at = 0
        self._line = 1

    def peek(self) -> str:
        """Return the next character that is not white space; empty at the end."""
        while True:
            self._at = self._end_of_blanks()
            if self._at < len(self._text):
                return self._text[self._at]
            if not self._read():
                return ""

    def take(self, signs: str) -> str:
        """Consume and return one of these characters.

        Raises:
            ListError: The next character is another one.
        """
        sign = self.peek()
        if not sign or sign not in signs:
            raise self._fault()
        self._at += 1
        return sign

    def end(self) -> None:
        """Check that the document ends here.

        Raises:
            ListError: There is more text.
        """
        if self.peek():
            raise self._fault()

    def value(self) -> Any:  # noqa: ANN401 - any JSON value
        """Return the next value.

        Raises:
            ListError: The value is invalid, or longer than the limit of an entry.
        """
        found, value = self.short_value()
        if not found:
            raise ListError(
                msg("This entry is larger than 1 MiB."),
                place=Place(source=self._source, line=self._lines()),
                remedy=msg("Check that the file is a list of people."),
            )
        return value

    def short_value(self) -> tuple[bool, Any]:
        """Return whether the next value is short enough, and the value, which is then consumed.

        Raises:
            ListError: The value is invalid.
        """
        self.peek()
        while True:
            try:
                value, end = _DECODER.raw_decode(self._text, self._at)
            except RecursionError:
                raise self._fault() from None
            except ValueError:
                if len(self._text) - self._at > _LONGEST:
                    return False, None
                if not self._read():
                    raise self._fault() from None
                continue
            if _is_deep(value):
                raise self._fault()
            # A number at the end of the buffer may continue and would be parsed again each time.
            if end - self._at > _LONGEST:
                return False, None
            if end < len(self._text) or not self._read():
                self._at = end
                return True, value

    def nobody(self) -> ListError:
        """Return the error that the document contains no people up to this position."""
        return _nobody(Place(source=self._source, line=self._lines()))

    def _end_of_blanks(self) -> int:
        match = _BLANKS.match(self._text, self._at)
        return match.end() if match else self._at

    def _read(self) -> bool:
        """Read more text; return whether there was any."""
        try:
            more = self._reader.read(_CHUNK)
        except UnicodeDecodeError:
            raise ListError(
                msg("This JSON is not in UTF-8."),
                place=Place(source=self._source),
                remedy=msg("Save it as UTF-8."),
            ) from None
        if not more:
            return False
        self._line = self._lines()
        self._text = self._text[self._at :] + more
        self._at = 0
        return True

    def _lines(self) -> int:
        return self._line + self._text.count("\n", 0, self._at)

    def _fault(self) -> ListError:
        return ListError(
            msg("From this line on it is not JSON."),
            place=Place(source=self._source, line=self._lines()),
            remedy=msg("Check whether the file was cut short, and save it again."),
        )


def _is_deep(value: object, depth: int = 0) -> bool:
    """Return whether objects and arrays are nested too deeply."""
    if depth > _DEEPEST:
        return True
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return any(_is_deep(each, depth + 1) for each in inner)


class _Lists:
    """The lists of a document during parsing."""

    def __init__(self) -> None:
        self._count = 0

    def known(self, key: str, value: object) -> Iterator[tuple[str, Any]]:
        """Yield the entries of a value that was parsed at once."""
        if isinstance(value, list):
            held = [each for each in value if not key or _is_entry(each)]
            heading = self.heading(key) if held else ""
            yield from ((heading, each) for each in held)
        elif isinstance(value, dict):
            if _is_person("", value) or _holds_person(value):
                yield self.heading(""), value
                return
            people = {name: one for name, one in value.items() if isinstance(one, dict)}
            if any(_is_person(name, one) or _holds_person(one) for name, one in people.items()):
                heading = self.heading(key)
                yield from ((heading, _with_key(name, one)) for name, one in people.items())
                people.clear()
            for name, one in value.items():
                if name in people or isinstance(one, list):
                    yield from self.known(name, one)

    def heading(self, key: str) -> str:
        """Return the heading of a list from its key."""
        self._count += 1
        state = read_heading(key) if key else None
        is_said = state not in {None, ListState.CONFIRMED, ListState.UNCLEAR}
        return key if is_said or self._count > 1 else ""


class _Walk:
    """The traversal of a document to the entries of its lists."""

    def __init__(self, text: _Text) -> None:
        self._text = text
        self._lists = _Lists()
        self._passed = 0

    def entries(self) -> Iterator[tuple[str, Any]]:
        """Yield the entries with their headings, which may be empty."""
        yield from self._read("", 0)
        self._text.end()

    def _read(self, key: str, depth: int) -> Iterator[tuple[str, Any]]:
        if self._text.peek() == "[":
            yield from self._array(key)
            return
        is_short, value = self._text.short_value()
        if is_short:
            yield from self._lists.known(key, value)
        elif depth < _DEEPEST:
            yield from self._object(key, depth)
        else:
            self._text.value()  # raises the error

    def _array(self, key: str) -> Iterator[tuple[str, Any]]:
        heading = None
        self._text.take("[")
        while self._text.peek() != "]":
            value = self._text.value()
            if not key or _is_entry(value):
                heading = self._lists.heading(key) if heading is None else heading
                yield heading, value
            else:
                self._pass_over()
            if self._text.take(",]") == "]":
                return
        self._text.take("]")

    def _object(self, key: str, depth: int) -> Iterator[tuple[str, Any]]:
        heading = None
        self._text.take("{")
        while self._text.peek() != "}":
            name = str(self._text.value())
            self._text.take(":")
            if self._text.peek() == "[":
                yield from self._array(name)
            elif self._text.peek() == "{":
                is_short, value = self._text.short_value()
                if not is_short:
                    yield from self._object(name, depth + 1)
                elif heading is not None or _is_person(name, value) or _holds_person(value):
                    heading = self._lists.heading(key) if heading is None else heading
                    yield heading, _with_key(name, value)
                else:
                    self._pass_over()
                    yield from self._lists.known(name, value)
            else:
                self._text.value()
                self._pass_over()
            if self._text.take(",}") == "}":
                return
        self._text.take("}")

    def _pass_over(self) -> None:
        """Count a value that is not a person.

        Raises:
            ListError: There are too many such values.
        """
        self._passed += 1
        if self._passed > _MOST_PASSED:
            raise self._text.nobody()


def _is_entry(value: object) -> bool:
    """Return whether an item of an array within an object is a person and not a setting."""
    return isinstance(value, dict) or (
        isinstance(value, str) and _ADDRESS.fullmatch(value.strip()) is not None
    )


def _is_person(name: str, value: object) -> bool:
    """Return whether an object is an entry: it contains an address, or its key is one."""
    return isinstance(value, dict) and (
        _ADDRESS.fullmatch(name) is not None
        or any(
            isinstance(held, str) and "@" in held and guess_field(key) == "address"
            for key, held in value.items()
        )
    )


def _holds_person(value: object) -> bool:
    """Return whether an object is an entry whose address is in an inner object.

    It has other values next to the inner object: {"user": {"email": …}, "status": "unsubscribed"}.
    An object with several such inner objects, or with arrays, is a collection of people.
    """
    if not isinstance(value, dict) or any(_is_listing(held) for held in value.values()):
        return False
    inner = [
        key
        for key, held in value.items()
        if _ADDRESS.fullmatch(key) is None and (_is_person("", held) or _holds_person(held))
    ]
    return len(inner) == 1 and len(value) > 1


def _is_listing(value: object) -> bool:
    return isinstance(value, list) and any(_is_entry(each) for each in value)


def _with_key(name: str, value: dict[str, Any]) -> dict[str, Any]:
    return value if _ADDRESS.fullmatch(name) is None else {_EMAIL: name, **value}
