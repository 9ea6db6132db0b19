"""Undoing an import: added people are removed, and changed people are restored.

People who unsubscribed, complained, consented or were changed in another way since are kept as they
are. Each page of people is undone in one transaction, which also removes them from the journal. If
a worker is killed, another one continues with the rest.

For this, the import writes a journal of its changes, in the transaction of each chunk.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import (
    BigInteger,
    Connection,
    Engine,
    Select,
    cast,
    delete,
    func,
    insert,
    literal,
    select,
    text,
    union,
    update,
)
from sqlalchemy.orm import Session

from newsletter.accounts.audit import Actor, record_event
from newsletter.accounts.audit_actions import Action
from newsletter.database.engine import reading, transaction
from newsletter.database.tables import (
    AuditEventRow,
    FieldRow,
    ImportAddedRow,
    ImportChangeRow,
    ImportSpreadRow,
    ImportTagRow,
    ListImportRow,
    ListUploadRow,
    NewsletterRow,
)
from newsletter.database.types import now
from newsletter.database.vocabulary import (
    ImportedKind,
    ListUploadState,
)
from newsletter.errors import SEE_ANEW, ConflictError, NotFoundError
from newsletter.i18n.messages import msg
from subscribers.fields.actions import is_field_used
from subscribers.fields.model import Field
from subscribers.fields.store import field_of_row, hold_group, list_field_rows, list_fields
from subscribers.lists.imports.sharing import hold_fields
from subscribers.lists.imports.undo_page import UndoPage
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


#: Days for which the journal of an import is kept.
KEPT_DAYS = 30


@dataclass(frozen=True, kw_only=True, slots=True)
class Undone:
    """The result of undoing an import.

    Attributes:
        removed: The number of people who were removed.
        restored: The number of people whose previous state was restored.
        kept: The number of people who were not changed, since they were changed meanwhile.
        fields_removed: The labels of unused fields that were created for the import and deleted.
        fields_kept: The labels of such fields that are used and kept.
    """

    removed: int = 0
    restored: int = 0
    kept: int = 0
    fields_removed: tuple[str, ...] = ()
    fields_kept: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Outlook:
    """The outcome of undoing an import at present.

    Attributes:
        later: The number of later imports; people in both are removed nevertheless.
        fields: The fields that were created for it.
    """

    import_id: int
    source: str
    started_at: datetime
    added: int
    changed: int
    later: int
    fields: tuple[Field, ...]


def can_be_undone(row: ListImportRow) -> bool:
    """Return whether an import has a journal and was not undone."""
    return row.undo_ordered_at is None and row.started_at > now() - timedelta(days=KEPT_DAYS)


def find_import(session: Session, newsletter_id: int, import_id: int) -> ListImportRow:
    """Return an import of a newsletter.

    Raises:
        NotFoundError: The newsletter has no import with this id.
    """
    row = session.get(ListImportRow, import_id)
    if row is None or row.newsletter_id != newsletter_id:
        raise NotFoundError(msg("There is no import {number}.", number=import_id))
    return row


def undone_of(row: ListImportRow) -> Undone:
    """Return the progress of undoing an import."""
    counts = row.undo_counts
    return Undone(
        removed=counts.get("removed", 0),
        restored=counts.get("restored", 0),
        kept=counts.get("kept", 0),
        fields_removed=tuple(counts.get("fields_removed", ())),
        fields_kept=tuple(counts.get("fields_kept", ())),
    )


def foresee(session: Session, row: ListImportRow) -> Outlook:
    """Return the outcome of undoing an import."""
    count = func.sum(ImportAddedRow.last - ImportAddedRow.first + 1)
    # The type of PostgreSQL's sum is numeric.
    added = select(cast(func.coalesce(count, 0), BigInteger))
    changed = select(func.count()).select_from(ImportChangeRow)
    later = select(func.count()).select_from(ListImportRow)
    return Outlook(
        import_id=row.id,
        source=row.source,
        started_at=row.started_at,
        added=session.scalar(
            added.where(
                ImportAddedRow.import_id == row.id,
                ImportAddedRow.kind.in_(ImportedKind.of_people()),
            )
        )
        or 0,
        changed=session.scalar(changed.where(ImportChangeRow.import_id == row.id)) or 0,
        later=session.scalar(
            later.where(
                ListImportRow.newsletter_id == row.newsletter_id,
                ListImportRow.id > row.id,
                ListImportRow.undo_ordered_at.is_(None),
            )
        )
        or 0,
        fields=tuple(
            each for each in list_fields(session, row.newsletter_id) if each.key in row.made_fields
        ),
    )


def order_undo(session: Session, row: ListImportRow) -> None:
    """Order the undoing of an import; the same list counts as a new import from now on.

    Raises:
        ConflictError: The import is running, was undone, or is too old.
    """
    under_way = select(ListUploadRow.id).where(
        ListUploadRow.newsletter_id == row.newsletter_id,
        ListUploadRow.digest == row.digest,
        ListUploadRow.state.in_([ListUploadState.QUEUED, ListUploadState.IMPORTING]),
    )
    if session.scalar(under_way.limit(1)) is not None:
        raise ConflictError(
            msg("This list is still being imported."),
            remedy=msg("Cancel the import first, or wait until it has finished."),
        )
    if row.started_at <= now() - timedelta(days=KEPT_DAYS):
        raise ConflictError(
            msg("An import can be undone for {days} days only.", days=KEPT_DAYS),
            remedy=msg("Remove the people by a tag or one by one."),
        )
    ordered = session.scalars(
        update(ListImportRow)
        .where(ListImportRow.id == row.id, ListImportRow.undo_ordered_at.is_(None))
        .values(undo_ordered_at=now(), undo_counts=asdict(Undone()))
        .returning(ListImportRow.id)
        .execution_options(synchronize_session=False)
    ).all()
    if not ordered:
        raise ConflictError(
            msg("This import is already being undone, or was undone."),
            remedy=SEE_ANEW,
        )


def next_undo(engine: Engine) -> int | None:
    """Return the next import to undo."""
    waiting = (
        select(ListImportRow.id)
        .where(ListImportRow.undo_ordered_at.is_not(None), ListImportRow.undone_at.is_(None))
        .order_by(ListImportRow.undo_ordered_at)
    )
    with reading(engine) as session:
        return session.scalar(waiting.limit(1))


def undo_import(
    engine: Engine, import_id: int, *, stopping: Callable[[], bool] = lambda: False
) -> bool:
    """Undo an import page by page; return whether it is finished.

    Any number of processes may call this at once, and each may be killed at any moment.
    """
    with reading(engine) as session:
        newsletter_id = session.get_one(ListImportRow, import_id).newsletter_id
    while not stopping():
        with transaction(engine) as session:
            # The same order of locks as in imports: first the fields, so that none is deleted
            # meanwhile, then the import.
            hold_fields(session.connection(), newsletter_id)
            row = _under_way(session, import_id)
            if row is not None and UndoPage(session, row).undo():
                continue
        with transaction(engine) as session:
            hold_group(session, newsletter_id, alone=True)
            row = _under_way(session, import_id)
            if row is not None:
                session.execute(delete(ImportAddedRow).where(ImportAddedRow.import_id == row.id))
                end_undo(session, row)
        return True
    return False


def _under_way(session: Session, import_id: int) -> ListImportRow | None:
    """Lock and return an import that is being undone; None if nothing is left to do."""
    return session.scalars(
        select(ListImportRow)
        .where(
            ListImportRow.id == import_id,
            ListImportRow.undo_ordered_at.is_not(None),
            ListImportRow.undone_at.is_(None),
        )
        .with_for_update()
    ).one_or_none()


def forget_old_journals(engine: Engine) -> None:
    """Reduce old journals to ranges of the ids of added and changed people.

    A person's history is read from these ranges.
    """
    old = select(ListImportRow.id).where(
        ListImportRow.started_at < now() - timedelta(days=KEPT_DAYS),
        ListImportRow.undo_ordered_at.is_(None),
    )
    with transaction(engine) as session:
        keep_changed(session, old)
        for table in (ImportChangeRow, ImportSpreadRow, ImportTagRow):
            session.execute(delete(table).where(table.import_id.in_(old)))


def end_undo(session: Session, row: ListImportRow) -> None:
    """Delete the unused fields of an import, and record the result for people and fields.

    Args:
        session: The database session, in the last transaction, with an exclusive lock on fields.
        row: The import, of which nobody is left to undo.
    """
    row.undo_counts = row.undo_counts | _remove_fields(session, row)
    row.undone_at = now()
    counts = row.undo_counts
    record_event(
        session,
        _who_ordered(session, row),
        Action.SUBSCRIBER_IMPORT_UNDONE,
        object=row.source,
        newsletter_id=row.newsletter_id,
        details={
            "import": row.id,
            "people_removed": counts["removed"],
            "people_restored": counts["restored"],
            "people_kept": counts["kept"],
            "fields_removed": counts["fields_removed"],
            "fields_kept": counts["fields_kept"],
        },
    )


def _remove_fields(session: Session, row: ListImportRow) -> dict[str, list[str]]:
    """Return the labels of deleted and of kept fields, in the newsletter's language."""
    language = session.get_one(NewsletterRow, row.newsletter_id).language
    became: dict[str, list[str]] = {"fields_removed": [], "fields_kept": []}
    for field in list_field_rows(session, row.newsletter_id):
        if field.key in row.made_fields:
            used = is_field_used(session, row.newsletter_id, field.key, since=row.started_at)
            named = field_of_row(field).label(language)
            became["fields_kept" if used else "fields_removed"].append(named)
            if not used:
                session.execute(delete(FieldRow).where(FieldRow.id == field.id))
    return became


def _who_ordered(session: Session, row: ListImportRow) -> Actor:
    """Return the actor who ordered it, according to the audit log."""
    ordered = session.scalars(
        select(AuditEventRow)
        .where(
            AuditEventRow.action == Action.SUBSCRIBER_IMPORT_UNDO.value,
            AuditEventRow.newsletter_id == row.newsletter_id,
            AuditEventRow.object == row.source[:255],
        )
        .order_by(AuditEventRow.id.desc())
    )
    by_nobody = Actor(account_id=None, name="", door="")
    return next(
        (
            replace(by_nobody, account_id=event.actor_id, name=event.actor, door=event.door)
            for event in ordered
            if event.details.get("import") == row.id
        ),
        by_nobody,
    )
