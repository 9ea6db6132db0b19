"""What a worker tells of its messages, as it stands in the ledger, on either database."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import Engine, select

from newsletter.database.engine import reading
from newsletter.database.tables import BatchRow, DeliveryRow
from newsletter.database.types import now
from newsletter.database.vocabulary import DeliveryState
from newsletter.mailings.ledger.leases import claim_batch, close_batch, identity_of, release_batch
from newsletter.mailings.ledger.outcomes import Outcome
from newsletter.mailings.ledger.recording import record
from newsletter.mailings.planning.planning import plan_mailing
from tests.support.stage import Stage, set_stage

ODD_REPLY = "250 「受理」 \"quoted\" 'it' \\ 100% :told $[0]"


@pytest.fixture
def stage(engine: Engine) -> Stage:
    return set_stage(engine, readers=4)


def _claimed(stage: Stage) -> tuple[int, list[int]]:
    mailing = stage.mail(batch_size=25)
    plan_mailing(stage.engine, mailing)
    claim = claim_batch(stage.engine, mailing, 1, token="t", lease_seconds=60)
    assert claim is not None
    return mailing, [delivery.position for delivery in claim.deliveries]


def _tell(stage: Stage, mailing: int, *outcomes: Outcome) -> dict[int, DeliveryRow]:
    record(
        stage.engine,
        mailing_id=mailing,
        identity=identity_of(stage.engine, mailing) or "",
        token="t",
        outcomes=outcomes,
        retry_hours=24,
        lease_seconds=60,
    )
    with reading(stage.engine) as session:
        rows = session.scalars(select(DeliveryRow).where(DeliveryRow.mailing_id == mailing)).all()
        session.expunge_all()
    return {row.position: row for row in rows}


def test_each_keeps_its_own_words(stage: Stage) -> None:
    mailing, (first, second, third, fourth) = _claimed(stage)
    began = now()
    rows = _tell(
        stage,
        mailing,
        Outcome(
            position=first,
            state=DeliveryState.ACCEPTED,
            attempts=1,
            code=250,
            status="2.0.0",
            reply=ODD_REPLY,
            queue_id="ABC",
            transport="smtp:relay:25",
        ),
        Outcome(position=second, state=DeliveryState.ACCEPTED, attempts=2, reply="250 fine"),
        Outcome(position=third, state=DeliveryState.DEFERRED, attempts=1, reply="451 later"),
    )
    accepted = rows[first]
    assert (accepted.state, accepted.attempts) == (DeliveryState.ACCEPTED, 1)
    assert (accepted.status, accepted.reply) == ("2.0.0", ODD_REPLY)
    assert (accepted.queue_id, accepted.transport) == ("ABC", "smtp:relay:25")
    assert accepted.settled_at is not None
    assert accepted.settled_at >= began
    assert (rows[second].attempts, rows[second].reply) == (2, "250 fine")
    assert (rows[second].status, rows[second].queue_id) == (None, None)
    deferred = rows[third]
    assert deferred.state is DeliveryState.DEFERRED
    assert deferred.settled_at is None
    assert deferred.next_attempt_at is not None
    assert began < deferred.next_attempt_at < began + timedelta(minutes=10)
    assert rows[fourth].state is DeliveryState.SENDING


def test_a_final_state_is_never_left_however_often_something_else_is_told(stage: Stage) -> None:
    mailing, (first, *_) = _claimed(stage)
    accepted = Outcome(position=first, state=DeliveryState.ACCEPTED, attempts=1, reply="250 fine")
    _tell(stage, mailing, accepted)
    late = Outcome(position=first, state=DeliveryState.DEFERRED, attempts=2, reply="451 later")
    row = _tell(stage, mailing, late, accepted)[first]
    assert (row.state, row.reply, row.attempts) == (DeliveryState.ACCEPTED, "250 fine", 1)


def test_another_mailings_deliveries_at_the_same_places_are_left_alone(stage: Stage) -> None:
    mailing, (first, *_) = _claimed(stage)
    other = stage.mail(batch_size=25)
    plan_mailing(stage.engine, other)
    _tell(stage, mailing, Outcome(position=first, state=DeliveryState.ACCEPTED, reply="250 fine"))
    assert stage.counts(other) == {DeliveryState.QUEUED: 4}


def test_records_are_counted_anew_under_each_lease(stage: Stage) -> None:
    mailing, (first, second, *_) = _claimed(stage)
    for position in (first, second):
        _tell(stage, mailing, Outcome(position=position, state=DeliveryState.ACCEPTED, attempts=1))
    with reading(stage.engine) as session:
        assert session.scalars(select(BatchRow.records)).one() == 2
    assert release_batch(stage.engine, mailing_id=mailing, token="t", unproven=DeliveryState.QUEUED)
    again = claim_batch(stage.engine, mailing, 1, token="u", lease_seconds=60)
    assert again is not None
    # Its holder told nothing yet; what the one before told must not stand for it.
    assert not close_batch(stage.engine, again, records=1)
    assert close_batch(stage.engine, again)
