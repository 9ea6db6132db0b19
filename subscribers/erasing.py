"""Erasing a person: what names them goes, numbers that prove the past stay, no mail ever again."""

from __future__ import annotations

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from newsletter.database.tables import (
    BounceRow,
    ConsentRow,
    DeliveryRow,
    IncidentRow,
    SubscriberRow,
    SubscriptionRow,
    SuppressionRow,
    TagRow,
)
from newsletter.database.vocabulary import SuppressionReason, UnsubscribeWay
from newsletter.tokens import Pseudonyms
from subscribers.leaving import unsubscribe_from_all


def erase(
    session: Session, subscriber_id: int, pseudonyms: Pseudonyms, *, way: UnsubscribeWay
) -> bool:
    """Erase a person; return False when that was done before.

    Deliveries and consents keep their number, state and time. The address is kept as a keyed hash
    alone, so that a list which still holds it cannot bring it back.
    """
    person = session.scalars(
        select(SubscriberRow).where(SubscriberRow.id == subscriber_id).with_for_update()
    ).one_or_none()
    if person is None or person.address_key is None:
        return False
    unsubscribe_from_all(session, subscriber_id=subscriber_id, mailing_id=None, way=way)
    _keep_as_hash(session, person.address_key, pseudonyms)
    _erase_from_bounces(session, person)
    # Replies of relays tend to repeat the address.
    session.execute(
        update(DeliveryRow).where(DeliveryRow.subscriber_id == subscriber_id).values(reply=None)
    )
    session.execute(
        update(ConsentRow).where(ConsentRow.subscriber_id == subscriber_id).values(network="")
    )
    person.address = person.address_key = None
    person.domain = ""
    session.execute(delete(TagRow).where(TagRow.subscriber_id == subscriber_id))
    session.execute(
        update(SubscriptionRow)
        .where(SubscriptionRow.subscriber_id == subscriber_id)
        .values(name="", language="", time_zone="", attributes={})
    )
    session.flush()
    return True


def _erase_from_bounces(session: Session, person: SubscriberRow) -> None:
    names = {name for name in (person.address, person.address_key) if name}
    session.execute(
        update(BounceRow)
        .where(
            (BounceRow.subscriber_id == person.id)
            | func.lower(BounceRow.address).in_({name.lower() for name in names})
        )
        .values(address="", domain="", reply="", raw="")
    )
    # One report may name several people, and an incident quotes one of its reports.
    for name in names:
        for column in (BounceRow.raw, BounceRow.reply, IncidentRow.words):
            session.execute(
                update(column.class_)
                .where(column.icontains(name, autoescape=True))
                .values({column.key: func.replace(column, name, "[erased]")})
            )


def _keep_as_hash(session: Session, address_key: str, pseudonyms: Pseudonyms) -> None:
    session.execute(delete(SuppressionRow).where(SuppressionRow.address_key == address_key))
    session.add(
        SuppressionRow(
            address_hash=pseudonyms.of(address_key),
            reason=SuppressionReason.ERASED,
            evidence="erased on request",
        )
    )
