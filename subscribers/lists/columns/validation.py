"""Validation of a list's records in chunks, without a database: entries, refusals, warnings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import chain, islice
from operator import attrgetter
from typing import NamedTuple
from zoneinfo import ZoneInfo

from newsletter.database.vocabulary import SubscriptionState
from subscribers.fields.model import Field
from subscribers.lists.columns.columns import (
    NO_ANSWERS,
    ColumnAnswers,
    ListForm,
    column_of_address,
    form_of,
    late_column,
)
from subscribers.lists.columns.entries import ListEntry, entry_of
from subscribers.lists.columns.plain_rows import PlainRows, read_plain_rows
from subscribers.lists.columns.questions import ColumnQuestion, refuse_questions
from subscribers.lists.columns.unsure_columns import Questions
from subscribers.lists.parsers.column_guesses import find_addressed
from subscribers.lists.parsers.json_lines import is_json
from subscribers.lists.records import Problem, Record, RefusedError
from subscribers.lists.words.noes import MARKS, find_marked

#: Characters at which a chunk ends, since a single row may have a million.
_MOST_CHARACTERS = 8 * 1024 * 1024
#: Records whose characters are counted together.
_COUNTED = 64
_cells = attrgetter("cells")
_names, _header = attrgetter("names"), attrgetter("header")
_fault, _beyond = attrgetter("fault"), attrgetter("beyond")


@dataclass(kw_only=True, slots=True)
class ReadChunk:
    """A validated chunk of records.

    Attributes:
        records: The number of records, including headers.
        headers: The number of headers.
        plain: The rows without problems.
        entries: Other accepted rows, by the key of the address.
        repetitions: Lines and addresses of rows that are replaced by another row with the address.
        problems: Refusals and warnings in the order of the lines.
    """

    records: int
    headers: int = 0
    plain: PlainRows = field(default_factory=PlainRows)
    entries: dict[str, ListEntry] = field(default_factory=dict)
    repetitions: list[tuple[int, str]] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    @property
    def repeated(self) -> int:
        """The number of rows that are replaced by another row with the same address."""
        return len(self.repetitions)

    def drop_repeated(self) -> None:
        """Keep one row for each address; unsubscribed rows take precedence."""
        keys = self.plain.keys
        if len({*keys, *self.entries}) == len(keys) + len(self.entries):
            return
        claims = {key: _claims_of(entry) for key, entry in self.entries.items()}
        kept, rows = claims.copy(), [*_claims_of_rows(self.plain)]
        for key, said in zip(keys, rows, strict=True):
            kept[key] = _prevailing(kept[key], said) if key in kept else said
        # Not by line, since several rows can be on one line.
        chosen = [kept[key] is said for key, said in zip(keys, rows, strict=True)]
        entries = {key: one for key, one in self.entries.items() if kept[key] is claims[key]}
        self.repetitions += (
            (line, key)
            for key, line, one in zip(keys, self.plain.lines, chosen, strict=True)
            if not one
        )
        self.repetitions += (
            (one.line, one.address.address)
            for key, one in self.entries.items()
            if key not in entries
        )
        self.plain, self.entries = self.plain.only(chosen), entries


class _RowClaims(NamedTuple):
    """The state of a subscription according to a row."""

    line: int
    state: SubscriptionState
    suppressed: bool
    consented_at: datetime | None
    unsubscribed_at: datetime | None

    @property
    def gravity(self) -> int:
        """The severity of the state."""
        return 2 if self.suppressed else int(self.state is SubscriptionState.UNSUBSCRIBED)


def _claims_of(entry: ListEntry) -> _RowClaims:
    return _RowClaims(
        line=entry.line,
        state=entry.state,
        suppressed=entry.suppressed is not None,
        consented_at=entry.consent.consented_at,
        unsubscribed_at=entry.unsubscribed_at,
    )


def _claims_of_rows(plain: PlainRows) -> Iterator[_RowClaims]:
    count = len(plain.keys)
    states = plain.columns.get("state", (SubscriptionState.CONFIRMED,) * count)
    none = (None,) * count
    consented = plain.columns.get("consented_at", none)
    left = plain.columns.get("unsubscribed_at", none)
    for line, state, at, ended in zip(plain.lines, states, consented, left, strict=True):
        yield _RowClaims(
            line=line,
            state=SubscriptionState(state),
            suppressed=False,
            consented_at=at,
            unsubscribed_at=ended,
        )


def _prevailing(one: _RowClaims, other: _RowClaims) -> _RowClaims:
    """Return the row that counts, of two rows for one person.

    An unsubscription takes precedence, unless there is a later consent. Otherwise a subscribed row
    takes precedence over an unconfirmed one, and of equal rows the last one counts.
    """
    first, second = sorted((one, other), key=attrgetter("line"))
    if first.gravity == second.gravity:
        pending = second.state is SubscriptionState.PENDING
        return first if pending and first.state is SubscriptionState.CONFIRMED else second
    milder, graver = sorted((first, second), key=lambda said: said.gravity)
    ended, consented = graver.unsubscribed_at, milder.consented_at
    came_back = ended is not None and consented is not None and consented > ended
    return milder if came_back and not graver.suppressed else graver


class ListReader:
    """Determines the interpretation of a list, and validates its records."""

    def __init__(
        self,
        *,
        source: str,
        file_name: str,
        chosen: Mapping[str, str],
        custom: Sequence[Field],
        tags: tuple[str, ...] = (),
        answers: ColumnAnswers = NO_ANSWERS,
        made: Collection[str] = (),
        is_answered: bool = True,
    ) -> None:
        self._source = source
        self._file_name = file_name
        self._chosen = chosen
        self._custom = custom
        self._tags = tags
        self._answers = answers
        self._made = made
        self._is_answered = is_answered
        self._form: ListForm | None = None

    def chunks(self, records: Iterator[Record], size: int, zone: ZoneInfo) -> Iterator[ReadChunk]:
        """Yield the validated records in chunks of up to ``size``; long records make smaller ones.

        Moments without offset are in ``zone``.

        Raises:
            UnclearColumnError: There is a question about a column in the first records, and
                `questions` was not called before.
            ListError: The list has no column of addresses, or cannot be read.
        """
        for chunk in in_chunks(records, size):
            if self._form is None:
                self._form = self.find_form(chunk, is_beginning=len(chunk) == size)
                if not self._is_answered:
                    refuse_questions(self.questions(iter(chunk), size))
            yield self._read_chunk(chunk, self._form, zone)

    def questions(self, records: Iterator[Record], size: int) -> tuple[ColumnQuestion, ...]:
        """Return the questions about columns that may state who wants mail.

        Records are read in chunks of up to ``size`` as long as further questions are possible, for
        JSON up to the end.

        Raises:
            ListError: See `chunks`.
        """
        looked = Questions()
        form: ListForm | None = None
        for chunk in in_chunks(records, size):
            form = form or self.find_form(chunk, is_beginning=len(chunk) == size)
            self._add_late(list(map(_names, chunk)), form)
            looked.look(chunk, form)
            if not form.may_ask and not is_json(self._file_name):
                break
        return looked.asked(form) if form else ()

    @property
    def left_out(self) -> tuple[str, ...]:
        """The columns that are not imported, as far as the list was read."""
        return self._form.left_out(self._chosen) if self._form else ()

    def find_form(self, chunk: Sequence[Record], *, is_beginning: bool = False) -> ListForm:
        """Return the interpretation of a list, determined from its first records.

        With ``is_beginning``, further records follow, which may have other columns in JSON lines.

        Raises:
            ListError: No column contains addresses, or two columns have the same mapping.
        """
        names = dict.fromkeys(name for record in chunk for name in record.names)
        form = form_of(
            names,
            self._chosen,
            custom=self._custom,
            source=self._source,
            file_name=self._file_name,
            answers=self._answers,
            made=self._made,
            addressed=find_addressed(chunk),
            is_beginning=is_beginning and is_json(self._file_name),
        )
        if not form.is_ours:
            against = {name: ours for name, ours in form.columns.items() if ours in MARKS}
            against |= {name: mark for name, mark in form.marks.items() if mark == "disabled"}
            form.marked = find_marked(chunk, against)
        return form

    def _add_late(self, shapes: Sequence[tuple[str, ...]], form: ListForm) -> None:
        """Add columns that appear later in JSON records, such as a state."""
        for name in dict.fromkeys(chain.from_iterable(dict.fromkeys(shapes))):
            if name not in form.columns:
                form.add_late(name, late_column(name, form))

    def _read_chunk(self, chunk: Sequence[Record], form: ListForm, zone: ZoneInfo) -> ReadChunk:
        shapes = list(map(_names, chunk))
        common = Counter(map(id, shapes))
        self._add_late(shapes if len(common) > 1 else shapes[:1], form)
        headers = sum(map(_header, chunk))
        alike = chunk
        if len(common) > 1 or headers or any(map(_fault, chunk)) or any(map(_beyond, chunk)):
            most = common.most_common(1)[0][0]
            alike = [
                record
                for record in chunk
                if id(record.names) == most and not (record.header or record.fault or record.beyond)
            ]
        plain, rest = read_plain_rows(alike, form, zone, self._tags)
        if len(alike) + headers < len(chunk):
            # Not by line, since several rows can be on one line.
            done = set(map(id, alike)) - set(map(id, rest))
            rest = [each for each in chunk if id(each) not in done and not each.header]
        result = ReadChunk(records=len(chunk), headers=headers, plain=plain)
        for record in rest:
            self._read_one(record, form, zone, result)
        result.drop_repeated()
        return result

    def _read_one(self, record: Record, form: ListForm, zone: ZoneInfo, result: ReadChunk) -> None:
        if record.fault:
            result.problems.append(
                Problem(line=record.line, field="", value="", problem=record.fault)
            )
            return
        try:
            entry = entry_of(record, form, zone)
        except RefusedError as refused:
            address = str(record.values.get(column_of_address(form)) or "")[:320]
            result.problems.append(replace(refused.problem, address=address))
            return
        if entry.notes:
            result.problems.extend(entry.notes)
        key = entry.address.key
        held = result.entries.get(key)
        if held is None:
            result.entries[key] = self._tagged(entry)
            return
        claims, dropped = _claims_of(entry), entry
        if _prevailing(_claims_of(held), claims) is claims:
            result.entries[key], dropped = self._tagged(entry), held
        result.repetitions.append((dropped.line, dropped.address.address))

    def _tagged(self, entry: ListEntry) -> ListEntry:
        if not self._tags:
            return entry
        return entry._replace(tags=tuple(dict.fromkeys((*entry.tags, *self._tags))))


def in_chunks(records: Iterator[Record], size: int) -> Iterator[Sequence[Record]]:
    """Yield records in chunks of up to ``size``, with a limit of characters for the memory."""
    chunk: list[Record] = []
    characters = 0
    # Counted in groups, since counting each record separately takes longer than reading it.
    while some := list(islice(records, min(_COUNTED, size))):
        length = _length(some)
        if len(chunk) + len(some) < size and characters + length < _MOST_CHARACTERS:
            chunk += some
            characters += length
            continue
        for record in some:
            chunk.append(record)
            characters += _length([record])
            if len(chunk) == size or characters >= _MOST_CHARACTERS:
                yield chunk
                chunk, characters = [], 0
    if chunk:
        yield chunk


def _length(records: Sequence[Record]) -> int:
    """Return the number of characters of all cells; cells of JSON may be any value."""
    cells = chain.from_iterable(map(_cells, records))
    try:
        return len("".join(cells))
    except TypeError:
        return len(repr(list(map(_cells, records))))
