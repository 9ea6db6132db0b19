"""Fast path for rows without problems, which are read column by column.

Most rows of a list are valid. A column is read by a few calls on all of its cells, and each
distinct value is parsed once. Rows with any value that is refused, corrected or causes a warning
are left to `entries.entry_of`, which is the only place that creates messages.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import compress
from operator import attrgetter
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

from newsletter.addresses import parse_plain
from newsletter.database.types import now
from newsletter.database.vocabulary import SubscriptionState
from newsletter.errors import ListError
from newsletter.spreadsheets import restore
from subscribers.fields.model import Field
from subscribers.fields.reading import read_value
from subscribers.frequency import read_frequency_word
from subscribers.lists.columns.columns import ListForm
from subscribers.lists.columns.entries import (
    ADDED,
    PLAIN_TEXT,
    TEXT_LENGTH,
    lacks_zero,
    list_name,
    read_tag,
    split_tags,
)
from subscribers.lists.columns.outcomes import (
    ANSWERS,
    STATES,
    may_be_struck,
    speaks_against,
)
from subscribers.lists.parsers.column_guesses import FIELD, SHARED
from subscribers.lists.records import Record
from subscribers.lists.words.dates import read_instant
from subscribers.lists.words.formats import IGNORED, ListState, fold
from subscribers.lists.words.noes import MARKS, is_false, marked_rows
from subscribers.people import LONGEST_BASIS, is_tag, is_time_zone

#: Marks a value whose row must be read separately.
_ODD: Final = object()
_LONGEST_NAME = 200
_line, _cells = attrgetter("line"), attrgetter("cells")
_TEXTS = frozenset({str, type(None)})
#: The columns of the staging table for texts about consent, with their maximum lengths.
_CONSENT = {
    "consent_basis": ("basis", LONGEST_BASIS),
    "consent_source": ("source", TEXT_LENGTH),
    "consent_wording": ("wording", TEXT_LENGTH),
}
_INSTANTS = frozenset({"consented_at", "confirmed_at", "unsubscribed_at", "paused_until"})
#: Columns that are only read for suppressed addresses.
_OF_SUPPRESSION = frozenset({"suppressed_at", "suppression_evidence"})


class PlainRows(NamedTuple):
    """Rows by columns of the staging table; columns that are blank in all rows may be missing."""

    columns: Mapping[str, Sequence[Any]] = {}

    @property
    def keys(self) -> Sequence[str]:
        """The keys of the addresses."""
        return self.columns.get("address_key", ())

    @property
    def lines(self) -> Sequence[int]:
        """The positions of the rows in the list."""
        return self.columns.get("line", ())

    def only(self, chosen: Sequence[bool]) -> PlainRows:
        """Return the selected rows."""
        return PlainRows(
            {name: list(compress(column, chosen)) for name, column in self.columns.items()}
        )


def read_plain_rows(
    records: Sequence[Record], form: ListForm, zone: ZoneInfo, tags: tuple[str, ...] = ()
) -> tuple[PlainRows, Sequence[Record]]:
    """Return the rows that can be read by columns, and the remaining records.

    Args:
        records: Records with the same columns.
        form: The interpretation of the list.
        zone: The time zone of moments without offset.
        tags: Tags that are added to each row.
    """
    if not records or form.state is not None or form.inner or _lacks_answers(records[0], form):
        return PlainRows(), records
    reading = _Reading(form, form.zone(zone), tags)
    columns = zip(*map(_cells, records), strict=True)
    for name, cells in zip(records[0].names, columns, strict=True):
        reading.read(name, cells)
    if "address" not in reading.columns:
        return PlainRows(), records
    reading.finish(list(map(_line, records)))
    rows = PlainRows(reading.columns)
    if not reading.odd:
        return rows, ()
    chosen = [number not in reading.odd for number in range(len(records))]
    return rows.only(chosen), [records[number] for number in sorted(reading.odd)]


def _lacks_answers(record: Record, form: ListForm) -> bool:
    """Return whether rows with these columns lack the information on consent that others have."""
    own = [form.fields[ours] for ours in ANSWERS if ours in form.fields]
    if form.confirming:
        own.append(form.fields[form.confirming])
    return any(set(record.names).isdisjoint(names) for names in own)


@dataclass(slots=True)
class _Reading:
    """The columns during reading.

    Attributes:
        columns: The finished columns of the staging table.
        odd: Whether each row must be read separately.
        values: For each field, the JSON of its key and value in each row, or an empty text.
    """

    form: ListForm
    zone: ZoneInfo
    tags: tuple[str, ...]
    columns: dict[str, Sequence[Any]] = field(default_factory=dict)
    odd: set[int] = field(default_factory=set)
    values: list[Sequence[str]] = field(default_factory=list)

    def read(self, name: str, cells: Sequence[Any]) -> None:
        """Read one of the list's columns."""
        ours = self.form.columns.get(name, IGNORED)
        mark = self.form.marks.get(name)
        if ours == IGNORED and mark is None:
            return
        if name in self.form.marked:
            self.odd.update(marked_rows(cells))
        if not set(map(type, cells)) <= _TEXTS:
            self.odd.update(row for row, cell in enumerate(cells) if type(cell) not in _TEXTS)
            cells = [cell if type(cell) in _TEXTS else "" for cell in cells]
        has_names = mark not in {"name", "address"} or may_be_struck("\n".join(filter(None, cells)))
        if mark is not None and has_names:
            self._mapped(cells, partial(_mark, name, mark))
        if ours == "address":
            self._read_addresses(cells)
        elif ours == "name":
            self._read_names(cells)
        elif ours.startswith(FIELD):
            known = self.form.custom[ours.removeprefix(FIELD)]
            read = partial(_field_value, known, zone=self.zone, defused=self.form.defused)
            self.values.append(self._mapped(cells, read))
        elif ours != IGNORED and ours not in _OF_SUPPRESSION:
            self._read_other(ours, cells)

    def _mapped(self, cells: Sequence[Any], read: Callable[[Any], Any]) -> list[Any]:
        """Return the parsed cells, parsing each distinct value once; None in odd rows."""
        table = {value: read(value) for value in set(cells)}
        if odd := {value for value, found in table.items() if found is _ODD}:
            self.odd.update(row for row, cell in enumerate(cells) if cell in odd)
            table |= dict.fromkeys(odd)
        return list(map(table.__getitem__, cells))

    def _read_addresses(self, cells: Sequence[str | None]) -> None:
        texts = [cell or "" for cell in cells]
        if "'" in "".join(texts):
            self.odd.update(row for row, text in enumerate(texts) if text.lstrip()[:1] == "'")
        found = parse_plain(texts)
        self.odd |= found.others
        self.columns["address"] = found.addresses
        self.columns["address_key"] = found.keys
        self.columns["domain"] = found.domains

    def _read_names(self, cells: Sequence[str | None]) -> None:
        names = [cell.strip() if cell else "" for cell in cells]
        text = "\n".join(names).replace("\u3000", " ")
        if (
            text.replace("\n", "").isprintable()
            and text.count("\n") == len(names) - 1
            and "  " not in text
            and max(map(len, names)) <= _LONGEST_NAME
            and not (self.form.defused and "'" in text)
            and not any(word in text for word in ADDED)
        ):
            self.columns["name"] = text.split("\n")
        else:
            read = partial(list_name, form=self.form)
            self.columns["name"] = self._mapped(cells, self._text(read, ""))

    def _read_other(self, ours: str, cells: Sequence[str | None]) -> None:
        blank: object = ""
        read: Callable[[str], object] = _odd
        name = ours
        if ours == "state":
            read, blank = self._state, self._blank_state()
        elif ours == "opt_in":
            read, blank = self._opt_in, _ODD
        elif ours == "tags":
            read, blank = self._tag_list, _json(self.tags)
        elif ours == "attributes":
            read = _no_attributes
        elif ours in _INSTANTS:
            blank = _ODD if ours == self.form.confirming else None
            read = partial(self._instant, ours, blank)
        elif ours in _CONSENT:
            name, length = _CONSENT[ours]
            read = partial(_shortened, length)
        elif ours in _READERS:
            read = _READERS[ours]
        if ours in SHARED and len(self.form.fields[ours]) > 1:
            # Several columns are combined, so their rows are read separately.
            read = _odd
        found = self._mapped(cells, self._text(read, blank))
        if ours in _STAGED:
            self.columns[name] = found

    def _text(self, read: Callable[[str], object], blank: object) -> Callable[[str | None], object]:
        """Return a function that parses a cell, based on one that parses a text."""
        defused = self.form.defused

        def read_cell(cell: str | None) -> object:
            text = _defused(cell, defused=defused) if cell else ""
            if text is None:
                return _ODD
            text = text.strip()
            return read(text) if text else blank

        return read_cell

    def _blank_state(self) -> object:
        known = self.form.known
        if known is not None and known.blank is ListState.CONFIRMED:
            return SubscriptionState.CONFIRMED.value
        return _ODD

    def _state(self, word: str) -> object:
        found = self.form.read_state(word)
        if found is ListState.UNSUBSCRIBED:
            return SubscriptionState.UNSUBSCRIBED.value
        return STATES[found].value if found in STATES else _ODD

    def _opt_in(self, word: str) -> object:
        return "" if self.form.read_opt_in(word) is ListState.CONFIRMED else _ODD

    def _tag_list(self, text: str) -> object:
        tags = split_tags(text)
        return _json(tuple(dict.fromkeys((*tags, *self.tags)))) if all(map(is_tag, tags)) else _ODD

    def _instant(self, ours: str, blank: object, text: str) -> object:
        if is_false(text):
            return blank
        own = self.form.known is not None and self.form.known.own
        if ours in MARKS and not own:
            return _ODD
        found = read_instant(text, self.zone)
        if found is None or (found > now() and ours != "paused_until"):
            return _ODD
        return found

    def finish(self, lines: Sequence[int]) -> None:
        """Combine the columns that depend on each other."""
        columns = self.columns
        columns["line"] = lines
        columns.setdefault("name", [""] * len(lines))
        if self.values:
            columns["attributes"] = [
                f"{{{', '.join(filter(None, row))}}}" for row in zip(*self.values, strict=True)
            ]
        if self.tags and "tags" not in columns:
            columns["tags"] = [_json(self.tags)] * len(lines)
        if "unsubscribed_at" in columns:
            states = columns.get("state", [SubscriptionState.CONFIRMED] * len(lines))
            columns["unsubscribed_at"] = [
                at if state == SubscriptionState.UNSUBSCRIBED else None
                for at, state in zip(columns["unsubscribed_at"], states, strict=True)
            ]


def _odd(_text: str) -> object:
    return _ODD


def _mark(name: str, mark: str, cell: str | None) -> object:
    return _ODD if cell and speaks_against(name, mark, cell.strip()) is not None else None


def _defused(cell: str, *, defused: bool) -> str | None:
    """Return a cell without the apostrophe of an export; None if its row is refused."""
    if "\0" in cell:
        return None
    return restore(cell) if defused else cell


def _field_value(known: Field, cell: str | None, *, zone: ZoneInfo, defused: bool) -> object:
    text = _defused(cell, defused=defused) if cell else ""
    if text is None or lacks_zero(known, text, zone):
        return _ODD
    try:
        value = read_value(known, text)
    except ListError:
        return _ODD
    return "" if value is None else f"{_json(known.key)}: {_json(value)}"


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _no_attributes(text: str) -> object:
    return "" if text == "{}" else _ODD


def _shortened(length: int, text: str) -> str:
    return text[:length]


def _language(text: str) -> object:
    return read_tag(text) or _ODD


def _time_zone(text: str) -> object:
    return text if is_time_zone(text) else _ODD


def _format(text: str) -> str:
    return "text" if fold(text) in PLAIN_TEXT else ""


def _frequency(text: str) -> object:
    found = read_frequency_word(text)
    return _ODD if found is None else found


def _disabled(text: str) -> object:
    return "" if is_false(text) else _ODD


_READERS: Mapping[str, Callable[[str], object]] = {
    "language": _language,
    "time_zone": _time_zone,
    "format": _format,
    "frequency": _frequency,
    **dict.fromkeys(MARKS, _disabled),
}
#: Columns of the list that become a column of the staging table.
_STAGED = frozenset({*_READERS} - MARKS.keys()) | {"state", "tags", *_INSTANTS, *_CONSENT}
