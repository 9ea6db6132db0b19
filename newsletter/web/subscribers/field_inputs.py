"""Inputs of fields in forms, and their submitted values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from starlette.datastructures import FormData

from newsletter.database.vocabulary import FieldType
from newsletter.errors import NewsletterError
from newsletter.i18n.language import Language
from newsletter.i18n.messages import Message
from subscribers.fields.model import Field
from subscribers.fields.reading import written_value

_PREFIX = "field."


@dataclass(frozen=True, kw_only=True, slots=True)
class OptionInput:
    """One option of an input."""

    value: str
    label: str
    description: str
    chosen: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class FieldInput:
    """The input of one field (``_layout/field_inputs.html``).

    Attributes:
        name: The name of the form field.
        kind: The type of the field.
        value: The value; for options, each option has its own state instead.
        error: The error of the input.
    """

    name: str
    kind: str
    label: str
    purpose: str
    required: bool
    value: str
    options: tuple[OptionInput, ...]
    error: NewsletterError | Message | None = None


def inputs_of(
    fields: Iterable[Field],
    values: Mapping[str, object],
    language: Language,
    *,
    errors: Mapping[str, NewsletterError | Message] | None = None,
) -> list[FieldInput]:
    """Return the inputs of fields with saved or entered values, in a language."""
    return [_input(field, values.get(field.key), language, errors or {}) for field in fields]


def _input(
    field: Field, value: object, language: Language, errors: Mapping[str, NewsletterError | Message]
) -> FieldInput:
    chosen = set(value) if isinstance(value, list) else {_text(value)}
    return FieldInput(
        name=_PREFIX + field.key,
        kind=field.type.value,
        label=field.label(language),
        purpose=field.purpose,
        required=field.required,
        value=_text(value),
        options=tuple(
            OptionInput(
                value=option.value,
                label=option.label(language),
                description=option.description(language),
                chosen=option.value in chosen,
            )
            for option in field.options
        ),
        error=errors.get(field.key),
    )


def _text(value: object) -> str:
    if isinstance(value, str | int | float | list) or value is None:
        return written_value(value)
    return str(value)


def submitted(form: FormData, fields: Sequence[Field]) -> dict[str, object]:
    """Return the submitted values of these fields for `read_values`.

    Browsers omit check boxes that are not ticked, so a missing field with several options is empty.
    """
    given: dict[str, object] = {}
    for field in fields:
        brought = [str(text) for text in form.getlist(_PREFIX + field.key)]
        if field.type is FieldType.CHOICES:
            given[field.key] = brought
        else:
            given[field.key] = brought[0] if brought else ""
    return given
