"""Changing an address while the same person does something else: on PostgreSQL both run at once."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import select

from newsletter.addresses import parse_address
from newsletter.database.engine import open_engine, reading, transaction
from newsletter.database.tables import SubscriberRow, SubscriptionRow
from newsletter.database.vocabulary import SubscriptionState
from newsletter.tokens import Purpose, TokenSigner
from subscribers.address_changes import (
    AddressChange,
    find_change,
    make_change,
    numbers_of_change,
    request_change,
)
from subscribers.preferences import pause
from tests.support.locks import await_lock
from tests.support.stage import Stage, set_stage

_ADDRESS = "hanako@example.jp"
_SIGNER = TokenSigner([b"k" * 40])


@pytest.fixture
def stage(postgres_url: str) -> Iterator[Stage]:
    engine = open_engine(postgres_url)
    stage = set_stage(engine)
    stage.subscribe(_ADDRESS)
    yield stage
    engine.dispose()


def _ask(stage: Stage, address: str) -> str:
    """Let the reader want another address; return the token of the link that is sent there."""
    number = stage.subscriber_id(_ADDRESS)
    with transaction(stage.engine) as session:
        row = request_change(session, stage.newsletter_id, number, parse_address(address))
        return _SIGNER.sign(Purpose.ADDRESS_CHANGE, *numbers_of_change(row))


def _change(stage: Stage, token: str) -> bool:
    with transaction(stage.engine) as session:
        change: AddressChange = find_change(session, _SIGNER, Purpose.ADDRESS_CHANGE, token, days=7)
        return make_change(session, change, network="")


def _receivers(stage: Stage) -> set[str | None]:
    with reading(stage.engine) as session:
        return set(
            session.scalars(
                select(SubscriberRow.address)
                .join(SubscriptionRow, SubscriptionRow.subscriber_id == SubscriberRow.id)
                .where(SubscriptionRow.state == SubscriptionState.CONFIRMED)
            )
        )


def test_of_two_changes_confirmed_at_once_one_address_receives_the_newsletter(
    stage: Stage,
) -> None:
    first, second = _ask(stage, "first@example.jp"), _ask(stage, "second@example.jp")
    with ThreadPoolExecutor(1) as thread:
        with transaction(stage.engine) as session:
            change = find_change(session, _SIGNER, Purpose.ADDRESS_CHANGE, first, days=7)
            make_change(session, change, network="")
            session.flush()
            running = thread.submit(_change, stage, second)
            await_lock(stage.engine, running)
        running.result(timeout=60)
    assert _receivers(stage) == {"first@example.jp"}


def test_what_is_wished_while_an_address_changes_is_taken_along(stage: Stage) -> None:
    token = _ask(stage, "first@example.jp")
    with ThreadPoolExecutor(1) as thread:
        with transaction(stage.engine) as session:
            pause(session, stage.subscriber_id(_ADDRESS), weeks=4)
            session.flush()
            running = thread.submit(_change, stage, token)
            await_lock(stage.engine, running)
        assert running.result(timeout=60)
    with reading(stage.engine) as session:
        paused = session.scalars(
            select(SubscriptionRow.paused_until).where(
                SubscriptionRow.state == SubscriptionState.CONFIRMED
            )
        ).one()
    assert paused is not None
