"""Validation of field values: one set of rules for all interfaces.

Forms, readers' pages, lists and commands pass text or JSON. The result is stored unchanged, and
reading the stored value again returns an equal value.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from decimal import Decimal

from newsletter.database.vocabulary import FieldType
from newsletter.errors import ListError, Place
from newsletter.i18n.messages import Message, msg
from newsletter.i18n.normal_form import normal_form
from newsletter.i18n.values import Listing, Number
from subscribers.fields.model import Field, FieldValue, Option, fold_label, is_clean
from subscribers.lists.words.dates import read_day

#: Characters of the longest text.
LONGEST = 500
#: Significant digits that a double stores exactly; SQLite and JSON have no larger numbers.
_DIGITS = 15
#: Japanese counters, which are written after a number: 20歳, 3人.
_COUNTER = re.compile(r"(?<=\d)\s*(?:歳|才|さい|年|人|名|円|回|件|個)$")
_NUMBER = re.compile(r"[+-]?(?:\d{1,3}(?:,\d{3})+|\d+)?(?:\.\d+)?(?:[eE][+-]?\d{1,2})?")
_YES = frozenset({"1", "y", "yes", "true", "on", "はい", "有", "有り", "あり", "○", "〇", "◯"})
_NO = frozenset({"0", "n", "no", "false", "off", "いいえ", "無", "無し", "なし", "×"})
#: Options in one text: in quotation marks, doubled if they are part of the option, or up to the
#: next comma of any script.
_PARTS = re.compile(r'\s*"((?:[^"]|"")*)"\s*(?:[,、;，；]|\Z)|([^,、;，；]+)')
_SEPARATORS = re.compile(r'[,、;，；"]')


def read_value(field: Field, given: object) -> FieldValue | None:
    """Return the value of an input; None if it is empty.

    Args:
        field: The field.
        given: The text of a form, list or command, or a value from JSON. For a field with several
            options, this may also be a sequence of texts.

    Raises:
        ListError: The input is not valid for this field; the message names the field, the remedy
            the valid inputs.
    """
    if given is None or given == "":
        return None
    return _READERS[field.type](field, given)


def read_values(
    known: Sequence[Field], given: Mapping[str, object]
) -> dict[str, FieldValue | None]:
    """Return the values by the fields' keys; None for each empty one.

    Raises:
        ListError: An input is not valid for its field, or the field does not exist.
    """
    fields = {field.key: field for field in known}
    for key in given:
        if key not in fields:
            raise ListError(
                msg("There is no field “{name}”.", name=key[:60]),
                place=Place(field=key),
                remedy=msg("The fields are: {names}.", names=Listing(tuple(fields))),
            )
    return {key: read_value(fields[key], value) for key, value in given.items()}


def require_values(known: Sequence[Field], values: Mapping[str, FieldValue | None]) -> None:
    """Refuse values without a required one; only the given fields are checked.

    Raises:
        ListError: A required value is missing; the error names the first one.
    """
    for field in known:
        if field.required and values.get(field.key) is None:
            raise fault(field, msg("“{field}” must be filled in.", field=field.named), None)


def written_value(value: FieldValue | None) -> str:
    """Return a value as one text for lists and forms, which `read_value` reads back."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case list():
            return ", ".join(map(_quoted, value))
        case _:
            return str(value)


def form_value(field: Field, value: FieldValue | None) -> object:
    """Return a value as the field's input in a form submits it if it is not changed."""
    if field.type is not FieldType.CHOICES:
        return written_value(value)
    chosen = value if isinstance(value, list) else []
    return [option.value for option in field.options if option.value in chosen]


def _quoted(text: str) -> str:
    doubled = text.replace('"', '""')
    return f'"{doubled}"' if _SEPARATORS.search(text) else text


def split_options(text: str) -> list[str]:
    """Return the options that are named in one text."""
    options = (
        (quoted.replace('""', '"') if quoted else plain).strip()
        for quoted, plain in _PARTS.findall(text)
    )
    return [part for part in options if part]


def fault(field: Field, what: Message, remedy: Message | None) -> ListError:
    """Return an error about a field's value."""
    return ListError(what, place=Place(field=field.key), remedy=remedy)


def _plain(field: Field, given: object) -> str:
    if isinstance(given, bool) or not isinstance(given, str | int | float):
        raise fault(
            field,
            msg("“{field}” is not a single value.", field=field.named),
            msg("Write it as text."),
        )
    return str(given)


def _text(field: Field, given: object) -> str | None:
    text = " ".join(_plain(field, given).split())
    if len(text) > LONGEST:
        raise fault(
            field,
            msg(
                "“{field}” has more than {limit} characters.",
                field=field.named,
                limit=Number(LONGEST),
            ),
            msg("Shorten it."),
        )
    if not is_clean(text):
        raise fault(
            field,
            msg("“{field}” contains a control character.", field=field.named),
            msg("Write it anew, without copying it."),
        )
    return text or None


def _number(field: Field, given: object) -> int | float | None:
    text = normal_form(_plain(field, given)).strip().replace("−", "-")
    text = _COUNTER.sub("", text)
    if not text:
        return None
    if not _NUMBER.fullmatch(text) or not any(map(str.isdigit, text)):
        raise fault(
            field,
            msg("“{field}” must be a number.", field=field.named),
            msg("Write one, such as 12 or 2.5."),
        )
    number = Decimal(text.replace(",", "")).normalize()
    if len(number.as_tuple().digits) > _DIGITS or not -_DIGITS <= number.adjusted() < _DIGITS:
        raise fault(
            field,
            msg("“{field}” has too many digits.", field=field.named),
            msg("Write at most {limit} digits.", limit=_DIGITS),
        )
    return int(number) if number == number.to_integral_value() else float(number)


def _date(field: Field, given: object) -> str | None:
    if isinstance(given, date):
        given = given.isoformat()
    text = _plain(field, given).strip()
    if not text:
        return None
    day = read_day(text)
    if day is None:
        raise fault(
            field,
            msg("“{field}” must be a day.", field=field.named),
            msg("Write it as 2026-01-31; years from 1900 to 2200 are known."),
        )
    return day.isoformat()


def find_option(field: Field, text: str) -> str:
    """Return the value of the option with this value or label.

    Raises:
        ListError: There is no such option.
    """
    found = next((option for option in field.options if option.value == text), None)
    if found is None:
        folded = fold_label(text)
        found = next((option for option in field.options if folded in _names(option)), None)
    if found is None:
        raise fault(
            field,
            msg("“{field}” has no option “{name}”.", field=field.named, name=text[:100]),
            msg(
                "The options are: {names}.",
                names=Listing(tuple(option.value for option in field.options)),
            ),
        )
    return found.value


def _names(option: Option) -> set[str]:
    return {fold_label(name) for name in (option.value, *option.labels.values())}


def _choice(field: Field, given: object) -> str | None:
    text = _plain(field, given).strip()
    return find_option(field, text) if text else None


def _choices(field: Field, given: object) -> list[str] | None:
    if isinstance(given, list | tuple):
        names = [_plain(field, name).strip() for name in given]
    else:
        text = _plain(field, given).strip()
        names = split_options(text)
        # The name of an option may contain a comma.
        whole = fold_label(text)
        known = set().union(*map(_names, field.options))
        if whole in known and not all(fold_label(name) in known for name in names):
            names = [text]
    chosen = {find_option(field, name) for name in names if name}
    # Stored in the order of the options, so that equal choices are equal values.
    return [option.value for option in field.options if option.value in chosen] or None


def _yes_no(field: Field, given: object) -> bool | None:
    if isinstance(given, bool):
        return given
    word = fold_label(_plain(field, given))
    if not word:
        return None
    if word not in _YES | _NO:
        raise fault(
            field,
            msg("“{field}” must be yes or no.", field=field.named),
            msg("Write yes or no."),
        )
    return word in _YES


_READERS: Mapping[FieldType, Callable[[Field, object], FieldValue | None]] = {
    FieldType.TEXT: _text,
    FieldType.NUMBER: _number,
    FieldType.DATE: _date,
    FieldType.CHOICE: _choice,
    FieldType.CHOICES: _choices,
    FieldType.YES_NO: _yes_no,
}
