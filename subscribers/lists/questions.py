"""Columns whose names do not tell whether they ask for mail, and whose values may answer it.

Names of columns cannot be listed; answers nearly can. A column that is none of ours and holds a no,
or marks beside blanks, may say who wants no mail, or who paid or came. Nothing in the list tells
which, so whoever imports it is asked before anything is written.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from functools import lru_cache
from itertools import chain
from typing import Any

from newsletter.errors import ListError
from newsletter.i18n.messages import Message, msg
from newsletter.i18n.values import Listing, Number
from subscribers.lists.files import Record
from subscribers.lists.formats import (
    ListState,
    counts_something,
    fold,
    mark_of,
    may_deny,
    read_opt_in,
    read_state,
    speaks_of_mail,
    tells_state,
)
from subscribers.lists.outcomes import speaks_against

#: Distinct values of a column that answers a question, beside the answers themselves; where most
#: rows hold an answer there may be more, as a form's "other" has them.
_FEW = 12
#: The same beside a "none", which is also said of allergies.
_FEW_BESIDE_NONE = 6
#: Distinct values that are kept of a column, and of these shown.
_KEPT, _SHOWN = 60, 8
_LONGEST = 120
#: Numbers by which a form keeps answers.
_FEW_CODES = 4
_NUMBER = re.compile(r"[-+−]?\d[\d,]*(?:\.\d+)?")
_ZERO_OR_ONE = re.compile(r"[01](?:\.0+)?")
#: A date, a telephone, an address: no answer has so many digits.
_DIGITS = re.compile(r"\d.*\d")
_CODE = re.compile(r"[A-Za-z]{1,2}")
_NONE = frozenset(
    map(fold, ("none", "nil", "n/a", "na", "nothing", "なし", "無し", "無", "特になし"))
)
#: What denies within a word, and begins others that deny nothing.
_PREFIXES = ("不", "未", "非", "停", "断", "拒", "嫌", "否", "いや")
_SHORTEST_WORD = 4
_LONGEST_PREFIX = 4


class _Said(Enum):
    """What a value says, were it an answer."""

    BLANK = auto()
    YES = auto()
    NO = auto()
    #: Nothing of the kind: a no, or "none" of anything.
    NONE = auto()
    #: An x.
    CROSS = auto()
    ZERO_OR_ONE = auto()
    NUMBER = auto()
    OTHER = auto()


_SIGNS = {fold(sign): _Said.NONE for sign in _NONE} | {
    # A cross or a tick, as others in the column have it; and a circle.
    "x": _Said.CROSS,
    "o": _Said.YES,
    # Said of customers, too.
    "new": _Said.OTHER,
}
_ANSWERS = (_Said.YES, _Said.NO, _Said.NONE, _Said.CROSS, _Said.ZERO_OR_ONE)


@dataclass(frozen=True, kw_only=True, slots=True)
class ColumnQuestion:
    """A column of which somebody has to say whether it answers who wants mail.

    Attributes:
        values: Its values as they stand, the most frequent first, and in how many rows each does.
        others: How many rows hold another value.
        blanks: How many rows have none.
    """

    column: str
    values: tuple[tuple[str, int], ...]
    others: int = 0
    blanks: int = 0

    @property
    def described(self) -> Message:
        """The column with its values."""
        held: list[str | Message] = [
            msg("{value}: {count}", value=value, count=Number(count))
            for value, count in self.values
        ]
        if self.others:
            held.append(msg("other values: {count}", count=Number(self.others)))
        if self.blanks:
            held.append(msg("(empty): {count}", count=Number(self.blanks)))
        return msg("“{column}” ({values})", column=self.column, values=Listing(tuple(held)))


#: What somebody reads who is shown the questions.
ANSWER_FIRST = msg(
    "Please answer the questions about the columns first. Nothing has been imported yet."
)


def question_from_json(known: Mapping[str, Any]) -> ColumnQuestion:
    """Return a question that was kept as `dataclasses.asdict` has it."""
    values = tuple((value, count) for value, count in known["values"])
    return ColumnQuestion(**{**known, "values": values})


class UnclearColumnError(ListError):
    """A list has columns that may say who wants no mail, and nobody said whether they do.

    Attributes:
        questions: The columns.
    """

    def __init__(self, questions: Sequence[ColumnQuestion]) -> None:
        self.questions = tuple(questions)
        first = self.questions[0].column
        super().__init__(
            msg(
                "It is unclear whether these columns say who wants your email: {columns}.",
                columns=Listing(tuple(each.described for each in self.questions)),
            ),
            remedy=msg(
                'Answer for each: it does (on the command line --map "{column}=opt_in"; only a'
                " clear yes is subscribed), or it is about something else"
                ' (--map "{column}=other").',
                column=first,
            ),
        )


def refuse_questions(questions: Sequence[ColumnQuestion]) -> None:
    """Refuse a list of which something has to be asked.

    Raises:
        UnclearColumnError: So it is.
    """
    if questions:
        raise UnclearColumnError(questions)


@dataclass(slots=True)
class _Column:
    """What the values of one column were so far."""

    said: Counter[_Said] = field(default_factory=Counter)
    values: Counter[str] = field(default_factory=Counter)
    others: set[str] = field(default_factory=set)
    filled: int = 0
    dashes: int = 0

    def add(self, values: Mapping[Any, int]) -> None:
        for value, count in values.items():
            text = _text(value)
            said = _said(text)
            self.said[said] += count
            if said is _Said.BLANK:
                self.dashes += count if text else 0
                continue
            self.filled += count
            if text in self.values or len(self.values) < _KEPT:
                self.values[text] += count
            if said not in _ANSWERS and len(self.others) <= _FEW:
                self.others.add(text)

    @property
    def answered(self) -> int:
        return sum(self.said[each] for each in _ANSWERS)

    @property
    def is_closed(self) -> bool:
        """Whether it holds so many other values that it cannot answer a question."""
        return len(self.others) > _FEW and self.filled - self.answered > self.answered

    def may_answer(self, name: str, *, blanks: int) -> bool:
        """Tell whether the values may be answers, at least one of them a no or a blank."""
        mark = mark_of(name)
        has_codes = self.said[_Said.NUMBER] and len(self.values) <= _FEW_CODES
        leaves_open = blanks > self.dashes and self.said[_Said.YES]
        if self.is_closed or (mark == "hint" and not leaves_open and self._is_heeded(name)):
            return False
        # 1 and 2, or 9, in a column of mail: what they mean only the list's owner knows.
        return (
            (has_codes and speaks_of_mail(name))
            or (tells_state(name) and self._holds_unknown_words)
            or self._answers(
                blanks=blanks, is_counting=counts_something(name), is_remark=mark == "remark"
            )
        )

    @property
    def _holds_unknown_words(self) -> bool:
        """Whether nobody here knows its few words: "läuft" and "gekündigt" of a subscription."""
        return bool(self.others) and not any(map(str.isdecimal, chain(*self.others)))

    def _answers(self, *, blanks: int, is_counting: bool, is_remark: bool) -> bool:
        said = self._said_apart_from_codes()
        if self.said[_Said.NUMBER] or is_counting:
            # Beside a 2, a 0 is a number.
            said[_Said.ZERO_OR_ONE] = 0
        answered = sum(said[each] for each in _ANSWERS)
        rest, yes = self.filled - answered, said[_Said.YES]
        has_zero = said[_Said.ZERO_OR_ONE] and any(
            text[0] == "0" for text in self.values if _ZERO_OR_ONE.fullmatch(text)
        )
        has_tick = yes and not {*map(str.lower, self.values)} <= {"x", "y"}
        says_no = bool(said[_Said.NO] or has_zero or (said[_Said.CROSS] and has_tick))
        if is_remark:
            # Remarks are read by themselves, but for a column of mere answers.
            return says_no and yes > 0 and not rest
        if says_no or (answered and blanks and not rest):
            return True
        if said[_Said.NONE]:
            return yes > 0 or answered >= rest or len(self.others) <= _FEW_BESIDE_NONE
        # A yes and one other value, which nobody knows: "subscribed" and "lapsed".
        is_yes_or_else = len(self.values) == 2 and yes > 0 and len(self.others) == 1  # noqa: PLR2004
        return is_yes_or_else or _are_contrary(self.values)

    def _said_apart_from_codes(self) -> Counter[_Said]:
        """Return what the values say: NO beside SE is Norway, and N beside A a letter."""
        said = Counter(self.said)
        letters = {text.lower() for text in self.values}
        is_pair = len(letters) == 2 and "n" in letters  # noqa: PLR2004 - S and N, O and N
        if not is_pair and any(_CODE.fullmatch(text) for text in self.others):
            for text, count in self.values.items():
                if _CODE.fullmatch(text):
                    said[_said(text)] -= count
        return said

    def _is_heeded(self, name: str) -> bool:
        """Tell whether each value is a yes or keeps its row from mail, as the name hints at it."""
        return all(
            read_opt_in(text) is ListState.CONFIRMED
            or speaks_against(name, "hint", text) is not None
            for text in self.values
        )


class Questions:
    """What a list's unsure columns hold, looked at record by record."""

    def __init__(self) -> None:
        self._columns: dict[str, _Column] = defaultdict(_Column)
        self._rows = 0

    def look(self, records: Sequence[Record], unsure: Collection[str]) -> None:
        """Look at records; ``unsure`` names the columns that somebody may have to be asked of."""
        # In the order of the list, in which they are shown.
        named = dict.fromkeys(name for record in records for name in record.names)
        open_columns = {
            name for name in named if name in unsure and not self._columns[name].is_closed
        }
        shapes: dict[tuple[str, ...], list[Sequence[Any]]] = defaultdict(list)
        for record in records:
            if not (record.header or record.fault):
                shapes[record.names].append(record.cells)
        for names, rows in shapes.items():
            self._rows += len(rows)
            if open_columns.isdisjoint(names):
                continue
            for name, cells in zip(names, zip(*rows, strict=True), strict=True):
                if name in open_columns:
                    self._columns[name].add(_counted(cells))

    def is_settled(self, unsure: Collection[str]) -> bool:
        """Tell whether no further value can make a question of one of these columns."""
        return all(self._columns[name].is_closed for name in unsure)

    def asked(self) -> tuple[ColumnQuestion, ...]:
        """Return the columns to be asked of."""
        return tuple(
            _question(name, column, self._blanks(column))
            for name, column in self._columns.items()
            if column.may_answer(name, blanks=self._blanks(column))
        )

    def _blanks(self, column: _Column) -> int:
        # A record of JSON that has no such column has no value in it either.
        return self._rows - column.filled


def _question(name: str, column: _Column, blanks: int) -> ColumnQuestion:
    values = tuple(column.values.most_common(_SHOWN))
    return ColumnQuestion(
        column=name,
        values=values,
        others=column.filled - sum(count for _, count in values),
        blanks=blanks,
    )


def _counted(cells: Iterable[Any]) -> Mapping[Any, int]:
    try:
        return Counter(cells)
    except TypeError:
        # Lists and objects of JSON are no answers.
        return Counter(map(_text, cells))


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, list | dict):
        return "[]" if value else ""
    return str(value).strip()[: _LONGEST + 1]


@lru_cache(maxsize=8192)
def _said(text: str) -> _Said:
    """Return what a value says, were it an answer."""
    if not text or not any(map(str.isalnum, text)):
        return _SIGNS.get(fold(text), _said_by_sign(text))
    if _NUMBER.fullmatch(text):
        return _Said.ZERO_OR_ONE if _ZERO_OR_ONE.fullmatch(text) else _Said.NUMBER
    if len(text) > _LONGEST or _DIGITS.search(text) or "://" in text or "@" in text:
        return _Said.OTHER
    return _SIGNS.get(fold(text)) or _said_by_words(text)


def _said_by_sign(text: str) -> _Said:
    """Return what a sign says; a dash is a blank."""
    if not fold(text).strip("‐-―−ーｰ~_/.。"):
        return _Said.BLANK
    return _said_by_words(text)


def _said_by_words(text: str) -> _Said:
    state = read_opt_in(text)
    if state is ListState.CONFIRMED:
        return _Said.YES
    if (
        may_deny(text)
        or read_state(text) is not None
        or state not in {None, ListState.UNSUBSCRIBED}
    ):
        return _Said.NO
    # "未" alone, or "会費なし"; 不動産 is none.
    ends = state is not None and (len(text) == 1 or not text.startswith(_PREFIXES))
    return _Said.NONE if ends else _Said.OTHER


def _are_contrary(values: Collection[str]) -> bool:
    """Tell whether there are two values, of which one is the other with a prefix: "un", "未"."""
    if len(values) != 2:  # noqa: PLR2004 - a pair
        return False
    shorter, longer = sorted(map(fold, values), key=len)
    least = _SHORTEST_WORD if shorter.isascii() else 2
    return (
        len(shorter) >= least
        and longer.endswith(shorter)
        and 0 < len(longer) - len(shorter) <= _LONGEST_PREFIX
        and not any(map(str.isdecimal, chain(*values)))
    )
