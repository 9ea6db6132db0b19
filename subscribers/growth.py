"""How many readers a newsletter had, week by week, and how many joined and left lately."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, case, func, or_, select
from sqlalchemy.orm import Session

from newsletter.database.tables import SubscriptionRow, UnsubscribeEventRow
from newsletter.database.vocabulary import SubscriptionState

_WEEK = timedelta(weeks=1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Growth:
    """A newsletter's readers over time.

    Attributes:
        counts: Moments a week apart, the last one now, each with how many were subscribed then.
        joined: How many confirmed within the last four weeks.
        left: How many left within the last four weeks.
    """

    counts: Sequence[tuple[datetime, int]]
    joined: int
    left: int

    @property
    def readers(self) -> int:
        """How many are subscribed now."""
        return self.counts[-1][1]


def measure_growth(
    session: Session, newsletter_id: int, moment: datetime, *, weeks: int = 12
) -> Growth:
    """Count, in one pass over the subscriptions, who was subscribed at each week's end.

    Somebody who left and joined again counts from the last time that they joined.
    """
    moments = [moment - _WEEK * back for back in range(weeks, -1, -1)]
    joined_at = func.coalesce(SubscriptionRow.confirmed_at, SubscriptionRow.consented_at)
    lately = moment - 4 * _WEEK
    sums = [func.sum(case((_subscribed(joined_at, each), 1), else_=0)) for each in moments]
    confirmed = SubscriptionRow.state != SubscriptionState.PENDING
    row = session.execute(
        select(*sums, func.sum(case((and_(confirmed, joined_at > lately), 1), else_=0))).where(
            SubscriptionRow.newsletter_id == newsletter_id
        )
    ).one()
    left = session.scalar(
        select(func.count(UnsubscribeEventRow.subscriber_id.distinct())).where(
            UnsubscribeEventRow.newsletter_id == newsletter_id,
            UnsubscribeEventRow.occurred_at > lately,
        )
    )
    *counts, joined = (int(value or 0) for value in row)
    return Growth(
        counts=tuple(zip(moments, counts, strict=True)), joined=joined, left=int(left or 0)
    )


def _subscribed(joined_at: ColumnElement[datetime], moment: datetime) -> ColumnElement[bool]:
    """Return the condition of having been subscribed at a moment; of lists without dates, ever."""
    left_at = SubscriptionRow.unsubscribed_at
    is_confirmed = SubscriptionRow.state == SubscriptionState.CONFIRMED
    return and_(
        SubscriptionRow.state != SubscriptionState.PENDING,
        or_(joined_at.is_(None), joined_at <= moment),
        or_(is_confirmed, left_at > moment),
    )
