"""A person's history in a newsletter: all recorded events, the newest first.

Each table with events about people is a source.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypeVarTuple

from sqlalchemy import ColumnElement, Select, SQLColumnExpression, and_, exists, func, or_, select
from sqlalchemy.orm import Session, aliased

from newsletter.accounts.actors import colleagues_by_address
from newsletter.accounts.audit_actions import ACTIONS
from newsletter.database.tables import (
    AddressChangeRow,
    AuditEventRow,
    BounceRow,
    ConsentRow,
    DeliveryRow,
    ImportAddedRow,
    ImportChangeRow,
    ImportTagRow,
    ListImportRow,
    MailingRow,
    NewsletterRow,
    NoteRow,
    PersonMergeRow,
    SubscriberRow,
    SubscriptionRow,
    SuppressionRow,
    TaggingPageRow,
    TaggingRow,
    UnsubscribeEventRow,
)
from newsletter.database.types import UtcDateTime
from newsletter.database.vocabulary import ConsentStep, ImportedKind, UnsubscribeWay
from newsletter.database.words import name_of
from newsletter.i18n.messages import msg, pmsg, written
from newsletter.i18n.values import Listing, Moment, Worded
from subscribers.fields.store import list_fields
from subscribers.history_entries import (
    EVENT_NAMES,
    NOTICE_NAMES,
    SETTING_NAMES,
    WAY_NAMES,
    HistoryEntry,
    HistoryKind,
    HistoryPage,
    HistoryPosition,
    Person,
)
from subscribers.merging.links import merged_into, within_group
from subscribers.tagging import written_numbers

_PAGE = 30
_Row = TypeVarTuple("_Row")


def read_history(
    session: Session,
    person: Person,
    *,
    before: HistoryPosition | None = None,
    limit: int = _PAGE,
) -> HistoryPage:
    """Return a page of a person's history, the newest first.

    Args:
        session: The database session.
        person: The person.
        before: The position where the page begins; None for the newest.
        limit: The maximum number of entries.
    """
    others = merged_into(session, person.newsletter_id, person.subscriber_id)
    person = replace(person, others=others, colleagues=colleagues_by_address(session))
    # Events of several addresses at once have the same position, and must be on one page.
    most = limit + 1 + len(others)
    events = [
        entry
        for number, source in enumerate(_SOURCES)
        for entry in source(
            _Asked(session=session, person=person, source=number, before=before, limit=most)
        )
    ]
    events.sort(key=lambda entry: entry.mark, reverse=True)
    while limit < len(events) and events[limit].mark == events[limit - 1].mark:
        limit += 1
    page = events[:limit]
    return HistoryPage(entries=page, after=page[-1].mark if len(events) > limit else None)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Asked:
    """A request to a source for its newest events after a position.

    Attributes:
        source: The number of the source, which its entries contain.
        before: The position; None for the newest.
        limit: The maximum number of events.
    """

    session: Session
    person: Person
    source: int
    before: HistoryPosition | None
    limit: int

    def page(
        self,
        query: Select[*_Row],
        at: SQLColumnExpression[datetime],
        number: SQLColumnExpression[int],
    ) -> Select[*_Row]:
        """Return a query for the newest rows after the position, by time and id."""
        if self.before is not None:
            query = query.where(self.before.older(at, self.source, number))
        return query.order_by(at.desc(), number.desc()).limit(self.limit)

    def rows(
        self, table: type[Any], at: SQLColumnExpression[datetime], whose: ColumnElement[bool]
    ) -> Iterator[Any]:
        """Yield the newest rows of a table that meet a condition."""
        yield from self.session.scalars(self.page(select(table).where(whose), at, table.id))

    def own(self, table: type[Any]) -> ColumnElement[bool]:
        """Return the condition that a row is about the person in the newsletter."""
        return and_(
            table.subscriber_id.in_(self.person.numbers),
            table.newsletter_id == self.person.newsletter_id,
        )

    def address_of(self, subscriber_id: int) -> str:
        """Return the address of another subscriber, or a dash if it was erased."""
        other = self.session.get(SubscriberRow, subscriber_id)
        return (other.address if other else None) or "–"


def _consents(asked: _Asked) -> Iterator[HistoryEntry]:
    words = {
        ConsentStep.REQUESTED: msg("Asked to subscribe"),
        ConsentStep.CONFIRMED: msg("Subscription confirmed"),
    }
    whose = asked.own(ConsentRow)
    for row in asked.rows(ConsentRow, ConsentRow.occurred_at, whose):
        details = asked.person.at_address(row.subscriber_id)
        details += [written(text) for text in (row.source, row.network) if text]
        if row.wording:
            details.append(msg("Agreed to: {wording}", wording=row.wording))
        yield HistoryEntry(
            at=row.occurred_at,
            source=asked.source,
            number=row.id,
            kind=HistoryKind.CONSENT,
            what=words[row.step],
            details=details,
        )


def _enrolment(asked: _Asked) -> Iterator[HistoryEntry]:
    """Yield how a person without confirmation was added: by an import, or by hand."""
    for who in asked.person.numbers[: max(asked.limit, 0)]:
        row = asked.session.get(SubscriptionRow, (asked.person.newsletter_id, who))
        at = (row.confirmed_at or row.consented_at) if row else None
        confirmed = select(ConsentRow.id).where(
            ConsentRow.subscriber_id == who,
            ConsentRow.newsletter_id == asked.person.newsletter_id,
            ConsentRow.step == ConsentStep.CONFIRMED,
        )
        if row is None or at is None or asked.session.scalar(confirmed.limit(1)):
            continue
        given = (row.consent_basis, row.consent_source, row.consent_wording)
        details = [*asked.person.at_address(who), *(written(text) for text in given if text)]
        consented_at = row.consented_at or at
        imported_at = _imported_at(asked.session, asked.person.newsletter_id, who)
        if imported_at and consented_at < imported_at:
            zone = asked.session.get_one(NewsletterRow, asked.person.newsletter_id).time_zone
            details.append(msg("Consent given: {moment}", moment=Moment(consented_at, zone)))
        entry = HistoryEntry(
            at=imported_at or at,
            source=asked.source,
            number=who,
            kind=HistoryKind.CONSENT,
            what=msg("Imported with a list") if imported_at else msg("Put on the list"),
            details=details,
        )
        if asked.before is None or entry.mark < asked.before:
            yield entry


def _imported_at(session: Session, newsletter_id: int, subscriber_id: int) -> datetime | None:
    """Return the time of the import that added a person; None if none did."""
    return session.scalar(
        select(func.max(ListImportRow.started_at, type_=UtcDateTime()))
        .join(ImportAddedRow, ImportAddedRow.import_id == ListImportRow.id)
        .where(
            ListImportRow.newsletter_id == newsletter_id,
            ImportAddedRow.kind.in_(ImportedKind.of_people()),
            ImportAddedRow.first <= subscriber_id,
            ImportAddedRow.last >= subscriber_id,
        )
    )


def _list_changes(asked: _Asked) -> Iterator[HistoryEntry]:
    """Yield imports that changed an existing subscription."""
    for who in asked.person.numbers:
        whose = and_(
            ListImportRow.newsletter_id == asked.person.newsletter_id,
            or_(
                *(
                    exists().where(table.import_id == ListImportRow.id, table.subscriber_id == who)
                    for table in (ImportChangeRow, ImportTagRow)
                ),
                exists().where(
                    ImportAddedRow.import_id == ListImportRow.id,
                    ImportAddedRow.kind == ImportedKind.CHANGE,
                    ImportAddedRow.first <= who,
                    ImportAddedRow.last >= who,
                ),
            ),
        )
        at = ListImportRow.started_at
        for row in asked.rows(ListImportRow, at, whose):
            yield HistoryEntry(
                at=row.started_at,
                source=asked.source,
                number=row.id,
                kind=HistoryKind.CHANGE,
                what=msg("Changed by an imported list"),
                details=[written(row.source), *asked.person.at_address(who)],
            )


def _departures(asked: _Asked) -> Iterator[HistoryEntry]:
    # Merges have entries of their own.
    whose = and_(asked.own(UnsubscribeEventRow), UnsubscribeEventRow.way != UnsubscribeWay.MERGE)
    at = UnsubscribeEventRow.occurred_at
    for row in asked.rows(UnsubscribeEventRow, at, whose):
        details = [*asked.person.at_address(row.subscriber_id), WAY_NAMES[row.way]]
        if row.reason:
            details.append(msg("Reason given: {reason}", reason=name_of(row.reason)))
        if row.remark:
            details.append(written(row.remark))
        yield HistoryEntry(
            at=row.occurred_at,
            source=asked.source,
            number=row.id,
            kind=HistoryKind.LEFT,
            what=pmsg("history", "Unsubscribed"),
            details=details,
            mailing_id=row.mailing_id,
        )


def _deliveries(asked: _Asked) -> Iterator[HistoryEntry]:
    at = func.coalesce(
        DeliveryRow.settled_at, MailingRow.started_at, MailingRow.created_at, type_=UtcDateTime()
    )
    query = (
        select(DeliveryRow, MailingRow.title, MailingRow.notice, at.label("at"))
        .join(MailingRow, MailingRow.id == DeliveryRow.mailing_id)
        .where(
            DeliveryRow.subscriber_id.in_(asked.person.numbers),
            MailingRow.newsletter_id == asked.person.newsletter_id,
        )
    )
    page = asked.page(query, at, DeliveryRow.mailing_id)
    for row, title, notice, moment in asked.session.execute(page):
        yield HistoryEntry(
            at=moment,
            source=asked.source,
            number=row.mailing_id,
            kind=HistoryKind.MAIL,
            what=msg(
                "Mail: {subject} – {state}",
                subject=title or NOTICE_NAMES.get(notice) or str(row.mailing_id),
                state=name_of(row.state),
            ),
            details=[
                *([written(row.reply)] if row.reply else []),
                *asked.person.at_address(row.subscriber_id),
            ],
            mailing_id=row.mailing_id,
        )


def _bounces(asked: _Asked) -> Iterator[HistoryEntry]:
    whose = asked.own(BounceRow)
    for row in asked.rows(BounceRow, BounceRow.occurred_at, whose):
        words = f"{row.status} {row.reply}".strip()
        yield HistoryEntry(
            at=row.occurred_at,
            source=asked.source,
            number=row.id,
            kind=HistoryKind.BOUNCE,
            what=msg("Returned: {kind}", kind=name_of(row.kind)),
            details=[
                *([written(words)] if words else []),
                *asked.person.at_address(row.subscriber_id),
            ],
            mailing_id=row.mailing_id,
        )


def _suppressions(asked: _Asked) -> Iterator[HistoryEntry]:
    """Yield present suppressions; the reason of one for all newsletters may not be shown here."""
    keys = select(SubscriberRow.address_key).where(SubscriberRow.id.in_(asked.person.numbers))
    whose = and_(
        SuppressionRow.address_key.in_(keys),
        or_(
            SuppressionRow.newsletter_id.is_(None),
            SuppressionRow.newsletter_id == asked.person.newsletter_id,
        ),
    )
    at = SuppressionRow.created_at
    for row in asked.rows(SuppressionRow, at, whose):
        own = row.newsletter_id == asked.person.newsletter_id and row.evidence
        details = [written(row.evidence)] if own else []
        if row.newsletter_id is None:
            details.append(msg("For all newsletters"))
        whose_key = select(SubscriberRow.id).where(SubscriberRow.address_key == row.address_key)
        details += asked.person.at_address(asked.session.scalar(whose_key) or 0)
        yield HistoryEntry(
            at=row.created_at,
            source=asked.source,
            number=row.id,
            kind=HistoryKind.SUPPRESSION,
            what=msg("Address suppressed: {reason}", reason=name_of(row.reason)),
            details=details,
        )


def _events(asked: _Asked) -> Iterator[HistoryEntry]:
    numbers = {f"subscriber {who}": who for who in asked.person.numbers}
    whose = and_(
        AuditEventRow.object.in_(numbers),
        AuditEventRow.newsletter_id == asked.person.newsletter_id,
        AuditEventRow.action.in_([action.value for action in EVENT_NAMES]),
    )
    at = AuditEventRow.occurred_at
    fields = list_fields(asked.session, asked.person.newsletter_id)
    labels: dict[str, Worded] = {**SETTING_NAMES, **{field.key: field.named for field in fields}}
    for row in asked.rows(AuditEventRow, at, whose):
        details = [
            *asked.person.at_address(numbers[row.object]),
            asked.person.by(row.actor),
        ]
        if row.reason:
            details.append(msg("Reason given: {reason}", reason=row.reason))
        if keys := row.details.get("changed"):
            names = tuple(labels.get(key) or written(str(key)) for key in keys)
            details.append(msg("Changed: {names}", names=Listing(names)))
        yield HistoryEntry(
            at=row.occurred_at,
            source=asked.source,
            number=row.id,
            kind=HistoryKind.CHANGE,
            what=EVENT_NAMES[ACTIONS[row.action]],
            details=details,
        )


def _address_changes(asked: _Asked) -> Iterator[HistoryEntry]:
    whose = and_(
        or_(
            AddressChangeRow.subscriber_id.in_(asked.person.numbers),
            AddressChangeRow.successor_id.in_(asked.person.numbers),
        ),
        AddressChangeRow.newsletter_id == asked.person.newsletter_id,
        AddressChangeRow.changed_at.is_not(None),
    )
    at = func.coalesce(
        AddressChangeRow.changed_at, AddressChangeRow.requested_at, type_=UtcDateTime()
    )
    for row in asked.rows(AddressChangeRow, at, whose):
        is_new = row.successor_id in asked.person.numbers
        address = asked.address_of(row.subscriber_id if is_new else row.successor_id)
        yield HistoryEntry(
            at=row.changed_at,
            source=asked.source,
            number=row.id,
            kind=HistoryKind.CHANGE,
            what=msg("Address changed from {address}", address=address)
            if is_new
            else msg("Address changed to {address}", address=address),
            details=[msg("Undone later")] if row.undone_at else [],
        )


def _notes(asked: _Asked) -> Iterator[HistoryEntry]:
    whose = asked.own(NoteRow)
    for row in asked.rows(NoteRow, NoteRow.written_at, whose):
        yield HistoryEntry(
            at=row.written_at,
            source=asked.source,
            number=row.id,
            kind=HistoryKind.NOTE,
            what=msg("Note by {author}", author=asked.person.actor(row.author)),
            details=[*asked.person.at_address(row.subscriber_id), written(row.text)],
        )


def _taggings(asked: _Asked) -> Iterator[HistoryEntry]:
    """Yield tags that were added to many people including this one, or removed."""
    for who in asked.person.numbers:
        yield from _taggings_of(asked, who)


def _taggings_of(asked: _Asked, who: int) -> Iterator[HistoryEntry]:
    later = aliased(TaggingPageRow)
    last = (
        select(func.min(later.last))
        .where(later.tagging_id == TaggingRow.id, later.last >= who)
        .scalar_subquery()
    )
    query = (
        select(TaggingRow, TaggingPageRow.done_at)
        .join(TaggingPageRow, TaggingPageRow.tagging_id == TaggingRow.id)
        .where(
            TaggingRow.newsletter_id == asked.person.newsletter_id,
            TaggingPageRow.last == last,
            TaggingPageRow.people.contains(written_numbers([who]), autoescape=True),
        )
    )
    page = asked.page(query, TaggingPageRow.done_at, TaggingRow.id)
    for row, done_at in asked.session.execute(page):
        yield HistoryEntry(
            at=done_at,
            source=asked.source,
            number=row.id,
            kind=HistoryKind.CHANGE,
            what=msg("Tag “{tag}” given", tag=row.tag)
            if row.given
            else msg("Tag “{tag}” taken away", tag=row.tag),
            details=[
                *asked.person.at_address(who),
                *([asked.person.by(row.ordered_by)] if row.ordered_by else []),
            ],
        )


def _merges(asked: _Asked) -> Iterator[HistoryEntry]:
    whose = and_(
        or_(
            PersonMergeRow.kept_id.in_(asked.person.numbers),
            PersonMergeRow.merged_id == asked.person.subscriber_id,
        ),
        within_group(asked.person.newsletter_id),
    )
    at = PersonMergeRow.merged_at
    for row in asked.rows(PersonMergeRow, at, whose):
        into = row.merged_id == asked.person.subscriber_id
        address = asked.address_of(row.kept_id if into else row.merged_id)
        yield HistoryEntry(
            at=row.merged_at,
            source=asked.source,
            number=row.id,
            kind=HistoryKind.CHANGE,
            what=msg("Merged into {address}", address=address)
            if into
            else msg("Merged with {address}", address=address),
            details=[asked.person.by(row.merged_by)],
        )


#: The sources, in the order of entries with the same time; add new ones at the end.
_SOURCES: Sequence[Callable[[_Asked], Iterable[HistoryEntry]]] = (
    _enrolment,
    _consents,
    _events,
    _deliveries,
    _departures,
    _bounces,
    _suppressions,
    _address_changes,
    _notes,
    _taggings,
    _merges,
    _list_changes,
)
