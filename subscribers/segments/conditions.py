"""Segments in a form: conditions in groups, which are equivalent to the text of the segment.

Each condition has a subject, a predicate and an entered value. It is written in the query language
and read by its parser, so that form and text follow the same rules. Every query can be shown as
conditions.

The choices of the form are subjects, their predicates, and how parts are combined.
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
    WORDS,
    And,
    BuiltIn,
    Comparison,
    CustomField,
    DaysAgo,
    Happened,
    MailEvent,
    Membership,
    Not,
    Operator,
    Or,
    Presence,
    Query,
    QueryValue,
    field_name,
    format_query,
    quoted,
    written,
)
from subscribers.segments.parse import parse_query


class Match(StrEnum):
    """How many of a group's parts must be true."""

    ALL = "all"
    ANY = "any"
    NONE = "none"


class Predicate(StrEnum):
    """A predicate of a condition."""

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
        """Whether the predicate needs a value."""
        return self not in {Predicate.IS_KNOWN, Predicate.IS_UNKNOWN}


class SubjectKind(StrEnum):
    """The type of a subject's values, which determines its predicates."""

    TEXT = "text"
    WORD = "word"
    NUMBER = "number"
    DATE = "date"
    OPTION = "option"
    YES_NO = "yes-no"
    MAILING = "mailing"
    DAYS = "days"


PREDICATES: dict[SubjectKind, tuple[Predicate, ...]] = {
    SubjectKind.TEXT: (
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
    SubjectKind.WORD: (Predicate.IS, Predicate.IS_NOT, Predicate.IS_ONE_OF, Predicate.IS_NONE_OF),
    SubjectKind.NUMBER: (
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
    SubjectKind.DATE: (
        *(Predicate.SINCE, Predicate.AFTER, Predicate.UNTIL, Predicate.BEFORE, Predicate.ON),
        *(
            Predicate.WITHIN_DAYS,
            Predicate.DAYS_AGO_OR_MORE,
            Predicate.IS_ONE_OF,
            Predicate.IS_NONE_OF,
        ),
    ),
    SubjectKind.OPTION: (Predicate.IS, Predicate.IS_NOT, Predicate.IS_ONE_OF, Predicate.IS_NONE_OF),
    SubjectKind.YES_NO: (Predicate.IS, Predicate.IS_NOT),
    SubjectKind.MAILING: (Predicate.HAPPENED, Predicate.HAPPENED_NOT),
    SubjectKind.DAYS: (Predicate.HAPPENED, Predicate.HAPPENED_NOT),
}
_KINDS = {
    FieldType.TEXT: SubjectKind.TEXT,
    FieldType.NUMBER: SubjectKind.NUMBER,
    FieldType.DATE: SubjectKind.DATE,
    FieldType.CHOICE: SubjectKind.OPTION,
    FieldType.CHOICES: SubjectKind.OPTION,
    FieldType.YES_NO: SubjectKind.YES_NO,
}
_BUILT_IN = {
    BuiltIn.TAG: SubjectKind.WORD,
    BuiltIn.NAME: SubjectKind.TEXT,
    BuiltIn.LANGUAGE: SubjectKind.TEXT,
    BuiltIn.DOMAIN: SubjectKind.TEXT,
    BuiltIn.JOINED: SubjectKind.DATE,
    BuiltIn.CONFIRMED: SubjectKind.DATE,
    BuiltIn.CONSENT: SubjectKind.OPTION,
    BuiltIn.CONSENT_BASIS: SubjectKind.TEXT,
    BuiltIn.CONSENT_WORDING: SubjectKind.TEXT,
    BuiltIn.FREQUENCY: SubjectKind.OPTION,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Criterion:
    """A subject of conditions.

    Attributes:
        key: The name in the query language.
        field: The definition of the field; None for attributes that every newsletter has.
    """

    key: str
    kind: SubjectKind
    field: Field | None = None

    @property
    def words(self) -> tuple[str, ...]:
        """The possible values, if the subject is an enumeration and not a field."""
        return WORDS.get(BuiltIn(self.key), ()) if self.key in set(BuiltIn) else ()

    @property
    def predicates(self) -> tuple[Predicate, ...]:
        """The predicates of the subject."""
        known = (Predicate.IS_KNOWN, Predicate.IS_UNKNOWN) if self.field is not None else ()
        return PREDICATES[self.kind] + known


def subjects_of(fields: Sequence[Field]) -> tuple[Criterion, ...]:
    """Return the subjects for a newsletter with these fields."""
    return (
        *(
            Criterion(
                key=TOPIC if field.is_topic else f"field.{field.key}",
                kind=_KINDS[field.type],
                field=field,
            )
            for field in fields
        ),
        *(Criterion(key=key.value, kind=kind) for key, kind in _BUILT_IN.items()),
        *(
            Criterion(
                key=event.value,
                kind=SubjectKind.MAILING if event is MailEvent.RECEIVED else SubjectKind.DAYS,
            )
            for event in MailEvent
        ),
    )


#: The largest number of conditions and groups in a form.
MOST_PARTS = 200


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
#: Kinds whose values are written in quotation marks.
_QUOTED = frozenset({SubjectKind.TEXT, SubjectKind.WORD, SubjectKind.OPTION})
_MAY_BE_EMPTY = frozenset({BuiltIn.NAME, BuiltIn.CONSENT_BASIS, BuiltIn.CONSENT_WORDING})
_PARTIAL = frozenset({Predicate.CONTAINS, Predicate.CONTAINS_NOT, Predicate.STARTS, Predicate.ENDS})
_POSITIVE = {contrary: predicate for predicate, contrary in _CONTRARY.items()}


@dataclass(frozen=True, kw_only=True, slots=True)
class Condition:
    """One line of the form.

    Attributes:
        value: The input; several values on one line each.
        error: Why the condition is invalid; empty if it is valid.
    """

    subject: str
    predicate: Predicate
    value: str = ""
    error: ListError | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Group:
    """Parts of which all, any or none must be true."""

    match: Match
    parts: tuple[ConditionPart, ...] = ()


ConditionPart: TypeAlias = "Condition | Group"


def checked_group(group: Group, fields: Sequence[Field]) -> tuple[Group, str]:
    """Return the group with the error of each condition, and its text in the query language.

    The text is empty without conditions, which means everybody, and if a condition is invalid. Each
    condition is parsed once, and the query is built from the results.
    """
    subjects = {subject.key: subject for subject in subjects_of(fields)}
    read, query = _checked(group, subjects, fields)
    if query is None or any(each.error for each in conditions_in(read)):
        return read, ""
    return read, format_query(query)


def _checked(
    group: Group, subjects: Mapping[str, Criterion], fields: Sequence[Field]
) -> tuple[Group, Query | None]:
    parts: list[ConditionPart] = []
    queries: list[Query] = []
    for part in group.parts:
        if isinstance(part, Group):
            inner, query = _checked(part, subjects, fields)
            parts.append(inner)
        else:
            query = None
            try:
                query = _read(part, subjects, fields)
                parts.append(replace(part, error=None))
            except ListError as error:
                parts.append(replace(part, error=error))
        if query is not None:
            queries.append(query)
    return replace(group, parts=tuple(parts)), _joined(group.match, queries)


def _joined(match: Match, queries: Sequence[Query]) -> Query | None:
    if not queries:
        return None
    joined: Query = queries[0]
    if len(queries) > 1:
        joined = And(parts=(*queries,)) if match is Match.ALL else Or(parts=(*queries,))
    return Not(part=joined) if match is Match.NONE else joined


def _read(
    condition: Condition, subjects: Mapping[str, Criterion], fields: Sequence[Field]
) -> Query:
    _require_value(condition, subjects.get(condition.subject))
    query = parse_query(_condition_text(condition, subjects), fields)
    if isinstance(query, And | Or):
        raise ListError(
            msg("“{value}” is more than one value.", value=condition.value[:60]),
            remedy=msg("Add a condition for each."),
        )
    return query


def _require_value(condition: Condition, subject: Criterion | None) -> None:
    """Refuse a condition without a value, which would match nobody or everybody.

    An empty value is allowed for subjects that can be empty, such as the name.
    """
    predicate = condition.predicate
    if subject is None or subject.kind not in _QUOTED or not predicate.wants_value:
        return
    may_be_empty = subject.key in _MAY_BE_EMPTY and predicate not in _PARTIAL
    if not condition.value and not may_be_empty:
        raise ListError(msg("The value is missing."), remedy=msg("Choose or enter a value."))


def conditions_in(group: Group) -> Iterator[Condition]:
    """Yield a group's conditions, including those of its inner groups."""
    for part in group.parts:
        if isinstance(part, Group):
            yield from conditions_in(part)
        else:
            yield part


def from_text(text: str, fields: Sequence[Field]) -> tuple[Group, str]:
    """Return a query as conditions and as text in normal form.

    Raises:
        ListError: The text is not a valid query.
    """
    if not text.strip():
        return Group(match=Match.ALL), ""
    query = parse_query(text, fields)
    part = _part(query, fields)
    group = part if isinstance(part, Group) else Group(match=Match.ALL, parts=(part,))
    return group, format_query(query)


def _condition_text(condition: Condition, subjects: Mapping[str, Criterion]) -> str:
    subject = subjects.get(condition.subject)
    if subject is None:
        # The parser's error lists the existing subjects.
        return f"{condition.subject} = {quoted(condition.value)}"
    predicate = condition.predicate
    if predicate in _POSITIVE and predicate is not Predicate.IS_NOT:
        positive = replace(condition, predicate=_POSITIVE[predicate])
        return f"not ({_condition_text(positive, subjects)})"
    return f"{subject.key}{_asked(subject, predicate, condition.value)}"


def _asked(subject: Criterion, predicate: Predicate, value: str) -> str:
    """Return the text of a condition."""
    match predicate:
        case Predicate.IS_KNOWN:
            return " exists"
        case Predicate.HAPPENED:
            return f"({MailEvent(subject.key).argument} = {value})"
        case Predicate.IS_ONE_OF:
            values = ", ".join(_literal(subject, line) for line in value.split("\n"))
            return f" in ({values})"
        case Predicate.WITHIN_DAYS:
            return f" >= {value} days ago"
        case Predicate.DAYS_AGO_OR_MORE:
            return f" <= {value} days ago"
        case _:
            return f" {_SIGNS[predicate]} {_literal(subject, value)}"


def _literal(subject: Criterion, value: str) -> str:
    if subject.kind in _QUOTED:
        return quoted(value)
    return value


def _part(query: Query, fields: Sequence[Field]) -> ConditionPart:  # noqa: PLR0911 - one a case
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


def _contrary(part: ConditionPart) -> ConditionPart:
    if isinstance(part, Condition) and part.predicate in _CONTRARY:
        return replace(part, predicate=_CONTRARY[part.predicate])
    if isinstance(part, Group) and part.match is Match.ANY:
        return replace(part, match=Match.NONE)
    return Group(match=Match.NONE, parts=(part,))


def _comparison(
    field: BuiltIn | CustomField, operator: Operator, value: QueryValue
) -> ConditionPart:
    key = field_name(field)
    if isinstance(value, date | DaysAgo):
        if operator is Operator.UNEQUAL:
            return _contrary(_comparison(field, Operator.EQUAL, value))
        if isinstance(value, DaysAgo) and operator in _IN_DAYS:
            return Condition(subject=key, predicate=_IN_DAYS[operator], value=str(value.days))
        return Condition(subject=key, predicate=_DATES[operator], value=_shown(value))
    return Condition(subject=key, predicate=_PREDICATES[operator], value=_shown(value))


def _membership(field: BuiltIn | CustomField, values: Sequence[QueryValue]) -> ConditionPart:
    lines = [_shown(each) for each in values]
    if any(
        isinstance(value, bool) or "\n" in line for value, line in zip(values, lines, strict=True)
    ):
        each = tuple(_comparison(field, Operator.EQUAL, value) for value in values)
        return Group(match=Match.ANY, parts=each)
    return Condition(
        subject=field_name(field), predicate=Predicate.IS_ONE_OF, value="\n".join(lines)
    )


def _shown(value: QueryValue) -> str:
    """Return a value as it is entered: text without quotation marks."""
    return value if isinstance(value, str) else written(value)
