"""When a mailing goes out: at an hour, everywhere at that hour, spread, and never blindly late."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Engine, select, update

from newsletter.database.engine import reading, transaction
from newsletter.database.tables import (
    BatchRow,
    DatabaseHistoryRow,
    DeliveryRow,
    MailingRow,
    NewsletterRow,
    SubscriberRow,
    SubscriptionRow,
)
from newsletter.database.types import now
from newsletter.database.vocabulary import MailingState
from newsletter.errors import ContentError
from newsletter.mailings.ledger import database_history
from newsletter.mailings.ledger.schedule import (
    ProposedTime,
    Schedule,
    due_in,
    propose_time,
    read_hour,
    start_due_mailings,
)
from newsletter.mailings.planning.content import load_content
from newsletter.mailings.planning.planning import plan_mailing
from tests.support.orders import resume
from tests.support.stage import Stage, set_stage

HOUR = timedelta(hours=1)


@pytest.fixture
def stage(engine: Engine) -> Stage:
    return set_stage(engine, readers=6)


def _mailing(stage: Stage, mailing: int) -> MailingRow:
    with reading(stage.engine) as session:
        return session.get_one(MailingRow, mailing)


def _tokyo(moment: datetime) -> datetime:
    return moment.astimezone(ZoneInfo("Asia/Tokyo")).replace(tzinfo=None, microsecond=0)


def test_an_hour_is_on_the_newsletters_clock(stage: Stage) -> None:
    mailing = stage.mail(schedule=Schedule(hour=datetime(2030, 12, 1, 8)))  # noqa: DTZ001
    row = _mailing(stage, mailing)
    assert row.state is MailingState.SCHEDULED
    assert row.scheduled_at == datetime(2030, 11, 30, 23, tzinfo=UTC)


def test_what_is_not_due_waits_and_what_is_due_is_planned(stage: Stage) -> None:
    early = stage.mail(schedule=Schedule(hour=_tokyo(now() + HOUR)))
    due = stage.mail(schedule=Schedule(hour=_tokyo(now() - timedelta(minutes=5))))
    start_due_mailings(stage.engine, grace=HOUR)
    assert _mailing(stage, early).state is MailingState.SCHEDULED
    assert _mailing(stage, due).state is MailingState.PLANNING


def test_what_is_due_for_longer_than_the_grace_waits_for_a_word(stage: Stage) -> None:
    late = stage.mail(schedule=Schedule(hour=_tokyo(now() - 2 * HOUR)))
    start_due_mailings(stage.engine, grace=HOUR)
    row = _mailing(stage, late)
    assert row.state is MailingState.PAUSED
    assert "GRACE_MINUTES" in str(row.halt_reason)
    resume(stage.engine, late)
    assert _mailing(stage, late).state is MailingState.PLANNING


def test_everywhere_means_each_subscribers_own_clock(stage: Stage) -> None:
    with transaction(stage.engine) as session:
        for number, zone in enumerate(
            ["Pacific/Honolulu", "Europe/Paris", "Asia/Tokyo", "no/where"]
        ):
            session.execute(
                update(SubscriptionRow)
                .where(
                    SubscriptionRow.subscriber_id
                    == stage.subscriber_id(f"reader{number}@example.jp")
                )
                .values(time_zone=zone)
            )
    hour = datetime(2030, 6, 1, 8)  # noqa: DTZ001
    mailing = stage.mail(schedule=Schedule(hour=hour, everywhere=True))
    assert _mailing(stage, mailing).scheduled_at == hour.replace(tzinfo=ZoneInfo("Asia/Tokyo"))
    with transaction(stage.engine) as session:
        session.get_one(MailingRow, mailing).state = MailingState.PLANNING
    plan_mailing(stage.engine, mailing)
    with reading(stage.engine) as session:
        due = dict(
            session.execute(
                select(SubscriberRow.address_key, BatchRow.due_at)
                .join(DeliveryRow, DeliveryRow.subscriber_id == SubscriberRow.id)
                .join(
                    BatchRow,
                    (BatchRow.mailing_id == DeliveryRow.mailing_id)
                    & DeliveryRow.position.between(BatchRow.first_position, BatchRow.last_position),
                )
            ).all()
        )
    zones = {0: "Pacific/Honolulu", 1: "Europe/Paris"}
    assert due == {
        f"reader{number}@example.jp": hour.replace(tzinfo=ZoneInfo(zones.get(number, "Asia/Tokyo")))
        for number in range(6)
    }


@pytest.mark.parametrize(
    ("zone", "hour", "instant"),
    [
        # New York moves its clocks from 02:00 to 03:00 on 8 March 2026, and back on 1 November.
        ("America/New_York", "2026-03-08 01:30", "2026-03-08 06:30"),
        ("America/New_York", "2026-03-08 02:30", "2026-03-08 07:30"),
        ("America/New_York", "2026-03-08 03:00", "2026-03-08 07:00"),
        ("America/New_York", "2026-11-01 01:30", "2026-11-01 05:30"),
        ("America/New_York", "2026-11-01 02:00", "2026-11-01 07:00"),
        # Lord Howe Island moves them by half an hour.
        ("Australia/Lord_Howe", "2026-10-04 02:15", "2026-10-03 15:45"),
        ("Australia/Lord_Howe", "2026-10-04 02:30", "2026-10-03 15:30"),
        ("", "2026-03-08 02:30", "2026-03-07 17:30"),
    ],
)
def test_on_the_days_on_which_clocks_move_everybody_has_one_instant(
    zone: str, hour: str, instant: str
) -> None:
    due = due_in(zone, read_hour(hour), fallback="Asia/Tokyo")
    assert f"{due.astimezone(UTC):%Y-%m-%d %H:%M}" == instant


def test_mail_is_dated_when_it_is_due_and_not_when_the_first_of_all_was(stage: Stage) -> None:
    reader = SubscriptionRow.subscriber_id == stage.subscriber_id("reader0@example.jp")
    with transaction(stage.engine) as session:
        session.execute(update(SubscriptionRow).where(reader).values(time_zone="Asia/Tokyo"))
        session.execute(update(SubscriptionRow).where(~reader).values(time_zone="America/New_York"))
    hour = (now() + timedelta(days=30)).replace(tzinfo=None)
    for schedule in (
        Schedule(hour=hour, everywhere=True),
        Schedule(spread=timedelta(hours=100)),
    ):
        mailing = stage.mail(schedule=schedule)
        with transaction(stage.engine) as session:
            session.get_one(MailingRow, mailing).state = MailingState.PLANNING
        plan_mailing(stage.engine, mailing)
        with reading(stage.engine) as session:
            own = load_content(session, mailing).date
            query = select(BatchRow).where(BatchRow.mailing_id == mailing)
            batches = session.scalars(query).all()
        assert len(batches) > 1
        dates = [batch.dated_at or own for batch in batches]
        assert all(
            abs(date - batch.due_at) < HOUR for date, batch in zip(dates, batches, strict=True)
        )


def test_spread_batches_come_due_evenly(stage: Stage) -> None:
    mailing = stage.mail(schedule=Schedule(spread=timedelta(minutes=2)))
    plan_mailing(stage.engine, mailing)
    with reading(stage.engine) as session:
        due = session.scalars(select(BatchRow.due_at).order_by(BatchRow.number)).all()
    gaps = {later - earlier for earlier, later in pairwise(due)}
    assert len(due) == 3
    assert gaps == {timedelta(seconds=40)}


@pytest.mark.parametrize("words", ["tomorrow", "2026-12-01", "2026-12-01T08:00+09:00", ""])
def test_what_is_no_hour_is_refused_with_an_example(words: str) -> None:
    with pytest.raises(ContentError, match="2026-12-01 08:00"):
        read_hour(words)


def test_an_hour_that_is_not_written_is_called_missing() -> None:
    with pytest.raises(ContentError, match="The date and time are missing"):
        read_hour(" ")


def _flowing(stage: Stage) -> int:
    mailing = stage.mail()
    plan_mailing(stage.engine, mailing)
    return mailing


def test_after_a_long_silence_what_was_under_way_is_held(stage: Stage) -> None:
    mailing = _flowing(stage)
    database_history.beat(stage.engine)
    with transaction(stage.engine) as session:
        session.execute(update(DatabaseHistoryRow).values(beat_at=now() - 3 * HOUR))
    reason = database_history.hold_after_silence(stage.engine, awake=False, grace=HOUR)
    assert "GRACE_MINUTES" in str(reason)
    assert _mailing(stage, mailing).state is MailingState.PAUSED


def test_a_clock_that_jumps_is_no_silence(stage: Stage) -> None:
    mailing = _flowing(stage)
    database_history.beat(stage.engine)
    with transaction(stage.engine) as session:
        session.execute(update(DatabaseHistoryRow).values(beat_at=now() - 3 * HOUR))
    assert not database_history.hold_after_silence(stage.engine, awake=True, grace=HOUR)
    assert _mailing(stage, mailing).state is MailingState.SENDING


def test_a_restored_database_sends_nothing_old_by_itself(stage: Stage) -> None:
    mailing = _flowing(stage)
    mark = database_history.beat(stage.engine)
    reason = database_history.hold_if_broken(stage.engine, replace(mark, rounds=mark.rounds + 100))
    assert "restored" in str(reason)
    assert _mailing(stage, mailing).halt_reason == reason


def _proposed(stage: Stage, day: datetime) -> ProposedTime:
    with reading(stage.engine) as session:
        newsletter = session.get_one(NewsletterRow, stage.newsletter_id)
        return propose_time(session, newsletter, day.date())


def test_it_is_on_the_issues_day_at_the_hour_of_the_last_schedule(engine: Engine) -> None:
    stage = set_stage(engine)
    today = datetime.now(ZoneInfo("Asia/Tokyo")).replace(tzinfo=None, second=0, microsecond=0)
    day = today + timedelta(days=8)

    first = _proposed(stage, day)
    assert first.hour == datetime.combine(day.date(), datetime.min.time()).replace(hour=9)
    assert not first.is_usual
    assert today + 4 * HOUR < first.decide <= today + 5 * HOUR

    usual = (today + timedelta(days=1)).replace(hour=7, minute=30)
    stage.mail(schedule=Schedule(hour=usual))
    weekly = _proposed(stage, day)
    assert (weekly.hour, weekly.is_usual) == (day.replace(hour=7, minute=30), True)
    assert weekly.decide == weekly.hour + 4 * HOUR
    passed = _proposed(stage, today - timedelta(days=30)).hour
    assert today < passed <= today + timedelta(days=1)
    assert (passed.hour, passed.minute) == (7, 30)
