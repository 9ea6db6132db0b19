"""Reading segments: a recursive descent over few tokens, whose errors name column and remedy."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from newsletter.errors import ListError, Place
from subscribers.segments.model import (
    And,
    Attribute,
    Comparison,
    DaysAgo,
    Event,
    Field,
    Happened,
    Membership,
    Not,
    Operator,
    Or,
    Presence,
    Query,
    Value,
)

#: Enough for any question a person asks, little enough for every database's expression depth.
_LENGTH, _DEPTH, _CONDITIONS = 8000, 40, 200
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
_FIELDS = ", ".join(field.value for field in Field)
_DATES = frozenset({Field.JOINED, Field.CONFIRMED})
_ORDER = frozenset({Operator.LESS, Operator.AT_MOST, Operator.MORE, Operator.AT_LEAST})
_PARTIAL = frozenset({Operator.CONTAINS, Operator.STARTS, Operator.ENDS})
_ATTRIBUTE_NAME = re.compile(r"[^\"\\\x00-\x1f\x7f]{1,64}\Z")
_MOST_DAYS = 36_500
_YEARS = range(1900, 2201)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Token:
    kind: str
    text: str
    column: int


def is_attribute_name(name: str) -> bool:
    """Return whether an attribute may have this name: no quotes, backslashes or controls."""
    return _ATTRIBUTE_NAME.match(name) is not None


def parse_query(text: str) -> Query:
    """Read a segment.

    Raises:
        ListError: It is none; the place names the column, counted from 1.
    """
    if len(text) > _LENGTH:
        raise ListError(
            f"The segment has more than {_LENGTH:,} characters.",
            place=Place(source="segment"),
            remedy="Mark the people with a tag, and ask for the tag.",
        )
    return _Parser(_tokens(text)).parse()


def _fault(token: _Token, what: str, remedy: str) -> ListError:
    place = Place(source="segment", field=f"column {token.column}")
    return ListError(what, place=place, remedy=remedy)


def _tokens(text: str) -> list[_Token]:
    tokens: list[_Token] = []
    at = 0
    while not tokens or tokens[-1].kind != "end":
        found = _TOKEN.match(text, at)
        if found is None or found.lastgroup is None:
            rest = text[at:].lstrip()
            here = _Token(kind="", text=rest[:1], column=len(text) - len(rest) + 1)
            if here.text == '"':
                raise _fault(here, "This string does not end.", 'End it with ". Write \\" within.')
            raise _fault(
                here, f"{rest[:12]!r} means nothing here.", "Strings stand in double quotes."
            )
        kind = found.lastgroup
        tokens.append(_Token(kind=kind, text=found[kind], column=found.start(kind) + 1))
        at = found.end()
    return tokens


class _Parser:
    def __init__(self, tokens: list[_Token]) -> None:
        self._tokens = tokens
        self._at = 0
        self._depth = 0
        self._conditions = 0

    @property
    def _now(self) -> _Token:
        return self._tokens[self._at]

    def _take(self) -> _Token:
        token = self._now
        if token.kind != "end":
            self._at += 1
        return token

    def _accept(self, *words: str) -> bool:
        """Take these words or signs if they come next, all or none."""
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
            raise _fault(self._now, f"{sign!r} is missing.", f"Write {sign} here.")

    def parse(self) -> Query:
        query = self._either()
        if self._now.kind != "end":
            raise _fault(
                self._now,
                f"{self._now.text!r} was not expected.",
                "Join conditions with and, or; enclose groups in parentheses.",
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
            raise _fault(self._now, "This is nested too deep.", "Save parts as tags.")
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
            raise _fault(token, f"There are more than {_CONDITIONS} conditions.", "Use in (…).")
        word = token.text.lower()
        if token.kind == "word" and word in set(Event):
            return self._happened(Event(word))
        if token.kind == "word" and word == "attributes":
            return self._compared(self._attribute(), token)
        if token.kind == "word" and word in set(Field):
            return self._compared(Field(word), token)
        what = "A condition is missing." if token.kind == "end" else f"{token.text!r} is no field."
        raise _fault(token, what, f"There are attributes.NAME, {_FIELDS}, {', '.join(Event)}.")

    def _happened(self, event: Event) -> Happened:
        self._expect("(")
        if not self._accept(event.argument):
            example = f"{event}({event.argument} = 12)"
            raise _fault(self._now, f"{event} needs {event.argument}.", f"Write {example}.")
        self._expect("=")
        token = self._now
        number = self._integer()
        if event.argument == "days" and number > _MOST_DAYS:
            raise _fault(token, f"{number} days are too many.", f"Write at most {_MOST_DAYS}.")
        self._expect(")")
        return Happened(event=event, number=number)

    def _integer(self) -> int:
        token = self._take()
        if token.kind != "number" or not token.text.isdecimal() or int(token.text) > 2**31:
            raise _fault(token, "Here a whole number is needed.", "Write one, such as 30.")
        return int(token.text)

    def _attribute(self) -> Attribute:
        self._expect(".")
        token = self._take()
        name = _unquote(token.text) if token.kind == "string" else token.text
        if token.kind not in {"word", "string"} or not is_attribute_name(name):
            raise _fault(
                token,
                "This names no attribute.",
                'Write attributes.city or attributes."home city".',
            )
        return Attribute(name=name)

    def _compared(self, field: Field | Attribute, named: _Token) -> Query:
        if self._accept("in"):
            return Membership(field=field, values=self._values(field))
        if self._accept("not", "in"):
            return Not(part=Membership(field=field, values=self._values(field)))
        if isinstance(field, Attribute) and self._accept("exists"):
            return Presence(attribute=field)
        sign = self._now
        operator = self._operator()
        if operator is None:
            raise _fault(
                sign,
                f"After {named.text} a comparison is missing.",
                "Write =, !=, <, <=, >, >=, contains, starts with, ends with or in (…).",
            )
        return Comparison(field=field, operator=operator, value=self._value(field, operator))

    def _operator(self) -> Operator | None:
        for operator in Operator:
            if self._accept(*operator.value.split()):
                return operator
        return None

    def _values(self, field: Field | Attribute) -> tuple[Value, ...]:
        self._expect("(")
        values = [self._value(field, Operator.EQUAL)]
        while self._accept(","):
            values.append(self._value(field, Operator.EQUAL))
        self._expect(")")
        return tuple(values)

    def _value(self, field: Field | Attribute, operator: Operator) -> Value:
        token = self._now
        value = self._literal()
        if field in _DATES and (not isinstance(value, date | DaysAgo) or operator in _PARTIAL):
            remedy = f"Write {field} >= 2026-01-31, or {field} >= 30 days ago."
            raise _fault(token, f"{field} compares with a date.", remedy)
        if isinstance(field, Field) and field not in _DATES:
            if not isinstance(value, str):
                raise _fault(token, f"{field} compares with text.", 'Write it as "text".')
            if field is Field.TAG and operator in _PARTIAL:
                raise _fault(token, "A tag is compared whole.", 'Write tag = "press".')
        if operator in _PARTIAL and not isinstance(value, str):
            raise _fault(token, f"{operator} needs text.", 'Write it as "text".')
        if operator in _ORDER and isinstance(value, str | bool):
            raise _fault(token, f"{operator} compares numbers and dates.", "Leave the quotes away.")
        return value

    def _literal(self) -> Value:
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
                    raise _fault(token, "Too many days, or too few.", "Write 30 days ago.")
                return DaysAgo(days=int(text))
            case "number", text:
                return Decimal(text)
            case _:
                raise _fault(
                    token,
                    f"Here a value is needed, not {token.text!r}."
                    if token.text
                    else "Here a value is missing.",
                    'Write "text", 12, 2026-01-31, 30 days ago, true or false.',
                )


def _day(token: _Token, text: str) -> date:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise _fault(token, f"There is no day {text}.", "See a calendar.") from None
    if day.year not in _YEARS:
        raise _fault(token, f"{text} is too far away.", "Use years from 1900 to 2200.")
    return day


def _unquote(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text[1:-1])
