"""A list's records judged in chunks, before a database is asked: entries, refusals, warnings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from zoneinfo import ZoneInfo

from subscribers.fields.model import Field
from subscribers.lists.columns import (
    ListForm,
    Problem,
    RefusedError,
    column_of_address,
    form_of,
    late_column,
)
from subscribers.lists.entries import Entry, entry_of
from subscribers.lists.files import Record


@dataclass(kw_only=True, slots=True)
class Judged:
    """A chunk of records, judged.

    Attributes:
        records: How many there were, the header too.
        headers: How many of them were headers.
        entries: What can be taken, by the address's key.
        repeated: How many had an address that stood in the chunk before.
        problems: What cannot be taken, or is odd, in the order of the lines.
    """

    records: int
    headers: int = 0
    entries: dict[str, Entry] = field(default_factory=dict)
    repeated: int = 0
    problems: list[Problem] = field(default_factory=list)


class Judge:
    """What a list's columns are, and what each record says by them."""

    def __init__(
        self,
        *,
        source: str,
        file_name: str,
        chosen: Mapping[str, str],
        custom: Sequence[Field],
        tags: tuple[str, ...],
    ) -> None:
        self._source = source
        self._file_name = file_name
        self._chosen = chosen
        self._custom = custom
        self._tags = tags
        self._form: ListForm | None = None

    def chunks(self, records: Iterator[Record], size: int, zone: ZoneInfo) -> Iterator[Judged]:
        """Yield the records judged, ``size`` at a time; instants without a zone are in ``zone``.

        Raises:
            ListError: The list has no column of addresses, or cannot be read.
        """
        while chunk := list(islice(records, size)):
            if self._form is None:
                self._form = self.find_form(chunk)
            yield self._judge(chunk, self._form, zone)

    def find_form(self, chunk: Sequence[Record]) -> ListForm:
        """Return how a list is to be read, as its first records have it.

        Raises:
            ListError: None of its columns is the address, or two are the same field.
        """
        names = dict.fromkeys(name for record in chunk for name in record.values)
        return form_of(
            names,
            self._chosen,
            custom=self._custom,
            source=self._source,
            file_name=self._file_name,
        )

    def _judge(self, chunk: Sequence[Record], form: ListForm, zone: ZoneInfo) -> Judged:
        judged = Judged(records=len(chunk))
        for record in chunk:
            if record.header:
                judged.headers += 1
                continue
            if record.fault:
                judged.problems.append(
                    Problem(line=record.line, field="", value="", problem=record.fault)
                )
                continue
            # A record of JSON may have what those before it had not: its state, for one.
            if not record.values.keys() <= form.columns.keys():
                for name in record.values.keys() - form.columns.keys():
                    form.add(name, late_column(name, form))
            try:
                entry = entry_of(record, form, zone)
            except RefusedError as refused:
                address = str(record.values.get(column_of_address(form)) or "")[:320]
                judged.problems.append(replace(refused.problem, address=address))
                continue
            if entry.notes:
                judged.problems.extend(entry.notes)
            if entry.address.key in judged.entries:
                judged.repeated += 1
            else:
                judged.entries[entry.address.key] = self._tagged(entry)
        return judged

    def _tagged(self, entry: Entry) -> Entry:
        if not self._tags:
            return entry
        return entry._replace(tags=tuple(dict.fromkeys((*entry.tags, *self._tags))))
