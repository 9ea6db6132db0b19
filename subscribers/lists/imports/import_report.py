"""Results of an import: of each row, of each chunk, and of the whole list."""

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
from subscribers.lists.records import Problem, line_told


@dataclass(frozen=True, kw_only=True, slots=True)
class RefusedRow:
    """A refused row; the header is line 1."""

    line: int
    address: str
    reason: Message


class ValueChange(NamedTuple):
    """One value that a list changes.

    Attributes:
        name: The name of the column, such as ``name``, or of the field.
    """

    line: int
    address: str
    name: str
    old: str
    new: str


@dataclass(kw_only=True, slots=True)
class WrittenCounts:
    """Counts of the written rows.

    Attributes:
        added: People who get mail now.
        returned: Those of them who had unsubscribed or never confirmed.
        tagged: People who only got tags.
        unsubscribed: People who are stored as unsubscribed, according to the list.
        ended: Those of them who were subscribed.
        pending: People who are stored as unconfirmed.
        suppressed: People whose address is suppressed by the list; they are also counted above.
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
        """The number of rows that changed something."""
        return self.added + self.updated + self.tagged + self.unsubscribed + self.pending

    def count(self, more: WrittenCounts) -> None:
        """Add the counts of further rows."""
        for each in fields(WrittenCounts):
            setattr(self, each.name, getattr(self, each.name) + getattr(more, each.name))


@dataclass(kw_only=True, slots=True)
class ChunkResult(WrittenCounts):
    """The result of a chunk; ``known`` is the number of existing people."""

    known: int = 0
    problems: list[Problem] = field(default_factory=list)
    changes: list[ValueChange] = field(default_factory=list)
    checked: list[CheckedRow] = field(default_factory=list)


@dataclass(kw_only=True, slots=True)
class RowCounts(WrittenCounts):
    """Counts of all rows.

    The sum of added, updated, tagged, unchanged, repeated, unsubscribed, pending and refused rows
    is the number of all rows.

    Attributes:
        repeated: Rows that are replaced by a later row for the same person.
    """

    records: int = 0
    unchanged: int = 0
    repeated: int = 0
    refusals: int = 0
    warnings: int = 0


@dataclass(kw_only=True, slots=True)
class ImportReport(RowCounts):
    """The counts of an import, with the first refusals, and the number of records done before.

    Attributes:
        reasons: The numbers of refused rows by reason, without the values.
        warned: The first warnings, and the first one of each other kind.
        changes: The changes that a dry run would make to the first affected people.
        checked: The results of rows in the order of their lines. For a dry run that rolls back each
            chunk, only the first rows of each result.
        left_out: Columns without mapping that the user did not exclude.
    """

    refused: list[RefusedRow] = field(default_factory=list)
    reasons: Counter[Message] = field(default_factory=Counter)
    warned: list[Problem] = field(default_factory=list)
    changes: list[ValueChange] = field(default_factory=list)
    checked: list[CheckedRow] = field(default_factory=list)
    resumed_after: int = 0
    left_out: tuple[str, ...] = ()


#: SQL condition that a row adds a tag which the person does not have.
_GIVES = """EXISTS (SELECT 1 FROM {tags} AS given WHERE NOT EXISTS (
    SELECT 1 FROM subscription_tag AS had WHERE had.tag = given.value
    AND had.newsletter_id = :newsletter AND had.subscriber_id = s.person))"""
_TAGGED = """SELECT count(*) FROM list_stage AS s JOIN list_before AS b
    ON b.subscriber_id = s.person WHERE NOT (returns OR ends OR updates) AND {gives}"""
#: SQL for the results of accepted rows, as values of `RowResult`.
_RESULTS = """SELECT s.line, s.address, CASE WHEN b.returns THEN 'returned' WHEN b.ends THEN 'ended'
    WHEN b.updates THEN 'updated'
    WHEN b.subscriber_id IS NOT NULL THEN CASE WHEN {gives} THEN 'tagged' ELSE 'unchanged' END
    WHEN s.state = 'confirmed' THEN 'added' WHEN s.state = 'pending' THEN 'pending'
    ELSE 'left' END AS result
    FROM list_stage AS s LEFT JOIN list_before AS b ON b.subscriber_id = s.person
    ORDER BY s.line"""


class RowResult(StrEnum):
    """The result of a row.

    ``added`` people are new; ``returned`` had unsubscribed or never confirmed; ``ended`` get no
    mail any more; ``left`` are stored as unsubscribed and were not subscribed; ``repeated`` rows
    are replaced by a later row for the same person.
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
    """The result of one row, with the stored form of the address and the reason of a refusal."""

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
    """Return the results of rows as CSV."""
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
    """Return the SQL for the tags of a row ``s`` of the staging table."""
    if connection.dialect.name == "postgresql":
        return "json_array_elements_text(CAST(s.tags AS json))"
    return "json_each(s.tags)"


def note_results(
    connection: Connection, newsletter_id: int, *, with_tags: bool, with_rows: bool
) -> tuple[list[CheckedRow], int]:
    """Return the results of the rows, and the number of people who only get tags.

    Args:
        connection: The connection, in the transaction of a chunk after the comparison with the
            existing people.
        newsletter_id: The newsletter.
        with_tags: Whether existing people may get tags.
        with_rows: Whether the results of single rows are wanted.
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
