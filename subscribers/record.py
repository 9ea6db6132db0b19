"""One person's standing with a newsletter: consent, mailings, what came back, suppression."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from newsletter.accounts.roles import Rights
from newsletter.database.tables import (
    BounceDecisionRow,
    BounceRow,
    ConsentRow,
    DeliveryRow,
    MailingRow,
    SubscriberRow,
    SubscriptionRow,
    SuppressionRow,
    TagRow,
    UnsubscribeEventRow,
)
from newsletter.database.vocabulary import DeliveryState
from subscribers.suppression import demand_lifting, lift_suppressions, remove_suppressions

_SHOWN = 50


@dataclass(frozen=True, kw_only=True, slots=True)
class PastDelivery:
    """What became of one mailing for a person."""

    mailing_id: int
    subject: str
    state: DeliveryState
    settled_at: datetime | None
    reply: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """What is known of a person within one newsletter; of each list the newest 50."""

    person: SubscriberRow
    subscription: SubscriptionRow
    tags: Sequence[str]
    consents: Sequence[ConsentRow]
    deliveries: Sequence[PastDelivery]
    bounces: Sequence[BounceRow]
    departures: Sequence[UnsubscribeEventRow]
    suppressions: Sequence[SuppressionRow]


def standing_of(session: Session, newsletter_id: int, subscriber_id: int) -> Standing | None:
    """Return a person's standing; None when they never were on the list, or are erased."""
    person = session.get(SubscriberRow, subscriber_id)
    relation = session.get(SubscriptionRow, (newsletter_id, subscriber_id))
    if person is None or relation is None or person.address_key is None:
        return None
    return Standing(
        person=person,
        subscription=relation,
        tags=session.scalars(
            select(TagRow.tag)
            .where(TagRow.newsletter_id == newsletter_id, TagRow.subscriber_id == subscriber_id)
            .order_by(TagRow.tag)
        ).all(),
        consents=session.scalars(
            select(ConsentRow)
            .where(
                ConsentRow.subscriber_id == subscriber_id,
                ConsentRow.newsletter_id == newsletter_id,
            )
            .order_by(ConsentRow.id.desc())
            .limit(_SHOWN)
        ).all(),
        deliveries=_deliveries(session, newsletter_id, subscriber_id),
        bounces=session.scalars(
            select(BounceRow)
            .where(
                BounceRow.subscriber_id == subscriber_id, BounceRow.newsletter_id == newsletter_id
            )
            .order_by(BounceRow.occurred_at.desc())
            .limit(_SHOWN)
        ).all(),
        departures=session.scalars(
            select(UnsubscribeEventRow)
            .where(
                UnsubscribeEventRow.subscriber_id == subscriber_id,
                UnsubscribeEventRow.newsletter_id == newsletter_id,
            )
            .order_by(UnsubscribeEventRow.id.desc())
            .limit(_SHOWN)
        ).all(),
        suppressions=session.scalars(
            select(SuppressionRow).where(
                SuppressionRow.address_key == person.address_key,
                or_(
                    SuppressionRow.newsletter_id.is_(None),
                    SuppressionRow.newsletter_id == newsletter_id,
                ),
            )
        ).all(),
    )


def _deliveries(session: Session, newsletter_id: int, subscriber_id: int) -> Sequence[PastDelivery]:
    rows = session.execute(
        select(
            DeliveryRow.mailing_id,
            MailingRow.title,
            DeliveryRow.state,
            DeliveryRow.settled_at,
            DeliveryRow.reply,
        )
        .join(MailingRow, MailingRow.id == DeliveryRow.mailing_id)
        .where(
            DeliveryRow.subscriber_id == subscriber_id, MailingRow.newsletter_id == newsletter_id
        )
        .order_by(DeliveryRow.mailing_id.desc())
        .limit(_SHOWN)
    )
    return [
        PastDelivery(
            mailing_id=row.mailing_id,
            subject=row.title,
            state=row.state,
            settled_at=row.settled_at,
            reply=row.reply or "",
        )
        for row in rows
    ]


def lift_from(session: Session, standing: Standing, *, because: str, rights: Rights) -> None:
    """Lift a person's suppressions, and mark the decisions that made them as undone.

    Raises:
        ForbiddenError: One of them holds for newsletters that these rights do not reach.
    """
    numbers = [row.id for row in standing.suppressions]
    demand_lifting(session, rights, numbers)
    decisions = session.scalars(
        select(BounceDecisionRow).where(BounceDecisionRow.suppression_id.in_(numbers))
    ).all()
    lift_suppressions(session, decisions, because=because)
    remove_suppressions(session, numbers)
