"""Address changes: subscriptions move from the old address's subscriber row to the new one's.

The address of a subscriber row never changes. So later bounces of the old address do not affect the
new one, and importing a list with the old address does not subscribe it again. Unsubscribing by a
link in an earlier mail also unsubscribes the new address.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import CursorResult, Select, exists, select, update
from sqlalchemy.orm import InstrumentedAttribute, Session, aliased

from newsletter.accounts.audit import READER, record_event
from newsletter.accounts.audit_actions import Action, Detail
from newsletter.addresses import Address
from newsletter.database.insert import insert_missing
from newsletter.database.tables import (
    AddressChangeRow,
    DeliveryRow,
    DigestEntryRow,
    NewsletterRow,
    PersonMergeRow,
    SubscriberRow,
    SubscriptionRow,
    TagRow,
)
from newsletter.database.types import now
from newsletter.database.vocabulary import GrowthCause, SubscriptionState, UnsubscribeWay
from newsletter.errors import ConflictError, NotFoundError
from newsletter.i18n.language import Language, language_for
from newsletter.i18n.messages import msg
from newsletter.tokens import Purpose, TokenSigner, mark_of
from subscribers.fields.store import hold_group
from subscribers.fields.values import unite_values
from subscribers.joining import Origin, subscribe
from subscribers.leaving import unsubscribe
from subscribers.mail_under_way import hold_mail, move_mail
from subscribers.people import find_or_add_person, hold_person
from subscribers.readers import received_by
from subscribers.series.enrolment import move_enrolments
from subscribers.subscription_columns import TAKEN_ALONG
from subscribers.suppression import is_suppressed

#: The prefix of a consent's source after an address change, followed by the change's id.
BY_ADDRESS_CHANGE = "address change "
#: Days for which a change can be undone from the old address.
UNDO_DAYS = 30

_NO_MORE = msg("This request no longer exists.")


class ChangeState(StrEnum):
    """The state of an address change."""

    OPEN = "open"
    DONE = "done"
    UNDONE = "undone"
    EXPIRED = "expired"


@dataclass(frozen=True, kw_only=True, slots=True)
class AddressChange:
    """An address change.

    Attributes:
        numbers: The ids in its links.
        newsletters: The names of the newsletters whose subscriptions are or were moved.
    """

    id: int
    numbers: tuple[int, int]
    newsletter: NewsletterRow
    language: Language
    subscriber_id: int
    successor_id: int
    present: str
    wanted: str
    newsletters: tuple[str, ...]
    state: ChangeState


def request_change(
    session: Session, newsletter_id: int, subscriber_id: int, address: Address
) -> AddressChangeRow:
    """Store a request for an address change, which takes effect after confirmation.

    Raises:
        NotFoundError: The subscriber does not exist, or was erased.
        ConflictError: The subscriber has this address already.
    """
    reader = hold_person(session, subscriber_id)
    if reader is None:
        raise NotFoundError(msg("This subscription no longer exists."))
    if reader.address_key == address.key:
        raise ConflictError(
            msg("{address} is the address you have now.", address=address.address),
            remedy=msg("Enter the new address."),
        )
    successor = find_or_add_person(session, address)
    row = AddressChangeRow(
        subscriber_id=subscriber_id, successor_id=successor.id, newsletter_id=newsletter_id
    )
    session.add(row)
    session.flush()
    return row


def numbers_of_change(row: AddressChangeRow) -> tuple[int, int]:
    """Return the ids for the links about a change."""
    return row.id, mark_of(row.requested_at)


def find_change(
    session: Session, signer: TokenSigner, purpose: Purpose, token: str, *, days: int
) -> AddressChange:
    """Return the change of a link, which is valid for ``days``, or `UNDO_DAYS` for undoing.

    Raises:
        TokenError: See `TokenSigner.read`.
        NotFoundError: The request does not exist any more, or a person was erased.
    """
    number, *mark = signer.read(purpose, token)
    row = session.get(AddressChangeRow, number)
    if row is None or mark != [mark_of(row.requested_at)]:
        raise NotFoundError(_NO_MORE)
    reader = session.get_one(SubscriberRow, row.subscriber_id)
    successor = session.get_one(SubscriberRow, row.successor_id)
    if reader.address is None or successor.address is None:
        raise NotFoundError(_NO_MORE)
    newsletter = session.get_one(NewsletterRow, row.newsletter_id)
    relation = session.get(SubscriptionRow, (newsletter.id, reader.id))
    language = relation.language if relation else ""
    return AddressChange(
        id=row.id,
        numbers=numbers_of_change(row),
        newsletter=newsletter,
        language=language_for(language, newsletter.language),
        subscriber_id=reader.id,
        successor_id=successor.id,
        present=reader.address,
        wanted=successor.address,
        newsletters=_names(session, row),
        state=_state(row, purpose, days),
    )


def _state(row: AddressChangeRow, purpose: Purpose, days: int) -> ChangeState:
    if row.undone_at is not None:
        return ChangeState.UNDONE
    if purpose is Purpose.ADDRESS_CHANGE_UNDO:
        is_late = row.changed_at is None or row.changed_at < now() - timedelta(days=UNDO_DAYS)
        return ChangeState.EXPIRED if is_late else ChangeState.OPEN
    if row.changed_at is not None:
        return ChangeState.DONE
    is_late = row.requested_at < now() - timedelta(days=days)
    return ChangeState.EXPIRED if is_late else ChangeState.OPEN


def _names(session: Session, row: AddressChangeRow) -> tuple[str, ...]:
    moved = row.changed_at is not None
    has_them = row.successor_id if moved and row.undone_at is None else row.subscriber_id
    return tuple(
        newsletter.name
        for newsletter in received_by(session, has_them)
        if not moved or newsletter.id in row.newsletter_ids
    )


def make_change(session: Session, change: AddressChange, *, network: str) -> bool:
    """Move a person's subscriptions to the new address; return False if this was done before.

    The subscription is not moved if the new address is suppressed for its newsletter.

    Raises:
        NotFoundError: The subscriber does not exist any more.
        ConflictError: Mail to them is being sent at this moment.
    """
    _hold_mail(session, change, change.subscriber_id)
    _hold_groups(session, change.subscriber_id)
    if not _stamp(session, change.id, AddressChangeRow.changed_at, change.subscriber_id):
        return False
    moved = []
    united: set[str] = set()
    for relation in _hold_confirmed(session, change.subscriber_id):
        if _is_suppressed(session, change.successor_id, relation.newsletter_id):
            continue
        joined = _join_as(session, relation, change.successor_id, change.id, network)
        theirs = session.get(SubscriptionRow, (relation.newsletter_id, change.successor_id))
        if joined or (theirs is not None and theirs.state is SubscriptionState.CONFIRMED):
            united |= _take_along(session, relation, change.successor_id)
            _leave(session, relation)
            moved.append(relation.newsletter_id)
    session.get_one(AddressChangeRow, change.id).newsletter_ids = moved
    _record(session, change, Action.SUBSCRIBER_ADDRESS, united)
    return True


def undo_change(session: Session, change: AddressChange, *, network: str) -> bool:
    """Move the subscriptions back to the old address; return False if this was done before.

    Newsletters that the new address unsubscribed from meanwhile are not subscribed again. The new
    address keeps subscriptions that it had before the change; the old address then gets its own
    data back, since the new one may belong to somebody else.

    Raises:
        NotFoundError: The subscriber does not exist any more.
        ConflictError: Mail to them is being sent at this moment.
    """
    _hold_mail(session, change, change.successor_id)
    _hold_groups(session, change.successor_id)
    if not _stamp(session, change.id, AddressChangeRow.undone_at, change.successor_id):
        return False
    moved = set(session.get_one(AddressChangeRow, change.id).newsletter_ids)
    for relation in _hold_confirmed(session, change.successor_id):
        if relation.newsletter_id not in moved:
            continue
        if relation.consent_source == _source(change.id):
            _join_as(session, relation, change.subscriber_id, change.id, network)
            move_mail(session, relation.newsletter_id, change.successor_id, change.subscriber_id)
            _leave(session, relation)
        else:
            _come_back(session, relation.newsletter_id, change, network)
    _record(session, change, Action.SUBSCRIBER_ADDRESS_UNDO)
    return True


def _is_suppressed(session: Session, subscriber_id: int, newsletter_id: int) -> bool:
    suppressed = select(SubscriberRow.id).where(
        SubscriberRow.id == subscriber_id, is_suppressed(SubscriberRow.address_key, newsletter_id)
    )
    return session.scalar(suppressed) is not None


def _confirmed(session: Session, subscriber_id: int) -> Sequence[SubscriptionRow]:
    return session.scalars(_of(subscriber_id)).all()


def _hold_confirmed(session: Session, subscriber_id: int) -> Sequence[SubscriptionRow]:
    """Lock and return a person's confirmed subscriptions.

    A concurrent address change may be moving them, or the reader's page may be saving preferences.
    """
    held = _of(subscriber_id).with_for_update().execution_options(populate_existing=True)
    return session.scalars(held).all()


def _of(subscriber_id: int) -> Select[SubscriptionRow]:
    return (
        select(SubscriptionRow)
        .where(
            SubscriptionRow.subscriber_id == subscriber_id,
            SubscriptionRow.state == SubscriptionState.CONFIRMED,
        )
        .order_by(SubscriptionRow.newsletter_id)
    )


def _stamp(
    session: Session,
    change_id: int,
    column: InstrumentedAttribute[datetime | None],
    subscriber_id: int,
) -> bool:
    """Mark a change as made or undone; return False if a concurrent call did so."""
    if hold_person(session, subscriber_id) is None:
        raise NotFoundError(_NO_MORE)
    result = session.execute(
        update(AddressChangeRow)
        .where(AddressChangeRow.id == change_id, column.is_(None))
        .values({column: now()})
        .execution_options(synchronize_session="fetch")
    )
    assert isinstance(result, CursorResult)  # noqa: S101 - the result of an UPDATE
    return result.rowcount == 1


def _source(change_id: int) -> str:
    """Return the source for the consent record."""
    return f"{BY_ADDRESS_CHANGE}{change_id}"


def _join_as(
    session: Session, relation: SubscriptionRow, to: int, change_id: int, network: str
) -> bool:
    """Subscribe another address with the data of a subscription; see `subscribe`."""
    if not subscribe(
        session,
        newsletter_id=relation.newsletter_id,
        subscriber_id=to,
        origin=_origin(session, relation, change_id, network),
        known={name: getattr(relation, name) for name in TAKEN_ALONG},
        cause=GrowthCause.ADDRESS_CHANGE,
    ):
        return False
    copy_tags(session, relation.newsletter_id, relation.subscriber_id, to)
    move_enrolments(session, relation.newsletter_id, relation.subscriber_id, to)
    return True


def _come_back(session: Session, newsletter_id: int, change: AddressChange, network: str) -> None:
    """Subscribe the old address again, with its own data."""
    own = session.get_one(SubscriptionRow, (newsletter_id, change.subscriber_id))
    subscribe(
        session,
        newsletter_id=newsletter_id,
        subscriber_id=change.subscriber_id,
        origin=_origin(session, own, change.id, network),
        cause=GrowthCause.ADDRESS_CHANGE,
    )


def _origin(session: Session, relation: SubscriptionRow, change_id: int, network: str) -> Origin:
    """Return the origin of a subscription that continues another's consent."""
    newsletter = session.get_one(NewsletterRow, relation.newsletter_id)
    return Origin(
        source=_source(change_id),
        network=network,
        wording=relation.consent_wording,
        language=language_for(relation.language, newsletter.language),
    )


def _hold_mail(session: Session, change: AddressChange, reader: int) -> None:
    """Lock the person's deliveries under way, before their other rows."""
    newsletters = [relation.newsletter_id for relation in _confirmed(session, reader)]
    hold_mail(session, newsletters, (change.subscriber_id, change.successor_id))


def _hold_groups(session: Session, subscriber_id: int) -> None:
    """Lock the fields of the person's newsletters first, as all code that writes values does."""
    for number in session.scalars(
        select(SubscriptionRow.newsletter_id)
        .where(SubscriptionRow.subscriber_id == subscriber_id)
        .order_by(SubscriptionRow.newsletter_id)
    ).all():
        hold_group(session, number)


def _take_along(session: Session, relation: SubscriptionRow, to: int) -> set[str]:
    """Copy a subscription's fields and move its waiting mail to another address."""
    given_at = relation.changed_at or relation.confirmed_at or relation.consented_at or now()
    brought = dict(relation.attributes)
    united = unite_values(session, relation.newsletter_id, to, brought, given_at=given_at)
    move_waiting_issues(session, relation.newsletter_id, relation.subscriber_id, to)
    move_mail(session, relation.newsletter_id, relation.subscriber_id, to)
    return set(united)


def move_waiting_issues(session: Session, newsletter_id: int, source: int, to: int) -> None:
    """Move the waiting entries of digests to another subscriber, without duplicates."""
    other = aliased(DigestEntryRow)
    has_one = exists().where(
        other.mailing_id == DigestEntryRow.mailing_id, other.subscriber_id == to
    )
    has_mail = exists().where(
        DeliveryRow.mailing_id == DigestEntryRow.mailing_id, DeliveryRow.subscriber_id == to
    )
    session.execute(
        update(DigestEntryRow)
        .where(
            DigestEntryRow.newsletter_id == newsletter_id,
            DigestEntryRow.subscriber_id == source,
            ~has_one,
            ~has_mail,
        )
        .values(subscriber_id=to)
        .execution_options(synchronize_session=False)
    )


def _leave(session: Session, relation: SubscriptionRow) -> None:
    unsubscribe(
        session,
        newsletter_id=relation.newsletter_id,
        subscriber_id=relation.subscriber_id,
        mailing_id=None,
        way=UnsubscribeWay.ADDRESS_CHANGE,
    )


def copy_tags(session: Session, newsletter_id: int, source: int, target: int) -> None:
    """Copy the tags of a subscriber to another one."""
    tags = session.scalars(
        select(TagRow.tag).where(
            TagRow.newsletter_id == newsletter_id, TagRow.subscriber_id == source
        )
    ).all()
    if tags:
        session.flush()
        insert_missing(
            session,
            TagRow,
            [{"newsletter_id": newsletter_id, "subscriber_id": target, "tag": tag} for tag in tags],
        )


def _record(
    session: Session, change: AddressChange, action: Action, united: Collection[str] = ()
) -> None:
    details: dict[Detail, object] = {"successor": change.successor_id}
    if united:
        details["fields"] = sorted(united)
    record_event(
        session,
        READER,
        action,
        object=f"subscriber {change.subscriber_id}",
        newsletter_id=change.newsletter.id,
        details=details,
    )


def former_addresses(session: Session, subscriber_id: int) -> Mapping[int, int | None]:
    """Return a person's former subscriber rows, before address changes and merges.

    Returns:
        By subscriber id, the group of newsletters in which they were merged; None for an address
        change, which concerns all newsletters.
    """
    met: dict[int, int | None] = {subscriber_id: None}
    ahead = [subscriber_id]
    for each in ahead:
        changed = session.scalars(
            select(AddressChangeRow.subscriber_id).where(
                AddressChangeRow.successor_id == each,
                AddressChangeRow.changed_at.is_not(None),
                AddressChangeRow.undone_at.is_(None),
            )
        ).all()
        merged = session.execute(
            select(PersonMergeRow.merged_id, PersonMergeRow.group_id).where(
                PersonMergeRow.kept_id == each
            )
        ).all()
        for number, group_id in [*((one, met[each]) for one in changed), *merged]:
            # A merge concerns the newsletters of its group only.
            if number not in met and met[each] in (None, group_id):
                met[number] = group_id
                ahead.append(number)
    del met[subscriber_id]
    return met
