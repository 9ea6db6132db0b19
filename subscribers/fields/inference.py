"""The type that a column's values have: what a new field of a list becomes."""

from __future__ import annotations

import re
from collections.abc import Iterable

from newsletter.database.vocabulary import FieldType
from newsletter.errors import ListError
from newsletter.i18n.language import Language
from subscribers.fields.model import (
    RESERVED_KEYS,
    Field,
    Option,
    check_definition,
    fold_label,
)
from subscribers.fields.reading import read_value

#: Options that are collected of values that are lists; of more, they are kept as text.
_MOST_OPTIONS = 200
#: Such as a postal code, a telephone or a member's number: digits that are no quantity.
_IDENTIFIER = re.compile(r"[+]?0\d|\+")
_PLAIN_DIGITS = re.compile(r"\s*\d+\s*\Z")
_WORDS = frozenset({"yes", "no", "true", "false", "はい", "いいえ"})
_TRIED = (FieldType.NUMBER, FieldType.DATE, FieldType.YES_NO)


class Inference:
    """What the values of one column can be, as they come by."""

    def __init__(self) -> None:
        self._possible = list(_TRIED)
        self._options: dict[str, None] = {}
        self._lists = 0
        self._count = 0

    def add(self, value: object) -> None:
        """Look at a value; an empty one says nothing."""
        if value is None or value in ("", []):
            return
        self._count += 1
        if isinstance(value, list):
            self._lists += 1
            self._options.update(dict.fromkeys(str(each) for each in value))
            return
        if self._possible:
            self._possible = [kind for kind in self._possible if _fits(kind, value)]

    @property
    def is_empty(self) -> bool:
        """Whether no value came by."""
        return not self._count

    def type(self) -> FieldType:
        """Return the narrowest type that all values have."""
        if self._count and self._lists == self._count and len(self._options) <= _MOST_OPTIONS:
            return FieldType.CHOICES
        if not self._count or self._lists or not self._possible:
            return FieldType.TEXT
        return self._possible[0]

    def field(self, name: str, language: Language, taken: Iterable[str]) -> Field:
        """Return the field that a column of this name becomes.

        Args:
            name: The column's, which becomes the label in ``language``.
            language: That of the newsletter.
            taken: Keys that other fields have.
        """
        kind = self.type()
        inferred = Field(
            key=key_for(name, taken),
            type=kind,
            labels={language.value: name.strip()[:100]},
            options=tuple(map(_option, self._options)) if kind is FieldType.CHOICES else (),
        )
        try:
            return check_definition(inferred)
        except ListError:
            # Two options that are one to people, or a name with odd characters.
            plain = Field(key=inferred.key, type=FieldType.TEXT)
            return check_definition(plain)


def _option(value: str) -> Option:
    return Option(value=value)


def _fits(kind: FieldType, value: object) -> bool:
    text = str(value)
    if isinstance(value, str):
        if kind is FieldType.NUMBER and _IDENTIFIER.match(text.strip()):
            return False
        if kind is FieldType.DATE and _PLAIN_DIGITS.match(text):
            return False
        if kind is FieldType.YES_NO and fold_label(text) not in _WORDS:
            return False
    elif isinstance(value, bool) is not (kind is FieldType.YES_NO):
        return False
    try:
        return read_value(Field(key="tried", type=kind), value) is not None
    except ListError:
        return False


def key_for(name: str, taken: Iterable[str]) -> str:
    """Return a key like a column's name, or else a numbered one, that no other field has."""
    known = {*taken, *RESERVED_KEYS}
    key = re.sub(r"[^a-z0-9]+", "_", fold_label(name)).strip("_")[:36]
    if not re.match(r"[a-z]", key):
        key = "field_1"
    elif key not in known:
        return key
    stem = re.sub(r"_\d+\Z", "", key)
    number = 1
    while f"{stem}_{number}" in known:
        number += 1
    return f"{stem}_{number}"
