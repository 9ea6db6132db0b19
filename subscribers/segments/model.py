"""What a segment asks, as values; ``format_query`` writes them as text that parses to the same."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import TypeAlias, assert_never


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


class Field(StrEnum):
    """What of a subscriber can be asked, besides attributes."""

    TAG = "tag"
    NAME = "name"
    LANGUAGE = "language"
    DOMAIN = "domain"
    JOINED = "joined"
    CONFIRMED = "confirmed"


class Event(StrEnum):
    """What may have happened with a subscriber's mail, and the argument that says which."""

    RECEIVED = "received"
    ACCEPTED = "accepted"
    BOUNCED = "bounced"

    @property
    def argument(self) -> str:
        """The name of the one argument."""
        return "mailing" if self is Event.RECEIVED else "days"


@dataclass(frozen=True, kw_only=True, slots=True)
class Attribute:
    """A key of the subscriber's attributes."""

    name: str


@dataclass(frozen=True, kw_only=True, slots=True)
class DaysAgo:
    """The day so many days before today."""

    days: int


Value: TypeAlias = str | bool | Decimal | date | DaysAgo


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """A field beside a value."""

    field: Field | Attribute
    operator: Operator
    value: Value


@dataclass(frozen=True, kw_only=True, slots=True)
class Membership:
    """A field equal to one of several values."""

    field: Field | Attribute
    values: tuple[Value, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Presence:
    """An attribute that is there, whatever it holds; null counts as absent."""

    attribute: Attribute


@dataclass(frozen=True, kw_only=True, slots=True)
class Happened:
    """An event, of a mailing by number or within the last days."""

    event: Event
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


def format_query(query: Query) -> str:  # noqa: PLR0911 - one a case
    """Write a query as text."""
    match query:
        case Comparison(field=field, operator=operator, value=value):
            return f"{_field(field)} {operator} {_value(value)}"
        case Membership(field=field, values=values):
            return f"{_field(field)} in ({', '.join(map(_value, values))})"
        case Presence(attribute=attribute):
            return f"{_field(attribute)} exists"
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


def _field(field: Field | Attribute) -> str:
    return f"attributes.{_quoted(field.name)}" if isinstance(field, Attribute) else field.value


def _value(value: Value) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return _quoted(value)
        case Decimal():
            return f"{value:f}"
        case DaysAgo(days=days):
            return f"{days} days ago"
        case date():
            return value.isoformat()
        case _:
            assert_never(value)


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
