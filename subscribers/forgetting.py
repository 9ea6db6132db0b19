"""Deleting unconfirmed requests to join and address changes.

Only sums remain: the number of requests by day and form.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, delete, exists, select, tuple_, update
from sqlalchemy.orm import Session

from newsletter.database.tables import (
    AddressChangeRow,
    BounceRow,
    ConsentRow,
    DeliveryRow,
    SubscriberRow,
    SubscriptionRow,
    TagRow,
)
from newsletter.database.types import now
from newsletter.database.vocabulary import DeliveryState, SubscriptionState
from subscribers.forms.requests import forget_requests
from subscribers.joining import BASIS

_UNDER_WAY = (
    DeliveryState.QUEUED,
    DeliveryState.SENDING,
    DeliveryState.DEFERRED,
    DeliveryState.UNCERTAIN,
)


def forget_unconfirmed(session: Session, *, days: int, limit: int = 200) -> int:
    """Delete up to ``limit`` requests that were not confirmed for ``days``; return their number.

    This deletes the submitted data, the network, and a pending subscription. The address is deleted
    as well if the person has no other subscription and no mail under way.

    Args:
        session: The database session, in a transaction; concurrent calls process different people.
        days: The age of requests in days, longer than any confirmation link is valid.
        limit: The maximum number of requests.
    """
    before = now() - timedelta(days=days)
    requests = forget_requests(session, before, limit=limit)
    people = session.scalars(
        select(SubscriberRow.id)
        .join(SubscriptionRow, SubscriptionRow.subscriber_id == SubscriberRow.id)
        .where(_is_forgotten(before))
        .order_by(SubscriptionRow.consented_at)
        .limit(limit)
        # People locked by a concurrent request, confirmation or import are skipped.
        .with_for_update(of=SubscriberRow, skip_locked=True)
    ).all()
    # Checked again under the lock: there may be a new request.
    expired = session.execute(
        select(SubscriptionRow.newsletter_id, SubscriptionRow.subscriber_id).where(
            SubscriptionRow.subscriber_id.in_(people), _is_forgotten(before)
        )
    ).all()
    pairs = [(newsletter, person) for newsletter, person in expired]
    _forget_subscriptions(session, pairs)
    _forget_people(session, {person for _, person in pairs})
    return max(requests, len(pairs), _forget_changes(session, before, limit=limit))


def _forget_changes(session: Session, before: datetime, *, limit: int) -> int:
    """Delete unconfirmed address changes; return their number."""
    expired = session.execute(
        select(AddressChangeRow.id, AddressChangeRow.successor_id)
        .join(SubscriberRow, SubscriberRow.id == AddressChangeRow.successor_id)
        .where(AddressChangeRow.changed_at.is_(None), AddressChangeRow.requested_at < before)
        .order_by(AddressChangeRow.requested_at)
        .limit(limit)
        # People locked by a concurrent request or confirmation are skipped.
        .with_for_update(skip_locked=True)
    ).all()
    session.execute(
        delete(AddressChangeRow).where(AddressChangeRow.id.in_([change for change, _ in expired]))
    )
    successors = {successor for _, successor in expired}
    in_use = session.scalars(
        select(AddressChangeRow.successor_id).where(AddressChangeRow.successor_id.in_(successors))
    )
    _forget_people(session, successors.difference(in_use))
    return len(expired)


def _is_forgotten(before: datetime) -> ColumnElement[bool]:
    """Return the condition that a subscription is pending, and was last requested before a time."""
    asked_since = exists().where(
        ConsentRow.subscriber_id == SubscriptionRow.subscriber_id,
        ConsentRow.newsletter_id == SubscriptionRow.newsletter_id,
        ConsentRow.occurred_at >= before,
    )
    return (
        (SubscriptionRow.state == SubscriptionState.PENDING)
        & (SubscriptionRow.consent_basis == BASIS)
        & (SubscriptionRow.consented_at < before)
        & ~asked_since
    )


def _forget_subscriptions(session: Session, pairs: Sequence[tuple[int, int]]) -> None:
    for table in (TagRow, SubscriptionRow):
        key = tuple_(table.newsletter_id, table.subscriber_id)
        session.execute(delete(table).where(key.in_(pairs)))
    session.execute(
        update(ConsentRow)
        .where(tuple_(ConsentRow.newsletter_id, ConsentRow.subscriber_id).in_(pairs))
        .values(network="")
    )


def _forget_people(session: Session, people: set[int]) -> None:
    """Delete the addresses of people that nothing else refers to."""
    others = exists().where(SubscriptionRow.subscriber_id == SubscriberRow.id)
    mailed = exists().where(
        DeliveryRow.subscriber_id == SubscriberRow.id, DeliveryRow.state.in_(_UNDER_WAY)
    )
    forgotten = session.scalars(
        select(SubscriberRow.id).where(SubscriberRow.id.in_(people), ~others, ~mailed)
    ).all()
    session.execute(
        update(SubscriberRow)
        .where(SubscriberRow.id.in_(forgotten))
        .values(address=None, address_key=None, domain="")
    )
    # Replies of relays and bounces often contain the address.
    session.execute(
        update(DeliveryRow).where(DeliveryRow.subscriber_id.in_(forgotten)).values(reply=None)
    )
    session.execute(
        update(BounceRow)
        .where(BounceRow.subscriber_id.in_(forgotten))
        .values(address="", domain="", reply="", raw="", return_path="", message_id="")
    )
