"""New fields of the newsletter for columns of a list without mapping."""

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

#: Columns that are not in the file itself and do not become fields.
_BESIDE_ROWS = frozenset({BESIDE, COMMENTS})


@dataclass(frozen=True, kw_only=True, slots=True)
class NewFields:
    """The new fields for a list's columns.

    Attributes:
        columns: The mapping of the list's columns to the fields, without keys within objects.
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
    """Return the fields that a list's columns can become, determined from all values.

    Keys within an object of attributes count as columns. Columns without values are ignored. Our
    own export contains the definitions of its fields.

    Args:
        records: The records of the list.
        chosen: The user's mappings of columns.
        known: The existing fields.
        language: The language of the newsletter, for the labels.
        source: The name of the list in errors.
        left_out: Columns that must not become fields.
        only: Columns that become fields; None for all columns without mapping.
        with_keys: Whether keys within an object of attributes become fields, too.

    Raises:
        ListError: No column contains addresses, or the definition of a field is invalid.
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
    """Return the unknown fields that our export defines, by key.

    Raises:
        ListError: A definition is invalid.
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
