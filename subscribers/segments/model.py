"""The syntax tree of segments; ``format_query`` writes it as text that parses to an equal tree."""

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
    """A comparison operator."""

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
    """The attributes of subscribers that can be compared, besides the newsletter's fields."""

    TAG = "tag"
    NAME = "name"
    LANGUAGE = "language"
    DOMAIN = "domain"
    JOINED = "joined"
    CONFIRMED = "confirmed"
    #: The way of the consent; `JOINED` is its time.
    CONSENT = "consent"
    CONSENT_BASIS = "consent_basis"
    CONSENT_WORDING = "consent_wording"
    FREQUENCY = "frequency"


class ConsentWay(StrEnum):
    """The ways of consenting to a newsletter."""

    FORM = "form"
    MAIL = "mail"
    #: Ticked on the reader's page of preferences.
    PAGE = "page"
    #: Stated in an imported list.
    LIST = "list"
    #: Recorded by the staff who added the person.
    STAFF = "staff"


#: The possible values of attributes that are enumerations.
WORDS: Mapping[BuiltIn, tuple[str, ...]] = {
    BuiltIn.CONSENT: tuple(ConsentWay),
    BuiltIn.FREQUENCY: tuple(Frequency),
}


class MailEvent(StrEnum):
    """Events of a subscriber's mail; the argument restricts them to a mailing or to days."""

    RECEIVED = "received"
    ACCEPTED = "accepted"
    BOUNCED = "bounced"

    @property
    def argument(self) -> str:
        """The name of the event's single argument."""
        return "mailing" if self is MailEvent.RECEIVED else "days"


@dataclass(frozen=True, kw_only=True, slots=True)
class CustomField:
    """A field of the newsletter's people (`subscribers.fields`), by its key."""

    key: str


@dataclass(frozen=True, kw_only=True, slots=True)
class DaysAgo:
    """The day that is a number of days before today."""

    days: int


QueryValue: TypeAlias = str | bool | Decimal | date | DaysAgo


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """A comparison of a field with a value."""

    field: BuiltIn | CustomField
    operator: Operator
    value: QueryValue


@dataclass(frozen=True, kw_only=True, slots=True)
class Membership:
    """The condition that a field equals one of several values."""

    field: BuiltIn | CustomField
    values: tuple[QueryValue, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Presence:
    """The condition that a field has any value."""

    field: CustomField


@dataclass(frozen=True, kw_only=True, slots=True)
class Happened:
    """The condition that an event happened, for a mailing by id or within the last days."""

    event: MailEvent
    number: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Not:
    """The negation of a query."""

    part: Query


@dataclass(frozen=True, kw_only=True, slots=True)
class And:
    """The conjunction of at least two queries."""

    parts: tuple[Query, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Or:
    """The disjunction of at least two queries."""

    parts: tuple[Query, ...]


Query: TypeAlias = "Comparison | Membership | Presence | Happened | Not | And | Or"


def fields_of(query: Query) -> frozenset[str]:
    """Return the keys of the fields in a query."""
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
    """Return a query as text."""
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
    """Return the name of a field in the query language."""
    if isinstance(field, BuiltIn):
        return field.value
    return TOPIC if field.key == TOPIC else f"field.{field.key}"


def written(value: QueryValue) -> str:
    """Return a value in the query language."""
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
    """Return text as a string of the query language."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
