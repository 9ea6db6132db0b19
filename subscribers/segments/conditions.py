"""A segment as a form has it: conditions in groups, which are the same value as its text.

Each condition is a subject, a predicate and a value as people enter them; each becomes a piece of
the query language and is read by its parser, so the form knows no rule that the text does not.
Every query can be shown as conditions.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from typing import TypeAlias, assert_never

from newsletter.database.vocabulary import FieldType
from newsletter.errors import ListError
from newsletter.i18n.messages import msg
from subscribers.fields.model import TOPIC, Field
from subscribers.segments.model import (
    And,
    BuiltIn,
    Comparison,
    CustomField,
    DaysAgo,
    Event,
    Happened,
    Membership,
    Not,
    Operator,
    Or,
    Presence,
    Query,
    Value,
    field_name,
    format_query,
    quoted,
    written,
)
from subscribers.segments.parse import parse_query

#: How many conditions and groups a form may send.
MOST_PARTS = 200


class Match(StrEnum):
    """How many of a group's parts have to hold."""

    ALL = "all"
    ANY = "any"
    NONE = "none"


class Predicate(StrEnum):
    """What is asked of a subject."""

    IS = "is"
    IS_NOT = "is-not"
    IS_ONE_OF = "is-one-of"
    IS_NONE_OF = "is-none-of"
    CONTAINS = "contains"
    CONTAINS_NOT = "contains-not"
    STARTS = "starts"
    ENDS = "ends"
    LESS = "less"
    AT_MOST = "at-most"
    MORE = "more"
    AT_LEAST = "at-least"
    BEFORE = "before"
    UNTIL = "until"
    AFTER = "after"
    SINCE = "since"
    ON = "on"
    WITHIN_DAYS = "within-days"
    DAYS_AGO_OR_MORE = "days-ago-or-more"
    IS_KNOWN = "is-known"
    IS_UNKNOWN = "is-unknown"
    HAPPENED = "happened"
    HAPPENED_NOT = "happened-not"

    @property
    def wants_value(self) -> bool:
        """Whether it compares with something."""
        return self not in {Predicate.IS_KNOWN, Predicate.IS_UNKNOWN}


class Kind(StrEnum):
    """What the values of a subject are, and so what may be asked of it."""

    TEXT = "text"
    WORD = "word"
    NUMBER = "number"
    DATE = "date"
    OPTION = "option"
    YES_NO = "yes-no"
    MAILING = "mailing"
    DAYS = "days"


PREDICATES: dict[Kind, tuple[Predicate, ...]] = {
    Kind.TEXT: (
        *(
            Predicate.IS,
            Predicate.IS_NOT,
            Predicate.CONTAINS,
            Predicate.CONTAINS_NOT,
            Predicate.STARTS,
            Predicate.ENDS,
        ),
        *(Predicate.IS_ONE_OF, Predicate.IS_NONE_OF),
    ),
    Kind.WORD: (Predicate.IS, Predicate.IS_NOT, Predicate.IS_ONE_OF, Predicate.IS_NONE_OF),
    Kind.NUMBER: (
        *(
            Predicate.IS,
            Predicate.IS_NOT,
            Predicate.LESS,
            Predicate.AT_MOST,
            Predicate.MORE,
            Predicate.AT_LEAST,
        ),
        *(Predicate.IS_ONE_OF, Predicate.IS_NONE_OF),
    ),
    Kind.DATE: (
        *(Predicate.SINCE, Predicate.AFTER, Predicate.UNTIL, Predicate.BEFORE, Predicate.ON),
        *(
            Predicate.WITHIN_DAYS,
            Predicate.DAYS_AGO_OR_MORE,
            Predicate.IS_ONE_OF,
            Predicate.IS_NONE_OF,
        ),
    ),
    Kind.OPTION: (Predicate.IS, Predicate.IS_NOT, Predicate.IS_ONE_OF, Predicate.IS_NONE_OF),
    Kind.YES_NO: (Predicate.IS, Predicate.IS_NOT),
    Kind.MAILING: (Predicate.HAPPENED, Predicate.HAPPENED_NOT),
    Kind.DAYS: (Predicate.HAPPENED, Predicate.HAPPENED_NOT),
}
_KINDS = {
    FieldType.TEXT: Kind.TEXT,
    FieldType.NUMBER: Kind.NUMBER,
    FieldType.DATE: Kind.DATE,
    FieldType.CHOICE: Kind.OPTION,
    FieldType.CHOICES: Kind.OPTION,
    FieldType.YES_NO: Kind.YES_NO,
}
_BUILT_IN = {
    BuiltIn.TAG: Kind.WORD,
    BuiltIn.NAME: Kind.TEXT,
    BuiltIn.LANGUAGE: Kind.TEXT,
    BuiltIn.DOMAIN: Kind.TEXT,
    BuiltIn.JOINED: Kind.DATE,
    BuiltIn.CONFIRMED: Kind.DATE,
}
_SIGNS = {
    Predicate.IS: "=",
    Predicate.IS_NOT: "!=",
    Predicate.CONTAINS: "contains",
    Predicate.STARTS: "starts with",
    Predicate.ENDS: "ends with",
    Predicate.LESS: "<",
    Predicate.AT_MOST: "<=",
    Predicate.MORE: ">",
    Predicate.AT_LEAST: ">=",
    Predicate.BEFORE: "<",
    Predicate.UNTIL: "<=",
    Predicate.AFTER: ">",
    Predicate.SINCE: ">=",
    Predicate.ON: "=",
}
_DATES = {
    Operator.LESS: Predicate.BEFORE,
    Operator.AT_MOST: Predicate.UNTIL,
    Operator.MORE: Predicate.AFTER,
    Operator.AT_LEAST: Predicate.SINCE,
    Operator.EQUAL: Predicate.ON,
}
_IN_DAYS = {
    Operator.AT_LEAST: Predicate.WITHIN_DAYS,
    Operator.AT_MOST: Predicate.DAYS_AGO_OR_MORE,
}
_PREDICATES = {
    Operator.EQUAL: Predicate.IS,
    Operator.UNEQUAL: Predicate.IS_NOT,
    Operator.CONTAINS: Predicate.CONTAINS,
    Operator.STARTS: Predicate.STARTS,
    Operator.ENDS: Predicate.ENDS,
    Operator.LESS: Predicate.LESS,
    Operator.AT_MOST: Predicate.AT_MOST,
    Operator.MORE: Predicate.MORE,
    Operator.AT_LEAST: Predicate.AT_LEAST,
}
_CONTRARY = {
    Predicate.IS: Predicate.IS_NOT,
    Predicate.IS_ONE_OF: Predicate.IS_NONE_OF,
    Predicate.CONTAINS: Predicate.CONTAINS_NOT,
    Predicate.IS_KNOWN: Predicate.IS_UNKNOWN,
    Predicate.HAPPENED: Predicate.HAPPENED_NOT,
}
_POSITIVE = {contrary: predicate for predicate, contrary in _CONTRARY.items()}


@dataclass(frozen=True, kw_only=True, slots=True)
class Subject:
    """What may be asked about.

    Attributes:
        key: As the query language names it.
        field: Its definition; None for what every newsletter knows.
    """

    key: str
    kind: Kind
    field: Field | None = None

    @property
    def predicates(self) -> tuple[Predicate, ...]:
        """What may be asked of it."""
        known = (Predicate.IS_KNOWN, Predicate.IS_UNKNOWN) if self.field is not None else ()
        return PREDICATES[self.kind] + known


@dataclass(frozen=True, kw_only=True, slots=True)
class Condition:
    """One line of the form.

    Attributes:
        value: As entered; several one a line.
        error: Why it is none.
    """

    subject: str
    predicate: Predicate
    value: str = ""
    error: ListError | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Group:
    """Parts of which all, any or none have to hold."""

    match: Match
    parts: tuple[Part, ...] = ()


Part: TypeAlias = "Condition | Group"


def subjects_of(fields: Sequence[Field]) -> tuple[Subject, ...]:
    """Return what may be asked about the people of a newsletter with these fields."""
    return (
        *(
            Subject(
                key=TOPIC if field.is_topic else f"field.{field.key}",
                kind=_KINDS[field.type],
                field=field,
            )
            for field in fields
        ),
        *(Subject(key=key.value, kind=kind) for key, kind in _BUILT_IN.items()),
        *(
            Subject(
                key=event.value,
                kind=Kind.MAILING if event is Event.RECEIVED else Kind.DAYS,
            )
            for event in Event
        ),
    )


def to_text(group: Group, fields: Sequence[Field]) -> str:
    """Write conditions in the query language; no condition is everybody, an empty text.

    Raises:
        ListError: A condition is none; `checked` says which.
    """
    subjects = {subject.key: subject for subject in subjects_of(fields)}
    for condition in conditions_in(group):
        _check(condition, subjects, fields)
    text = _text(group, subjects)
    return format_query(parse_query(text, fields)) if text else ""


def checked(group: Group, fields: Sequence[Field]) -> Group:
    """Return the group with each condition's error."""
    subjects = {subject.key: subject for subject in subjects_of(fields)}

    def check(part: Part) -> Part:
        if isinstance(part, Group):
            return replace(part, parts=tuple(map(check, part.parts)))
        try:
            _check(part, subjects, fields)
        except ListError as error:
            return replace(part, error=error)
        return replace(part, error=None)

    return replace(group, parts=tuple(map(check, group.parts)))


def _check(condition: Condition, subjects: Mapping[str, Subject], fields: Sequence[Field]) -> None:
    query = parse_query(_condition_text(condition, subjects), fields)
    if isinstance(query, And | Or):
        raise ListError(
            msg("“{value}” is more than one value.", value=condition.value[:60]),
            remedy=msg("Add a condition for each."),
        )


def conditions_in(group: Group) -> Iterator[Condition]:
    """Yield a group's conditions, those of its groups too."""
    for part in group.parts:
        if isinstance(part, Group):
            yield from conditions_in(part)
        else:
            yield part


def from_text(text: str, fields: Sequence[Field]) -> Group:
    """Return a query as conditions.

    Raises:
        ListError: The text is none.
    """
    if not text.strip():
        return Group(match=Match.ALL)
    part = _part(parse_query(text, fields), fields)
    return part if isinstance(part, Group) else Group(match=Match.ALL, parts=(part,))


def _text(part: Part, subjects: Mapping[str, Subject]) -> str:
    if isinstance(part, Condition):
        return _condition_text(part, subjects)
    pieces = [piece for each in part.parts if (piece := _text(each, subjects))]
    if not pieces:
        return ""
    joined = (" and " if part.match is Match.ALL else " or ").join(f"({piece})" for piece in pieces)
    return f"not ({joined})" if part.match is Match.NONE else joined


def _condition_text(condition: Condition, subjects: Mapping[str, Subject]) -> str:
    subject = subjects.get(condition.subject)
    if subject is None:
        # The parser says what there is.
        return f"{condition.subject} = {quoted(condition.value)}"
    predicate = condition.predicate
    if predicate in _POSITIVE and predicate is not Predicate.IS_NOT:
        positive = replace(condition, predicate=_POSITIVE[predicate])
        return f"not ({_condition_text(positive, subjects)})"
    return f"{subject.key}{_asked(subject, predicate, condition.value)}"


def _asked(subject: Subject, predicate: Predicate, value: str) -> str:
    """Write what is asked of a subject."""
    match predicate:
        case Predicate.IS_KNOWN:
            return " exists"
        case Predicate.HAPPENED:
            return f"({Event(subject.key).argument} = {value})"
        case Predicate.IS_ONE_OF:
            values = ", ".join(_literal(subject, line) for line in value.split("\n"))
            return f" in ({values})"
        case Predicate.WITHIN_DAYS:
            return f" >= {value} days ago"
        case Predicate.DAYS_AGO_OR_MORE:
            return f" <= {value} days ago"
        case _:
            return f" {_SIGNS[predicate]} {_literal(subject, value)}"


def _literal(subject: Subject, value: str) -> str:
    if subject.kind in {Kind.TEXT, Kind.WORD, Kind.OPTION}:
        return quoted(value)
    return value


def _part(query: Query, fields: Sequence[Field]) -> Part:  # noqa: PLR0911 - one a case
    match query:
        case And(parts=parts):
            return Group(match=Match.ALL, parts=tuple(_part(each, fields) for each in parts))
        case Or(parts=parts):
            return Group(match=Match.ANY, parts=tuple(_part(each, fields) for each in parts))
        case Not(part=inner):
            return _contrary(_part(inner, fields))
        case Comparison(field=field, operator=operator, value=value):
            return _comparison(field, operator, value)
        case Membership(field=field, values=values):
            return _membership(field, values)
        case Presence(field=field):
            return Condition(subject=field_name(field), predicate=Predicate.IS_KNOWN)
        case Happened(event=event, number=number):
            return Condition(subject=event.value, predicate=Predicate.HAPPENED, value=str(number))
        case _:
            assert_never(query)


def _contrary(part: Part) -> Part:
    if isinstance(part, Condition) and part.predicate in _CONTRARY:
        return replace(part, predicate=_CONTRARY[part.predicate])
    if isinstance(part, Group) and part.match is Match.ANY:
        return replace(part, match=Match.NONE)
    return Group(match=Match.NONE, parts=(part,))


def _comparison(field: BuiltIn | CustomField, operator: Operator, value: Value) -> Part:
    key = field_name(field)
    if isinstance(value, date | DaysAgo):
        if operator is Operator.UNEQUAL:
            return _contrary(_comparison(field, Operator.EQUAL, value))
        if isinstance(value, DaysAgo) and operator in _IN_DAYS:
            return Condition(subject=key, predicate=_IN_DAYS[operator], value=str(value.days))
        return Condition(subject=key, predicate=_DATES[operator], value=_shown(value))
    return Condition(subject=key, predicate=_PREDICATES[operator], value=_shown(value))


def _membership(field: BuiltIn | CustomField, values: Sequence[Value]) -> Part:
    lines = [_shown(each) for each in values]
    if any(
        isinstance(value, bool) or "\n" in line for value, line in zip(values, lines, strict=True)
    ):
        each = tuple(_comparison(field, Operator.EQUAL, value) for value in values)
        return Group(match=Match.ANY, parts=each)
    return Condition(
        subject=field_name(field), predicate=Predicate.IS_ONE_OF, value="\n".join(lines)
    )


def _shown(value: Value) -> str:
    """Return a value as people enter it: text without quotation marks."""
    return value if isinstance(value, str) else written(value)
