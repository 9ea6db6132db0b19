"""Leases: what may be taken in hand at all, and when a batch that is given back is due again."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, select, update

from newsletter.database.engine import reading, transaction
from newsletter.database.tables import (
    BatchRow,
    DeliveryRow,
    HeldDomainRow,
    MailingRow,
    SubscriptionRow,
)
from newsletter.database.types import now
from newsletter.database.vocabulary import (
    DeliveryState,
    MailingState,
    SubscriptionState,
    SuppressionReason,
)
from newsletter.mailings.ledger.leases import Claim, claim_batch, close_batch, postpone_batch
from newsletter.mailings.planning.planning import plan_mailing
from subscribers.suppression import suppress
from tests.support.ledger import claim
from tests.support.stage import Stage, set_stage

ANNA, BEN = "anna@example.jp", "ben@example.com"


@pytest.fixture
def stage(engine: Engine) -> Stage:
    prepared = set_stage(engine)
    prepared.subscribe(ANNA, BEN)
    return prepared


@pytest.fixture
def mailing(stage: Stage) -> int:
    planned = stage.mail()
    plan_mailing(stage.engine, planned)
    return planned


def _change(stage: Stage, table: Any, **values: object) -> None:
    """Change Anna's row."""
    with transaction(stage.engine) as session:
        hers = table.subscriber_id == stage.subscriber_id(ANNA)
        session.execute(update(table).where(hers).values(**values))


def _suppress(stage: Stage) -> None:
    with transaction(stage.engine) as session:
        suppress(session, address_key=ANNA, reason=SuppressionReason.MANUAL)


def _addresses(claimed: Claim) -> list[str]:
    return [one.address for one in claimed.deliveries]


def _due_at(stage: Stage) -> datetime:
    with reading(stage.engine) as session:
        return session.scalars(select(BatchRow.due_at)).one()


def test_a_batch_of_another_mailing_with_that_number_is_not_taken(
    stage: Stage, mailing: int
) -> None:
    taken = claim_batch(
        stage.engine, mailing, 1, token="t", lease_seconds=60, identity="of a restored database"
    )
    assert taken is None
    assert claim(stage.engine, mailing, "t").deliveries


def test_what_is_deferred_is_not_taken_before_its_time(stage: Stage, mailing: int) -> None:
    later = now() + timedelta(hours=1)
    _change(stage, DeliveryRow, state=DeliveryState.DEFERRED, next_attempt_at=later)
    assert _addresses(claim(stage.engine, mailing, "t")) == [BEN]


@pytest.mark.parametrize(
    "change",
    [
        lambda stage: _change(stage, SubscriptionRow, state=SubscriptionState.UNSUBSCRIBED),
        lambda stage: _change(stage, SubscriptionRow, paused_until=now() + timedelta(days=1)),
        _suppress,
    ],
    ids=["left", "paused", "suppressed"],
)
def test_who_is_not_to_get_mail_any_more_is_skipped_when_a_batch_is_taken(
    stage: Stage, mailing: int, change: Any
) -> None:
    change(stage)
    assert _addresses(claim(stage.engine, mailing, "t")) == [BEN]
    assert stage.state_of(mailing, ANNA) is DeliveryState.SKIPPED


def test_a_pause_that_is_over_keeps_nobody_from_mail(stage: Stage, mailing: int) -> None:
    _change(stage, SubscriptionRow, paused_until=now() - timedelta(seconds=1))
    assert ANNA in _addresses(claim(stage.engine, mailing, "t"))


def test_who_wants_plain_text_alone_is_claimed_so(stage: Stage, mailing: int) -> None:
    _change(stage, SubscriptionRow, format="text")
    claimed = claim(stage.engine, mailing, "t").deliveries
    assert {one.address: one.html for one in claimed} == {ANNA: False, BEN: True}


def test_what_is_for_a_held_domain_waits_and_its_batch_with_it(stage: Stage, mailing: int) -> None:
    began = now()
    with transaction(stage.engine) as session:
        session.add(HeldDomainRow(domain="example.jp", since=began))
    claimed = claim(stage.engine, mailing, "t")
    assert _addresses(claimed) == [BEN]
    with transaction(stage.engine) as session:
        session.execute(
            update(DeliveryRow)
            .where(DeliveryRow.subscriber_id == stage.subscriber_id(BEN))
            .values(state=DeliveryState.ACCEPTED)
        )
    assert close_batch(stage.engine, claimed)
    assert _due_at(stage) >= began + timedelta(seconds=30)


def test_a_batch_that_is_given_back_is_due_since_it_was(stage: Stage, mailing: int) -> None:
    before = _due_at(stage)
    assert close_batch(stage.engine, claim(stage.engine, mailing, "t"))
    assert _due_at(stage) == before


def test_a_batch_waits_at_least_as_long_as_its_holder_says(stage: Stage, mailing: int) -> None:
    began = now()
    assert close_batch(stage.engine, claim(stage.engine, mailing, "t"), wait_seconds=600)
    assert _due_at(stage) >= began + timedelta(seconds=600)


def test_a_batch_does_not_come_back_before_what_in_it_is_deferred(
    stage: Stage, mailing: int
) -> None:
    claimed = claim(stage.engine, mailing, "t")
    later = now() + timedelta(hours=2)
    with transaction(stage.engine) as session:
        session.execute(
            update(DeliveryRow).values(state=DeliveryState.DEFERRED, next_attempt_at=later)
        )
    assert close_batch(stage.engine, claimed, wait_seconds=600)
    assert _due_at(stage) == later


def test_a_batch_that_somebody_holds_is_not_put_off(stage: Stage, mailing: int) -> None:
    before = _due_at(stage)
    claim(stage.engine, mailing, "t")
    postpone_batch(stage.engine, mailing, 1, now() + timedelta(hours=1))
    assert _due_at(stage) == before


def test_what_a_holder_gives_back_of_a_cancelled_mailing_is_skipped(
    stage: Stage, mailing: int
) -> None:
    claimed = claim(stage.engine, mailing, "t")
    with transaction(stage.engine) as session:
        session.execute(update(MailingRow).values(state=MailingState.CANCELLED))
    assert close_batch(stage.engine, claimed)
    assert stage.counts(mailing) == {DeliveryState.SKIPPED: 2}


def test_a_copy_knows_the_last_correction_when_it_is_taken(stage: Stage, mailing: int) -> None:
    with transaction(stage.engine) as session:
        session.execute(update(MailingRow).values(correction=3))
    assert claim(stage.engine, mailing, "t").correction == 3
    with reading(stage.engine) as session:
        assert set(session.scalars(select(DeliveryRow.correction))) == {3}
        assert set(session.scalars(select(BatchRow.correction))) == {3}
