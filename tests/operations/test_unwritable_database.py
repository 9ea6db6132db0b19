"""A database that answers and takes no writes: said as such, and held against no relay."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import Engine, text, update

from newsletter.database.engine import open_engine, transaction, write_refusal
from newsletter.database.tables import BatchRow, MailingRow, WorkerHeartbeatRow
from newsletter.database.types import now
from newsletter.database.vocabulary import MailingState, ProcessKind
from newsletter.disk import DiskFault, DiskHealth
from newsletter.i18n.language import Language
from newsletter.mailings.ledger.leases import claim_batch
from newsletter.mailings.planning.planning import plan_mailing
from newsletter.operations import heartbeats
from newsletter.operations.alarms import find_alarms, find_flow_alarms
from newsletter.operations.alarms.model import Alarm
from newsletter.operations.broker import BrokerHealth
from newsletter.operations.heartbeats import Activity, Process
from newsletter.operations.overview import look, look_at_flow
from tests.support.databases import each_database
from tests.support.stage import set_stage

_POSTGRESQL = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)


@pytest.fixture
def silent(engine: Engine) -> int:
    """A mailing whose only batch was taken in hand a while ago, and nothing came of it."""
    stage = set_stage(engine)
    stage.subscribe("a@example.jp")
    number = stage.mail()
    plan_mailing(engine, number)
    assert claim_batch(engine, number, 1, token="t" * 32, lease_seconds=600) is not None
    with transaction(engine) as session:
        session.execute(update(BatchRow).values(leased_at=now() - timedelta(seconds=30)))
    return number


@pytest.fixture
def refusing(engine: Engine, database_url: str, silent: int) -> Iterator[Engine]:
    """Connect to the same database, which new connections find read-only, as on a replica."""
    del silent
    with transaction(engine) as session:
        name = session.scalar(text("SELECT current_database()"))
        session.execute(text(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on'))
    refusing = open_engine(database_url)
    yield refusing
    refusing.dispose()


def _words(alarms: list[Alarm]) -> dict[str, str]:
    return {
        each.kind: " ".join(part.in_language(Language.ENGLISH) for part in (each.what, each.remedy))
        for each in alarms
    }


@each_database
def test_a_database_that_takes_writes_refuses_none_and_keeps_nothing(engine: Engine) -> None:
    assert write_refusal(engine) == ""
    assert write_refusal(engine) == ""


@_POSTGRESQL
def test_a_database_that_takes_no_writes_is_named_and_no_relay_blamed(
    refusing: Engine, silent: int
) -> None:
    for alarms in (
        find_alarms(look(refusing, redis_url="")),
        find_flow_alarms(look_at_flow(refusing, silent, redis_url="")),
    ):
        words = _words(list(alarms))
        assert "read-only" in words["database-refuses"]
        assert "No relay" not in words["mailing-silent"]


@_POSTGRESQL
def test_a_mailing_that_cannot_be_planned_for_want_of_space_is_told_with_the_reason(
    refusing: Engine, engine: Engine
) -> None:
    worker = Process(kind=ProcessKind.WORKER, node="bulk@one", host="one", pid=1)
    heartbeats.beat(engine, worker, Activity())
    with transaction(engine) as session:
        ordered = now() - timedelta(minutes=3)
        waits = {"state": MailingState.PLANNING, "created_at": ordered}
        session.execute(update(MailingRow).values(waits))
    words = _words(list(find_alarms(look(refusing, redis_url=""))))
    assert "read-only" in words["database-refuses"]
    assert "should have begun 3 min ago" in words["mailing-unplanned"]
    with transaction(engine) as session:
        session.execute(update(MailingRow).values(state=MailingState.SENDING))
    assert "mailing-unplanned" not in _words(list(find_alarms(look(engine, redis_url=""))))


@_POSTGRESQL
def test_without_a_word_from_the_database_the_relay_is_to_be_looked_at(
    engine: Engine, silent: int
) -> None:
    del silent
    worker = Process(kind=ProcessKind.WORKER, node="bulk@one", host="one", pid=1)
    heartbeats.beat(engine, worker, Activity())
    words = _words(list(find_alarms(look(engine, redis_url=""))))
    assert "database-refuses" not in words
    assert "No relay" in words["mailing-silent"]


@_POSTGRESQL
def test_a_full_disk_of_a_worker_is_held_against_no_relay(engine: Engine, silent: int) -> None:
    del silent
    seen = look(engine, redis_url="")
    full = replace(seen, own_disk=DiskHealth(free=0, fault=DiskFault.FULL))
    assert "No relay" not in _words(list(find_alarms(full)))["mailing-silent"]


@_POSTGRESQL
def test_while_nothing_can_be_written_nobody_is_called_lost(
    refusing: Engine, engine: Engine, silent: int
) -> None:
    del silent
    for node in ("bulk@one", "control@one", ""):
        kind = ProcessKind.WORKER if node else ProcessKind.BEAT
        heartbeats.beat(engine, Process(kind=kind, node=node, host="one", pid=1), Activity())
    with transaction(engine) as session:
        session.execute(update(WorkerHeartbeatRow).values(seen_at=now() - timedelta(minutes=2)))
        session.execute(update(MailingRow).values(state=MailingState.FINISHED))
    seen = replace(look(refusing, redis_url=""), broker=BrokerHealth())
    kinds = _words(list(find_alarms(seen))).keys()
    assert "database-refuses" in kinds
    assert kinds.isdisjoint({"worker-lost", "no-worker", "no-beat", "no-rounds"})


def test_on_a_full_disk_of_the_database_itself_nobody_is_called_lost(engine: Engine) -> None:
    heartbeats.beat(
        engine, Process(kind=ProcessKind.WORKER, node="bulk@one", host="one", pid=1), Activity()
    )
    with transaction(engine) as session:
        session.execute(update(WorkerHeartbeatRow).values(seen_at=now() - timedelta(minutes=2)))
    seen = replace(look(engine, redis_url=""), broker=BrokerHealth())
    full = replace(seen, own_disk=DiskHealth(free=0, fault=DiskFault.FULL))
    assert "worker-lost" in _words(list(find_alarms(seen)))
    kinds = _words(list(find_alarms(full))).keys()
    assert "disk-unwritable" in kinds
    assert kinds.isdisjoint({"worker-lost", "no-worker", "no-beat", "no-rounds"})
