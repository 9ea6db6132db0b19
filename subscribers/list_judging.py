"""A list's records judged in chunks, before a database is asked: entries, refusals, warnings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from zoneinfo import ZoneInfo

from subscribers.list_columns import Entry, Problem, RefusedError, columns_of, entry_of
from subscribers.list_files import Record


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
        chosen: Mapping[str, str],
        keep_others: bool,
        tags: tuple[str, ...],
    ) -> None:
        self._source = source
        self._chosen = chosen
        self._keep_others = keep_others
        self._tags = tags
        self._columns: dict[str, str] = {}

    def chunks(self, records: Iterator[Record], size: int, zone: ZoneInfo) -> Iterator[Judged]:
        """Yield the records judged, ``size`` at a time; instants without a zone are in ``zone``.

        Raises:
            ListError: The list has no column of addresses, or cannot be read.
        """
        while chunk := list(islice(records, size)):
            if not self._columns:
                self.find_columns(chunk)
            yield self._judge(chunk, zone)

    def find_columns(self, chunk: Sequence[Record]) -> None:
        """Learn from a list's first records what its columns are.

        Raises:
            ListError: None of them is the address.
        """
        names = dict.fromkeys(name for record in chunk for name in record.values)
        self._columns = columns_of(
            names, self._chosen, keep_others=self._keep_others, source=self._source
        )

    def _judge(self, chunk: Sequence[Record], zone: ZoneInfo) -> Judged:
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
            if self._keep_others:
                self._notice_columns(record)
            try:
                entry = entry_of(record, self._columns, zone)
            except RefusedError as refused:
                judged.problems.append(replace(refused.problem, address=self._address(record)))
                continue
            if entry.address.warning:
                reason = f"Taken with a warning: {entry.address.warning}."
                judged.problems.append(replace(address_problem(entry, reason), taken=True))
            if entry.address.key in judged.entries:
                judged.repeated += 1
            else:
                judged.entries[entry.address.key] = self._tagged(entry)
        return judged

    def _address(self, record: Record) -> str:
        column = next(name for name, ours in self._columns.items() if ours == "address")
        return str(record.values.get(column) or "")[:320]

    def _notice_columns(self, record: Record) -> None:
        for name in record.values:
            if name not in self._columns:
                self._columns[name] = f"attributes.{name}"

    def _tagged(self, entry: Entry) -> Entry:
        if not self._tags:
            return entry
        return entry._replace(tags=tuple(dict.fromkeys((*entry.tags, *self._tags))))


def address_problem(entry: Entry, reason: str) -> Problem:
    """Return a problem with an entry's address."""
    return Problem(
        line=entry.line,
        field="address",
        value=entry.address.address,
        problem=reason,
        address=entry.address.address,
    )
