"""How many readers there were, week by week."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import Engine

from newsletter.database.engine import reading, transaction
from newsletter.database.tables import SubscriptionRow, UnsubscribeEventRow
from newsletter.database.types import now
from newsletter.database.vocabulary import SubscriptionState, UnsubscribeWay
from subscribers.growth import measure_growth
from tests.support.stage import set_stage


def test_readers_count_from_when_they_joined_until_they_left(engine: Engine) -> None:
    stage = set_stage(engine)
    stage.subscribe(*(f"{name}@example.jp" for name in ("long", "new", "gone", "back", "asked")))
    moment, week = now(), timedelta(weeks=1)
    joined = {"long": 30, "new": 1, "gone": 20, "back": 2, "asked": 3}
    with transaction(engine) as session:
        for name, weeks in joined.items():
            number = stage.subscriber_id(f"{name}@example.jp")
            row = session.get_one(SubscriptionRow, (stage.newsletter_id, number))
            row.confirmed_at = moment - week * weeks - timedelta(hours=1)
            if name == "gone":
                row.state = SubscriptionState.UNSUBSCRIBED
                row.unsubscribed_at = moment - week * 2
                session.add(
                    UnsubscribeEventRow(
                        newsletter_id=stage.newsletter_id,
                        subscriber_id=number,
                        way=UnsubscribeWay.PAGE,
                        occurred_at=row.unsubscribed_at,
                    )
                )
            if name == "back":
                row.unsubscribed_at = moment - week * 8
            if name == "asked":
                row.state = SubscriptionState.PENDING
    with reading(engine) as session:
        growth = measure_growth(session, stage.newsletter_id, moment, weeks=4)
    assert [count for _, count in growth.counts] == [2, 2, 2, 3, 3]
    assert (growth.readers, growth.joined, growth.left) == (3, 2, 1)
