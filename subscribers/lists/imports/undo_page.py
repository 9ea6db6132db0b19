"""Undoing one page of an import's people in one transaction."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import (
    ColumnElement,
    Select,
    and_,
    delete,
    exists,
    func,
    or_,
    select,
    update,
)
from sqlalchemy.orm import Session

from newsletter.database.tables import (
    Base,
    ConsentRow,
    DeliveryRow,
    ImportAddedRow,
    ImportChangeRow,
    ImportTagRow,
    ListImportRow,
    NoteRow,
    SubscriberRow,
    SubscriptionRow,
    SuppressionRow,
    TagRow,
    UnsubscribeEventRow,
)
from newsletter.database.vocabulary import (
    DeliveryState,
    GrowthCause,
    ImportedKind,
    SuppressionReason,
    UnsubscribeWay,
)
from subscribers.fields.model import current_values
from subscribers.fields.store import list_fields
from subscribers.growth import count_readers, readers_among
from subscribers.growth_log import log_growth
from subscribers.lists.imports.sharing import take_back, write_values
from subscribers.subscription_columns import RESTORED

#: States of deliveries that were certainly never transmitted.
_NEVER_SENT = (DeliveryState.QUEUED, DeliveryState.SKIPPED)
#: People in a page.
_PAGE = 2000


class UndoPage:
    """One page of an import's people during undoing."""

    def __init__(self, session: Session, row: ListImportRow) -> None:
        self._session = session
        self._row = row
        self._newsletter_id = row.newsletter_id

    def undo(self) -> bool:
        """Undo a page; return whether there were any people."""
        spread = take_back(self._session, self._row.id, self._newsletter_id, most=_PAGE)
        return (
            spread
            or self._restore()
            or self._take_tags()
            or self._lift_of_others()
            or self._remove()
        )

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
        """Remove restored values of fields that were deleted since."""
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
        """Remove the tags of the import from people who were not changed since."""
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

    def _lift_of_others(self) -> bool:
        """Remove suppressions of people whom the import changed in no other way.

        These had unsubscribed before. People who were changed since keep their suppression, as in
        `_restore`; `_remove` handles added people.
        """
        added = exists().where(
            ImportAddedRow.import_id == self._row.id,
            ImportAddedRow.kind.in_(ImportedKind.of_people()),
            SubscriberRow.id.between(ImportAddedRow.first, ImportAddedRow.last),
        )
        numbers = self._session.scalars(
            select(SubscriptionRow.subscriber_id)
            .join(SubscriberRow, SubscriberRow.id == SubscriptionRow.subscriber_id)
            .join(SuppressionRow, SuppressionRow.address_key == SubscriberRow.address_key)
            .where(
                SubscriptionRow.newsletter_id == self._newsletter_id,
                SuppressionRow.newsletter_id == self._newsletter_id,
                self._by_import(),
                or_(
                    SubscriptionRow.changed_at.is_(None),
                    SubscriptionRow.changed_at < self._row.started_at,
                ),
                ~added,
            )
            .order_by(SubscriptionRow.subscriber_id)
            .limit(_PAGE)
            .with_for_update(of=SubscriptionRow)
        ).all()
        self._lift(numbers)
        return bool(numbers)

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
        # Locked against concurrent changes of these people.
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
                delete(SubscriberRow).where(SubscriberRow.id.in_(going), *_nothing_refers())
            )
            # The mailing keeps its number of recipients.
            self._session.execute(
                update(SubscriberRow)
                .where(
                    SubscriberRow.id.in_(going),
                    *_nothing_refers(but=DeliveryRow),
                    ~exists().where(
                        DeliveryRow.subscriber_id == SubscriberRow.id,
                        DeliveryRow.state.not_in(_NEVER_SENT),
                    ),
                )
                .values(address=None, address_key=None, domain="")
                .execution_options(synchronize_session=False)
            )
        if last == part.last:
            self._session.delete(part)
        else:
            part.first = last + 1
        self._count(removed=len(going), kept=(count or 0) - len(going))
        return True

    def _unchanged(self) -> Select[int]:
        """Select the people who were not changed since, and did nothing themselves."""
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
        began = self._row.started_at
        log_growth(self._session, self._newsletter_id, GrowthCause.UNDO, count, moment=began)

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
        """Delete entries of unsubscriptions that only came from the list."""
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


def _nothing_refers(*, but: type[Base] | None = None) -> list[ColumnElement[bool]]:
    """Return the conditions that no row of any table except one refers to a subscriber."""
    return [
        ~exists().where(key.parent == SubscriberRow.id)
        for table in Base.metadata.sorted_tables
        for key in table.foreign_keys
        if key.column is SubscriberRow.__table__.c.id
        and (but is None or table is not but.__table__)
    ]
