"""The parser of segments, a recursive descent, whose errors name the column and a remedy."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from newsletter.database.vocabulary import FieldType
from newsletter.database.words import name_of
from newsletter.errors import ListError, Place
from newsletter.i18n.language import read_language
from newsletter.i18n.messages import Message, msg
from newsletter.i18n.values import Listing, Number
from subscribers.fields.model import TOPIC, Field, field_of
from subscribers.fields.reading import find_option
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
)

#: Limits of a query in characters, levels, conditions and values of a list: enough for practical
#: queries, and below the limits of the databases on the depth of expressions and on parameters.
_LENGTH, _DEPTH, _CONDITIONS, _VALUES = 8000, 40, 200, 500
_BUILT_IN = tuple(field.value for field in BuiltIn)
_DATES = frozenset({BuiltIn.JOINED, BuiltIn.CONFIRMED})
_ORDER = frozenset({Operator.LESS, Operator.AT_MOST, Operator.MORE, Operator.AT_LEAST})
_EQUAL = frozenset({Operator.EQUAL, Operator.UNEQUAL})
_PARTIAL = frozenset({Operator.CONTAINS, Operator.STARTS, Operator.ENDS})
#: The words of the query language.
_TOKEN = re.compile(
    r"""\s*(?:
        (?P<string>"(?:[^"\\]|\\["\\])*")
      | (?P<date>\d{4}-\d{2}-\d{2}(?![\w-]))
      | (?P<number>-?\d{1,18}(?:\.\d{1,18})?(?![\w.]))
      | (?P<word>[^\W\d][\w-]*)
      | (?P<sign>!=|<=|>=|[=<>(),.])
      | (?P<end>\Z)
    )""",
    re.VERBOSE,
)
_KEY = re.compile(r"[a-z][a-z0-9_]{0,39}\Z")
_MOST_DAYS = 36_500
_YEARS = range(1900, 2201)


def parse_query(text: str, known: Sequence[Field] | None = None) -> Query:
    """Parse a segment.

    Args:
        text: The segment.
        known: The fields that it may use, whose types determine the allowed values. None for a
            saved segment, which was checked before and may use a field that was deleted since.

    Raises:
        ListError: The text is not a valid segment; the place names the column, counted from 1.
    """
    if len(text) > _LENGTH:
        raise ListError(
            msg("The segment has more than {limit} characters.", limit=Number(_LENGTH)),
            place=Place(source=msg("segment")),
            remedy=msg("Tag these people, and select by the tag."),
        )
    return _Parser(_tokens_of(text), known).parse()


@dataclass(frozen=True, kw_only=True, slots=True)
class _Token:
    """A word, a value or a sign; the last one is the end."""

    kind: str
    text: str
    column: int


def _fault(token: _Token, what: Message, remedy: Message) -> ListError:
    """Return the error that something is wrong at a token."""
    place = Place(source=msg("segment"), column=token.column)
    return ListError(what, place=place, remedy=remedy)


def _tokens_of(text: str) -> list[_Token]:
    """Return the words of a text.

    Raises:
        ListError: Something in it is none; the place names the column.
    """
    tokens: list[_Token] = []
    at = 0
    while not tokens or tokens[-1].kind != "end":
        match = _TOKEN.match(text, at)
        if match is None or match.lastgroup is None:
            rest = text[at:].lstrip()
            here = _Token(kind="", text=rest[:1], column=len(text) - len(rest) + 1)
            if here.text == '"':
                raise _fault(
                    here,
                    msg("This string is not closed."),
                    msg('Close it with ". Write \\" within it.'),
                )
            raise _fault(
                here,
                msg("“{text}” has no meaning here.", text=rest[:12]),
                msg("Put strings in double quotation marks."),
            )
        kind = match.lastgroup
        tokens.append(_Token(kind=kind, text=match[kind], column=match.start(kind) + 1))
        at = match.end()
    return tokens


class _Parser:
    def __init__(self, tokens: list[_Token], known: Sequence[Field] | None) -> None:
        self._tokens = tokens
        self._known = known
        self._at = 0
        self._depth = 0
        self._conditions = 0
        self._listed = 0

    @property
    def _now(self) -> _Token:
        return self._tokens[self._at]

    def _take(self) -> _Token:
        token = self._now
        if token.kind != "end":
            self._at += 1
        return token

    def _accept(self, *words: str) -> bool:
        """Consume these tokens if they all come next; return whether they do."""
        coming = self._tokens[self._at : self._at + len(words)]
        same = [
            token.kind in {"word", "sign"} and token.text.lower() == word
            for token, word in zip(coming, words, strict=False)
        ]
        if len(same) == len(words) and all(same):
            self._at += len(words)
            return True
        return False

    def _expect(self, sign: str) -> None:
        if not self._accept(sign):
            raise _fault(
                self._now,
                msg("“{sign}” is missing.", sign=sign),
                msg("Write {sign} here.", sign=sign),
            )

    def parse(self) -> Query:
        query = self._either()
        if self._now.kind != "end":
            raise _fault(
                self._now,
                msg("“{text}” is not expected here.", text=self._now.text),
                msg("Join conditions with and, or; enclose groups in parentheses."),
            )
        return query

    def _either(self) -> Query:
        parts = [self._both()]
        while self._accept("or"):
            parts.append(self._both())
        return parts[0] if len(parts) == 1 else Or(parts=tuple(parts))

    def _both(self) -> Query:
        parts = [self._one()]
        while self._accept("and"):
            parts.append(self._one())
        return parts[0] if len(parts) == 1 else And(parts=tuple(parts))

    def _one(self) -> Query:
        self._depth += 1
        if self._depth > _DEPTH:
            raise _fault(
                self._now, msg("The conditions are nested too deeply."), msg("Save parts as tags.")
            )
        query: Query
        if self._accept("not"):
            query = Not(part=self._one())
        elif self._accept("("):
            query = self._either()
            self._expect(")")
        else:
            query = self._condition()
        self._depth -= 1
        return query

    def _condition(self) -> Query:
        self._conditions += 1
        token = self._take()
        if self._conditions > _CONDITIONS:
            raise _fault(
                token,
                msg("There are more than {limit} conditions.", limit=_CONDITIONS),
                msg("Use in (…)."),
            )
        word = token.text.lower()
        if token.kind == "word" and word in set(MailEvent):
            return self._happened(MailEvent(word))
        if token.kind == "word" and word == "field":
            return self._compared(self._custom(), token)
        if token.kind == "word" and word == TOPIC:
            self._require_topics(token)
            return self._compared(CustomField(key=TOPIC), token)
        if token.kind == "word" and word in set(BuiltIn):
            return self._compared(BuiltIn(word), token)
        what = (
            msg("A condition is missing.")
            if token.kind == "end"
            else msg("There is no field “{name}”.", name=token.text)
        )
        raise _fault(
            token,
            what,
            self._what_there_is(),
        )

    def _happened(self, event: MailEvent) -> Happened:
        self._expect("(")
        if not self._accept(event.argument):
            example = f"{event}({event.argument} = 12)"
            raise _fault(
                self._now,
                msg("{event} needs {argument}.", event=event, argument=event.argument),
                msg("Write {example}.", example=example),
            )
        self._expect("=")
        token = self._now
        number = self._integer()
        if event.argument == "days" and number > _MOST_DAYS:
            raise _fault(
                token,
                msg("{number} days are too many.", number=number),
                msg("Write at most {limit}.", limit=_MOST_DAYS),
            )
        self._expect(")")
        return Happened(event=event, number=number)

    def _integer(self) -> int:
        token = self._take()
        if token.kind != "number" or not token.text.isdecimal() or int(token.text) > 2**31:
            raise _fault(
                token, msg("A whole number is needed here."), msg("Write one, such as 30.")
            )
        return int(token.text)

    def _what_there_is(self) -> Message:
        if self._known is None:
            custom = ["field.KEY", TOPIC]
        else:
            custom = [f"field.{each.key}" for each in self._known if not each.is_topic]
            custom += [TOPIC] if field_of(self._known, TOPIC) else []
        return msg(
            "You can ask for: {names}.", names=Listing((*custom, *_BUILT_IN, *map(str, MailEvent)))
        )

    def _custom(self) -> CustomField:
        self._expect(".")
        token = self._take()
        if token.kind != "word" or not _KEY.match(token.text):
            raise _fault(
                token,
                msg("This is not the key of a field."),
                msg("Write {example}.", example="field.city"),
            )
        if self._known is not None and field_of(self._known, token.text) is None:
            raise _fault(
                token, msg("There is no field “{name}”.", name=token.text), self._what_there_is()
            )
        return CustomField(key=token.text)

    def _require_topics(self, token: _Token) -> None:
        if self._known is not None and field_of(self._known, TOPIC) is None:
            raise _fault(token, msg("This newsletter has no topics."), self._what_there_is())

    def _compared(self, field: BuiltIn | CustomField, named: _Token) -> Query:
        if self._accept("in"):
            return Membership(field=field, values=self._values(field))
        if self._accept("not", "in"):
            return Not(part=Membership(field=field, values=self._values(field)))
        if isinstance(field, CustomField) and self._accept("exists"):
            return Presence(field=field)
        sign = self._now
        operator = self._operator()
        if operator is None:
            raise _fault(
                sign,
                msg("A comparison is missing after {name}.", name=named.text),
                msg("Write =, !=, <, <=, >, >=, contains, starts with, ends with or in (…)."),
            )
        return Comparison(field=field, operator=operator, value=self._value(field, operator))

    def _operator(self) -> Operator | None:
        for operator in Operator:
            if self._accept(*operator.value.split()):
                return operator
        return None

    def _values(self, field: BuiltIn | CustomField) -> tuple[QueryValue, ...]:
        self._expect("(")
        values = [self._listed_value(field)]
        while self._accept(","):
            values.append(self._listed_value(field))
        self._expect(")")
        # Each once; to the language true is 1.
        return tuple(value for _, value in dict.fromkeys((type(each), each) for each in values))

    def _listed_value(self, field: BuiltIn | CustomField) -> QueryValue:
        """Return one of several values; each is a condition to the database."""
        self._listed += 1
        if self._listed > _VALUES:
            raise _fault(
                self._now,
                msg("There are more than {limit} values.", limit=_VALUES),
                msg("Tag these people, and select by the tag."),
            )
        return self._value(field, Operator.EQUAL)

    def _value(self, field: BuiltIn | CustomField, operator: Operator) -> QueryValue:
        token = self._now
        value = self._literal()
        if field in _DATES and (not isinstance(value, date | DaysAgo) or operator in _PARTIAL):
            remedy = msg("Write {field} >= 2026-01-31 or {field} >= 30 days ago.", field=field)
            raise _fault(token, msg("{field} is compared with a date.", field=field), remedy)
        if isinstance(field, BuiltIn) and field not in _DATES:
            if not isinstance(value, str):
                raise _fault(
                    token,
                    msg("{field} is compared with text.", field=field),
                    msg('Write it as "text".'),
                )
            if field in WORDS and (value.lower() not in WORDS[field] or operator not in _EQUAL):
                raise _fault(
                    token,
                    msg("{field} is never “{value}”.", field=field, value=value[:40]),
                    msg("The choices are: {names}.", names=Listing(WORDS[field])),
                )
            if field is BuiltIn.TAG and operator in _PARTIAL:
                raise _fault(
                    token, msg("A tag is compared as a whole."), msg('Write tag = "press".')
                )
            if field is BuiltIn.LANGUAGE and operator in _EQUAL and self._known is not None:
                return _language(value, token)
        if operator in _PARTIAL and not isinstance(value, str):
            raise _fault(
                token, msg("{operator} needs text.", operator=operator), msg('Write it as "text".')
            )
        if operator in _ORDER and isinstance(value, str | bool):
            raise _fault(
                token,
                msg("{operator} compares numbers and dates.", operator=operator),
                msg("Remove the quotation marks."),
            )
        definition = (
            field_of(self._known or (), field.key) if isinstance(field, CustomField) else None
        )
        return value if definition is None else _of_type(definition, operator, value, token)

    def _literal(self) -> QueryValue:
        token = self._take()
        match token.kind, token.text.lower():
            case "string", _:
                return _unquote(token.text)
            case "word", ("true" | "false") as word:
                return word == "true"
            case "date", text:
                return _day(token, text)
            case "number", text if self._accept("days", "ago"):
                if not text.isdecimal() or int(text) > _MOST_DAYS:
                    raise _fault(
                        token, msg("The number of days is out of range."), msg("Write 30 days ago.")
                    )
                return DaysAgo(days=int(text))
            case "number", text:
                return Decimal(text)
            case _:
                raise _fault(
                    token,
                    msg("A value is needed here, not “{text}”.", text=token.text)
                    if token.text
                    else msg("A value is missing here."),
                    msg('Write "text", 12, 2026-01-31, 30 days ago, true or false.'),
                )


#: The types of values and the operators for fields of each type.
_TYPES: Mapping[FieldType, tuple[tuple[type, ...], frozenset[Operator], str]] = {
    FieldType.TEXT: ((str,), _EQUAL | _PARTIAL, '= "text"'),
    FieldType.NUMBER: ((Decimal,), _EQUAL | _ORDER, ">= 30"),
    FieldType.DATE: ((date, DaysAgo), _EQUAL | _ORDER, ">= 2026-01-31"),
    FieldType.CHOICE: ((str,), _EQUAL, '= "{option}"'),
    FieldType.CHOICES: ((str,), _EQUAL, '= "{option}"'),
    FieldType.YES_NO: ((bool,), _EQUAL, "= true"),
}


def _of_type(definition: Field, operator: Operator, value: QueryValue, token: _Token) -> QueryValue:
    """Return a value as the field stores it; an option may be named by its label."""
    kinds, operators, example = _TYPES[definition.type]
    name = TOPIC if definition.is_topic else f"field.{definition.key}"
    if not isinstance(value, kinds) or operator not in operators:
        option = definition.options[0].value if definition.options else ""
        raise _fault(
            token,
            msg(
                "{field} cannot be compared like this: it is of the type {type}.",
                field=name,
                type=name_of(definition.type),
            ),
            msg("Write {example}.", example=f"{name} {example.format(option=option)}"),
        )
    if isinstance(value, str) and definition.type.has_options:
        try:
            return find_option(definition, value)
        except ListError as error:
            raise _fault(token, error.message, error.advice or error.message) from None
    return value


def _language(text: str, token: _Token) -> str:
    """Return the tag of a language that is given as a tag or by name."""
    tag = read_language(text)
    if not tag:
        raise _fault(
            token,
            msg("“{tag}” is no language.", tag=text[:60]),
            msg("Write its name or its tag, such as Japanese or ja."),
        )
    return tag


def _day(token: _Token, text: str) -> date:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise _fault(
            token, msg("There is no such day as {day}.", day=text), msg("Check the calendar.")
        ) from None
    if day.year not in _YEARS:
        raise _fault(
            token, msg("{day} is out of range.", day=text), msg("Use years from 1900 to 2200.")
        )
    return day


def _unquote(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text[1:-1])
