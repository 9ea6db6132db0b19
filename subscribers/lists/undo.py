"""An import undone as a whole: who was added goes, who was changed gets back what they had.

Whoever left, complained, consented or was changed in any other way since stays as they are. A page
of people is one transaction, which takes them out of the journal: a worker that is killed leaves
none half undone, and another goes on with the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Engine,
    Select,
    and_,
    cast,
    delete,
    exists,
    func,
    or_,
    select,
    update,
)
from sqlalchemy.orm import Session

from newsletter.database.engine import reading, transaction
from newsletter.database.tables import (
    Base,
    ConsentRow,
    ImportAddedRow,
    ImportChangeRow,
    ImportSpreadRow,
    ImportTagRow,
    ListImportRow,
    ListUploadRow,
    NoteRow,
    SubscriberRow,
    SubscriptionRow,
    SuppressionRow,
    TagRow,
    UnsubscribeEventRow,
)
from newsletter.database.types import now
from newsletter.database.vocabulary import (
    GrowthCause,
    ImportedKind,
    ListUploadState,
    SuppressionReason,
    UnsubscribeWay,
)
from newsletter.errors import ConflictError, NotFoundError
from newsletter.i18n.messages import msg
from subscribers.fields.model import Field, current_values
from subscribers.fields.store import hold_group, list_fields
from subscribers.growth import count_readers, readers_among
from subscribers.growth_log import log_growth
from subscribers.lists.journal import keep_changed
from subscribers.lists.sharing import hold_fields, take_back, write_values
from subscribers.lists.undo_end import end_undo
from subscribers.subscription_columns import RESTORED

#: So long it is kept what an import changed.
KEPT_DAYS = 30
_PAGE = 2000


@dataclass(frozen=True, kw_only=True, slots=True)
class Undone:
    """What became of the people of an import that was undone.

    Attributes:
        removed: Who is on the list no more.
        restored: Who has again what they had.
        kept: Who stays as they are, since they or somebody else changed it meanwhile.
        fields_removed: What the fields were called that were made for it, and that nobody uses.
        fields_kept: Those that somebody has used since.
    """

    removed: int = 0
    restored: int = 0
    kept: int = 0
    fields_removed: tuple[str, ...] = ()
    fields_kept: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Outlook:
    """What undoing an import would do now.

    Attributes:
        later: How many lists were imported after it; people of both go all the same.
        fields: Those that were made for it.
    """

    import_id: int
    source: str
    started_at: datetime
    added: int
    changed: int
    later: int
    fields: tuple[Field, ...]


def can_be_undone(row: ListImportRow) -> bool:
    """Tell whether it is still kept what an import changed, and nobody had it undone."""
    return row.undo_ordered_at is None and row.started_at > now() - timedelta(days=KEPT_DAYS)


def find_import(session: Session, newsletter_id: int, import_id: int) -> ListImportRow:
    """Return an import of a newsletter.

    Raises:
        NotFoundError: It has none of that number.
    """
    row = session.get(ListImportRow, import_id)
    if row is None or row.newsletter_id != newsletter_id:
        raise NotFoundError(msg("There is no import {number}.", number=import_id))
    return row


def undone_of(row: ListImportRow) -> Undone:
    """Return how far an import is undone."""
    counts = row.undo_counts
    return Undone(
        removed=counts.get("removed", 0),
        restored=counts.get("restored", 0),
        kept=counts.get("kept", 0),
        fields_removed=tuple(counts.get("fields_removed", ())),
        fields_kept=tuple(counts.get("fields_kept", ())),
    )


def foresee(session: Session, row: ListImportRow) -> Outlook:
    """Return what undoing an import would do."""
    count = func.sum(ImportAddedRow.last - ImportAddedRow.first + 1)
    # PostgreSQL sums up to a type without bounds.
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
    """Let an import be undone; the same list would be a new import from now on.

    Raises:
        ConflictError: It is under way, undone already, or too long ago.
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
            remedy=msg("Reload the page."),
        )


def next_undo(engine: Engine) -> int | None:
    """Return the import that is to be undone next."""
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
    """Undo an import page by page; return whether it came to the end.

    Any number of processes may do so at once, and each may end at any moment.
    """
    with reading(engine) as session:
        newsletter_id = session.get_one(ListImportRow, import_id).newsletter_id
    while not stopping():
        with transaction(engine) as session:
            # As imports do: first the fields, which nobody deletes until their values were left
            # out, then the import.
            hold_fields(session.connection(), newsletter_id)
            row = _under_way(session, import_id)
            if row is not None and _Page(session, row).undo():
                continue
        with transaction(engine) as session:
            hold_group(session, newsletter_id, alone=True)
            row = _under_way(session, import_id)
            if row is not None:
                _forget(session, ImportAddedRow.import_id == row.id)
                end_undo(session, row)
        return True
    return False


def _under_way(session: Session, import_id: int) -> ListImportRow | None:
    """Return an import that is being undone, held; None where nothing is left to do."""
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
    """Remove what imports changed that can be undone no more; whom they added or changed stays.

    As ranges of numbers alone, which a person's history is read from.
    """
    old = select(ListImportRow.id).where(
        ListImportRow.started_at < now() - timedelta(days=KEPT_DAYS),
        ListImportRow.undo_ordered_at.is_(None),
    )
    with transaction(engine) as session:
        keep_changed(session, old)
        for table in (ImportChangeRow, ImportSpreadRow, ImportTagRow):
            session.execute(delete(table).where(table.import_id.in_(old)))


def _forget(session: Session, which: ColumnElement[bool]) -> None:
    session.execute(delete(ImportAddedRow).where(which))


class _Page:
    """Some people of an import, undone within one transaction."""

    def __init__(self, session: Session, row: ListImportRow) -> None:
        self._session = session
        self._row = row
        self._newsletter_id = row.newsletter_id

    def undo(self) -> bool:
        """Undo a page; return whether there was any."""
        spread = take_back(self._session, self._row.id, self._newsletter_id, most=_PAGE)
        return spread or self._restore() or self._take_tags() or self._remove()

    def _restore(self) -> bool:
        changed = ImportChangeRow.import_id == self._row.id
        numbers = self._session.scalars(
            select(ImportChangeRow.subscriber_id)
            .where(changed)
            .order_by(ImportChangeRow.subscriber_id)
            .limit(_PAGE)
        ).all()
        if not numbers:
            return False
        of_page = and_(changed, ImportChangeRow.subscriber_id.in_(numbers))
        theirs = and_(
            SubscriptionRow.newsletter_id == self._newsletter_id,
            SubscriptionRow.subscriber_id == ImportChangeRow.subscriber_id,
        )
        found = self._session.execute(
            select(
                SubscriptionRow.subscriber_id,
                SubscriptionRow.unsubscribed_at,
                (SubscriptionRow.state != ImportChangeRow.state).label("moved"),
            )
            .join(ImportChangeRow, theirs)
            .where(of_page, SubscriptionRow.changed_at == ImportChangeRow.written_at)
            .order_by(SubscriptionRow.subscriber_id)
            .with_for_update(of=SubscriptionRow)
        ).all()
        same = [row.subscriber_id for row in found]
        ended = [row for row in found if row.moved and row.unsubscribed_at is not None]
        self._forget_departures(
            [row.subscriber_id for row in ended],
            UnsubscribeEventRow.occurred_at.in_({row.unsubscribed_at for row in ended}),
        )
        before = readers_among(self._session, self._newsletter_id, same)
        self._lift(same)
        self._session.execute(
            update(SubscriptionRow)
            .where(theirs, of_page, SubscriptionRow.subscriber_id.in_(same))
            .values({name: getattr(ImportChangeRow, name) for name in RESTORED})
            .execution_options(synchronize_session=False)
        )
        self._leave_out_former_values(of_page, same)
        after = readers_among(self._session, self._newsletter_id, same)
        self._log_growth(len(after - before))
        self._log_growth(-len(before - after))
        self._session.execute(delete(ImportChangeRow).where(of_page))
        self._count(restored=len(same), kept=len(numbers) - len(same))
        return True

    def _leave_out_former_values(self, of_page: ColumnElement[bool], whose: Sequence[int]) -> None:
        """Take away again what was given back of fields that were deleted since."""
        known = list_fields(self._session, self._newsletter_id)
        found = self._session.execute(
            select(ImportChangeRow.subscriber_id, ImportChangeRow.attributes).where(
                of_page, ImportChangeRow.subscriber_id.in_(whose)
            )
        ).all()
        current = {row.subscriber_id: current_values(known, row.attributes) for row in found}
        write_values(
            self._session,
            self._newsletter_id,
            {
                row.subscriber_id: current[row.subscriber_id]
                for row in found
                if current[row.subscriber_id] != row.attributes
            },
        )

    def _take_tags(self) -> bool:
        """Take tags away that the import gave, from whoever nobody changed since."""
        given = ImportTagRow.import_id == self._row.id
        numbers = self._session.scalars(
            select(ImportTagRow.subscriber_id)
            .where(given)
            .distinct()
            .order_by(ImportTagRow.subscriber_id)
            .limit(_PAGE)
        ).all()
        if not numbers:
            return False
        self._session.execute(
            delete(TagRow).where(
                TagRow.newsletter_id == self._newsletter_id,
                TagRow.subscriber_id.in_(numbers),
                exists().where(
                    given,
                    ImportTagRow.subscriber_id == TagRow.subscriber_id,
                    ImportTagRow.tag == TagRow.tag,
                    SubscriptionRow.newsletter_id == self._newsletter_id,
                    SubscriptionRow.subscriber_id == TagRow.subscriber_id,
                    or_(
                        SubscriptionRow.changed_at.is_(None),
                        SubscriptionRow.changed_at <= ImportTagRow.given_at,
                    ),
                ),
            )
        )
        self._session.execute(
            delete(ImportTagRow).where(given, ImportTagRow.subscriber_id.in_(numbers))
        )
        return True

    def _remove(self) -> bool:
        part = self._session.scalars(
            select(ImportAddedRow)
            .where(
                ImportAddedRow.import_id == self._row.id,
                ImportAddedRow.kind.in_(ImportedKind.of_people()),
            )
            .order_by(ImportAddedRow.kind, ImportAddedRow.first)
            .limit(1)
        ).one_or_none()
        if part is None:
            return False
        first, last = part.first, min(part.last, part.first + _PAGE - 1)
        within = SubscriberRow.id.between(first, last)
        # Whoever is about to write of them is waited for, and waits.
        self._session.execute(
            select(SubscriberRow.id).where(within).order_by(SubscriberRow.id).with_for_update()
        )
        there = (
            SubscriptionRow.newsletter_id == self._newsletter_id,
            SubscriptionRow.subscriber_id.between(first, last),
        )
        count = self._session.scalar(
            select(func.count()).select_from(SubscriptionRow).where(*there)
        )
        going = self._session.scalars(self._unchanged().where(*there)).all()
        self._log_growth(-count_readers(self._session, self._newsletter_id, going))
        self._forget_departures(going)
        self._lift(going)
        self._session.execute(
            delete(SubscriptionRow).where(*there, SubscriptionRow.subscriber_id.in_(going))
        )
        if part.kind is ImportedKind.PERSON:
            self._session.execute(
                delete(SubscriberRow).where(SubscriberRow.id.in_(going), *_nothing_else())
            )
        if last == part.last:
            self._session.delete(part)
        else:
            part.first = last + 1
        self._count(removed=len(going), kept=(count or 0) - len(going))
        return True

    def _unchanged(self) -> Select[int]:
        """Select those whom nobody changed since, and who said nothing themselves."""
        complained = exists().where(
            SuppressionRow.address_key == SubscriberRow.address_key,
            SuppressionRow.reason == SuppressionReason.COMPLAINT,
            or_(
                SuppressionRow.newsletter_id.is_(None),
                SuppressionRow.newsletter_id == self._newsletter_id,
            ),
            ~self._by_import(),
        )
        consented = exists().where(
            ConsentRow.newsletter_id == self._newsletter_id,
            ConsentRow.subscriber_id == SubscriberRow.id,
        )
        noted = exists().where(
            NoteRow.newsletter_id == self._newsletter_id,
            NoteRow.subscriber_id == SubscriberRow.id,
        )
        return (
            select(SubscriptionRow.subscriber_id)
            .join(SubscriberRow, SubscriberRow.id == SubscriptionRow.subscriber_id)
            .where(SubscriptionRow.changed_at.is_(None), ~complained, ~consented, ~noted)
            .order_by(SubscriptionRow.subscriber_id)
            .with_for_update(of=SubscriptionRow)
        )

    def _log_growth(self, count: int) -> None:
        log_growth(self._session, self._newsletter_id, GrowthCause.IMPORT, count)

    def _by_import(self) -> ColumnElement[bool]:
        return exists().where(
            ImportAddedRow.import_id == self._row.id,
            ImportAddedRow.kind == ImportedKind.SUPPRESSION,
            SuppressionRow.id.between(ImportAddedRow.first, ImportAddedRow.last),
        )

    def _lift(self, numbers: Collection[int]) -> None:
        """Remove the suppressions of these people that the import added."""
        keys = select(SubscriberRow.address_key).where(SubscriberRow.id.in_(numbers))
        self._session.execute(
            delete(SuppressionRow)
            .where(
                SuppressionRow.newsletter_id == self._newsletter_id,
                SuppressionRow.address_key.in_(keys),
                self._by_import(),
            )
            .execution_options(synchronize_session=False)
        )

    def _forget_departures(self, numbers: Sequence[int], *conditions: ColumnElement[bool]) -> None:
        """Remove from the log of leaving what the list alone said of these people."""
        self._session.execute(
            delete(UnsubscribeEventRow)
            .where(
                UnsubscribeEventRow.newsletter_id == self._newsletter_id,
                UnsubscribeEventRow.subscriber_id.in_(numbers),
                UnsubscribeEventRow.way == UnsubscribeWay.LIST,
                *conditions,
            )
            .execution_options(synchronize_session=False)
        )

    def _count(self, **more: int) -> None:
        counts = self._row.undo_counts
        self._row.undo_counts = counts | {name: counts[name] + each for name, each in more.items()}


def _nothing_else() -> list[ColumnElement[bool]]:
    """Return the conditions that no row of any table refers to a subscriber."""
    return [
        ~exists().where(key.parent == SubscriberRow.id)
        for table in Base.metadata.sorted_tables
        for key in table.foreign_keys
        if key.column is SubscriberRow.__table__.c.id
    ]
