"""The definition of a field: its type, labels and options, and the rules for them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, TypeAlias

from newsletter.database.vocabulary import FieldType
from newsletter.errors import ListError, Place
from newsletter.i18n.language import Language, read_language
from newsletter.i18n.messages import Message, msg
from newsletter.i18n.normal_form import normal_form
from newsletter.i18n.values import Day, Labelled, Listing, Number
from subscribers.subscription_columns import IMPORTED

#: The values that `subscribers.fields.reading` returns: text, number, ISO date, the value of an
#: option, the values of several options, true or false.
FieldValue: TypeAlias = str | int | float | bool | list[str]

#: The key of the one field whose options are a newsletter's topics.
TOPIC = "topic"
#: Names with another meaning in segments, lists or issues, which cannot be keys of fields.
RESERVED_KEYS = frozenset(
    {
        *IMPORTED,
        *("address", "confirmed", "consent", "domain", "email", "field", "fields"),
        *("accepted", "and", "bounced", "contains", "ends", "exists", "false", "id", "in"),
        *("joined", "mailing", "newsletter", "not", "or", "received", "starts", "subscriber"),
        *("suppressed", "tag", "tags", "topics", "true", "csrf", "lang", "pause", "website"),
        *("bounced_at", "complained_at", "deleted_at", "disabled", "family_name", "given_name"),
        *("opt_in", "suppressed_at", "suppression_evidence"),
    }
)
_KEY = re.compile(r"[a-z][a-z0-9_]{0,39}")
_UNCLEAN = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_LABEL, _DESCRIPTION, _PURPOSE, _OPTION = 100, 500, 500, 100
_MOST_OPTIONS = 200
_MOST_DAYS = 36_500
#: The largest number of fields of a group; each one adds a column to lists and a line to forms.
MOST_FIELDS = 100


@dataclass(frozen=True, kw_only=True, slots=True)
class Option:
    """One option of a field.

    Attributes:
        value: The stored value, which does not change when the labels do.
        labels: The labels by language tag; without a label, the value is shown.
        descriptions: Explanations for readers, by language tag.
    """

    value: str
    labels: Mapping[str, str] = field(default_factory=dict)
    descriptions: Mapping[str, str] = field(default_factory=dict)

    def label(self, language: Language) -> str:
        """Return the label in a language; the value if there is no label."""
        return self.labels.get(language.value) or self.value

    def description(self, language: Language) -> str:
        """Return the explanation for readers in a language; empty if there is none."""
        return self.descriptions.get(language.value, "")


@dataclass(frozen=True, kw_only=True, slots=True)
class Field:
    """A field that a group of newsletters stores for its people.

    `FieldRow` describes the attributes. The position of a field is its index in a sequence of
    fields.
    """

    key: str
    type: FieldType
    labels: Mapping[str, str] = field(default_factory=dict)
    options: tuple[Option, ...] = ()
    required: bool = False
    ask_on_joining: bool = False
    reader_may_change: bool = False
    purpose: str = ""
    retention_days: int | None = None

    @property
    def is_topic(self) -> bool:
        """Whether its options are the topics of a newsletter."""
        return self.key == TOPIC

    def label(self, language: Language) -> str:
        """Return the label in a language, or else in another; the key if there are no labels.

        Topics have a fixed label, since their key is not meant for readers.
        """
        return self.named.in_language(language)

    @property
    def named(self) -> Labelled:
        """The label in all languages, for a message whose language is not known yet."""
        labels = dict(self.labels)
        if self.is_topic and not any(labels.values()):
            labels = {each.value: msg("Topics").in_language(each) for each in Language}
        return Labelled(tuple(sorted(labels.items())), self.key)

    def option(self, value: str) -> Option | None:
        """Return the option of a value; None if the option does not exist (any more)."""
        return next((option for option in self.options if option.value == value), None)

    def shown(self, value: FieldValue | None, language: Language) -> str:
        """Return a value as readable text in a language; empty for None."""
        if value is None:
            return ""
        if isinstance(value, list):
            return Listing(tuple(self._shown(one, language) for one in value)).in_language(language)
        return self._shown(value, language)

    def _shown(self, value: str | float, language: Language) -> str:
        if isinstance(value, bool):
            return (msg("Yes") if value else msg("No")).in_language(language)
        if isinstance(value, int | float):
            # Without thousands separators, since the number may be a year.
            return str(value)
        if self.type is FieldType.DATE:
            return Day(date.fromisoformat(value)).in_language(language)
        if self.type.has_options:
            option = self.option(value)
            return option.label(language) if option else value
        return value


def fold_label(text: str) -> str:
    """Return a label or value for comparison: without case, width and outer blanks."""
    return " ".join(normal_form(text).casefold().split())


def check_definition(field: Field) -> Field:
    """Return a valid field with trimmed texts.

    Raises:
        ListError: The definition is invalid; the place names the wrong part.
    """
    if not _KEY.fullmatch(field.key):
        raise _fault(
            "key",
            msg("“{key}” cannot be the key of a field.", key=field.key[:60]),
            msg("Use a-z, 0-9 and _, at most 40 characters, the first of them a letter."),
        )
    if field.key in RESERVED_KEYS:
        raise _fault(
            "key",
            msg("“{key}” has a meaning of its own already.", key=field.key),
            msg("Choose another key."),
        )
    if field.is_topic and field.type is not FieldType.CHOICES:
        raise _fault(
            "type",
            msg("The field “topic” holds a newsletter’s topics, of which readers choose any."),
            msg("Choose the type choices."),
        )
    if field.retention_days is not None and not 1 <= field.retention_days <= _MOST_DAYS:
        raise _fault(
            "retention_days",
            msg("The number of days is out of range."),
            msg("Write a whole number from 1 to {limit}.", limit=Number(_MOST_DAYS)),
        )
    labels = _texts("labels", field.labels, _LABEL)
    return Field(
        key=field.key,
        type=field.type,
        labels=labels,
        options=_check_options(field),
        required=field.required,
        ask_on_joining=field.ask_on_joining,
        reader_may_change=field.reader_may_change or field.is_topic,
        purpose=_text("purpose", field.purpose, _PURPOSE),
        retention_days=field.retention_days,
    )


def _check_options(field: Field) -> tuple[Option, ...]:
    if not field.type.has_options:
        if field.options:
            raise _fault(
                "options",
                msg("A field of this type has no options."),
                msg("Choose the type choice or choices, or remove the options."),
            )
        return ()
    if not field.options:
        raise _fault(
            "options",
            msg("There is nothing to choose from."),
            msg("Add at least one option."),
        )
    if len(field.options) > _MOST_OPTIONS:
        raise _fault(
            "options",
            msg("There are more than {limit} options.", limit=Number(_MOST_OPTIONS)),
            msg("Use a field of text instead."),
        )
    options = tuple(
        Option(
            value=_text("options", option.value, _OPTION),
            labels=_texts("options", option.labels, _LABEL),
            descriptions=_texts("options", option.descriptions, _DESCRIPTION),
        )
        for option in field.options
    )
    known: dict[str, str] = {}
    for option in options:
        if not option.value:
            raise _fault("options", msg("An option has no value."), msg("Write one."))
        for name in {fold_label(name) for name in (option.value, *option.labels.values())}:
            if name in known:
                raise _fault(
                    "options",
                    msg("Two options are called “{name}”.", name=name),
                    msg("Give each its own name."),
                )
            known[name] = option.value
    return options


def _texts(place: str, texts: Mapping[str, str], length: int) -> dict[str, str]:
    cleaned = {}
    for tag, text in texts.items():
        language = read_language(tag)
        if not language:
            raise _fault(
                place,
                msg("“{tag}” is no language.", tag=tag[:60]),
                msg("Write a language tag such as ja or en."),
            )
        if kept := _text(place, text, length):
            cleaned[language] = kept
    return cleaned


def _text(place: str, text: str, length: int) -> str:
    cleaned = " ".join(text.split())
    if len(cleaned) > length:
        raise _fault(
            place,
            msg("The text has more than {limit} characters.", limit=Number(length)),
            msg("Shorten it."),
        )
    if not is_clean(cleaned):
        raise _fault(
            place,
            msg("The text contains a control character."),
            msg("Write it anew, without copying it."),
        )
    return cleaned


def is_clean(text: str) -> bool:
    """Return whether a text has no control characters, lone surrogates or direction marks."""
    return _UNCLEAN.search(text) is None


def _fault(place: str, what: Message, remedy: Message) -> ListError:
    return ListError(what, place=Place(field=place), remedy=remedy)


def field_of(known: Iterable[Field], key: str) -> Field | None:
    """Return the field with a key; None if there is none."""
    return next((field for field in known if field.key == key), None)


def field_named(known: Sequence[Field], name: str) -> Field | None:
    """Return the field with this key or label, as named by a list's column or a person."""
    folded = fold_label(name)
    by_key = field_of(known, folded)
    if by_key is not None:
        return by_key
    if folded == "topics":
        return field_of(known, TOPIC)
    named = [
        each for each in known if folded in {fold_label(label) for _, label in each.named.labels}
    ]
    return named[0] if len(named) == 1 else None


def current_values(known: Iterable[Field], attributes: Mapping[str, Any]) -> dict[str, FieldValue]:
    """Return a person's values of these fields, in the order of the fields.

    Values of deleted fields and removed options, which are purged later, are left out.
    """
    values: dict[str, FieldValue] = {}
    for each in known:
        value = attributes.get(each.key)
        if each.type.has_options:
            options = {option.value for option in each.options}
            if isinstance(value, list):
                value = [one for one in value if one in options] or None
            elif value not in options:
                value = None
        if value is not None:
            values[each.key] = value
    return values


def field_to_json(field: Field) -> dict[str, Any]:
    """Return a field as JSON, from which `field_from_json` restores an equal field."""
    return {
        "key": field.key,
        "type": field.type.value,
        "labels": dict(field.labels),
        "options": options_to_json(field.options),
        "required": field.required,
        "ask_on_joining": field.ask_on_joining,
        "reader_may_change": field.reader_may_change,
        "purpose": field.purpose,
        "retention_days": field.retention_days,
    }


def field_from_json(known: Mapping[str, Any]) -> Field:
    """Return the field of JSON as made by `field_to_json` or by others; the definition is checked.

    Raises:
        ListError: The JSON does not define a valid field.
    """
    try:
        options = tuple(options_from_json(known.get("options", ())))
        given = {name: known[name] for name in field_to_json(_ANY) if name in known}
        field = Field(**given | {"type": FieldType(known["type"]), "options": options})
        return check_definition(field)
    except (ValueError, TypeError, KeyError, AttributeError):
        raise _fault(
            "type",
            msg("This is no definition of a field."),
            msg("Export the list anew, or remove its last column."),
        ) from None


_ANY = Field(key="any", type=FieldType.TEXT)


def options_to_json(options: Iterable[Option]) -> list[dict[str, Any]]:
    """Return options as JSON for the database."""
    return [
        {
            "value": option.value,
            "labels": dict(option.labels),
            "descriptions": dict(option.descriptions),
        }
        for option in options
    ]


def options_from_json(options: Iterable[Mapping[str, Any]]) -> Iterator[Option]:
    """Yield the options of JSON from the database."""
    for option in options:
        yield Option(
            value=option["value"],
            labels=option.get("labels", {}),
            descriptions=option.get("descriptions", {}),
        )
