"""Inference of a new field's type from the values of a column of a list."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence

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
from subscribers.fields.reading import read_value, split_options

#: The largest number of options that are collected from lists; beyond it, the type is text.
_MOST_OPTIONS = 200
#: Digits that are not a quantity, such as a postal code, a telephone or a membership number.
_IDENTIFIER = re.compile(r"[+]?0\d|\+")
_PLAIN_DIGITS = re.compile(r"\s*\d+\s*\Z")
_WORDS = frozenset({"yes", "no", "true", "false", "はい", "いいえ"})
#: Characters of the longest option in a text with several options.
_LONGEST_PART = 30
#: Names of columns of telephone numbers, whose digits are not a quantity either.
_TELEPHONE = re.compile(r"電話|携帯|phone|\b(?:tel|fax|mobile)\b", re.IGNORECASE)
_TRIED = (FieldType.NUMBER, FieldType.DATE, FieldType.YES_NO)


class Inference:
    """Collects the values of one column and returns the types that fit all of them."""

    def __init__(self) -> None:
        self._possible = list(_TRIED)
        self._options: dict[str, None] = {}
        self._lists = 0
        #: Counts of the parts of all texts, of texts with several parts, and of texts with one.
        self._parts: Counter[str] = Counter()
        self._together: set[str] = set()
        self._alone: set[str] = set()
        self._has_sentences = False
        self._count = 0

    def add(self, value: object) -> None:
        """Add a value; empty values are ignored."""
        if value is None or value in ("", []):
            return
        self._count += 1
        if isinstance(value, list):
            self._lists += 1
            self._options.update(dict.fromkeys(str(each) for each in value))
            return
        if isinstance(value, str) and len(self._parts) <= _MOST_OPTIONS:
            self._look_at_parts(split_options(value))
        if self._possible:
            self._possible = [kind for kind in self._possible if _fits(kind, value)]

    def _look_at_parts(self, parts: Sequence[str]) -> None:
        if any(len(part) > _LONGEST_PART for part in parts):
            # This is a sentence and not an option.
            self._has_sentences = True
        self._parts.update(parts)
        (self._together if len(parts) > 1 else self._alone).update(parts)

    @property
    def _holds_options(self) -> bool:
        """Whether texts hold several options: each part is repeated, and some also occur alone.

        The parts of postal addresses are repeated, too, but they never occur alone.
        """
        return (
            len(self._parts) <= _MOST_OPTIONS
            and not self._has_sentences
            and not self._together.isdisjoint(self._alone)
            and sum(self._parts.values()) >= 2 * len(self._parts)
        )

    @property
    def is_empty(self) -> bool:
        """Whether no value was added."""
        return not self._count

    def type(self) -> FieldType:
        """Return the narrowest type that fits all values."""
        if self._count and self._lists == self._count and len(self._options) <= _MOST_OPTIONS:
            return FieldType.CHOICES
        if not self._possible and not self._lists and self._holds_options:
            return FieldType.CHOICES
        if not self._count or self._lists or not self._possible:
            return FieldType.TEXT
        return self._possible[0]

    def field(self, name: str, language: Language, taken: Iterable[str]) -> Field:
        """Return the new field for a column.

        Args:
            name: The name of the column, which becomes the label in ``language``.
            language: The language of the newsletter.
            taken: The keys of other fields.
        """
        kind = self.type()
        if kind is FieldType.NUMBER and is_telephone(name):
            kind = FieldType.TEXT
        options = self._options or self._parts
        inferred = Field(
            key=key_for(name, taken),
            type=kind,
            labels={language.value: name.strip()[:100]},
            options=tuple(map(_option, options)) if kind is FieldType.CHOICES else (),
        )
        try:
            return check_definition(inferred)
        except ListError:
            # Two options differ only in case or width, or a name has invalid characters.
            plain = Field(key=inferred.key, type=FieldType.TEXT)
            return check_definition(plain)


def is_telephone(name: str) -> bool:
    """Return whether the name of a column or field means a telephone number."""
    return _TELEPHONE.search(name) is not None


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
    """Return an unused key similar to a column's name, or else a numbered key."""
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
