"""What becomes of the rows of a list: of each, by chunks, and reported of the whole."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import NamedTuple

from sqlalchemy import Connection, text

from newsletter.i18n.language import Language
from newsletter.i18n.messages import Message, msg, pmsg
from newsletter.spreadsheets import defuse
from subscribers.lists.line_numbers import line_told
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


#: A row gives somebody a tag that they have not.
_GIVES = """EXISTS (SELECT 1 FROM {tags} AS given WHERE NOT EXISTS (
    SELECT 1 FROM subscription_tag AS had WHERE had.tag = given.value
    AND had.newsletter_id = :newsletter AND had.subscriber_id = s.person))"""
_TAGGED = """SELECT count(*) FROM list_stage AS s JOIN list_before AS b
    ON b.subscriber_id = s.person WHERE NOT (returns OR ends OR updates) AND {gives}"""
#: What becomes of each row that is not refused, by the names of `RowResult`.
_RESULTS = """SELECT s.line, s.address, CASE WHEN b.returns THEN 'returned' WHEN b.ends THEN 'ended'
    WHEN b.updates THEN 'updated'
    WHEN b.subscriber_id IS NOT NULL THEN CASE WHEN {gives} THEN 'tagged' ELSE 'unchanged' END
    WHEN s.state = 'confirmed' THEN 'added' WHEN s.state = 'pending' THEN 'pending'
    ELSE 'left' END AS result
    FROM list_stage AS s LEFT JOIN list_before AS b ON b.subscriber_id = s.person
    ORDER BY s.line"""


class RowResult(StrEnum):
    """What becomes of a row of a list.

    ``added`` are new, ``returned`` had left or never confirmed; ``ended`` get no mail any more,
    ``left`` are kept as having left and were not on the list; ``repeated`` is a row whose person
    stands in a later one.
    """

    ADDED = "added"
    RETURNED = "returned"
    UPDATED = "updated"
    TAGGED = "tagged"
    UNCHANGED = "unchanged"
    REPEATED = "repeated"
    PENDING = "pending"
    LEFT = "left"
    ENDED = "ended"
    REFUSED = "refused"


class CheckedRow(NamedTuple):
    """What becomes of one row, with the address as it is kept, and why it is refused."""

    line: int
    address: str
    result: RowResult
    reason: Message | None = None


RESULT_NAMES: Mapping[RowResult, Message] = {
    RowResult.ADDED: pmsg("import", "Subscribed as new"),
    RowResult.RETURNED: pmsg("import", "Subscribed again"),
    RowResult.UPDATED: msg("Updated"),
    RowResult.TAGGED: pmsg("import", "Given tags only"),
    RowResult.UNCHANGED: msg("Unchanged"),
    RowResult.REPEATED: pmsg("import", "Repeated in the list"),
    RowResult.PENDING: msg("As unconfirmed"),
    RowResult.LEFT: pmsg("import", "Kept as unsubscribed"),
    RowResult.ENDED: pmsg("import", "Unsubscribed by the list"),
    RowResult.REFUSED: msg("Refused"),
}


def results_csv(rows: Iterable[CheckedRow], language: Language) -> str:
    """Return what becomes of rows as CSV."""
    stream = io.StringIO()
    write = csv.writer(stream).writerow
    heads = (msg("Line"), msg("Address"), pmsg("import", "What happens"), msg("Why"))
    write(head.in_language(language) for head in heads)
    for row in rows:
        reason = row.reason.in_language(language) if row.reason else ""
        result = RESULT_NAMES[row.result].in_language(language)
        write([line_told(row.line), defuse(row.address), result, reason])
    return stream.getvalue()


def given_tags(connection: Connection) -> str:
    """Return the SQL of the tags that a row of the stage, called ``s``, gives."""
    if connection.dialect.name == "postgresql":
        return "json_array_elements_text(CAST(s.tags AS json))"
    return "json_each(s.tags)"


def note_results(
    connection: Connection, newsletter_id: int, *, with_tags: bool, with_rows: bool
) -> tuple[list[CheckedRow], int]:
    """Return what becomes of the rows, and of how many it is that they get tags alone.

    Args:
        connection: Within the transaction of a chunk that was compared with what is known.
        newsletter_id: Whose list it is.
        with_tags: Whether somebody known may get tags.
        with_rows: Whether rows are told one by one.
    """
    gives = _GIVES.format(tags=given_tags(connection))
    values = {"newsletter": newsletter_id}
    rows: list[CheckedRow] = []
    if with_rows:
        found = connection.execute(text(_RESULTS.format(gives=gives)), values)
        rows = [CheckedRow(row.line, row.address, RowResult(row.result)) for row in found]
    if not with_tags:
        return rows, 0
    return rows, connection.scalar(text(_TAGGED.format(gives=gives)), values) or 0
