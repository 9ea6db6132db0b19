"""One person's history with a newsletter: all that is recorded of them, the newest first.

Each table that records something of people is a source. What a room above records, such as the
mail of a series, its own source brings (`read_history`).
"""

from __future__ import annotations

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from sqlalchemy import ColumnElement, SQLColumnExpression, and_, func, literal, or_, select
from sqlalchemy.orm import Session, aliased

from newsletter.accounts.audit import Action
from newsletter.database.tables import (
    AddressChangeRow,
    AuditEventRow,
    BounceRow,
    ConsentRow,
    DeliveryRow,
    MailingRow,
    NoteRow,
    SubscriberRow,
    SubscriptionRow,
    SuppressionRow,
    TaggingPageRow,
    TaggingRow,
    UnsubscribeEventRow,
)
from newsletter.database.types import UtcDateTime
from newsletter.database.vocabulary import ConsentStep, UnsubscribeWay
from newsletter.database.words import name_of
from newsletter.i18n.messages import Message, msg, pmsg, written
from newsletter.i18n.values import Listing, Worded
from subscribers.fields.store import list_fields
from subscribers.tagging import written_numbers

_PAGE = 30


class HistoryKind(StrEnum):
    """What an entry is about; a page may mark each in its own way."""

    CONSENT = "consent"
    LEFT = "left"
    MAIL = "mail"
    BOUNCE = "bounce"
    SUPPRESSION = "suppression"
    CHANGE = "change"
    NOTE = "note"
    SERIES = "series"


@dataclass(frozen=True, kw_only=True, slots=True)
class HistoryEntry:
    """Something that happened.

    Attributes:
        source: The number of its source, by which entries of one instant are in order.
        number: Its number within the source.
        details: What else is known of it: who, from where, the relay's words.
        mailing_id: The mailing that it is about, if about one.
    """

    at: datetime
    source: int
    number: int
    kind: HistoryKind
    what: Message
    details: Sequence[Message] = ()
    mailing_id: int | None = None

    @property
    def mark(self) -> Mark:
        """Where a page ends whose last entry it is."""
        return Mark(at=self.at, source=self.source, number=self.number)


@dataclass(frozen=True, kw_only=True, slots=True, order=True)
class Mark:
    """A place in a history: entries older than it come after it."""

    at: datetime
    source: int
    number: int

    def older(
        self, at: SQLColumnExpression[datetime], source: int, number: SQLColumnExpression[int]
    ) -> ColumnElement[bool]:
        """Return the condition that a row of a source comes after this place."""
        moment = literal(self.at, UtcDateTime())
        same = number < self.number if source == self.source else literal(source < self.source)
        return or_(at < moment, and_(at == moment, same))

    def encode(self) -> str:
        """Return it as an address carries it."""
        text = f"{self.at.isoformat()} {self.source} {self.number}"
        return urlsafe_b64encode(text.encode()).decode().rstrip("=")

    @classmethod
    def decode(cls, text: str) -> Mark | None:
        """Return what `encode` wrote; None for anything else."""
        try:
            padded = text.encode("ascii") + b"=" * (-len(text) % 4)
            at, source, number = urlsafe_b64decode(padded).decode().split(" ")
            mark = cls(at=datetime.fromisoformat(at), source=int(source), number=int(number))
        except (ValueError, binascii.Error):
            return None
        fits = mark.at.tzinfo is not None and abs(mark.number) < 2**62
        return mark if fits else None


@dataclass(frozen=True, kw_only=True, slots=True)
class Person:
    """Whose history is read, and with which newsletter."""

    newsletter_id: int
    subscriber_id: int


class Source(Protocol):
    """Reads what one table records of a person."""

    def __call__(
        self, session: Session, person: Person, number: int, before: Mark | None, limit: int
    ) -> Iterable[HistoryEntry]:
        """Return the newest entries older than a mark.

        Args:
            session: Open for reading.
            person: Whose history.
            number: The source's own number, which its entries carry.
            before: Only what comes after it; None for all.
            limit: How many at most.
        """


@dataclass(frozen=True, kw_only=True, slots=True)
class HistoryPage:
    """Some entries; ``after`` is where the next page begins, None at the end."""

    entries: Sequence[HistoryEntry]
    after: Mark | None


def read_history(
    session: Session,
    person: Person,
    *,
    before: Mark | None = None,
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
    found = [
        entry
        for number, source in enumerate((*_SOURCES, *more))
        for entry in source(session, person, number, before, limit + 1)
    ]
    found.sort(key=lambda entry: entry.mark, reverse=True)
    page = found[:limit]
    return HistoryPage(entries=page, after=page[-1].mark if len(found) > limit else None)


def _rows(
    session: Session,
    table: type[Any],
    at: SQLColumnExpression[datetime],
    whose: ColumnElement[bool],
    place: tuple[int, Mark | None, int],
) -> Iterator[Any]:
    source, before, limit = place
    query = select(table).where(whose)
    if before is not None:
        query = query.where(before.older(at, source, table.id))
    yield from session.scalars(query.order_by(at.desc(), table.id.desc()).limit(limit))


def _of(table: type[Any], person: Person) -> ColumnElement[bool]:
    return and_(
        table.subscriber_id == person.subscriber_id, table.newsletter_id == person.newsletter_id
    )


def _consents(
    session: Session, person: Person, number: int, before: Mark | None, limit: int
) -> Iterator[HistoryEntry]:
    words = {
        ConsentStep.REQUESTED: msg("Asked to subscribe"),
        ConsentStep.CONFIRMED: msg("Subscription confirmed"),
    }
    whose = _of(ConsentRow, person)
    for row in _rows(session, ConsentRow, ConsentRow.occurred_at, whose, (number, before, limit)):
        details = [written(text) for text in (row.source, row.network) if text]
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
    session: Session, person: Person, number: int, before: Mark | None, limit: int
) -> Iterator[HistoryEntry]:
    """Yield how somebody came who confirmed nothing here: by a list, or by hand."""
    row = session.get(SubscriptionRow, (person.newsletter_id, person.subscriber_id))
    at = (row.confirmed_at or row.consented_at) if row else None
    confirmed = select(ConsentRow.id).where(
        _of(ConsentRow, person), ConsentRow.step == ConsentStep.CONFIRMED
    )
    if row is None or at is None or limit < 1 or session.scalar(confirmed.limit(1)):
        return
    entry = HistoryEntry(
        at=at,
        source=number,
        number=0,
        kind=HistoryKind.CONSENT,
        what=msg("Put on the list"),
        details=[
            written(text)
            for text in (row.consent_basis, row.consent_source, row.consent_wording)
            if text
        ],
    )
    if before is None or entry.mark < before:
        yield entry


def _departures(
    session: Session, person: Person, number: int, before: Mark | None, limit: int
) -> Iterator[HistoryEntry]:
    whose = _of(UnsubscribeEventRow, person)
    at = UnsubscribeEventRow.occurred_at
    for row in _rows(session, UnsubscribeEventRow, at, whose, (number, before, limit)):
        details = [WAY_NAMES[row.way]]
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
    session: Session, person: Person, number: int, before: Mark | None, limit: int
) -> Iterator[HistoryEntry]:
    at = func.coalesce(
        DeliveryRow.settled_at, MailingRow.started_at, MailingRow.created_at, type_=UtcDateTime()
    )
    query = (
        select(DeliveryRow, MailingRow.title, at.label("at"))
        .join(MailingRow, MailingRow.id == DeliveryRow.mailing_id)
        .where(
            DeliveryRow.subscriber_id == person.subscriber_id,
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
            details=[written(row.reply)] if row.reply else [],
            mailing_id=row.mailing_id,
        )


def _bounces(
    session: Session, person: Person, number: int, before: Mark | None, limit: int
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
            details=[written(words)] if words else [],
            mailing_id=row.mailing_id,
        )


def _suppressions(
    session: Session, person: Person, number: int, before: Mark | None, limit: int
) -> Iterator[HistoryEntry]:
    """Yield what suppresses the address now; why all newsletters do may be another's to know."""
    key = select(SubscriberRow.address_key).where(SubscriberRow.id == person.subscriber_id)
    whose = and_(
        SuppressionRow.address_key == key.scalar_subquery(),
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
        yield HistoryEntry(
            at=row.created_at,
            source=number,
            number=row.id,
            kind=HistoryKind.SUPPRESSION,
            what=msg("Address suppressed: {reason}", reason=name_of(row.reason)),
            details=details,
        )


def _events(
    session: Session, person: Person, number: int, before: Mark | None, limit: int
) -> Iterator[HistoryEntry]:
    whose = and_(
        AuditEventRow.object == f"subscriber {person.subscriber_id}",
        AuditEventRow.newsletter_id == person.newsletter_id,
        AuditEventRow.action.in_([action.value for action in _EVENTS]),
    )
    at = AuditEventRow.occurred_at
    fields = list_fields(session, person.newsletter_id)
    labels: dict[str, Worded] = {**SETTING_NAMES, **{field.key: field.named for field in fields}}
    for row in _rows(session, AuditEventRow, at, whose, (number, before, limit)):
        details = [msg("By: {actor}", actor=row.actor)]
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
            what=_EVENTS[Action(row.action)],
            details=details,
        )


def _address_changes(
    session: Session, person: Person, number: int, before: Mark | None, limit: int
) -> Iterator[HistoryEntry]:
    whose = and_(
        or_(
            AddressChangeRow.subscriber_id == person.subscriber_id,
            AddressChangeRow.successor_id == person.subscriber_id,
        ),
        AddressChangeRow.newsletter_id == person.newsletter_id,
        AddressChangeRow.changed_at.is_not(None),
    )
    at = func.coalesce(
        AddressChangeRow.changed_at, AddressChangeRow.requested_at, type_=UtcDateTime()
    )
    for row in _rows(session, AddressChangeRow, at, whose, (number, before, limit)):
        is_new = row.successor_id == person.subscriber_id
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
            details=[msg("Taken back later")] if row.undone_at else [],
        )


def _notes(
    session: Session, person: Person, number: int, before: Mark | None, limit: int
) -> Iterator[HistoryEntry]:
    whose = _of(NoteRow, person)
    for row in _rows(session, NoteRow, NoteRow.written_at, whose, (number, before, limit)):
        yield HistoryEntry(
            at=row.written_at,
            source=number,
            number=row.id,
            kind=HistoryKind.NOTE,
            what=msg("Note by {author}", author=row.author),
            details=[written(row.text)],
        )


def _taggings(
    session: Session, person: Person, number: int, before: Mark | None, limit: int
) -> Iterator[HistoryEntry]:
    """Yield the tags that were given to many at once, this person among them, or taken away."""
    who = person.subscriber_id
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
            details=[msg("By: {actor}", actor=row.ordered_by)] if row.ordered_by else [],
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
_EVENTS = {
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
)
