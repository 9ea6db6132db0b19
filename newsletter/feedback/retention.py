"""Retention: raw reports, and then the log's rows, go when their time is over, a bit at a time."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import delete, exists, select, text, update
from sqlalchemy.orm import Session

from newsletter.database.tables import BounceDecisionRow, BounceRow, CallTokenRow
from newsletter.database.types import now
from newsletter.database.vocabulary import FeedbackAction

#: Providers try for a day at most; see `newsletter.bounces.webhooks.signatures`.
_TOKEN_DAYS = 3


def forget_old_bounces(session: Session, *, raw_days: int, row_days: int, limit: int = 500) -> int:
    """Empty up to ``limit`` raw reports and delete up to as many rows; return how many it was.

    What nobody has judged stays, and so does what an open incident holds. Suppressions stay: they
    carry their own reason.
    """
    moment = now()
    raw = select(BounceRow.id).where(
        BounceRow.occurred_at < moment - timedelta(days=raw_days), text("bounce.raw <> ''")
    )
    emptied = session.scalars(raw.order_by(BounceRow.occurred_at).limit(limit)).all()
    session.execute(update(BounceRow).where(BounceRow.id.in_(emptied)).values(raw=""))
    held = exists().where(
        BounceDecisionRow.bounce_id == BounceRow.id,
        BounceDecisionRow.action == FeedbackAction.HELD,
        BounceDecisionRow.undone_at.is_(None),
    )
    old = select(BounceRow.id).where(
        BounceRow.occurred_at < moment - timedelta(days=row_days),
        BounceRow.judged_at.is_not(None),
        ~held,
    )
    gone = session.scalars(old.order_by(BounceRow.occurred_at).limit(limit)).all()
    session.execute(delete(BounceDecisionRow).where(BounceDecisionRow.bounce_id.in_(gone)))
    session.execute(delete(BounceRow).where(BounceRow.id.in_(gone)))
    session.execute(
        delete(CallTokenRow).where(CallTokenRow.seen_at < moment - timedelta(days=_TOKEN_DAYS))
    )
    return len(emptied) + len(gone)
