"""The hour of a mailing that has not begun can be changed, and nothing else of it is."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Engine, select

from newsletter.accounts.audit import COMMAND_LINE
from newsletter.database.engine import reading
from newsletter.database.tables import AuditEventRow, MailingRow, SubjectTrialRow
from newsletter.database.vocabulary import MailingState
from newsletter.errors import ConflictError, NotFoundError
from newsletter.mailings.ledger.schedule import Schedule, due_in, start_due_mailings
from newsletter.mailings.orders.rescheduling import reschedule, times_shown
from newsletter.mailings.planning.content import load_content
from newsletter.mailings.trials.subjects import SubjectTrial
from newsletter.rendering.model import Subject
from tests.support.databases import on_one_database
from tests.support.orders import pause
from tests.support.stage import Stage, set_stage

_HOUR = timedelta(hours=1)


@pytest.fixture
def stage(engine: Engine) -> Stage:
    prepared = set_stage(engine)
    prepared.subscribe("a@example.jp")
    return prepared


def _clock(later: timedelta) -> datetime:
    """Return what clocks in Tokyo show so much later."""
    return (datetime.now(ZoneInfo("Asia/Tokyo")) + later).replace(tzinfo=None, microsecond=0)


def _instant(hour: datetime) -> datetime:
    return due_in("Asia/Tokyo", hour, fallback="UTC")


def _row(stage: Stage, mailing: int) -> MailingRow:
    with reading(stage.engine) as session:
        return session.get_one(MailingRow, mailing)


def _move(stage: Stage, mailing: int, hour: datetime, decide: datetime | None = None) -> None:
    reschedule(stage.engine, COMMAND_LINE, mailing, hour=hour, decide=decide)


def test_a_scheduled_mailing_goes_out_at_its_new_hour_and_bears_it(stage: Stage) -> None:
    mailing = stage.mail(schedule=Schedule(hour=_clock(_HOUR), spread=2 * _HOUR))
    later = _clock(48 * _HOUR)
    _move(stage, mailing, later)
    row = _row(stage, mailing)
    assert (row.state, row.scheduled_at) == (MailingState.SCHEDULED, _instant(later))
    assert (row.local_hour, row.spread_seconds) == ("", 7200)
    with reading(stage.engine) as session:
        assert load_content(session, mailing).date == _instant(later)
        event = session.scalars(select(AuditEventRow)).one()
    assert (event.action, event.object) == ("mailing.reschedule", f"mailing {mailing}")
    assert event.details["at"][1] == _instant(later).isoformat()


def test_on_each_readers_own_clock_it_is_the_new_hour_too(stage: Stage) -> None:
    mailing = stage.mail(schedule=Schedule(hour=_clock(48 * _HOUR), everywhere=True))
    later = _clock(72 * _HOUR)
    _move(stage, mailing, later)
    assert _row(stage, mailing).local_hour == later.isoformat()


@on_one_database("sqlite")
@pytest.mark.parametrize(("ahead", "words"), [(-_HOUR, "passed"), (9000 * _HOUR, "days ahead")])
def test_an_hour_that_no_order_may_have_is_refused(
    stage: Stage, ahead: timedelta, words: str
) -> None:
    mailing = stage.mail(schedule=Schedule(hour=_clock(_HOUR)))
    before = _row(stage, mailing).scheduled_at
    with pytest.raises(ConflictError, match=words):
        _move(stage, mailing, _clock(ahead))
    assert _row(stage, mailing).scheduled_at == before


def test_a_time_that_another_changed_meanwhile_is_not_changed_unseen(stage: Stage) -> None:
    mailing = stage.mail(schedule=Schedule(hour=_clock(_HOUR)))
    due = _row(stage, mailing).scheduled_at
    assert due is not None
    shown = times_shown(due, None)
    mine, theirs = _clock(24 * _HOUR), _clock(48 * _HOUR)
    reschedule(stage.engine, COMMAND_LINE, mailing, hour=theirs, shown=shown)
    with pytest.raises(ConflictError, match="changed the time meanwhile"):
        reschedule(stage.engine, COMMAND_LINE, mailing, hour=mine, shown=shown)
    assert _row(stage, mailing).scheduled_at == _instant(theirs)


def test_what_the_clock_started_meanwhile_keeps_its_hour(stage: Stage) -> None:
    mailing = stage.mail(schedule=Schedule(hour=_clock(-timedelta(minutes=1))))
    start_due_mailings(stage.engine, grace=_HOUR)
    with pytest.raises(ConflictError, match="begun"):
        _move(stage, mailing, _clock(_HOUR))
    assert _row(stage, mailing).state is MailingState.PLANNING


def test_what_was_ordered_to_go_at_once_has_no_hour_to_change(stage: Stage) -> None:
    mailing = stage.mail()
    pause(stage.engine, mailing)
    with pytest.raises(ConflictError, match="begun"):
        _move(stage, mailing, _clock(_HOUR))


def test_one_that_was_missed_is_scheduled_anew_and_one_that_is_held_stays_held(
    stage: Stage,
) -> None:
    late = stage.mail(schedule=Schedule(hour=_clock(-2 * _HOUR)))
    start_due_mailings(stage.engine, grace=_HOUR)
    held = stage.mail(schedule=Schedule(hour=_clock(_HOUR)))
    pause(stage.engine, held)
    for mailing in (late, held):
        _move(stage, mailing, _clock(3 * _HOUR))
    assert _row(stage, late).state is MailingState.SCHEDULED
    assert _row(stage, late).halt_reason is None
    assert _row(stage, held).state is MailingState.PAUSED
    assert _row(stage, held).halt_reason is not None


def test_the_decision_between_subjects_keeps_its_distance_or_is_chosen(stage: Stage) -> None:
    trial = SubjectTrial(
        others=(Subject(title="別の件名", preheader=""),), share=20, decide=_clock(7 * _HOUR)
    )
    first = stage.mail(schedule=Schedule(hour=_clock(3 * _HOUR)), trial=trial)
    second = stage.mail(schedule=Schedule(hour=_clock(3 * _HOUR)), trial=trial)
    later = _clock(48 * _HOUR)
    _move(stage, first, later)
    _move(stage, second, later, later + 10 * _HOUR)
    with pytest.raises(ConflictError, match="before the trial has begun"):
        _move(stage, second, later, later - _HOUR)
    with reading(stage.engine) as session:
        kept, chosen = session.scalars(select(SubjectTrialRow).order_by("mailing_id")).all()
    assert abs(kept.decide_at - _instant(later) - 4 * _HOUR) <= timedelta(seconds=1)
    assert chosen.decide_at == _instant(later + 10 * _HOUR)


def test_a_decision_without_a_comparison_and_a_mailing_elsewhere_are_refused(
    stage: Stage,
) -> None:
    mailing = stage.mail(schedule=Schedule(hour=_clock(_HOUR)))
    with pytest.raises(NotFoundError, match="compares no subjects"):
        _move(stage, mailing, _clock(2 * _HOUR), _clock(5 * _HOUR))
    with pytest.raises(NotFoundError):
        reschedule(stage.engine, COMMAND_LINE, mailing, hour=_clock(2 * _HOUR), within=99)
