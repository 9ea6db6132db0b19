"""Connections break: told apart is whether a message is the cause, or the relay takes none."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from newsletter.database.engine import reading
from newsletter.database.tables import DeliveryRow
from newsletter.database.vocabulary import DeliveryState
from newsletter.mailings.ledger.relays import resting_relays
from newsletter.mailings.planning.planning import plan_mailing
from tests.support.databases import on_one_database
from tests.support.relay import CountingRelay, counting_relay
from tests.support.stage import Stage
from tests.support.worker import work, worker

pytestmark = pytest.mark.servers

PEOPLE = 20
BATCH = 5


def _reader(number: int) -> str:
    return f"reader{number:02d}@example.jp"


@pytest.fixture
def mailing(stage: Stage) -> int:
    stage.subscribe(*map(_reader, range(PEOPLE)))
    number = stage.mail(batch_size=BATCH)
    plan_mailing(stage.engine, number)
    return number


@contextmanager
def _sent(
    mailing: int, database_url: str, folder: Path, *faults: dict[str, Any]
) -> Iterator[CountingRelay]:
    """Send all that goes, as a worker process does."""
    with (
        counting_relay(folder, *faults) as relay,
        worker(database_url, relay.url, folder / "data") as services,
    ):
        work(services, mailing)
        yield relay


@on_one_database("postgresql")
@pytest.mark.parametrize("do", ["close", "421 4.3.0 try again"])
@pytest.mark.parametrize(
    "poison", [[0], [PEOPLE - 1], [PEOPLE - 2, PEOPLE - 1]], ids=["first", "last", "last two"]
)
def test_a_message_at_which_the_relay_hangs_up_holds_up_nobody(
    stage: Stage, mailing: int, database_url: str, tmp_path: Path, poison: list[int], do: str
) -> None:
    faults = [{"step": "rcpt", "do": do, "every": 1, "whose": _reader(one)} for one in poison]
    with _sent(mailing, database_url, tmp_path, *faults) as relay:
        assert relay.count() == PEOPLE - len(poison)
    assert stage.counts(mailing) == {
        DeliveryState.ACCEPTED: PEOPLE - len(poison),
        DeliveryState.DEFERRED: len(poison),
    }
    assert [stage.state_of(mailing, _reader(one)) for one in poison] == [
        DeliveryState.DEFERRED for _ in poison
    ]
    assert not resting_relays(stage.engine)


def test_a_relay_that_hangs_up_on_everybody_is_left_alone_and_burns_nobody(
    stage: Stage, mailing: int, database_url: str, tmp_path: Path
) -> None:
    refuses = {"step": "mail", "do": "421 4.7.0 too much from you", "every": 1}
    with _sent(mailing, database_url, tmp_path, refuses) as relay:
        assert relay.count() == 0
    assert stage.counts(mailing) == {DeliveryState.QUEUED: PEOPLE}
    with reading(stage.engine) as session:
        assert session.scalar(select(func.max(DeliveryRow.attempts))) == 0
    assert [relay.reason for relay in resting_relays(stage.engine)] == [
        "421 4.7.0 too much from you"
    ]


@on_one_database("sqlite")
@pytest.mark.parametrize("people", [40, 3, 1])
@pytest.mark.parametrize("every", [2, 3])
def test_a_relay_that_breaks_connections_at_random_is_held_against_nobody(
    stage: Stage, database_url: str, tmp_path: Path, people: int, every: int
) -> None:
    stage.subscribe(*map(_reader, range(people)))
    mailing = stage.mail(batch_size=people)
    plan_mailing(stage.engine, mailing)
    breaks = {"step": "rcpt", "do": "close", "every": every}
    with (
        counting_relay(tmp_path, breaks) as relay,
        worker(database_url, relay.url, tmp_path / "data") as services,
    ):
        work(services, mailing)
        assert relay.count() == people
    assert stage.counts(mailing) == {DeliveryState.ACCEPTED: people}
