"""JSON lines as lists: an object a line; and values of JSON within cells."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from newsletter.errors import ListError, Place
from newsletter.i18n.messages import msg
from newsletter.i18n.values import Number
from subscribers.lists.parsers.inner_columns import ColumnCount, spread
from subscribers.lists.records import Record

_ENDINGS = (".jsonl", ".ndjson", ".json")
#: So many entries one behind the other that are no objects are no people at all.
_MOST_NOBODY = 1000


def is_json(file_name: str) -> bool:
    """Tell whether a file is JSON, by its name."""
    return file_name.lower().endswith(_ENDINGS)


def json_records(lines: Iterable[str], *, source: str) -> Iterator[Record]:
    """Read JSON lines: an object a line; what is none comes as a record without values.

    Raises:
        ListError: A thousand in a row are none, or they have more columns than a list may have.
    """
    names: tuple[str, ...] = ()
    columns, nobody = ColumnCount(source), NobodyInARow(source)
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            value = read_json(line)
        except HalfCharacterError as error:
            yield Record(number, (), (), fault=error.message)
            continue
        if isinstance(value, dict):
            nobody.end()
            entry = spread(value)
            if names != tuple(entry):
                names = tuple(entry)
                columns.add(names, number)
            yield Record(number, names, tuple(entry.values()))
        else:
            nobody.count(number)
            yield Record(number, (), (), fault=msg("This line is not a JSON object."))


class NobodyInARow:
    """Counts entries that are no objects, one behind the other."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._count = 0

    def end(self) -> None:
        """Note an entry that is one."""
        self._count = 0

    def count(self, line: int) -> None:
        """Note an entry that is none.

        Raises:
            ListError: So many in a row are no list.
        """
        self._count += 1
        if self._count > _MOST_NOBODY:
            raise ListError(
                msg(
                    "More than {count} entries in a row are no JSON objects.",
                    count=Number(_MOST_NOBODY),
                ),
                place=Place(source=self._source, line=line),
                remedy=msg("Check that the file is a list of people."),
            )


class HalfCharacterError(ValueError):
    r"""It holds half of a character: an escape such as \ud83d without the one that follows it."""

    message = msg("The line contains half of a character, such as \\ud83d without its second half.")


def read_json(text: str) -> Any:  # noqa: ANN401 - whatever it says
    """Return what JSON says, None where it is none; numbers that are no number are None.

    Raises:
        HalfCharacterError: It escapes half of a surrogate pair, which no database keeps.
    """
    try:
        value = json.loads(text, parse_constant=lambda _name: None)
    except (ValueError, RecursionError):
        return None
    if "\\u" in text:
        refuse_half_character(value)
    return value


def refuse_half_character(value: object) -> None:
    """Refuse what JSON said where it holds half of a character.

    Raises:
        HalfCharacterError: So it is.
    """
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise HalfCharacterError from None


def read_object(value: object) -> dict[str, Any]:
    """Return an object of JSON, as it is or as text; empty where it is none."""
    try:
        value = read_json(value) if isinstance(value, str) else value
    except HalfCharacterError:
        return {}
    return value if isinstance(value, dict) else {}
