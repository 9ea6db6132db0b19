"""JSON lines as lists, with one object per line; and JSON values within cells."""

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
#: Successive entries that are not objects after which a file is refused.
_MOST_NOBODY = 1000


def is_json(file_name: str) -> bool:
    """Return whether a file is JSON, by its name."""
    return file_name.lower().endswith(_ENDINGS)


def json_records(lines: Iterable[str], *, source: str) -> Iterator[Record]:
    """Yield the records of JSON lines; lines that are not objects are records without values.

    Raises:
        ListError: A thousand successive lines are not objects, or there are too many columns.
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
    """Counts successive entries that are not objects."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._count = 0

    def end(self) -> None:
        """Reset the count after an object."""
        self._count = 0

    def count(self, line: int) -> None:
        """Count an entry that is not an object.

        Raises:
            ListError: There are too many in a row.
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
    r"""A JSON text contains a lone surrogate: an escape such as \ud83d without its second half."""

    message = msg("The line contains half of a character, such as \\ud83d without its second half.")


def read_json(text: str) -> Any:  # noqa: ANN401 - any JSON value
    """Return the value of JSON, None if it is invalid; NaN and infinities become None.

    Raises:
        HalfCharacterError: The text contains a lone surrogate, which no database can store.
    """
    try:
        value = json.loads(text, parse_constant=lambda _name: None)
    except (ValueError, RecursionError):
        return None
    if "\\u" in text:
        refuse_half_character(value)
    return value


def refuse_half_character(value: object) -> None:
    """Refuse a JSON value with a lone surrogate.

    Raises:
        HalfCharacterError: The value contains a lone surrogate.
    """
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise HalfCharacterError from None


def read_object(value: object) -> dict[str, Any]:
    """Return a JSON object, given as value or text; empty for anything else."""
    try:
        value = read_json(value) if isinstance(value, str) else value
    except HalfCharacterError:
        return {}
    return value if isinstance(value, dict) else {}
