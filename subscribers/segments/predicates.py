"""The choices in a form of conditions: subjects, their predicates, and how parts are combined."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from newsletter.database.vocabulary import FieldType
from subscribers.fields.model import TOPIC, Field
from subscribers.segments.model import WORDS, BuiltIn, MailEvent


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
