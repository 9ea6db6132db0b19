"""Guessing of a list's column mappings, by the names and by values that are addresses."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from itertools import islice
from typing import NamedTuple

from subscribers.fields.model import Field, field_named
from subscribers.lists.parsers.inner_columns import addresses_within, own_key
from subscribers.lists.parsers.text_lists import OURS
from subscribers.lists.records import Record
from subscribers.lists.words.column_names import asks_for_mail, of_post
from subscribers.lists.words.formats import KnownFormat, fold, guess_field, is_weak, recognise

#: Mappings that several columns may have, whose values are combined.
SHARED = frozenset({"tags", "attributes", "disabled", "unsubscribed_at", "state", "opt_in"})
#: Prefix of the mapping of a column to a field; the field's key follows.
FIELD = "field."
_NUMBERED = re.compile(r" \(\d+\)\Z")
#: Records that are examined to find a column of addresses by its values.
BEGINNING = 200
_ADDRESS_LIKE = re.compile(r"(?:[^<>]{0,100}<)?[^\s@<>]{1,64}@[^\s@<>]{1,255}>?")


class ColumnGuesses(NamedTuple):
    """The guessed mapping of each column, and the system whose export has these columns."""

    columns: dict[str, str]
    known: KnownFormat | None


def is_header(names: Sequence[str]) -> bool:
    """Return whether cells can be a header: one is a name for the address, none is an address."""
    names_address = any(guess_field(name) == "address" for name in names)
    return names_address and not any(map(_ADDRESS_LIKE.fullmatch, names))


def find_addressed(records: Iterable[Record]) -> tuple[str, ...]:
    """Return the columns whose values are addresses, regardless of their names.

    If there are several, the subscriber's address is ambiguous.

    Args:
        records: The first records of the list.
    """
    filled: Counter[str] = Counter()
    addresses: Counter[str] = Counter()
    for record in islice(records, BEGINNING):
        for name, value in record.values.items():
            # Our own additional columns contain no addresses of people.
            if name in OURS:
                continue
            if text := str("" if value is None else value).strip():
                filled[name] += 1
                addresses[name] += _ADDRESS_LIKE.fullmatch(text) is not None
    return tuple(name for name, count in addresses.items() if name and count > filled[name] / 2)


def guess_columns(
    names: Collection[str], custom: Sequence[Field] = (), *, addressed: Sequence[str] = ()
) -> dict[str, str]:
    """Return the guessed mappings of columns; columns without mapping are left out.

    Args:
        names: The columns.
        custom: The newsletter's fields.
        addressed: The result of `find_addressed`, if no name identifies the addresses.
    """
    return guess_list(names, custom, addressed).columns


def guess_list(
    names: Collection[str], custom: Sequence[Field], addressed: Sequence[str]
) -> ColumnGuesses:
    """Return the result of `guess_columns`, and the system that exported the list."""
    known = recognise(names)
    columns: dict[str, str] = {}
    if known is not None:
        columns = {name: known.columns[fold(name)] for name in names if fold(name) in known.columns}
    for name in names:
        ours = guess_column(name, known)
        if ours and name not in columns and (known is None or ours not in columns.values()):
            columns[name] = ours
    _drop_doubles(columns, addressed)
    for name in of_post(names):
        columns.pop(name, None)
    strong = {ours for name, ours in columns.items() if not is_weak(name)}
    columns = {n: ours for n, ours in columns.items() if not (is_weak(n) and ours in strong)}
    for name in names:
        field = field_named(custom, _NUMBERED.sub("", name))
        if field and (name not in columns or is_weak(name) or columns[name] == "opt_in"):
            columns[name] = FIELD + field.key
    if "address" not in columns.values():
        for found in (addresses_within(names), addressed):
            if len(found) == 1 and found[0] in names:
                columns[found[0]] = "address"
                break
    _add_inner(columns, names, known)
    return ColumnGuesses(columns, known)


def _drop_doubles(columns: dict[str, str], addressed: Sequence[str]) -> None:
    """Remove duplicate mappings for which the choice is obvious.

    Of several columns for names, the last one counts, since the account's name comes before the
    name asked by a form (“Name”, “お名前”). Of several columns for addresses, the only one with
    addresses counts, since others contain “anonymous”.
    """
    named = [name for name, ours in columns.items() if ours == "name"]
    for name in named[:-1]:
        del columns[name]
    mailed = [name for name, ours in columns.items() if ours == "address"]
    holding = [name for name in mailed if name in addressed]
    for name in mailed:
        if len(holding) == 1 and name not in holding:
            del columns[name]


def _add_inner(columns: dict[str, str], names: Collection[str], known: KnownFormat | None) -> None:
    """Add mappings of columns within objects of the person, unless others have the mapping."""
    address = next((name for name, ours in columns.items() if ours == "address"), "")
    for name in names:
        if name not in columns and (key := own_key(name, address)):
            ours = guess_column(key, known)
            if ours and (ours in SHARED or ours not in columns.values()):
                columns[name] = ours


def guess_column(name: str, known: KnownFormat | None) -> str:
    """Return the mapping of a column by its own name; empty if there is none."""
    if known is not None and fold(name) in known.ignored:
        return ""
    plain = _NUMBERED.sub("", name)
    # The exports of known systems have their own columns for the state.
    return guess_field(plain) or ("opt_in" if known is None and asks_for_mail(plain) else "")
