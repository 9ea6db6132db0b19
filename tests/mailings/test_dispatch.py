"""Mailings take turns, and no more hints are given than there is room for."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import Engine, select, update

from newsletter.database.engine import transaction
from newsletter.database.tables import MailingRow
from newsletter.database.types import now
from newsletter.mailings.ledger.dispatch import note_turn, take_due_batches, whose_turn
from newsletter.mailings.planning.planning import plan_mailing
from tests.support.ledger import claim
from tests.support.orders import pause, resume
from tests.support.stage import Stage, set_stage


@pytest.fixture
def stage(engine: Engine) -> Stage:
    return set_stage(engine, readers=8)


def _flowing(stage: Stage, *, batch_size: int) -> int:
    mailing = stage.mail(batch_size=batch_size)
    plan_mailing(stage.engine, mailing)
    return mailing


def _next(stage: Stage) -> int | None:
    turn = whose_turn(stage.engine, urgent=False)
    if turn is None:
        return None
    note_turn(stage.engine, turn.mailing_id)
    return turn.mailing_id


def test_whoever_was_never_served_is_next_then_whoever_was_served_longest_ago(
    stage: Stage,
) -> None:
    giant, second = _flowing(stage, batch_size=1), _flowing(stage, batch_size=4)
    assert [_next(stage) for _ in range(2)] == [giant, second]
    newcomer = _flowing(stage, batch_size=4)
    with transaction(stage.engine) as session:
        ago = now() - timedelta(seconds=9)
        session.execute(update(MailingRow).where(MailingRow.id == second).values(served_at=ago))
    assert [_next(stage) for _ in range(3)] == [newcomer, second, giant]


def test_who_is_resumed_waits_like_one_that_is_new(stage: Stage) -> None:
    held, other = _flowing(stage, batch_size=4), _flowing(stage, batch_size=4)
    for mailing in (held, other):
        note_turn(stage.engine, mailing)
    pause(stage.engine, held)
    assert _next(stage) == other
    resume(stage.engine, held)
    turn = whose_turn(stage.engine, urgent=False)
    assert turn is not None
    assert (turn.mailing_id, turn.served_at) == (held, None)


def test_a_turn_taken_before_the_clock_was_set_back_is_no_turn(stage: Stage) -> None:
    mailing = _flowing(stage, batch_size=4)
    with transaction(stage.engine) as session:
        session.execute(update(MailingRow).values(served_at=now() + timedelta(hours=1)))
    note_turn(stage.engine, mailing)
    with transaction(stage.engine) as session:
        served_at = session.scalars(select(MailingRow.served_at)).one()
    assert served_at is not None
    assert served_at <= now()


def test_nothing_that_another_has_or_that_is_held_has_a_turn(stage: Stage) -> None:
    mailing = _flowing(stage, batch_size=8)
    claim(stage.engine, mailing, "other")
    assert whose_turn(stage.engine, urgent=False) is None
    held = _flowing(stage, batch_size=8)
    pause(stage.engine, held)
    assert whose_turn(stage.engine, urgent=False) is None


def test_hints_go_round_and_are_as_many_as_there_is_room_for(stage: Stage) -> None:
    giant, small = _flowing(stage, batch_size=1), _flowing(stage, batch_size=4)
    assert take_due_batches(stage.engine, urgent=False, room=0) == []
    hints = take_due_batches(stage.engine, urgent=False, room=4)
    assert [(hint.mailing_id, hint.number) for hint in hints] == [
        (giant, 1), (small, 1), (giant, 2), (small, 2),
    ]  # fmt: skip
    again = take_due_batches(stage.engine, urgent=False, room=2)
    assert [(hint.mailing_id, hint.number) for hint in again] == [(giant, 3), (giant, 4)]
