"""Leaving: one function for every way out."""

from __future__ import annotations

from sqlalchemy import CursorResult, update
from sqlalchemy.orm import Session

from newsletter.database.tables import SubscriptionRow, UnsubscribeEventRow
from newsletter.database.types import now
from newsletter.database.vocabulary import SubscriptionState, UnsubscribeWay


def unsubscribe(
    session: Session,
    *,
    newsletter_id: int,
    subscriber_id: int,
    mailing_id: int | None,
    way: UnsubscribeWay,
) -> bool:
    """End a subscription and log it; return whether there was one to end.

    Idempotent: of two at once, one row is changed and one event logged.
    """
    result = session.execute(
        update(SubscriptionRow)
        .where(
            SubscriptionRow.newsletter_id == newsletter_id,
            SubscriptionRow.subscriber_id == subscriber_id,
            SubscriptionRow.state != SubscriptionState.UNSUBSCRIBED,
        )
        .values(state=SubscriptionState.UNSUBSCRIBED, unsubscribed_at=now())
    )
    assert isinstance(result, CursorResult)  # noqa: S101 - what an UPDATE returns
    if result.rowcount == 0:
        return False
    session.add(
        UnsubscribeEventRow(
            newsletter_id=newsletter_id,
            subscriber_id=subscriber_id,
            mailing_id=mailing_id,
            way=way,
        )
    )
    return True
