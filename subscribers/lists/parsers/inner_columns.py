"""Columns from nested objects, such as "user.email", and their mapping by the inner key.

APIs return data about a person in nested objects. An object belongs to the person if it contains
the address, directly or in an inner object; if it has a known name for additional data
("merge_fields"); or if it is a name in parts. The keys of other objects ("referrer.name") are not
about the person.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

from newsletter.errors import ListError, Place
from newsletter.i18n.messages import msg
from subscribers.lists.words.formats import fold, guess_field, is_weak

#: Separator between a column of objects and an inner key.
WITHIN = "."
#: Names of objects with additional data about the person.
_ADDED = frozenset(
    map(
        fold,
        (
            *("merge_fields", "merge_vars", "merges", "attributes", "attribs", "properties"),
            *("fields", "custom_fields", "field_values", "profile", "traits", "details"),
        ),
    )
)
#: What a key means that says whether somebody is subscribed.
_STATES = frozenset(
    {"state", "disabled", "unsubscribed_at", "bounced_at", "complained_at", "deleted_at"}
)
_NAME_PARTS = frozenset({"given_name", "family_name"})
#: Keys that mark one of several addresses as the primary one.
_PRIMARY = frozenset({"primary", "isprimary", "default", "isdefault", "preferred"})
#: Keys for the name in an array of names with values.
_PAIR_NAMES = frozenset({"name", "key", "field", "label", "attribute", "title", "fieldname"})
_ADDRESS = re.compile(r"[^\s@<>]{1,64}@[^\s@<>]{1,255}")
#: The largest number of columns; with more, even short rows could need gigabytes.
MOST_COLUMNS = 1000
#: Characters of the name of an object whose keys become columns, since each column repeats it.
_LONGEST_HEAD = 200


def spread(entry: dict[str, Any]) -> dict[str, Any]:
    """Return an entry whose inner objects are separate columns, with one address of an array.

    An object of attributes next to the address is kept, since its keys are fields. Objects with an
    invalid name are kept, too, and those beyond the limit of columns.
    """
    if not any(isinstance(value, (dict, list)) for value in entry.values()):
        return entry
    named = any(
        isinstance(held, str) and guess_field(key) == "address" for key, held in entry.items()
    )
    flat: dict[str, Any] = {}
    for key, value in entry.items():
        if isinstance(value, dict) and not (named and guess_field(key) == "attributes"):
            _add(flat, key, value)
        elif not named and isinstance(value, list) and (pairs := _pairs(value)):
            _add(flat, key, pairs)
        elif isinstance(value, list) and (joined := _joined(value)):
            _add(flat, key, joined)
        else:
            flat[key] = value if named or not isinstance(value, list) else _one_address(value)
    return flat


def _add(flat: dict[str, Any], head: str, inner: Mapping[str, Any]) -> None:
    if len(head) > _LONGEST_HEAD:
        flat[head] = inner
        return
    for key, value in inner.items():
        if len(flat) > MOST_COLUMNS:
            return
        name = f"{head}{WITHIN}{key}"
        if isinstance(value, dict):
            _add(flat, name, value)
        elif isinstance(value, list) and (pairs := _pairs(value)):
            _add(flat, name, pairs)
        elif isinstance(value, list) and (joined := _joined(value)):
            _add(flat, name, joined)
        else:
            flat.setdefault(name, _one_address(value) if isinstance(value, list) else value)


def _pairs(items: list[Any]) -> dict[str, Any]:
    """Return the values of an array of names with values; empty for other arrays."""
    found: dict[str, Any] = {}
    for each in items:
        if not isinstance(each, dict):
            return {}
        parts = {fold(key): held for key, held in each.items()}
        names = [held for key, held in parts.items() if key in _PAIR_NAMES]
        if "value" not in parts or len(names) != 1 or not isinstance(names[0], str):
            return {}
        if names[0] in found:
            return {}
        found[names[0]] = parts["value"]
    return found


def _joined(items: list[Any]) -> dict[str, Any]:
    """Return the values of an array of objects that each have a state, by key; empty for others.

    The lists of a person come so. Values that differ are kept side by side: of contradictory states
    the one against mail counts.
    """
    if not all(isinstance(each, dict) for each in items):
        return {}
    if not any(guess_field(key) in _STATES for each in items for key in each):
        return {}
    values: dict[str, dict[str, Any]] = {}
    for each in items:
        for key, held in each.items():
            values.setdefault(key, {}).setdefault(str(held), held)
    return {
        key: ", ".join(held) if len(held) > 1 else next(iter(held.values()))
        for key, held in values.items()
    }


def _one_address(items: list[Any]) -> Any:  # noqa: ANN401 - any JSON value
    """Return the primary or first address in an array of addresses; other arrays unchanged."""
    found = [_address_in(each) for each in items]
    if not found or None in found:
        return items
    if len(set(found)) == 1:
        return found[0]
    primary = [address for address, each in zip(found, items, strict=True) if _is_primary(each)]
    return primary[0] if len(primary) == 1 else ", ".join(map(str, found))


def _is_primary(value: object) -> bool:
    return isinstance(value, dict) and any(
        held is True and fold(key) in _PRIMARY for key, held in value.items()
    )


def _address_in(value: object) -> str | None:
    held = value.values() if isinstance(value, dict) else (value,)
    texts = [each.strip() for each in held if isinstance(each, str)]
    found = [each for each in texts if _ADDRESS.fullmatch(each)]
    return found[0] if len(found) == 1 else None


def addresses_within(names: Collection[str]) -> list[str]:
    """Return the columns within objects whose key means an address."""
    found = [name for name in names if guess_field(_key(name)) == "address" and WITHIN in name]
    return [name for name in found if not is_weak(_key(name))] or found


def own_key(name: str, address: str) -> str:
    """Return the inner key of a column within an object of the person; otherwise empty.

    Args:
        name: The column.
        address: The column with the addresses.
    """
    head, _, key = name.rpartition(WITHIN)
    if not head:
        return ""
    group = head.rpartition(WITHIN)[2]
    if guess_field(group) == "name":
        parts = (each for each in (key, f"{key} {group}") if guess_field(each) in _NAME_PARTS)
        return next(parts, "")
    holder = address.rpartition(WITHIN)[0]
    is_own = holder == head or holder.startswith(head + WITHIN) or fold(group) in _ADDED
    return key if is_own else ""


def _key(name: str) -> str:
    return name.rpartition(WITHIN)[2]


class ColumnCount:
    """The columns found in a JSON list so far."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._names: set[str] = set()

    def add(self, names: Collection[str], line: int) -> None:
        """Add the columns of an entry.

        Raises:
            ListError: There are too many columns.
        """
        self._names.update(names)
        if len(self._names) > MOST_COLUMNS:
            raise ListError(
                msg(
                    "Up to this entry the list has {count} columns; the limit is {limit}.",
                    count=len(self._names),
                    limit=MOST_COLUMNS,
                ),
                place=Place(source=self._source, line=line),
                remedy=msg("Leave out the columns that are not needed."),
            )
