"""The hour that a form begins with: the newsletter's usual one, on the issue's day."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import Engine

from newsletter.database.engine import reading
from newsletter.database.tables import NewsletterRow
from newsletter.mailings.ledger.schedule import Schedule
from newsletter.mailings.orders.usual_hour import propose_hour
from tests.support.stage import Stage, set_stage


def _proposed(stage: Stage, day: datetime) -> datetime:
    with reading(stage.engine) as session:
        newsletter = session.get_one(NewsletterRow, stage.newsletter_id)
        return propose_hour(session, newsletter, day.date())


def test_it_is_on_the_issues_day_at_the_hour_of_the_last_schedule(engine: Engine) -> None:
    stage = set_stage(engine)
    today = datetime.now(ZoneInfo("Asia/Tokyo")).replace(tzinfo=None, second=0, microsecond=0)
    day = today + timedelta(days=8)

    assert _proposed(stage, day) == datetime.combine(day.date(), datetime.min.time()).replace(
        hour=9
    )

    usual = (today + timedelta(days=1)).replace(hour=7, minute=30)
    stage.mail(schedule=Schedule(hour=usual))
    assert _proposed(stage, day) == day.replace(hour=7, minute=30)
    passed = _proposed(stage, today - timedelta(days=30))
    assert today < passed <= today + timedelta(days=1)
    assert (passed.hour, passed.minute) == (7, 30)
