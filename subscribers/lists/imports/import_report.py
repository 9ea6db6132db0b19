"""What became of the rows of a list: counted chunk by chunk, and reported of the whole."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, fields
from typing import NamedTuple

from newsletter.i18n.messages import Message
from subscribers.lists.imports.row_results import CheckedRow
from subscribers.lists.records import Problem


@dataclass(frozen=True, kw_only=True, slots=True)
class RefusedRow:
    """A row that was not taken; the header is line 1."""

    line: int
    address: str
    reason: Message


class ValueChange(NamedTuple):
    """One value that a list changes.

    Attributes:
        name: Of the column, such as ``name``, or of a field.
    """

    line: int
    address: str
    name: str
    old: str
    new: str


@dataclass(kw_only=True, slots=True)
class WrittenCounts:
    """What became of the rows that were written.

    Attributes:
        added: Who gets mail now.
        returned: Who of these had left, or never confirmed.
        tagged: Who got tags, and nothing else.
        unsubscribed: Who is kept as having left, as the list says.
        ended: Who of these was on the list.
        pending: Who is kept as not having confirmed.
        suppressed: Whose address the list lets suppress; they are counted elsewhere, too.
    """

    added: int = 0
    returned: int = 0
    updated: int = 0
    tagged: int = 0
    unsubscribed: int = 0
    ended: int = 0
    pending: int = 0
    suppressed: int = 0

    @property
    def changed(self) -> int:
        """How many rows changed something."""
        return self.added + self.updated + self.tagged + self.unsubscribed + self.pending

    def count(self, more: WrittenCounts) -> None:
        """Add what became of further rows."""
        for each in fields(WrittenCounts):
            setattr(self, each.name, getattr(self, each.name) + getattr(more, each.name))


@dataclass(kw_only=True, slots=True)
class ChunkResult(WrittenCounts):
    """What became of a chunk; ``known`` are those who were people before."""

    known: int = 0
    problems: list[Problem] = field(default_factory=list)
    changes: list[ValueChange] = field(default_factory=list)
    checked: list[CheckedRow] = field(default_factory=list)


@dataclass(kw_only=True, slots=True)
class RowCounts(WrittenCounts):
    """What became of all rows.

    Those that are added, updated, tagged, unchanged, repeated, unsubscribed, pending and refused
    are all rows.

    Attributes:
        repeated: Rows whose person stands in a later one.
    """

    records: int = 0
    unchanged: int = 0
    repeated: int = 0
    refusals: int = 0
    warnings: int = 0


@dataclass(kw_only=True, slots=True)
class ImportReport(RowCounts):
    """What became of the rows, with the first refusals, and how many records were done before.

    Attributes:
        reasons: How many were refused for which reason, whatever their values.
        warned: What was odd: the first warnings, and the first of each other kind.
        changes: What a dry run would change, of the first people whom it would.
        checked: What would become of each row, in the order of the lines; of a dry run that does
            not keep its chunks, of the first rows of each kind.
        left_out: Columns that are nothing of ours, and that nobody chose to leave out.
    """

    refused: list[RefusedRow] = field(default_factory=list)
    reasons: Counter[Message] = field(default_factory=Counter)
    warned: list[Problem] = field(default_factory=list)
    changes: list[ValueChange] = field(default_factory=list)
    checked: list[CheckedRow] = field(default_factory=list)
    resumed_after: int = 0
    left_out: tuple[str, ...] = ()
