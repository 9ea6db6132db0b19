"""Columns of a list that are none of ours, as new fields of the newsletter's people."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import chain, islice

from newsletter.i18n.language import Language
from subscribers.fields.inference import Inference
from subscribers.fields.model import (
    MOST_FIELDS,
    Field,
    field_from_json,
    field_named,
    field_of,
)
from subscribers.lists.columns.columns import form_of
from subscribers.lists.parsers.column_guesses import BEGINNING, FIELD, find_addressed
from subscribers.lists.parsers.inner_columns import WITHIN
from subscribers.lists.parsers.json_lines import read_object
from subscribers.lists.parsers.text_lists import BESIDE, COMMENTS
from subscribers.lists.records import Record
from subscribers.lists.words.formats import DEFINITIONS, IGNORED, guess_field

#: What no column of the list holds, and no person is to have.
_BESIDE_ROWS = frozenset({BESIDE, COMMENTS})


@dataclass(frozen=True, kw_only=True, slots=True)
class NewFields:
    """What a list's other columns would be.

    Attributes:
        columns: How the list's own columns are mapped to them; a key within an object has none.
    """

    fields: tuple[Field, ...] = ()
    columns: Mapping[str, str] = field(default_factory=dict)


def find_new_fields(
    records: Iterable[Record],
    chosen: Mapping[str, str],
    *,
    known: Sequence[Field],
    language: Language,
    source: str,
    left_out: Collection[str] = (),
    only: Collection[str] | None = None,
    with_keys: bool = True,
) -> NewFields:
    """Return the fields that columns of a list would be; all values are looked at.

    What stands within an object of attributes counts as a column, too. Columns without any value
    are none. An export of our own holds the definitions of its fields.

    Args:
        records: The list's.
        chosen: What somebody chose for its columns.
        known: The fields that there are.
        language: That of the newsletter, in which the columns are the labels.
        source: Names the list in errors.
        left_out: Columns that are to become none.
        only: The columns that are to become fields; None for all that are none of ours.
        with_keys: Whether keys within an object of attributes become fields, too.

    Raises:
        ListError: None of its columns is the address, or what defines a field does not.
    """
    may_become = partial(_may_become, left_out, only)
    found: dict[str, Inference] = {}
    defined: dict[str, Field] = {}
    ours: dict[str, str] = {}
    own = False
    rest = iter(records)
    first = list(islice(rest, BEGINNING))
    addressed = find_addressed(first)
    for record in chain(first, rest):
        if record.header or record.fault:
            continue
        if not ours.keys() >= set(record.names):
            names = dict.fromkeys((*ours, *record.names))
            present = {name: what for name, what in chosen.items() if name in names}
            form = form_of(names, present, custom=known, source=source, addressed=addressed)
            ours = form.columns
            own = form.known is not None and form.known.own
        for name, value in record.values.items():
            if own and name == DEFINITIONS:
                defined |= _defined(value, (*known, *defined.values()))
            elif ours.get(name) == IGNORED and may_become(name) and name not in defined:
                found.setdefault(name, Inference()).add(value)
            elif with_keys and ours.get(name) == "attributes":
                for key, inner in read_object(value).items():
                    what = chosen.get(f"{name}{WITHIN}{key}", IGNORED)
                    if what == IGNORED and field_named(known, key) is None:
                        found.setdefault(key, Inference()).add(inner)
    defined = {key: each for key, each in defined.items() if may_become(key)}
    found = {name: inference for name, inference in found.items() if name not in defined}
    named = defined | _named(found, (*known, *defined.values()), language)
    return NewFields(
        fields=tuple(named.values()),
        columns={name: FIELD + each.key for name, each in named.items() if name in ours},
    )


def _may_become(left_out: Collection[str], only: Collection[str] | None, name: str) -> bool:
    return name not in {*left_out, *_BESIDE_ROWS} and (only is None or name in only)


def _defined(value: object, known: Sequence[Field]) -> dict[str, Field]:
    """Return the fields that an export defines and that are not known, by their keys.

    Raises:
        ListError: It defines none.
    """
    fields: dict[str, Field] = {}
    if not isinstance(value, str) or not value.strip():
        return fields
    try:
        given = json.loads(value)
    except (ValueError, RecursionError):
        given = {}
    for each in given if isinstance(given, list) else [{}]:
        field = field_from_json(each)
        if field_of(known, field.key) is None and len(known) + len(fields) < MOST_FIELDS:
            fields[field.key] = field
    return fields


def _named(
    found: Mapping[str, Inference], known: Sequence[Field], language: Language
) -> dict[str, Field]:
    fields: dict[str, Field] = {}
    for name, inference in found.items():
        others = (*known, *fields.values())
        if inference.is_empty or len(others) >= MOST_FIELDS or field_named(others, name):
            continue
        taken = {each.key for each in others}
        fields[name] = inference.field(name, language, taken)
        if guess_field(fields[name].key):
            fields[name] = inference.field("", language, taken)
    return fields
