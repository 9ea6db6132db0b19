"""The journal of an import's changes, written in the transaction of each chunk, for undoing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Select, func, insert, literal, select, text, union
from sqlalchemy.orm import Session

from newsletter.database.tables import ImportAddedRow, ImportChangeRow, ImportTagRow
from newsletter.database.vocabulary import ImportedKind
from subscribers.subscription_columns import RESTORED

#: SQL for ranges: consecutive ids have the same difference to their rank.
_PEOPLE = """INSERT INTO import_added (import_id, kind, first, last)
    SELECT :import, 'person', min(person), max(person)
    FROM (SELECT person, person - row_number() OVER (ORDER BY person) AS island
        FROM list_stage WHERE NOT known) AS numbered GROUP BY island"""
_BEFORE = ", ".join(RESTORED)
#: If an import changes a row twice, the state before the first change is kept.
_CHANGES = f"""INSERT INTO import_change (import_id, subscriber_id, written_at, {_BEFORE})
    SELECT :import, subscriber_id, :moment, {_BEFORE} FROM list_before
    WHERE returns OR ends OR updates
    ON CONFLICT (import_id, subscriber_id) DO UPDATE SET written_at = excluded.written_at"""  # noqa: S608 - ours
#: Tags of new people need no entry, since they are deleted with the subscription.
_TAGS = """INSERT INTO import_tag (import_id, subscriber_id, tag, given_at)
    SELECT :import, s.person, given.value, :moment
    FROM list_stage AS s JOIN list_before AS b ON b.subscriber_id = s.person
    CROSS JOIN {tags} AS given
    WHERE NOT EXISTS (SELECT 1 FROM subscription_tag AS had WHERE had.tag = given.value
        AND had.newsletter_id = :newsletter AND had.subscriber_id = s.person)
    ON CONFLICT DO NOTHING"""


@dataclass(frozen=True, slots=True)
class ImportJournal:
    """Records the changes of a chunk.

    Attributes:
        import_id: The id of the import; None for one that cannot be undone and has no journal.
        moment: The time of the chunk, as value for raw SQL.
    """

    connection: Connection
    import_id: int | None
    moment: datetime | str

    def note_people(self) -> None:
        """Record the new people in the staging table."""
        self._run(_PEOPLE)

    def note_changes(self) -> None:
        """Record the present state of subscriptions that will be changed."""
        self._run(_CHANGES, moment=self.moment)

    def note_tags(self, newsletter_id: int) -> None:
        """Record the tags that will be added to existing subscriptions."""
        postgres = self.connection.dialect.name == "postgresql"
        tags = "json_array_elements_text(CAST(s.tags AS json))" if postgres else "json_each(s.tags)"
        self._run(_TAGS.format(tags=tags), moment=self.moment, newsletter=newsletter_id)

    def note(self, kind: ImportedKind, numbers: Iterable[int]) -> None:
        """Record added rows."""
        if self.import_id is None:
            return
        rows = [
            {"import_id": self.import_id, "kind": kind, "first": first, "last": last}
            for first, last in _ranges(sorted(numbers))
        ]
        if rows:
            self.connection.execute(insert(ImportAddedRow), rows)

    def _run(self, statement: str, **values: object) -> None:
        if self.import_id is not None:
            self.connection.execute(text(statement), {"import": self.import_id, **values})


def keep_changed(session: Session, imports: Select[int]) -> None:
    """Reduce the journals of imports to ranges of the ids of changed or tagged people."""
    people = union(
        *(
            select(table.import_id, table.subscriber_id).where(table.import_id.in_(imports))
            for table in (ImportChangeRow, ImportTagRow)
        )
    ).subquery()
    number = people.c.subscriber_id
    rank = func.row_number().over(partition_by=people.c.import_id, order_by=number)
    islands = select(people, (number - rank).label("island")).subquery()
    session.execute(
        insert(ImportAddedRow).from_select(
            ["import_id", "kind", "first", "last"],
            select(
                islands.c.import_id,
                literal(ImportedKind.CHANGE.value),
                func.min(islands.c.subscriber_id),
                func.max(islands.c.subscriber_id),
            ).group_by(islands.c.import_id, islands.c.island),
        )
    )


def _ranges(numbers: Iterable[int]) -> Iterator[tuple[int, int]]:
    """Yield the first and last number of each consecutive range."""
    first = last = 0
    for number in numbers:
        if last and number == last + 1:
            last = number
            continue
        if last:
            yield first, last
        first = last = number
    if last:
        yield first, last
