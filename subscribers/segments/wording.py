"""What a condition asks, in words, for those who do not read the query language."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import TypeAlias

from newsletter.database.vocabulary import Frequency
from newsletter.database.words import name_of
from newsletter.errors import ListError
from newsletter.i18n.language import Language
from newsletter.i18n.messages import Message, msg, pmsg, written
from newsletter.i18n.values import Day, Labelled, LanguageName, Listing, Number, Worded
from subscribers.fields.model import Field
from subscribers.segments.model import (
    And,
    BuiltIn,
    Comparison,
    ConsentWay,
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
)
from subscribers.segments.parse import parse_query

#: What fields are called, by their keys, and what may be chosen in them, by key and value.
Labels: TypeAlias = tuple[tuple[tuple[str, str], Labelled], ...]

_BUILT_IN: Mapping[BuiltIn, Message] = {
    BuiltIn.TAG: msg("Tag"),
    BuiltIn.NAME: msg("Name"),
    BuiltIn.LANGUAGE: msg("Language"),
    BuiltIn.DOMAIN: msg("Domain of the address"),
    BuiltIn.JOINED: pmsg("subject of a condition", "Day of subscription"),
    BuiltIn.CONFIRMED: pmsg("subject of a condition", "Day of confirmation"),
    BuiltIn.CONSENT: msg("How they consented"),
    BuiltIn.CONSENT_BASIS: msg("Basis of consent"),
    BuiltIn.CONSENT_WORDING: msg("Wording of consent"),
    BuiltIn.FREQUENCY: pmsg("reader", "How often"),
}
_WAYS: Mapping[str, Message] = {
    ConsentWay.FORM: msg("By a subscribe form"),
    ConsentWay.MAIL: msg("By an email to the join address"),
    ConsentWay.PAGE: msg("On the preferences page"),
    ConsentWay.LIST: msg("By an imported list"),
    ConsentWay.STAFF: msg("Added by the staff"),
}


def labels_of(fields: Iterable[Field]) -> Labels:
    """Return what the fields of a newsletter and their options are called."""
    return tuple(
        named
        for each in fields
        for named in (
            ((each.key, ""), each.named),
            *(
                ((each.key, option.value), Labelled(tuple(option.labels.items()), option.value))
                for option in each.options
            ),
        )
    )


@dataclass(frozen=True, slots=True)
class ConditionName(Worded):
    """What a condition is called: a saved segment by its name, a query by what it asks.

    Attributes:
        labels: What the newsletter's fields are called.
    """

    condition: str
    labels: Labels = field(default=(), compare=False)

    def in_language(self, language: Language) -> str:
        """Return it in words; as it stands where it is no query."""
        try:
            query = parse_query(self.condition)
        except ListError:
            return self.condition
        return _Wording(dict(self.labels)).of(query).in_language(language)


@dataclass(frozen=True, slots=True)
class _Wording:
    labels: Mapping[tuple[str, str], Labelled]

    def of(self, query: Query) -> Worded:
        match query:
            case Comparison():
                return self._comparison(query)
            case Membership(field=field_, values=values):
                choices = Listing(tuple(self._value(field_, each) for each in values))
                return msg(
                    "{subject} is one of {values}", subject=self._subject(field_), values=choices
                )
            case Presence(field=field_):
                return msg("{subject} is known", subject=self._subject(field_))
            case Happened(event=event, number=number):
                return _happened(event, number)
            case _:
                return self._joined(query)

    def _joined(self, query: Not | And | Or) -> Worded:
        if isinstance(query, Not):
            return pmsg("condition", "not: {condition}", condition=self._nested(query.part))
        join = _and if isinstance(query, And) else _or
        words = self._nested(query.parts[0])
        for part in query.parts[1:]:
            words = join(words, self._nested(part))
        return words

    def _nested(self, query: Query) -> Worded:
        words = self.of(query)
        return pmsg("condition", "({inner})", inner=words) if isinstance(query, And | Or) else words

    def _comparison(self, asked: Comparison) -> Worded:
        subject = self._subject(asked.field)
        if isinstance(asked.value, DaysAgo):
            days = asked.value.days
            if asked.operator in {Operator.AT_LEAST, Operator.MORE}:
                return msg("{subject} is within the last {days} days", subject=subject, days=days)
            return msg("{subject} is {days} days ago or longer", subject=subject, days=days)
        values: dict[str, object] = {
            "subject": subject,
            "value": self._value(asked.field, asked.value),
        }
        if isinstance(asked.value, date) and asked.operator in _OF_DAYS:
            return Message(_OF_DAYS[asked.operator].text, tuple(values.items()))
        return Message(_OF_WORDS[asked.operator].text, tuple(values.items()))

    def _subject(self, asked: BuiltIn | CustomField) -> Worded:
        if isinstance(asked, BuiltIn):
            return _BUILT_IN[asked]
        return self.labels.get((asked.key, "")) or written(asked.key)

    def _value(self, asked: BuiltIn | CustomField, value: QueryValue) -> Worded:
        match value:
            case bool():
                return msg("Yes") if value else msg("No")
            case date():
                return Day(value)
            case Decimal():
                return Number(float(value))
            case DaysAgo(days=days):
                return msg("{days} days ago", days=days)
        return self._word(asked, value)

    def _word(self, asked: BuiltIn | CustomField, text: str) -> Worded:
        if asked is BuiltIn.LANGUAGE:
            return LanguageName(text)
        if asked is BuiltIn.CONSENT and text in _WAYS:
            return _WAYS[text]
        if asked is BuiltIn.FREQUENCY and text in set(Frequency):
            return name_of(Frequency(text))
        named = self.labels.get((asked.key, text)) if isinstance(asked, CustomField) else None
        return named or written(text)


def _and(first: Worded, second: Worded) -> Worded:
    return pmsg("condition", "{first} and {second}", first=first, second=second)


def _or(first: Worded, second: Worded) -> Worded:
    return pmsg("condition", "{first} or {second}", first=first, second=second)


def _happened(event: MailEvent, number: int) -> Message:
    match event:
        case MailEvent.RECEIVED:
            return msg("received mailing {number}", number=number)
        case MailEvent.ACCEPTED:
            return msg("was sent mail within the last {number} days", number=number)
        case MailEvent.BOUNCED:
            return msg("mail bounced within the last {number} days", number=number)


_OF_WORDS: Mapping[Operator, Message] = {
    Operator.EQUAL: msg("{subject} is {value}"),
    Operator.UNEQUAL: msg("{subject} is not {value}"),
    Operator.LESS: msg("{subject} is less than {value}"),
    Operator.AT_MOST: msg("{subject} is at most {value}"),
    Operator.MORE: msg("{subject} is more than {value}"),
    Operator.AT_LEAST: msg("{subject} is at least {value}"),
    Operator.CONTAINS: msg("{subject} contains {value}"),
    Operator.STARTS: msg("{subject} starts with {value}"),
    Operator.ENDS: msg("{subject} ends with {value}"),
}
_OF_DAYS: Mapping[Operator, Message] = {
    Operator.LESS: msg("{subject} is before {value}"),
    Operator.AT_MOST: msg("{subject} is on or before {value}"),
    Operator.MORE: msg("{subject} is after {value}"),
    Operator.AT_LEAST: msg("{subject} is on or after {value}"),
}
