"""The log of growth: each change of a newsletter's number of readers, with its cause.

A reader is a confirmed subscriber who is not suppressed. Code that changes this logs it in the same
transaction.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, insert, select
from sqlalchemy.orm import Session

from newsletter.database.tables import GrowthRow, NewsletterRow
from newsletter.database.types import now
from newsletter.database.vocabulary import GrowthCause, SuppressionReason, UnsubscribeWay

#: The cause for each way of unsubscribing.
LEAVING: Mapping[UnsubscribeWay, GrowthCause] = {
    UnsubscribeWay.ONE_CLICK: GrowthCause.CLICK,
    UnsubscribeWay.PAGE: GrowthCause.PAGE,
    UnsubscribeWay.MAIL: GrowthCause.MAIL,
    UnsubscribeWay.API: GrowthCause.API,
    UnsubscribeWay.OPERATOR: GrowthCause.STAFF,
    UnsubscribeWay.COMPLAINT: GrowthCause.COMPLAINT,
    UnsubscribeWay.PROVIDER: GrowthCause.COMPLAINT,
    UnsubscribeWay.LIST: GrowthCause.IMPORT,
    UnsubscribeWay.ADDRESS_CHANGE: GrowthCause.ADDRESS_CHANGE,
    UnsubscribeWay.MERGE: GrowthCause.MERGE,
}
#: The cause for each reason of suppression.
SUPPRESSING: Mapping[SuppressionReason, GrowthCause] = {
    SuppressionReason.HARD_BOUNCE: GrowthCause.BOUNCE,
    SuppressionReason.SOFT_BOUNCES: GrowthCause.BOUNCE,
    SuppressionReason.COMPLAINT: GrowthCause.COMPLAINT,
    SuppressionReason.MANUAL: GrowthCause.STAFF,
    SuppressionReason.ERASED: GrowthCause.ERASED,
}


def log_growth(
    session: Session | Connection,
    newsletter_id: int,
    cause: GrowthCause,
    count: int,
    *,
    moment: datetime | None = None,
) -> None:
    """Log a change of the number of readers; ``count`` is negative for lost ones."""
    if not count:
        return
    zone = session.scalar(select(NewsletterRow.time_zone).where(NewsletterRow.id == newsletter_id))
    day = (moment or now()).astimezone(ZoneInfo(zone or "UTC")).date()
    session.execute(
        insert(GrowthRow),
        [{"newsletter_id": newsletter_id, "day": day, "cause": cause, "count": count}],
    )
