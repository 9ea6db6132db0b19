"""A list's columns: which of ours each is, and what a record says about one subscriber."""

from __future__ import annotations

import json
import math
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from newsletter.errors import ListError, Place
from newsletter.language import read_language
from subscribers.addresses import Address, parse_address
from subscribers.list_files import Record
from subscribers.people import is_time_zone
from subscribers.segments.parse import is_attribute_name

_KNOWN = {
    "address": "email address emailaddress mail mailaddress メール メールアドレス eメール アドレス",
    "name": "name fullname 名前 氏名 お名前 姓名",
    "language": "language lang 言語",
    "time_zone": "timezone timezonename 時間帯 タイムゾーン",
    "tags": "tags tag タグ",
    "consented_at": "consentedat consentdate joinedat 同意日 同意日時 登録日 登録日時",
    "attributes": "attributes",
}
#: What a column can be mapped to, besides ``attributes.NAME``.
KNOWN_COLUMNS = tuple(_KNOWN)
_SPELLINGS = {word: ours for ours, words in _KNOWN.items() for word in words.split()}
_NAME_LENGTH, _TAG_LENGTH, _ATTRIBUTES_LENGTH = 200, 64, 16_384


@dataclass(frozen=True, kw_only=True, slots=True)
class Problem:
    """What is wrong with one value of one line, or odd about it.

    Attributes:
        address: The line's, as it stands there.
        taken: Whether the line was taken all the same.
    """

    line: int
    field: str
    value: str
    problem: str
    address: str = ""
    taken: bool = False


class RefusedError(Exception):
    """A record cannot be taken."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.problem)
        self.problem = problem


class Entry(NamedTuple):
    """One record, read and judged; a tuple, which a million of are made three times as fast."""

    line: int
    address: Address
    name: str
    language: str
    attributes: dict[str, Any]
    time_zone: str = ""
    tags: tuple[str, ...] = ()
    consented_at: datetime | None = None


def columns_of(
    names: Iterable[str], chosen: Mapping[str, str], *, keep_others: bool, source: str
) -> dict[str, str]:
    """Return what each of a list's columns is: ``address`` … or ``attributes.NAME``.

    Raises:
        ListError: A mapping names no column, or nothing is the address.
    """
    names = list(names)
    if lost := [name for name in chosen if name not in names]:
        raise ListError(
            f"The list has no column {lost[0]!r}.",
            place=Place(source=source, line=1),
            remedy=f"It has: {', '.join(names)[:200]}.",
        )
    found: dict[str, str] = {}
    for name in names:
        folded = "".join(
            char for char in unicodedata.normalize("NFKC", name).lower() if char not in " -_"
        )
        ours = chosen.get(name) or _SPELLINGS.get(folded)
        if ours is None and keep_others and is_attribute_name(name):
            ours = f"attributes.{name}"
        if ours is not None and (ours not in found.values() or name in chosen):
            found[name] = ours
    for name, ours in found.items():
        if ours not in _KNOWN and not is_attribute_name(ours.removeprefix("attributes.")):
            raise ListError(f"{ours!r} is nothing to map {name!r} to.")
    if "address" not in found.values():
        raise ListError(
            "The list has no column of addresses.",
            place=Place(source=source, line=1),
            remedy="Name it email or メールアドレス in line 1, or use --map COLUMN=address.",
        )
    return found


def entry_of(record: Record, columns: Mapping[str, str], zone: ZoneInfo) -> Entry:
    """Read a record.

    Raises:
        RefusedError: A value is wrong; the problem names it.
    """
    said: dict[str, Any] = {}
    attributes: dict[str, Any] = {}
    for name, value in record.values.items():
        ours = columns.get(name)
        if ours is None or value is None or value == "":
            continue
        if ours == "attributes":
            if not isinstance(value, dict):
                raise _refused(record, name, value, "The attributes are no JSON object.")
            attributes |= value
        elif ours.startswith("attributes."):
            attributes[ours.removeprefix("attributes.")] = value
        else:
            said[ours] = value.strip() if isinstance(value, str) else value
    if attributes:
        _check_attributes(record, attributes)
    try:
        address = parse_address(str(said.get("address", "")))
    except ListError as error:
        raise _refused(record, "address", said.get("address", ""), error.what) from None
    return Entry(
        line=record.line,
        address=address,
        name=_name(record, said["name"]) if "name" in said else "",
        language=read_language(str(said.get("language", ""))),
        time_zone=_time_zone(said.get("time_zone", "")),
        attributes=attributes,
        tags=_tags(record, said["tags"]) if "tags" in said else (),
        consented_at=_instant(record, said["consented_at"], zone)
        if "consented_at" in said
        else None,
    )


def _refused(record: Record, name: str, value: object, problem: str) -> RefusedError:
    shown = str(value)[:200]
    return RefusedError(Problem(line=record.line, field=name, value=shown, problem=problem))


def _name(record: Record, value: object) -> str:
    text = str(value)
    if not text.isprintable():
        raise _refused(record, "name", text, "The name holds a control character.")
    return text[:_NAME_LENGTH]


def _time_zone(value: object) -> str:
    name = str(value)
    return name if is_time_zone(name) else ""


def _tags(record: Record, value: object) -> tuple[str, ...]:
    given = value if isinstance(value, list) else str(value).replace("、", ",").split(",")
    tags = tuple(dict.fromkeys(text for tag in given if (text := str(tag).strip())))
    for tag in tags:
        if len(tag) > _TAG_LENGTH or not tag.isprintable():
            raise _refused(record, "tags", tag, "A tag has up to 64 printable characters.")
    return tags


def _instant(record: Record, value: object, zone: ZoneInfo) -> datetime | None:
    if not value:
        return None
    try:
        found = datetime.fromisoformat(str(value).replace("/", "-"))
    except ValueError:
        problem = "This is no date such as 2026-01-31T12:00+09:00."
        raise _refused(record, "consented_at", value, problem) from None
    return found.replace(tzinfo=zone) if found.tzinfo is None else found


def _check_attributes(record: Record, attributes: dict[str, Any]) -> None:
    for name, value in attributes.items():
        if not is_attribute_name(name):
            raise _refused(record, "attributes", name, "This cannot name an attribute.")
        if isinstance(value, str) and "\0" in value:
            raise _refused(record, name, value, "The value holds a control character.")
        if isinstance(value, dict | list) or (isinstance(value, float) and math.isinf(value)):
            raise _refused(record, name, value, "An attribute is text, a number, true or false.")
        if isinstance(value, int) and abs(value) >= 2**63:
            raise _refused(record, name, value, "The number is too large.")
    if attributes and len(json.dumps(attributes)) > _ATTRIBUTES_LENGTH:
        raise _refused(record, "attributes", "", "The attributes have more than 16 KiB.")
