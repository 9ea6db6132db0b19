"""One person's history with a newsletter: all that is recorded of them, the newest first.

Each table that records something of people is a source. What a room above records, such as the
mail of a series, its own source brings (`read_history`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, SQLColumnExpression, and_, exists, func, or_, select
from sqlalchemy.orm import Session, aliased

from newsletter.accounts.actor_names import colleagues_by_address
from newsletter.accounts.audit_actions import ACTIONS, Action
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
from newsletter.i18n.messages import Message, msg, pmsg, written
from newsletter.i18n.values import Listing, Moment, Worded
from subscribers.fields.store import list_fields
from subscribers.history_entries import (
    HistoryEntry,
    HistoryKind,
    HistoryPage,
    HistoryPosition,
    Person,
    Source,
)
from subscribers.merging.links import merged_into, within_group
from subscribers.tagging import written_numbers

_PAGE = 30


def read_history(
    session: Session,
    person: Person,
    *,
    before: HistoryPosition | None = None,
    limit: int = _PAGE,
    more: Sequence[Source] = (),
) -> HistoryPage:
    """Return a page of a person's history, the newest first.

    Args:
        session: Open for reading.
        person: Whose history.
        before: Where the page begins; None at the newest.
        limit: How many entries at most.
        more: Sources beside those of this room.
    """
    others = merged_into(session, person.newsletter_id, person.subscriber_id)
    person = replace(person, others=others, colleagues=colleagues_by_address(session))
    # What happened to several addresses at once has one mark, and is on one page.
    most = limit + 1 + len(others)
    events = [
        entry
        for number, source in enumerate((*_SOURCES, *more))
        for entry in source(session, person, number, before, most)
    ]
    events.sort(key=lambda entry: entry.mark, reverse=True)
    while limit < len(events) and events[limit].mark == events[limit - 1].mark:
        limit += 1
    page = events[:limit]
    return HistoryPage(entries=page, after=page[-1].mark if len(events) > limit else None)


def _rows(
    session: Session,
    table: type[Any],
    at: SQLColumnExpression[datetime],
    whose: ColumnElement[bool],
    place: tuple[int, HistoryPosition | None, int],
) -> Iterator[Any]:
    source, before, limit = place
    query = select(table).where(whose)
    if before is not None:
        query = query.where(before.older(at, source, table.id))
    yield from session.scalars(query.order_by(at.desc(), table.id.desc()).limit(limit))


def _of(table: type[Any], person: Person) -> ColumnElement[bool]:
    return and_(
        table.subscriber_id.in_(person.numbers), table.newsletter_id == person.newsletter_id
    )


def _consents(
    session: Session, person: Person, number: int, before: HistoryPosition | None, limit: int
) -> Iterator[HistoryEntry]:
    words = {
        ConsentStep.REQUESTED: msg("Asked to subscribe"),
        ConsentStep.CONFIRMED: msg("Subscription confirmed"),
    }
    whose = _of(ConsentRow, person)
    for row in _rows(session, ConsentRow, ConsentRow.occurred_at, whose, (number, before, limit)):
        details = person.at_address(row.subscriber_id)
        details += [written(text) for text in (row.source, row.network) if text]
        if row.wording:
            details.append(msg("Agreed to: {wording}", wording=row.wording))
        yield HistoryEntry(
            at=row.occurred_at,
            source=number,
            number=row.id,
            kind=HistoryKind.CONSENT,
            what=words[row.step],
            details=details,
        )


def _enrolment(
    session: Session, person: Person, number: int, before: HistoryPosition | None, limit: int
) -> Iterator[HistoryEntry]:
    """Yield how somebody came who confirmed nothing here: by a list, or by hand."""
    for who in person.numbers[: max(limit, 0)]:
        row = session.get(SubscriptionRow, (person.newsletter_id, who))
        at = (row.confirmed_at or row.consented_at) if row else None
        confirmed = select(ConsentRow.id).where(
            ConsentRow.subscriber_id == who,
            ConsentRow.newsletter_id == person.newsletter_id,
            ConsentRow.step == ConsentStep.CONFIRMED,
        )
        if row is None or at is None or session.scalar(confirmed.limit(1)):
            continue
        given = (row.consent_basis, row.consent_source, row.consent_wording)
        details = [*person.at_address(who), *(written(text) for text in given if text)]
        consented_at = row.consented_at or at
        imported_at = _imported_at(session, person.newsletter_id, who)
        if imported_at and consented_at < imported_at:
            zone = session.get_one(NewsletterRow, person.newsletter_id).time_zone
            details.append(msg("Consent given: {moment}", moment=Moment(consented_at, zone)))
        entry = HistoryEntry(
            at=imported_at or at,
            source=number,
            number=who,
            kind=HistoryKind.CONSENT,
            what=msg("Imported with a list") if imported_at else msg("Put on the list"),
            details=details,
        )
        if before is None or entry.mark < before:
            yield entry


def _imported_at(session: Session, newsletter_id: int, subscriber_id: int) -> datetime | None:
    """Return when the import began that put somebody on a list; None where none did."""
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


def _list_changes(
    session: Session, person: Person, number: int, before: HistoryPosition | None, limit: int
) -> Iterator[HistoryEntry]:
    """Yield lists that changed somebody who was on the list already."""
    for who in person.numbers:
        whose = and_(
            ListImportRow.newsletter_id == person.newsletter_id,
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
        for row in _rows(session, ListImportRow, at, whose, (number, before, limit)):
            yield HistoryEntry(
                at=row.started_at,
                source=number,
                number=row.id,
                kind=HistoryKind.CHANGE,
                what=msg("Changed by an imported list"),
                details=[written(row.source), *person.at_address(who)],
            )


def _departures(
    session: Session, person: Person, number: int, before: HistoryPosition | None, limit: int
) -> Iterator[HistoryEntry]:
    # A merge has an entry of its own.
    whose = and_(_of(UnsubscribeEventRow, person), UnsubscribeEventRow.way != UnsubscribeWay.MERGE)
    at = UnsubscribeEventRow.occurred_at
    for row in _rows(session, UnsubscribeEventRow, at, whose, (number, before, limit)):
        details = [*person.at_address(row.subscriber_id), WAY_NAMES[row.way]]
        if row.reason:
            details.append(msg("Reason given: {reason}", reason=name_of(row.reason)))
        if row.remark:
            details.append(written(row.remark))
        yield HistoryEntry(
            at=row.occurred_at,
            source=number,
            number=row.id,
            kind=HistoryKind.LEFT,
            what=pmsg("history", "Unsubscribed"),
            details=details,
            mailing_id=row.mailing_id,
        )


def _deliveries(
    session: Session, person: Person, number: int, before: HistoryPosition | None, limit: int
) -> Iterator[HistoryEntry]:
    at = func.coalesce(
        DeliveryRow.settled_at, MailingRow.started_at, MailingRow.created_at, type_=UtcDateTime()
    )
    query = (
        select(DeliveryRow, MailingRow.title, at.label("at"))
        .join(MailingRow, MailingRow.id == DeliveryRow.mailing_id)
        .where(
            DeliveryRow.subscriber_id.in_(person.numbers),
            MailingRow.newsletter_id == person.newsletter_id,
        )
    )
    if before is not None:
        query = query.where(before.older(at, number, DeliveryRow.mailing_id))
    for row, title, moment in session.execute(
        query.order_by(at.desc(), DeliveryRow.mailing_id.desc()).limit(limit)
    ):
        yield HistoryEntry(
            at=moment,
            source=number,
            number=row.mailing_id,
            kind=HistoryKind.MAIL,
            what=msg(
                "Mail: {subject} – {state}",
                subject=title or str(row.mailing_id),
                state=name_of(row.state),
            ),
            details=[
                *([written(row.reply)] if row.reply else []),
                *person.at_address(row.subscriber_id),
            ],
            mailing_id=row.mailing_id,
        )


def _bounces(
    session: Session, person: Person, number: int, before: HistoryPosition | None, limit: int
) -> Iterator[HistoryEntry]:
    whose = _of(BounceRow, person)
    for row in _rows(session, BounceRow, BounceRow.occurred_at, whose, (number, before, limit)):
        words = f"{row.status} {row.reply}".strip()
        yield HistoryEntry(
            at=row.occurred_at,
            source=number,
            number=row.id,
            kind=HistoryKind.BOUNCE,
            what=msg("Returned: {kind}", kind=name_of(row.kind)),
            details=[
                *([written(words)] if words else []),
                *person.at_address(row.subscriber_id),
            ],
            mailing_id=row.mailing_id,
        )


def _suppressions(
    session: Session, person: Person, number: int, before: HistoryPosition | None, limit: int
) -> Iterator[HistoryEntry]:
    """Yield what suppresses the address now; why all newsletters do may be another's to know."""
    keys = select(SubscriberRow.address_key).where(SubscriberRow.id.in_(person.numbers))
    whose = and_(
        SuppressionRow.address_key.in_(keys),
        or_(
            SuppressionRow.newsletter_id.is_(None),
            SuppressionRow.newsletter_id == person.newsletter_id,
        ),
    )
    at = SuppressionRow.created_at
    for row in _rows(session, SuppressionRow, at, whose, (number, before, limit)):
        own = row.newsletter_id == person.newsletter_id and row.evidence
        details = [written(row.evidence)] if own else []
        if row.newsletter_id is None:
            details.append(msg("For all newsletters"))
        whose_key = select(SubscriberRow.id).where(SubscriberRow.address_key == row.address_key)
        details += person.at_address(session.scalar(whose_key) or 0)
        yield HistoryEntry(
            at=row.created_at,
            source=number,
            number=row.id,
            kind=HistoryKind.SUPPRESSION,
            what=msg("Address suppressed: {reason}", reason=name_of(row.reason)),
            details=details,
        )


def _events(
    session: Session, person: Person, number: int, before: HistoryPosition | None, limit: int
) -> Iterator[HistoryEntry]:
    numbers = {f"subscriber {number}": number for number in person.numbers}
    whose = and_(
        AuditEventRow.object.in_(numbers),
        AuditEventRow.newsletter_id == person.newsletter_id,
        AuditEventRow.action.in_([action.value for action in EVENT_NAMES]),
    )
    at = AuditEventRow.occurred_at
    fields = list_fields(session, person.newsletter_id)
    labels: dict[str, Worded] = {**SETTING_NAMES, **{field.key: field.named for field in fields}}
    for row in _rows(session, AuditEventRow, at, whose, (number, before, limit)):
        details = [
            *person.at_address(numbers[row.object]),
            person.by(row.actor),
        ]
        if row.reason:
            details.append(msg("Reason given: {reason}", reason=row.reason))
        if keys := row.details.get("changed"):
            names = tuple(labels.get(key) or written(str(key)) for key in keys)
            details.append(msg("Changed: {names}", names=Listing(names)))
        yield HistoryEntry(
            at=row.occurred_at,
            source=number,
            number=row.id,
            kind=HistoryKind.CHANGE,
            what=EVENT_NAMES[ACTIONS[row.action]],
            details=details,
        )


def _address_changes(
    session: Session, person: Person, number: int, before: HistoryPosition | None, limit: int
) -> Iterator[HistoryEntry]:
    whose = and_(
        or_(
            AddressChangeRow.subscriber_id.in_(person.numbers),
            AddressChangeRow.successor_id.in_(person.numbers),
        ),
        AddressChangeRow.newsletter_id == person.newsletter_id,
        AddressChangeRow.changed_at.is_not(None),
    )
    at = func.coalesce(
        AddressChangeRow.changed_at, AddressChangeRow.requested_at, type_=UtcDateTime()
    )
    for row in _rows(session, AddressChangeRow, at, whose, (number, before, limit)):
        is_new = row.successor_id in person.numbers
        other = session.get(SubscriberRow, row.subscriber_id if is_new else row.successor_id)
        address = (other.address if other else None) or "–"
        yield HistoryEntry(
            at=row.changed_at,
            source=number,
            number=row.id,
            kind=HistoryKind.CHANGE,
            what=msg("Address changed from {address}", address=address)
            if is_new
            else msg("Address changed to {address}", address=address),
            details=[msg("Undone later")] if row.undone_at else [],
        )


def _notes(
    session: Session, person: Person, number: int, before: HistoryPosition | None, limit: int
) -> Iterator[HistoryEntry]:
    whose = _of(NoteRow, person)
    for row in _rows(session, NoteRow, NoteRow.written_at, whose, (number, before, limit)):
        yield HistoryEntry(
            at=row.written_at,
            source=number,
            number=row.id,
            kind=HistoryKind.NOTE,
            what=msg("Note by {author}", author=person.actor(row.author)),
            details=[*person.at_address(row.subscriber_id), written(row.text)],
        )


def _taggings(
    session: Session, person: Person, number: int, before: HistoryPosition | None, limit: int
) -> Iterator[HistoryEntry]:
    """Yield the tags that were given to many at once, this person among them, or taken away."""
    for who in person.numbers:
        yield from _taggings_of(session, person, who, (number, before, limit))


def _taggings_of(
    session: Session, person: Person, who: int, place: tuple[int, HistoryPosition | None, int]
) -> Iterator[HistoryEntry]:
    number, before, limit = place
    later = aliased(TaggingPageRow)
    page = (
        select(func.min(later.last))
        .where(later.tagging_id == TaggingRow.id, later.last >= who)
        .scalar_subquery()
    )
    query = (
        select(TaggingRow, TaggingPageRow.done_at)
        .join(TaggingPageRow, TaggingPageRow.tagging_id == TaggingRow.id)
        .where(
            TaggingRow.newsletter_id == person.newsletter_id,
            TaggingPageRow.last == page,
            TaggingPageRow.people.contains(written_numbers([who]), autoescape=True),
        )
    )
    if before is not None:
        query = query.where(before.older(TaggingPageRow.done_at, number, TaggingRow.id))
    for row, done_at in session.execute(
        query.order_by(TaggingPageRow.done_at.desc(), TaggingRow.id.desc()).limit(limit)
    ):
        yield HistoryEntry(
            at=done_at,
            source=number,
            number=row.id,
            kind=HistoryKind.CHANGE,
            what=msg("Tag “{tag}” given", tag=row.tag)
            if row.given
            else msg("Tag “{tag}” taken away", tag=row.tag),
            details=[
                *person.at_address(who),
                *([person.by(row.ordered_by)] if row.ordered_by else []),
            ],
        )


def _merges(
    session: Session, person: Person, number: int, before: HistoryPosition | None, limit: int
) -> Iterator[HistoryEntry]:
    whose = and_(
        or_(
            PersonMergeRow.kept_id.in_(person.numbers),
            PersonMergeRow.merged_id == person.subscriber_id,
        ),
        within_group(person.newsletter_id),
    )
    at = PersonMergeRow.merged_at
    for row in _rows(session, PersonMergeRow, at, whose, (number, before, limit)):
        into = row.merged_id == person.subscriber_id
        other = session.get(SubscriberRow, row.kept_id if into else row.merged_id)
        address = (other.address if other else None) or "–"
        yield HistoryEntry(
            at=row.merged_at,
            source=number,
            number=row.id,
            kind=HistoryKind.CHANGE,
            what=msg("Merged into {address}", address=address)
            if into
            else msg("Merged with {address}", address=address),
            details=[person.by(row.merged_by)],
        )


#: By which ways people leave.
WAY_NAMES: Mapping[UnsubscribeWay, Message] = {
    UnsubscribeWay.ONE_CLICK: msg("By one click in a mail program"),
    UnsubscribeWay.PAGE: msg("On the page behind a link"),
    UnsubscribeWay.MAIL: msg("By a mail"),
    UnsubscribeWay.API: msg("By the API"),
    UnsubscribeWay.OPERATOR: msg("By the staff"),
    UnsubscribeWay.COMPLAINT: msg("By a complaint"),
    UnsubscribeWay.PROVIDER: msg("At the provider that sends"),
    UnsubscribeWay.LIST: msg("By an imported list"),
    UnsubscribeWay.ADDRESS_CHANGE: msg("By a change of address"),
    UnsubscribeWay.MERGE: msg("Merged with another person"),
}
#: What of a person is theirs or the staff's to change, besides the newsletter's own fields.
SETTING_NAMES: Mapping[str, Worded] = {
    "name": msg("Name"),
    "language": msg("Language"),
    "format": msg("Form of the mail"),
    "time_zone": msg("Time zone"),
    "frequency": pmsg("reader", "How often"),
    "tags": msg("Tags"),
    "paused_until": pmsg("setting", "Pause"),
}
#: What of the audit log belongs to a person's history; what has a row of its own does not.
EVENT_NAMES = {
    Action.SUBSCRIBER_ADD: msg("Added by hand"),
    Action.SUBSCRIBER_EDIT: msg("Edited"),
    Action.SUBSCRIBER_LIFT: msg("Suppression lifted"),
    Action.SUBSCRIBER_PREFERENCES: msg("Preferences changed by the reader"),
    Action.SUBSCRIBER_SUPPRESS: msg("Suppressed by the staff"),
    Action.SUBSCRIBER_UNSUBSCRIBE: msg("Unsubscribed by the staff"),
}
#: Their order is that of entries of one instant, so a new one goes to the end.
_SOURCES: tuple[Source, ...] = (
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
