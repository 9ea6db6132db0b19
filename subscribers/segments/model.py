"""What a segment asks, as values; ``format_query`` writes them as text that parses to the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import TypeAlias, assert_never

from newsletter.database.vocabulary import Frequency
from subscribers.fields.model import TOPIC


class Operator(StrEnum):
    """How a field is compared."""

    EQUAL = "="
    UNEQUAL = "!="
    LESS = "<"
    AT_MOST = "<="
    MORE = ">"
    AT_LEAST = ">="
    CONTAINS = "contains"
    STARTS = "starts with"
    ENDS = "ends with"


class BuiltIn(StrEnum):
    """What of a subscriber can be asked, besides the fields of their newsletter."""

    TAG = "tag"
    NAME = "name"
    LANGUAGE = "language"
    DOMAIN = "domain"
    JOINED = "joined"
    CONFIRMED = "confirmed"
    #: By which way they consented; when, `JOINED` says.
    CONSENT = "consent"
    CONSENT_BASIS = "consent_basis"
    CONSENT_WORDING = "consent_wording"
    FREQUENCY = "frequency"


class ConsentWay(StrEnum):
    """By which way somebody consented to a newsletter."""

    FORM = "form"
    MAIL = "mail"
    #: Ticked on the page of their preferences.
    PAGE = "page"
    #: As a list said that was imported.
    LIST = "list"
    #: As the staff wrote down who added them.
    STAFF = "staff"


#: The words that some of it may be.
WORDS: Mapping[BuiltIn, tuple[str, ...]] = {
    BuiltIn.CONSENT: tuple(ConsentWay),
    BuiltIn.FREQUENCY: tuple(Frequency),
}


class MailEvent(StrEnum):
    """What may have happened with a subscriber's mail, and the argument that says which."""

    RECEIVED = "received"
    ACCEPTED = "accepted"
    BOUNCED = "bounced"

    @property
    def argument(self) -> str:
        """The name of the one argument."""
        return "mailing" if self is MailEvent.RECEIVED else "days"


@dataclass(frozen=True, kw_only=True, slots=True)
class CustomField:
    """A field of the newsletter's people (`subscribers.fields`), by its key."""

    key: str


@dataclass(frozen=True, kw_only=True, slots=True)
class DaysAgo:
    """The day so many days before today."""

    days: int


QueryValue: TypeAlias = str | bool | Decimal | date | DaysAgo


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """A field beside a value."""

    field: BuiltIn | CustomField
    operator: Operator
    value: QueryValue


@dataclass(frozen=True, kw_only=True, slots=True)
class Membership:
    """A field equal to one of several values."""

    field: BuiltIn | CustomField
    values: tuple[QueryValue, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Presence:
    """A field that has a value, whatever it is."""

    field: CustomField


@dataclass(frozen=True, kw_only=True, slots=True)
class Happened:
    """An event, of a mailing by number or within the last days."""

    event: MailEvent
    number: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Not:
    """The contrary."""

    part: Query


@dataclass(frozen=True, kw_only=True, slots=True)
class And:
    """All of at least two."""

    parts: tuple[Query, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Or:
    """Any of at least two."""

    parts: tuple[Query, ...]


Query: TypeAlias = "Comparison | Membership | Presence | Happened | Not | And | Or"


def fields_of(query: Query) -> frozenset[str]:
    """Return the keys of the fields that a query asks for."""
    match query:
        case Comparison(field=CustomField(key=key)) | Membership(field=CustomField(key=key)):
            return frozenset({key})
        case Presence(field=field):
            return frozenset({field.key})
        case Not(part=part):
            return fields_of(part)
        case And(parts=parts) | Or(parts=parts):
            return frozenset().union(*map(fields_of, parts))
        case _:
            return frozenset()


def format_query(query: Query) -> str:  # noqa: PLR0911 - one a case
    """Write a query as text."""
    match query:
        case Comparison(field=field, operator=operator, value=value):
            return f"{field_name(field)} {operator} {written(value)}"
        case Membership(field=field, values=values):
            return f"{field_name(field)} in ({', '.join(map(written, values))})"
        case Presence(field=field):
            return f"{field_name(field)} exists"
        case Happened(event=event, number=number):
            return f"{event}({event.argument} = {number})"
        case Not(part=part):
            return f"not {_nested(part)}"
        case And(parts=parts):
            return " and ".join(map(_nested, parts))
        case Or(parts=parts):
            return " or ".join(map(_nested, parts))


def _nested(query: Query) -> str:
    text = format_query(query)
    return f"({text})" if isinstance(query, And | Or) else text


def field_name(field: BuiltIn | CustomField) -> str:
    """Write a field as the query language names it."""
    if isinstance(field, BuiltIn):
        return field.value
    return TOPIC if field.key == TOPIC else f"field.{field.key}"


def written(value: QueryValue) -> str:
    """Write a value as the query language has it."""
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return quoted(value)
        case Decimal():
            return f"{value:f}"
        case DaysAgo(days=days):
            return f"{days} days ago"
        case date():
            return value.isoformat()
        case _:
            assert_never(value)


def quoted(text: str) -> str:
    """Write text as a string of the query language."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
