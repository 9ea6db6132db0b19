"""An operator's word: on what is in doubt, on what failed, on a relay."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import Engine, select, update

from newsletter.database.engine import reading, transaction
from newsletter.database.tables import BatchRow, DeliveryRow, MailingRow, RelayRow
from newsletter.database.types import now
from newsletter.database.vocabulary import (
    BatchState,
    DeliveryState,
    MailingState,
    UncertainPolicy,
)
from newsletter.errors import ConflictError
from newsletter.mailings.ledger import relays
from newsletter.mailings.ledger.dispatch import take_due_batches
from newsletter.mailings.ledger.leases import UNPROVEN
from newsletter.mailings.ledger.outcomes import OwnReason, own_reply
from newsletter.mailings.ledger.settlement import (
    list_deliveries,
    retry_failed,
    settle_by_policy,
    settle_uncertain,
)
from newsletter.mailings.planning.planning import plan_mailing
from newsletter.mailings.reports.progress import progress
from newsletter.operations.attention import backlog
from tests.support.databases import on_one_database
from tests.support.orders import cancel
from tests.support.stage import Stage, set_stage


@pytest.fixture
def stage(engine: Engine) -> Stage:
    return set_stage(engine, readers=4)


def _ended(
    stage: Stage,
    state: DeliveryState,
    policy: UncertainPolicy = UncertainPolicy.ASK,
    *,
    reply: str = "the line went dead",
) -> int:
    """Return a finished mailing of which one delivery is in ``state``, the others accepted."""
    mailing = stage.mail(uncertain_policy=policy)
    plan_mailing(stage.engine, mailing)
    with transaction(stage.engine) as session:
        session.execute(update(DeliveryRow).values(state=DeliveryState.ACCEPTED))
        session.execute(
            update(DeliveryRow)
            .where(DeliveryRow.position == 2)
            .values(state=state, reply=reply, attempts=0)
        )
        session.execute(update(BatchRow).values(state=BatchState.DONE))
        session.execute(update(MailingRow).values(state=MailingState.FINISHED))
    return mailing


def test_what_is_in_doubt_is_listed_with_why(stage: Stage) -> None:
    mailing = _ended(stage, DeliveryState.UNCERTAIN)
    found = list_deliveries(stage.engine, DeliveryState.UNCERTAIN, mailing_id=mailing)
    assert [(one.address, one.reply) for one in found] == [
        ("reader1@example.jp", "the line went dead")
    ]


def test_resending_makes_it_due_and_the_mailing_flow_again(stage: Stage) -> None:
    mailing = _ended(stage, DeliveryState.UNCERTAIN)
    with transaction(stage.engine) as session:
        assert settle_uncertain(session, mailing, resend=True) == 1
    assert stage.counts(mailing) == {DeliveryState.ACCEPTED: 3, DeliveryState.QUEUED: 1}
    assert progress(stage.engine, mailing).state is MailingState.SENDING
    assert [hint.mailing_id for hint in take_due_batches(stage.engine, urgent=False, room=64)] == [
        mailing
    ]


def test_what_is_sent_again_has_waited_since_it_was_ordered(stage: Stage) -> None:
    mailing = _ended(stage, DeliveryState.FAILED)
    ordered_at = now()
    with transaction(stage.engine) as session:
        session.execute(update(BatchRow).values(due_at=ordered_at - timedelta(days=3)))
        retry_failed(session, mailing)
    with reading(stage.engine) as session:
        since = backlog(session).oldest_due_at
    assert since is not None
    assert since >= ordered_at


def test_leaving_it_takes_it_as_arrived_and_keeps_the_words(stage: Stage) -> None:
    mailing = _ended(stage, DeliveryState.UNCERTAIN)
    with transaction(stage.engine) as session:
        settle_uncertain(session, mailing, resend=False)
    found = list_deliveries(stage.engine, DeliveryState.ACCEPTED, mailing_id=mailing)
    assert own_reply(OwnReason.TAKEN_AS_ARRIVED, "the line went dead") in [
        one.reply for one in found
    ]


def test_a_mailings_policy_settles_by_itself(stage: Stage) -> None:
    mailing = _ended(stage, DeliveryState.UNCERTAIN, UncertainPolicy.RESEND)
    settle_by_policy(stage.engine, patience=timedelta(hours=1))
    assert stage.counts(mailing)[DeliveryState.QUEUED] == 1


def test_a_policy_sends_nothing_again_without_end(stage: Stage) -> None:
    mailing = _ended(stage, DeliveryState.UNCERTAIN, UncertainPolicy.RESEND)
    times = 0
    while True:
        settle_by_policy(stage.engine, patience=timedelta(hours=1))
        if stage.counts(mailing).get(DeliveryState.QUEUED) is None:
            break
        times += 1
        with transaction(stage.engine) as session:
            session.execute(
                update(DeliveryRow)
                .where(DeliveryRow.state == DeliveryState.QUEUED)
                .values(state=DeliveryState.UNCERTAIN)
            )
    assert times == 3
    assert stage.counts(mailing)[DeliveryState.UNCERTAIN] == 1


def test_a_policy_can_take_as_arrived_what_left(stage: Stage) -> None:
    mailing = _ended(stage, DeliveryState.UNCERTAIN, UncertainPolicy.LEAVE)
    settle_by_policy(stage.engine, patience=timedelta(hours=1))
    assert stage.counts(mailing) == {DeliveryState.ACCEPTED: 4}


def test_no_policy_takes_as_arrived_what_may_never_have_left(stage: Stage) -> None:
    mailing = _ended(stage, DeliveryState.UNCERTAIN, UncertainPolicy.LEAVE, reply=UNPROVEN)
    settle_by_policy(stage.engine, patience=timedelta(hours=1))
    assert stage.counts(mailing)[DeliveryState.UNCERTAIN] == 1


def test_without_a_policy_nothing_is_settled_by_itself(stage: Stage) -> None:
    mailing = _ended(stage, DeliveryState.UNCERTAIN)
    settle_by_policy(stage.engine, patience=timedelta(hours=1))
    assert stage.counts(mailing)[DeliveryState.UNCERTAIN] == 1


def test_what_failed_can_be_sent_again(stage: Stage) -> None:
    mailing = _ended(stage, DeliveryState.FAILED)
    with transaction(stage.engine) as session:
        assert retry_failed(session, mailing) == 1
    assert stage.counts(mailing)[DeliveryState.QUEUED] == 1


@on_one_database("postgresql")
def test_any_number_of_failures_can_be_sent_again_at_once(stage: Stage) -> None:
    """PostgreSQL takes 65,535 parameters in one statement, and no more."""
    count = 70_000
    stage.subscribe(*(f"more{number}@example.jp" for number in range(count)))
    mailing = stage.mail(batch_size=10_000)
    plan_mailing(stage.engine, mailing)
    with transaction(stage.engine) as session:
        session.execute(update(DeliveryRow).values(state=DeliveryState.FAILED))
        session.execute(update(BatchRow).values(state=BatchState.DONE))

    with transaction(stage.engine) as session:
        assert retry_failed(session, mailing) == count + 4


def test_sending_again_leaves_batches_whose_hour_is_to_come_alone(stage: Stage) -> None:
    mailing = stage.mail(batch_size=1)
    plan_mailing(stage.engine, mailing)
    with transaction(stage.engine) as session:
        session.execute(update(BatchRow).values(due_at=now() + timedelta(hours=1)))
        first = DeliveryRow.position == 1
        session.execute(update(DeliveryRow).where(first).values(state=DeliveryState.FAILED))

    with transaction(stage.engine) as session:
        retry_failed(session, mailing)

    due = [hint.number for hint in take_due_batches(stage.engine, urgent=False, room=64)]
    with reading(stage.engine) as session:
        numbers = session.scalars(select(BatchRow.number).where(BatchRow.first_position <= 1))
        assert due == list(numbers)


def test_nothing_of_a_cancelled_mailing_is_sent_again(stage: Stage) -> None:
    mailing = _ended(stage, DeliveryState.FAILED)
    with transaction(stage.engine) as session:
        session.execute(update(MailingRow).values(state=MailingState.PAUSED))
    cancel(stage.engine, mailing)
    with transaction(stage.engine) as session, pytest.raises(ConflictError):
        retry_failed(session, mailing)


def test_a_relay_that_fails_again_and_again_is_left_alone_longer(engine: Engine) -> None:
    first = relays.relay_failed(engine, "smtp:a:25", "421 busy")
    # Another worker that failed at the same time does not count again.
    assert relays.relay_failed(engine, "smtp:a:25", "421 busy") == first
    assert [relay.reason for relay in relays.resting_relays(engine)] == ["421 busy"]
    relays.relay_works(engine, "smtp:a:25")
    assert relays.resting_relays(engine) == []


def test_a_relay_is_asked_again_although_the_clock_was_set_back(engine: Engine) -> None:
    relays.relay_failed(engine, "smtp:a:25", "421 busy")
    with transaction(engine) as session:
        session.execute(update(RelayRow).values(retry_at=now() + timedelta(hours=2)))
    assert relays.resting_relays(engine) == []


def test_a_held_relay_stays_held_whatever_works(engine: Engine) -> None:
    with transaction(engine) as session:
        relays.hold_relay(session, "smtp:a:25", reason="maintenance", known=["smtp:a:25"])
    relays.relay_works(engine, "smtp:a:25")
    assert [relay.held for relay in relays.resting_relays(engine)] == [True]
    with transaction(engine) as session:
        relays.let_relay_go(session, "smtp:a:25")
    assert relays.resting_relays(engine) == []
