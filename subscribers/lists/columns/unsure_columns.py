"""Detection of columns that may state who wants mail.

The possible columns and words cannot be enumerated: people who unsubscribed are gekündigt, 元会員,
U, or have a date under "gone since". Columns that are not about mail can almost be enumerated.
Therefore, before an import, there is a question about each column that is neither mapped nor
clearly about something else, if it has few distinct values, dates for only some people, or remarks
about mail, unsubscribing or moving. In a column about something else, also one mapped to a field,
values that clearly mean that a person left, died or is unreachable are asked about, too: a
department "退職".
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from subscribers.fields.reading import written_value
from subscribers.lists.columns.columns import ListForm
from subscribers.lists.columns.outcomes import speaks_against
from subscribers.lists.columns.questions import MEANINGS, ColumnQuestion, QuestionKind, is_nameless
from subscribers.lists.parsers.inner_columns import WITHIN
from subscribers.lists.parsers.json_lines import read_object
from subscribers.lists.parsers.text_lists import BESIDE, COMMENTS, SECTION, read_heading
from subscribers.lists.records import Record
from subscribers.lists.words.cell_words import read_opt_in, read_state
from subscribers.lists.words.column_names import (
    asks_against_mail,
    counts,
    is_unclear_hint,
    mark_of,
    numbers_people,
    wishes_something_else,
)
from subscribers.lists.words.formats import ListState, fold
from subscribers.lists.words.harmless import (
    ValueKind,
    is_blank,
    is_harmless,
    is_harmless_date,
    kind_of_value,
    leaving_ones,
    may_ask,
    may_speak,
    may_speak_of_leaving,
    speaking_ones,
    tells_leaving,
)
from subscribers.lists.words.legends import read_legend
from subscribers.lists.words.noes import denies_mail, is_false

#: The largest number of distinct values of a column with answers, at least half of which are
#: repeated; and the number of values and codes for which repetition is not needed.
_FEW, _FEWEST = 12, 3
#: Distinct values of a column that are collected, and that are shown.
_KEPT, _SHOWN = 200, 8
#: Characters of a value that are examined, and that are shown.
_LOOKED_AT, _LONGEST = 500, 120
#: Codes of answers have one digit and at most this many distinct values, unless they are repeated;
#: other codes occur at least this many times.
_FEW_CODES = 4
_AGAIN = 3
#: Average characters from which on texts without repetition are remarks.
_REMARK = 10
#: Unix time, in seconds or milliseconds.
_SECONDS = re.compile(r"1\d{9}(?:\d{3})?(?:\.0)?")
#: Next to these values, "不要" answers another question, such as who needs a lunch.
_NEEDED = frozenset({"要", "必要"})
_PLACE = re.compile(r"[A-Za-z]\d")
#: Characters of the longest signs and codes; in a column of remarks, on average.
_SIGN = 2


#: The kinds of questions about texts next to the rows.
_KINDS_OF_OURS = {BESIDE: QuestionKind.NOTES, SECTION: QuestionKind.HEADINGS}


@dataclass(slots=True)
class _Column:
    """Statistics of the values in one column."""

    #: Returns the values that may be about mail or unsubscribing.
    find: Callable[[Iterable[str]], list[str]]
    values: Counter[str] = field(default_factory=Counter)
    speaking: Counter[str] = field(default_factory=Counter)
    filled: int = 0

    def add(self, values: Mapping[Any, int]) -> None:
        counts: Counter[str] = Counter()
        for value, count in values.items():
            text = _text(value)
            if not is_blank(text):
                counts[text] += count
        self.filled += counts.total()
        for text in self.find(counts):
            if text in self.speaking or len(self.speaking) < _KEPT:
                self.speaking[text] += counts[text]
        for text, count in counts.items():
            if text in self.values or len(self.values) < _KEPT:
                self.values[text] += count

    def question(
        self, name: str, rows: int, legend: Mapping[str, ListState], *, is_whole: bool
    ) -> ColumnQuestion | None:
        """Return the question about the column, if there is one after considering the legend."""
        blanks = rows - self.filled
        kind = self._kind(name, blanks) if self.filled and not is_whole else None
        if is_whole and self.filled and blanks:
            kind = QuestionKind.WHOLE
        if kind is None and self._is_explained(legend) and not is_harmless(name):
            kind = QuestionKind.ANSWERS
        if kind is None or (kind is QuestionKind.ANSWERS and self._parts_nobody(name, blanks)):
            return None
        values = self.speaking if kind is QuestionKind.REMARKS else self.values
        kind = _KINDS_OF_OURS.get(name, kind)
        most = values.most_common(_SHOWN)
        shown = tuple((_excerpt(text), count) for text, count in most)
        others = self.filled - sum(count for _, count in shown)
        return ColumnQuestion(column=name, values=shown, others=others, blanks=blanks, kind=kind)

    def _kind(self, name: str, blanks: int) -> QuestionKind | None:
        if self.find is not speaking_ones:
            is_own = self.speaking.keys() <= {"不要"} and not _NEEDED.isdisjoint(self.values)
            return QuestionKind.REMARKS if self.speaking and not is_own else None
        kinds = Counter(map(_kind_of, self.values))
        texts = [n for text, n in self.values.items() if kind_of_value(text) is ValueKind.TEXT]
        zeros = self.values["0"]
        numbers = kinds[ValueKind.NUMBER] - (zeros > 0)
        if kinds[ValueKind.DATE]:
            # "0" in a column of dates means no date.
            blanks += zeros
        has_others = kinds[ValueKind.PLAIN] or numbers
        is_remarked = bool(self.speaking) and mark_of(name) == "remark"
        if kinds[ValueKind.DATE] and len(texts) <= _FEW and not has_others and not is_remarked:
            is_asked = (blanks or texts or may_ask(name)) and not is_harmless_date(name)
            return QuestionKind.DATES if is_asked else None
        if not texts:
            is_number = counts(name) or (numbers_people(name) and self._are_own and not blanks)
            is_asked = not is_number and (self._are_codes or (blanks and may_ask(name)))
            return QuestionKind.ANSWERS if is_asked else None
        if is_nameless(name) and all(map(tells_leaving, self.values)):
            # Remarks after addresses, such as "停止".
            return QuestionKind.REMARKS if self.speaking else None
        is_heeded = self._are_heeded(name, blanks)
        if self._are_few(texts, blanks) and not self._are_remarks(name) and not is_heeded:
            return QuestionKind.ANSWERS
        return QuestionKind.REMARKS if self.speaking and not is_heeded else None

    def _is_explained(self, legend: Mapping[str, ListState]) -> bool:
        """Return whether all values are codes, at least two of which a legend explains."""
        if not legend or not all(map(_is_code, self.values)):
            return False
        return sum(fold(text) in legend for text in self.values) > 1

    def _parts_nobody(self, name: str, blanks: int) -> bool:
        """Return whether all rows have the same value, which has no meaning for mail.

        The value must neither be about unsubscribing nor be a code, and the name must not be a
        question, unless the value equals the name, as in columns of check boxes.
        """
        if blanks or len(self.values) > 1 or self.filled == 1:
            return False
        (text,) = self.values
        says = may_speak_of_leaving(text) or len(text) <= _SIGN
        return text == name or not (says or may_ask(name) or denies_mail(name))

    @property
    def _are_own(self) -> bool:
        """Return whether each of several rows has a number of its own, and none has zero."""
        return len(self.values) == self.filled > 1 and "0" not in self.values

    @property
    def _are_codes(self) -> bool:
        """Whether all values are a few numbers, which have one digit or are frequent."""
        digits = [text.removesuffix(".0") for text in self.values]
        if all(len(each) == 1 for each in digits):
            recur = self.filled > len(digits) or len(digits) <= _FEW_CODES
        else:
            recur = len(digits) <= _FEW and self.filled >= _AGAIN * len(digits)
        return recur and all(map(str.isdecimal, digits))

    def _are_few(self, texts: Sequence[int], blanks: int) -> bool:
        """Return whether the values are repeated, few people have one, or they are codes."""
        again = sum(count for count in sorted(texts, reverse=True)[:_FEW] if count > 1)
        is_marked = blanks >= self.filled and len(texts) <= _FEW
        are_signs = len(texts) <= _FEW and all(len(text) <= _SIGN for text in self.values)
        if len(texts) == self.filled > _FEWEST and all(map(_PLACE.fullmatch, self.values)):
            # "B1", "C2": each person has a different place.
            return False
        return len(texts) <= _FEWEST or is_marked or are_signs or again * 2 >= self.filled

    def _are_remarks(self, name: str) -> bool:
        """Return whether the values are remarks, by their lack of repetition or by the name."""
        if mark_of(name) == "hint":
            # Where the name speaks of a state or of mail, so do long values that occur once.
            return False
        is_unique = len(self.values) == self.filled
        length = sum(map(len, self.values))
        if mark_of(name) == "remark":
            return is_unique or length > _SIGN * len(self.values)
        return is_unique and length > _REMARK * len(self.values)

    def _are_heeded(self, name: str, blanks: int) -> bool:
        """Return whether each value is a yes or excludes its row, as suggested by the name.

        This is false if the name is negative, since a yes then means no, or about another wish, or
        if the answers are yes and no and a word of the name is not understood.
        """
        yeses = {text for text in self.values if read_opt_in(text) is ListState.CONFIRMED}
        return (
            mark_of(name) == "hint"
            and not asks_against_mail(name)
            and not (is_unclear_hint(name) and any(map(is_false, self.values)))
            and not wishes_something_else(name)
            and not (blanks and yeses)
            and all(
                text in yeses or speaks_against(name, "hint", text) is not None
                for text in self.values
            )
        )


@dataclass(slots=True)
class _States:
    """The words in the columns of states or, if there are none, of consent."""

    words: Counter[str] = field(default_factory=Counter)
    columns: dict[str, int] = field(default_factory=dict)
    #: The meanings of codes according to a legend.
    legend: dict[str, ListState] = field(default_factory=dict)

    def add(self, column: str, values: Mapping[Any, int]) -> None:
        filled = self.columns.get(column, 0)
        for value, count in values.items():
            text = _text(value)
            filled += count if text else 0
            if text and (text in self.words or len(self.words) < _KEPT):
                self.words[text] += count
        self.columns[column] = filled

    def question(self, form: ListForm, rows: int) -> ColumnQuestion | None:
        """Return the question about the meanings of unknown words, and of codes next to them.

        "1" is a yes, unless "2" and "9" also occur or a legend differs. If there are too many words
        for a question, rows with unknown ones are refused.
        """
        is_state = "state" in form.fields
        known = {word: read_state(word) if is_state else read_opt_in(word) for word in self.words}
        unclear = {
            word
            for word, state in known.items()
            if (state is None and is_state) or self.legend.get(fold(word), state) is not state
        }
        asked = {word for word in self.words if word in unclear or _is_code(word)}
        is_answered = all(fold(word) in form.answers.states for word in asked)
        are_words = len(asked) <= _FEW and all(len(word) <= _LONGEST for word in asked)
        if not unclear or is_answered or not are_words:
            return None
        return ColumnQuestion(
            column=next(iter(self.columns)),
            values=tuple(each for each in self.words.most_common() if each[0] in asked),
            others=sum(count for word, count in self.words.items() if word not in asked),
            blanks=rows * len(self.columns) - sum(self.columns.values()),
            kind=QuestionKind.STATES,
        )

    def told(self, question: ColumnQuestion) -> ColumnQuestion:
        """Return a question with the meanings of its values in a legend."""
        told = [(value, self.legend.get(fold(value))) for value, _count in question.values]
        meanings = tuple(
            (value, state.value) for value, state in told if state and state in MEANINGS
        )
        return replace(question, meanings=meanings) if meanings else question


def _is_code(word: str) -> bool:
    """Return whether a word's meaning depends on other words: "1", "Y"; that of 有効 does not."""
    folded = fold(word)
    return folded.isascii() and len(folded) <= _SIGN


class Questions:
    """Collects the values of a list's unclear columns and of its columns of states."""

    def __init__(self) -> None:
        self._columns: dict[str, _Column] = {}
        self._states = _States()
        self._rows = 0

    def look(self, records: Sequence[Record], form: ListForm) -> None:
        """Add records of a list."""
        shapes: dict[tuple[str, ...], list[Sequence[Any]]] = defaultdict(list)
        for record in records:
            if record.header:
                self._states.legend |= read_legend(record.beyond)
            elif not record.fault:
                shapes[record.names].append(record.cells)
        kind = "state" if "state" in form.fields else "opt_in"
        looked_at = form.unsure | {form.whole}
        for names, rows in shapes.items():
            self._rows += len(rows)
            # In the order of the list, which is also that of the questions.
            for name, cells in zip(names, zip(*rows, strict=True), strict=True):
                if form.columns.get(name) == kind and form.may_ask_of_states:
                    self._states.add(name, Counter(map(_text, cells)))
                if name in looked_at or form.columns.get(name) == "attributes":
                    for each, values in _columns_of(name, cells, form):
                        if each not in self._columns:
                            self._columns[each] = _Column(find=_finder_of(each, form))
                        self._columns[each].add(values)

    def asked(self, form: ListForm) -> tuple[ColumnQuestion, ...]:
        """Return the questions about columns."""
        # JSON records without the column count as blank.
        legend = self._states.legend
        found = (
            column.question(name, self._rows, legend, is_whole=name == form.whole)
            for name, column in self._columns.items()
        )
        asked = filter(None, (*found, self._states.question(form, self._rows)))
        return tuple(map(self._states.told, asked))


def _finder_of(name: str, form: ListForm) -> Callable[[Iterable[str]], list[str]]:
    """Return a function that returns the values which may be about mail or unsubscribing."""
    if name == SECTION:
        return _unclear_headings
    if name in {BESIDE, COMMENTS}:
        # The values passed are only those about unsubscribing.
        return list
    if form.known is not None and mark_of(name) == "remark":
        # The list has a separate column for states.
        return speaking_ones
    return leaving_ones if is_harmless(name) or form.is_field(name) else speaking_ones


def _unclear_headings(texts: Iterable[str]) -> list[str]:
    return [text for text in texts if read_heading(text) is ListState.UNCLEAR]


def _columns_of(
    name: str, cells: Iterable[Any], form: ListForm
) -> Iterator[tuple[str, Mapping[Any, int]]]:
    """Yield the numbers of occurrences of values in a column, and in each key of its objects."""
    try:
        found = Counter(cells)
    except TypeError:
        # JSON lists and objects.
        found = Counter(_text(cell) for cell in cells if not isinstance(cell, dict))
        inner = [cell for cell in cells if isinstance(cell, dict)]
    else:
        inner = []
    if form.columns.get(name) == "attributes":
        inner += filter(None, map(read_object, found.elements()))
    elif found:
        yield name, found
    keys: dict[str, Counter[Any]] = defaultdict(Counter)
    for each in inner:
        for key, value in each.items():
            keys[key][_text(value)] += 1
    for key, held in keys.items():
        if form.is_unsure_within(name, key):
            yield f"{name}{WITHIN}{key}", held


def _kind_of(text: str) -> ValueKind:
    """Return the kind of a value; seconds since 1970 in the years 2001 to 2033 are dates."""
    return ValueKind.DATE if _SECONDS.fullmatch(text) else kind_of_value(text)


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, list):
        return ", ".join(map(str, value))[:_LOOKED_AT]
    if isinstance(value, bool):
        return written_value(value)
    return str(value).strip()[:_LOOKED_AT]


def _excerpt(text: str) -> str:
    """Return a value for display; a long one is cut to the part about mail or unsubscribing."""
    if len(text) <= _LONGEST:
        return text
    starts = range(0, len(text), _LONGEST // 2)
    parts = (text[start : start + _LONGEST] for start in starts)
    part = next(filter(may_speak, parts), text[:_LONGEST])
    begun = "" if text.startswith(part) else "…"
    return f"{begun}{part.strip()}{'' if text.endswith(part) else '…'}"
