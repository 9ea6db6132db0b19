"""What somebody wrote in a field, as the value that is kept: the one judge for every door.

Forms, readers' pages, lists, commands and programs all bring text (or JSON) here. What it returns
is kept as it is, and reading that again gives the same.
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

#: Characters of a text.
LONGEST = 500
#: Significant digits that a double keeps exactly; SQLite and JSON have no other number.
_DIGITS = 15
#: What is counted, as people write it behind a number: 20歳, 3人.
_COUNTER = re.compile(r"(?<=\d)\s*(?:歳|才|さい|年|人|名|円|回|件|個)$")
_NUMBER = re.compile(r"[+-]?(?:\d{1,3}(?:,\d{3})+|\d+)?(?:\.\d+)?(?:[eE][+-]?\d{1,2})?")
_YES = frozenset({"1", "y", "yes", "true", "on", "はい", "有", "有り", "あり", "○", "〇", "◯"})
_NO = frozenset({"0", "n", "no", "false", "off", "いいえ", "無", "無し", "なし", "×"})
#: Options in one text: in quotes, which double within it, or up to a comma of any writing.
_PARTS = re.compile(r'\s*"((?:[^"]|"")*)"\s*(?:[,、;，；]|\Z)|([^,、;，；]+)')
_SEPARATORS = re.compile(r'[,、;，；"]')


def read_value(field: Field, given: object) -> FieldValue | None:
    """Return the value that somebody meant; None when they left it empty.

    Args:
        field: What is asked.
        given: Text as a form, list or command brings it, or what JSON makes of a value; of a field
            with several options, a sequence of texts too.

    Raises:
        ListError: It is no value of this field; the message names the field, the remedy what fits.
    """
    if given is None or given == "":
        return None
    return _READERS[field.type](field, given)


def read_values(
    known: Sequence[Field], given: Mapping[str, object]
) -> dict[str, FieldValue | None]:
    """Return the values by their fields' keys; None for each that is empty.

    Raises:
        ListError: One is none of its field, or there is no such field.
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


def demand_required(known: Sequence[Field], values: Mapping[str, FieldValue | None]) -> None:
    """Refuse values of which a required one is missing; only these fields are asked.

    Raises:
        ListError: The first that is missing.
    """
    for field in known:
        if field.required and values.get(field.key) is None:
            raise fault(field, msg("“{field}” must be filled in.", field=field.named), None)


def written_value(value: FieldValue | None) -> str:
    """Return a value as one text, as lists and forms have it; `read_value` reads it back."""
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
    """Return a value as the field's input in a form sends it back, where nobody changes it."""
    if field.type is not FieldType.CHOICES:
        return written_value(value)
    chosen = value if isinstance(value, list) else []
    return [option.value for option in field.options if option.value in chosen]


def _quoted(text: str) -> str:
    doubled = text.replace('"', '""')
    return f'"{doubled}"' if _SEPARATORS.search(text) else text


def split_options(text: str) -> list[str]:
    """Return the options that one text names, apart."""
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
    """Return the value of the option that a text names, by its value or a label.

    Raises:
        ListError: There is none.
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
        # An option may have a comma in its name.
        whole = fold_label(text)
        known = set().union(*map(_names, field.options))
        if whole in known and not all(fold_label(name) in known for name in names):
            names = [text]
    chosen = {find_option(field, name) for name in names if name}
    # In the order of the options, so that two who chose the same have the same.
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
