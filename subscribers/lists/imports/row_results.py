"""What becomes of each row of a list that is not refused, by what its chunk has on the stage."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import NamedTuple

from sqlalchemy import Connection, text

from newsletter.i18n.language import Language
from newsletter.i18n.messages import Message, msg, pmsg
from newsletter.spreadsheets import defuse
from subscribers.lists.line_numbers import line_told

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
