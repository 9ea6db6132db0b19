"""Signs of life: which processes live, whatever their hosts' clocks say."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy import Engine, update

from newsletter.database.engine import reading, transaction
from newsletter.database.tables import DatabaseHistoryRow, WorkerHeartbeatRow
from newsletter.database.types import now
from newsletter.database.vocabulary import ProcessKind
from newsletter.mailings.ledger import database_history
from newsletter.operations.alarms import find_alarms
from newsletter.operations.heartbeats import (
    Activity,
    Process,
    beat,
    count_processes,
    list_processes,
    lives_here,
    record_stop,
)
from newsletter.operations.overview import look
from tests.support.databases import on_one_database


@pytest.fixture
def before(engine: Engine) -> Process:
    """A worker that gave its last sign of life before the clock was set back by three hours."""
    gone = Process.this(ProcessKind.WORKER, "bulk@one")
    beat(engine, gone, Activity())
    with transaction(engine) as session:
        session.execute(update(WorkerHeartbeatRow).values(seen_at=now() + timedelta(hours=3)))
    return gone


@on_one_database("sqlite")
def test_a_sign_of_life_that_is_to_come_is_none(engine: Engine, before: Process) -> None:
    with reading(engine) as session:
        (state,) = list_processes(session)
    assert (state.process.key, state.alive, state.lost) == (before.key, False, True)
    assert not lives_here(engine, ProcessKind.WORKER)
    assert count_processes(engine, "bulk") == 0
    seen = replace(look(engine, redis_url=""), broker=None)
    assert "worker-lost" in {one.kind for one in find_alarms(seen)}


@on_one_database("sqlite")
def test_whoever_lives_is_alive_again_with_the_next_sign(engine: Engine, before: Process) -> None:
    beat(engine, before, Activity())
    assert lives_here(engine, ProcessKind.WORKER)
    assert count_processes(engine, "bulk") == 1


@on_one_database("sqlite")
def test_one_that_another_took_the_place_of_is_no_alarm(engine: Engine, before: Process) -> None:
    other = replace(before, pid=before.pid + 1)
    beat(engine, other, Activity())
    assert lives_here(engine, ProcessKind.WORKER)
    assert "worker-lost" not in {one.kind for one in find_alarms(look(engine, redis_url=""))}


def test_a_loss_that_was_made_good_is_no_alarm_once_the_worker_is_stopped(engine: Engine) -> None:
    killed, hanging, instead = (
        Process(kind=ProcessKind.WORKER, node="bulk@one", host="one", pid=pid) for pid in (1, 2, 3)
    )
    for lost in (killed, hanging):
        beat(engine, lost, Activity())
    with transaction(engine) as session:
        long_ago = {"seen_at": now() - timedelta(minutes=9), "started_at": now() - timedelta(1)}
        session.execute(update(WorkerHeartbeatRow).values(long_ago))
    beat(engine, instead, Activity())
    record_stop(engine, instead)
    found = find_alarms(look(engine, redis_url=""))
    (alarm,) = (one for one in found if one.kind == "worker-lost")
    assert alarm.size == 1
    again = replace(instead, pid=4, started_at=now())
    beat(engine, again, Activity())
    record_stop(engine, again)
    assert "worker-lost" not in {one.kind for one in find_alarms(look(engine, redis_url=""))}


def _clock(seconds: float) -> Callable[[], datetime]:
    return lambda: now() + timedelta(seconds=seconds)


@on_one_database("postgresql")
@pytest.mark.parametrize("seconds", [-90, -13, 13, 90])
def test_a_host_whose_clock_is_off_is_alive_and_its_clock_is_named(
    engine: Engine, seconds: int
) -> None:
    there = Process(
        kind=ProcessKind.WORKER,
        node="bulk@there",
        host="there",
        pid=1,
        started_at=_clock(seconds)(),
    )
    beat(engine, there, Activity(), clock=_clock(seconds))
    assert count_processes(engine, "bulk") == 1
    seen = look(engine, redis_url="")
    (state,) = seen.processes
    assert state.alive
    assert abs(state.started_at - now()) < timedelta(seconds=abs(seconds) / 2)
    off = {one.where for one in find_alarms(seen) if one.kind == "clock-off"}
    assert off == {"there"}
    assert round(seen.clocks["there"]) == seconds


@on_one_database("postgresql")
def test_a_process_put_in_place_of_a_lost_one_counts_whatever_its_clock_says(
    engine: Engine,
) -> None:
    slow = _clock(-60)
    lost = Process(
        kind=ProcessKind.WORKER, node="bulk@there", host="there", pid=1, started_at=slow()
    )
    beat(engine, lost, Activity(), clock=slow)
    with transaction(engine) as session:
        session.execute(update(WorkerHeartbeatRow).values(seen_at=now() - timedelta(seconds=20)))
    beat(engine, replace(lost, pid=2, started_at=slow()), Activity(), clock=slow)
    found = find_alarms(replace(look(engine, redis_url=""), broker=None))
    assert "worker-lost" not in {one.kind for one in found}


@on_one_database("postgresql")
def test_a_clock_that_is_right_is_no_alarm_however_slow_the_answer_is(engine: Engine) -> None:
    there = Process(kind=ProcessKind.WORKER, node="bulk@there", host="there", pid=1)
    readings = iter([now() - timedelta(seconds=8), now() + timedelta(seconds=8)])
    beat(engine, there, Activity(), clock=lambda: next(readings))
    assert look(engine, redis_url="").clocks["there"] == 0.0


def test_processes_that_a_backup_tells_of_are_not_called_lost(engine: Engine) -> None:
    of_before, killed_since = (
        Process(kind=ProcessKind.WORKER, node=f"bulk@{host}", host=host, pid=1)
        for host in ("before", "since")
    )
    known = database_history.beat(engine)
    beat(engine, of_before, Activity())
    with transaction(engine) as session:
        long_ago = now() - timedelta(minutes=30)
        session.execute(update(WorkerHeartbeatRow).values(seen_at=long_ago))
    assert "worker-lost" in {one.kind for one in find_alarms(look(engine, redis_url=""))}
    assert database_history.hold_if_broken(engine, replace(known, rounds=known.rounds + 1))
    assert "worker-lost" not in {one.kind for one in find_alarms(look(engine, redis_url=""))}
    beat(engine, killed_since, Activity())
    with transaction(engine) as session:
        session.execute(
            update(WorkerHeartbeatRow)
            .where(WorkerHeartbeatRow.host == "since")
            .values(seen_at=now() - timedelta(seconds=20))
        )
        session.execute(update(DatabaseHistoryRow).values(noticed_at=now() - timedelta(seconds=40)))
    lost = [one for one in find_alarms(look(engine, redis_url="")) if one.kind == "worker-lost"]
    assert [one.where for one in lost] == ["bulk@since"]
