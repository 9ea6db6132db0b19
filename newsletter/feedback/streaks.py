"""Streaks: how many mailings in a row came back softly from one person."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import exists, func, select
from sqlalchemy.orm import Session

from newsletter.database.tables import BounceDecisionRow, BounceRow, DeliveryRow, MailingRow
from newsletter.database.types import now
from newsletter.database.vocabulary import BounceKind, DeliveryState, FeedbackAction, MailingKind
from newsletter.feedback.policy import OF_THE_SENDER

#: A relay may try for so many days: until then, no bounce does not mean that mail arrived.
_GRACE_DAYS = 5


def count_streaks(session: Session, subscriber_id: int, days: int) -> int:
    """Return the issues within ``days`` that came back, since the last mail that arrived.

    Only what is proven counts, and of mailings only issues: anybody can have a notice sent to an
    address. What an operator excused or undid, and what speaks of the sender, is not counted.
    """
    since = now() - timedelta(days=days)
    arrived = session.scalar(
        select(func.max(DeliveryRow.mailing_id)).where(
            DeliveryRow.subscriber_id == subscriber_id,
            DeliveryRow.state == DeliveryState.ACCEPTED,
            DeliveryRow.settled_at < now() - timedelta(days=_GRACE_DAYS),
            ~exists().where(
                BounceRow.subscriber_id == subscriber_id,
                BounceRow.mailing_id == DeliveryRow.mailing_id,
                BounceRow.proven,
                BounceRow.kind.in_((BounceKind.HARD, BounceKind.SOFT)),
            ),
        )
    )
    spared = exists().where(
        BounceDecisionRow.bounce_id == BounceRow.id,
        BounceDecisionRow.undone_at.is_not(None)
        | BounceDecisionRow.action.in_((FeedbackAction.EXCUSED, FeedbackAction.HELD)),
    )
    count = session.scalar(
        select(func.count(func.distinct(BounceRow.mailing_id)))
        .join(MailingRow, MailingRow.id == BounceRow.mailing_id)
        .where(
            MailingRow.kind == MailingKind.ISSUE,
            BounceRow.subscriber_id == subscriber_id,
            BounceRow.proven,
            BounceRow.kind.in_((BounceKind.HARD, BounceKind.SOFT)),
            BounceRow.reason.not_in([reason.value for reason in OF_THE_SENDER]),
            BounceRow.occurred_at >= since,
            BounceRow.mailing_id > (arrived or 0),
            ~spared,
        )
    )
    return count or 0
