"""Planning: the audience of a mailing, written down in one transaction and never twice."""

from __future__ import annotations

from sqlalchemy import Engine, func, insert, literal, or_, select, update
from sqlalchemy.orm import Session

from newsletter.database.engine import transaction
from newsletter.database.tables import (
    BatchRow,
    DeliveryRow,
    MailingRow,
    SubscriberRow,
    SubscriptionRow,
)
from newsletter.database.types import now
from newsletter.database.vocabulary import (
    BatchState,
    DeliveryState,
    MailingState,
    SubscriptionState,
)
from subscribers.suppression import is_suppressed


def plan_mailing(engine: Engine, mailing_id: int) -> int:
    """Snapshot the audience into the ledger and let the mailing flow; return how many it has.

    Killed before its end it leaves nothing; run again, or twice at once, it changes nothing more.
    """
    with transaction(engine) as session:
        mailing = session.scalars(
            select(MailingRow).where(MailingRow.id == mailing_id).with_for_update()
        ).one()
        if mailing.state is not MailingState.PLANNING:
            return mailing.planned
        planned = _snapshot(session, mailing)
        _cut_batches(session, mailing, planned)
        session.execute(
            update(MailingRow)
            .where(MailingRow.id == mailing_id)
            .values(planned=planned, state=MailingState.SENDING, started_at=now())
        )
        return planned


def _snapshot(session: Session, mailing: MailingRow) -> int:
    """Insert a delivery for everybody subscribed, confirmed, not pausing, not suppressed."""
    audience = (
        select(
            literal(mailing.id),
            func.row_number().over(order_by=SubscriberRow.id),
            SubscriberRow.id,
            literal(DeliveryState.QUEUED.value),
            literal(0),
        )
        .join(SubscriptionRow, SubscriptionRow.subscriber_id == SubscriberRow.id)
        .where(
            SubscriptionRow.newsletter_id == mailing.newsletter_id,
            SubscriptionRow.state == SubscriptionState.CONFIRMED,
            or_(SubscriptionRow.paused_until.is_(None), SubscriptionRow.paused_until <= now()),
            SubscriberRow.address_key.is_not(None),
            ~is_suppressed(SubscriberRow.address_key, mailing.newsletter_id),
        )
        .order_by(SubscriberRow.id)
    )
    columns = ["mailing_id", "position", "subscriber_id", "state", "attempts"]
    session.execute(insert(DeliveryRow).from_select(columns, audience, include_defaults=False))
    return (
        session.scalar(
            select(func.count())
            .select_from(DeliveryRow)
            .where(DeliveryRow.mailing_id == mailing.id)
        )
        or 0
    )


def _cut_batches(session: Session, mailing: MailingRow, planned: int) -> None:
    size, moment = mailing.batch_size, now()
    batches = [
        {
            "mailing_id": mailing.id,
            "number": number,
            "first_position": first,
            "last_position": min(first + size - 1, planned),
            "state": BatchState.PENDING,
            "due_at": moment,
        }
        for number, first in enumerate(range(1, planned + 1, size), start=1)
    ]
    if batches:
        session.execute(insert(BatchRow), batches)
