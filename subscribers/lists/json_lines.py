"""JSON lines as lists: an object a line; and values of JSON within cells."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from newsletter.i18n.messages import msg
from subscribers.lists.records import Record

_ENDINGS = (".jsonl", ".ndjson", ".json")


def is_json(file_name: str) -> bool:
    """Tell whether a file is JSON, by its name."""
    return file_name.lower().endswith(_ENDINGS)


def json_records(lines: Iterable[str], *, source: str) -> Iterator[Record]:
    """Read JSON lines: an object a line; what is none comes as a record without values."""
    del source
    names: tuple[str, ...] = ()
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            value = read_json(line)
        except HalfCharacterError as error:
            yield Record(number, (), (), fault=error.message)
            continue
        if isinstance(value, dict):
            names = names if names == tuple(value) else tuple(value)
            yield Record(number, names, tuple(value.values()))
        else:
            yield Record(number, (), (), fault=msg("This line is not a JSON object."))


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
