"""The ledger: whatever comes late, twice, or at once, nobody is lost and nobody gets it twice."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, event, select, update

from newsletter.database.engine import reading, transaction
from newsletter.database.tables import BatchRow, DeliveryRow, MailingRow
from newsletter.database.types import now
from newsletter.database.vocabulary import BatchState, DeliveryState, MailingState
from newsletter.errors import ConflictError
from newsletter.mailings.ledger import leases as ledger
from newsletter.mailings.ledger.dispatch import finish_mailings, take_due_batches
from newsletter.mailings.ledger.outcomes import Outcome
from newsletter.mailings.ledger.recording import record_break
from newsletter.mailings.ledger.settlement import retry_failed, settle_uncertain
from newsletter.mailings.planning.planning import plan_mailing
from newsletter.mailings.reports.progress import progress
from tests.support.ledger import all_of, batch_states, claim, delivery_states, record
from tests.support.orders import cancel, pause
from tests.support.stage import Stage, set_stage

State = DeliveryState


@pytest.fixture
def stage(engine: Engine) -> Stage:
    return set_stage(engine, readers=4)


@pytest.fixture
def mailing(stage: Stage) -> int:
    planned = stage.mail()
    plan_mailing(stage.engine, planned)
    return planned


@contextmanager
def before(engine: Engine, statement: str, act: Callable[[], None]) -> Iterator[None]:
    """Let ``act`` happen once, right before the first statement that begins so."""
    waiting = [act]

    def look(_connection: Any, _cursor: Any, text: str, *_rest: Any) -> None:
        if text.startswith(statement) and waiting:
            waiting.pop()()

    event.listen(engine, "before_cursor_execute", look)
    try:
        yield
    finally:
        event.remove(engine, "before_cursor_execute", look)
    assert not waiting, f"no statement began with {statement}"


def test_a_batch_that_is_put_off_waits_and_is_taken_once_it_is_due(
    stage: Stage, mailing: int
) -> None:
    ledger.postpone_batch(stage.engine, mailing, 1, now() + timedelta(hours=1))
    taken = ledger.claim_batch(stage.engine, mailing, 1, token="early", lease_seconds=60)
    assert (taken, batch_states(stage.engine, mailing)) == (None, [BatchState.PENDING])
    ledger.postpone_batch(stage.engine, mailing, 1, now() - timedelta(seconds=1))
    claim(stage.engine, mailing, "in time")
    assert batch_states(stage.engine, mailing) == [BatchState.LEASED]


class TestALostLease:
    """A worker that was taken for lost speaks, or its journal does, when others hold the batch."""

    def test_moves_nothing_of_what_another_has_in_hand(self, stage: Stage, mailing: int) -> None:
        first = claim(stage.engine, mailing, "first")
        ledger.release_batch(stage.engine, mailing_id=mailing, token="first", unproven=State.QUEUED)
        second = claim(stage.engine, mailing, "second")
        for state in (State.DEFERRED, State.UNCERTAIN, State.REJECTED, State.SKIPPED):
            record(stage.engine, mailing, "first", *all_of(first, state))
        assert set(delivery_states(stage.engine, mailing).values()) == {State.SENDING}
        record(stage.engine, mailing, "second", *all_of(second, State.ACCEPTED))
        assert set(delivery_states(stage.engine, mailing).values()) == {State.ACCEPTED}

    def test_counts_no_death_against_a_message_that_another_makes(
        self, stage: Stage, mailing: int
    ) -> None:
        claim(stage.engine, mailing, "first")
        ledger.release_batch(stage.engine, mailing_id=mailing, token="first", unproven=State.QUEUED)
        claim(stage.engine, mailing, "second")
        for _ in range(3):
            record_break(stage.engine, mailing_id=mailing, token="first", position=1)
        assert delivery_states(stage.engine, mailing)[1] is State.SENDING

    def test_ends_a_doubt_when_it_tells_of_an_acceptance(self, stage: Stage, mailing: int) -> None:
        first = claim(stage.engine, mailing, "first")
        ledger.release_batch(
            stage.engine, mailing_id=mailing, token="first", unproven=State.UNCERTAIN
        )
        record(stage.engine, mailing, "first", *all_of(first, State.ACCEPTED))
        assert set(delivery_states(stage.engine, mailing).values()) == {State.ACCEPTED}

    def test_spares_a_second_copy_that_was_ordered_already(
        self, stage: Stage, mailing: int
    ) -> None:
        first = claim(stage.engine, mailing, "first")
        ledger.release_batch(
            stage.engine, mailing_id=mailing, token="first", unproven=State.UNCERTAIN
        )
        with transaction(stage.engine) as session:
            settle_uncertain(session, mailing, resend=True)
        record(stage.engine, mailing, "first", *all_of(first, State.ACCEPTED))
        assert claim(stage.engine, mailing, "second").deliveries == ()

    def test_says_of_what_is_in_doubt_why(self, stage: Stage, mailing: int) -> None:
        claim(stage.engine, mailing, "first")
        ledger.release_batch(
            stage.engine, mailing_id=mailing, token="first", unproven=State.UNCERTAIN
        )
        with reading(stage.engine) as session:
            assert set(session.scalars(select(DeliveryRow.reply))) == {ledger.UNPROVEN}


def test_who_joins_amid_planning_leaves_nobody_outside_of_all_batches(stage: Stage) -> None:
    if stage.engine.dialect.name == "sqlite":
        pytest.skip("nobody can join amid a transaction of SQLite")
    mailing = stage.mail()
    joins = lambda: stage.subscribe("a@example.jp", "late@example.jp")  # noqa: E731
    with before(stage.engine, "INSERT INTO delivery", joins):
        plan_mailing(stage.engine, mailing)
    with reading(stage.engine) as session:
        in_batches = session.scalars(select(BatchRow.last_position)).all()
    assert len(delivery_states(stage.engine, mailing)) == max(in_batches)
    assert progress(stage.engine, mailing).planned == max(in_batches)


def test_planning_twice_at_once_plans_once(stage: Stage) -> None:
    mailing = stage.mail()
    planned: list[int] = []
    threads = [
        threading.Thread(target=lambda: planned.append(plan_mailing(stage.engine, mailing)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(planned) == [0, 0, 0, 4]


def test_a_cancelled_mailing_is_ended_whole_or_not_at_all(stage: Stage, mailing: int) -> None:
    def die() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), before(stage.engine, "UPDATE delivery", die):
        cancel(stage.engine, mailing)
    assert progress(stage.engine, mailing).state is MailingState.SENDING
    cancel(stage.engine, mailing)
    assert set(delivery_states(stage.engine, mailing).values()) == {State.SKIPPED}
    assert batch_states(stage.engine, mailing) == [BatchState.DONE]


def _beside(act: Callable[[], object], threads: list[threading.Thread]) -> Callable[[], None]:
    """Return what starts ``act`` and lets it come as far as it can beside this transaction."""

    def start() -> None:
        thread = threading.Thread(target=act)
        thread.start()
        threads.append(thread)
        thread.join(0.5)

    return start


def test_a_cancellation_beside_a_batch_that_is_given_back_leaves_nothing_queued(
    stage: Stage, mailing: int
) -> None:
    held = claim(stage.engine, mailing, "first")
    threads: list[threading.Thread] = []
    cancelling = _beside(lambda: cancel(stage.engine, mailing), threads)
    with before(stage.engine, "UPDATE batch", cancelling):
        ledger.close_batch(stage.engine, held)
    threads[0].join()
    assert set(delivery_states(stage.engine, mailing).values()) == {State.SKIPPED}


def test_an_order_to_send_again_beside_the_end_of_a_mailing_is_not_forgotten(
    stage: Stage, mailing: int
) -> None:
    record(
        stage.engine, mailing, "first", *all_of(claim(stage.engine, mailing, "first"), State.FAILED)
    )
    ledger.release_batch(stage.engine, mailing_id=mailing, token="first", unproven=State.QUEUED)
    threads: list[threading.Thread] = []
    with transaction(stage.engine) as session:
        retry_failed(session, mailing)
        _beside(lambda: finish_mailings(stage.engine), threads)()
    threads[0].join()
    finish_mailings(stage.engine)
    assert progress(stage.engine, mailing).state is MailingState.SENDING
    assert len(take_due_batches(stage.engine, urgent=False, room=64)) == 1


def test_an_order_beside_a_batch_that_is_given_back_is_not_forgotten(
    stage: Stage, mailing: int
) -> None:
    held = claim(stage.engine, mailing, "first")
    record(stage.engine, mailing, "first", *all_of(held, State.UNCERTAIN))
    threads: list[threading.Thread] = []
    with transaction(stage.engine) as session:
        settle_uncertain(session, mailing, resend=True)
        _beside(lambda: ledger.close_batch(stage.engine, held), threads)()
    threads[0].join()
    assert batch_states(stage.engine, mailing) == [BatchState.PENDING]
    assert len(claim(stage.engine, mailing, "second").deliveries) == 4


def test_hints_are_given_and_batches_taken_although_the_clock_was_set_back(
    stage: Stage, mailing: int
) -> None:
    ahead = now() + timedelta(hours=2)
    with transaction(stage.engine) as session:
        session.execute(update(MailingRow).values(started_at=ahead))
        session.execute(update(BatchRow).values(due_at=ahead, hinted_at=ahead))
    assert len(take_due_batches(stage.engine, urgent=False, room=64)) == 1
    assert len(claim(stage.engine, mailing, "first").deliveries) == 4


def _defer(stage: Stage, mailing: int, attempts: int) -> State:
    with transaction(stage.engine) as session:
        session.execute(update(DeliveryRow).values(state=State.QUEUED, next_attempt_at=None))
        session.execute(update(BatchRow).values(state=BatchState.PENDING))
    claim(stage.engine, mailing, f"t{attempts}")
    outcome = Outcome(position=1, state=State.DEFERRED, attempts=attempts, reply="450 later")
    record(stage.engine, mailing, f"t{attempts}", outcome)
    return delivery_states(stage.engine, mailing)[1]


def test_what_is_deferred_has_all_its_hours_however_late_it_began(
    stage: Stage, mailing: int
) -> None:
    with transaction(stage.engine) as session:
        session.execute(update(MailingRow).values(started_at=now() - timedelta(days=7)))
    # 5, 10, 20, 40, 80, 160 minutes, then four hours each: 48 hours end amid the seventeenth.
    assert _defer(stage, mailing, 1) is State.DEFERRED
    assert _defer(stage, mailing, 16) is State.DEFERRED
    assert _defer(stage, mailing, 17) is State.FAILED


def test_a_reply_that_no_database_takes_holds_up_nobody(stage: Stage, mailing: int) -> None:
    held = claim(stage.engine, mailing, "first")
    outcomes = [
        Outcome(
            position=one.position,
            state=State.REJECTED,
            status="5.1.1",
            reply="550 5.1.1 no\0body",
            transport=f"directory:/{'x' * 300}",
        )
        for one in held.deliveries
    ]
    record(stage.engine, mailing, "first", *outcomes)
    assert set(delivery_states(stage.engine, mailing).values()) == {State.REJECTED}


def test_nothing_can_be_claimed_once_a_mailing_is_held(stage: Stage, mailing: int) -> None:
    pause(stage.engine, mailing)
    assert ledger.claim_batch(stage.engine, mailing, 1, token="first", lease_seconds=60) is None
    with pytest.raises(ConflictError):
        pause(stage.engine, mailing)


def test_a_lease_is_listed_with_its_mailing_while_it_is_held(stage: Stage, mailing: int) -> None:
    engine = stage.engine
    assert ledger.leases(engine) == []
    claimed = claim(engine, mailing, "one")
    assert [(each.mailing_id, each.token) for each in ledger.leases(engine)] == [(mailing, "one")]
    assert ledger.mailing_of(engine, "one") == mailing
    assert ledger.mailing_of(engine, "other") is None
    record(engine, mailing, "one", *all_of(claimed, DeliveryState.ACCEPTED))
    assert ledger.close_batch(engine, claimed)
    assert ledger.leases(engine) == []
    assert ledger.mailing_of(engine, "one") is None
