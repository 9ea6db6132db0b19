"""Signs of life from before the clock was set back: whoever gave them may be gone."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import Engine, update

from newsletter.database.engine import reading, transaction
from newsletter.database.tables import WorkerHeartbeatRow
from newsletter.database.types import now
from newsletter.database.vocabulary import ProcessKind
from newsletter.operations.alarms import find_alarms
from newsletter.operations.heartbeats import (
    Activity,
    Process,
    beat,
    count_processes,
    list_processes,
    lives_here,
)
from newsletter.operations.overview import look
from tests.support.databases import on_one_database

pytestmark = on_one_database("sqlite")


@pytest.fixture
def before(engine: Engine) -> Process:
    """A worker that gave its last sign of life before the clock was set back by three hours."""
    gone = Process.this(ProcessKind.WORKER, "bulk@one")
    beat(engine, gone, Activity())
    with transaction(engine) as session:
        session.execute(update(WorkerHeartbeatRow).values(seen_at=now() + timedelta(hours=3)))
    return gone


def test_a_sign_of_life_that_is_to_come_is_none(engine: Engine, before: Process) -> None:
    with reading(engine) as session:
        (state,) = list_processes(session)
    assert (state.process.key, state.alive, state.lost) == (before.key, False, True)
    assert not lives_here(engine, ProcessKind.WORKER)
    assert count_processes(engine, "bulk") == 0
    seen = replace(look(engine, redis_url=""), broker=None)
    assert "worker-lost" in {one.kind for one in find_alarms(seen)}


def test_whoever_lives_is_alive_again_with_the_next_sign(engine: Engine, before: Process) -> None:
    beat(engine, before, Activity())
    assert lives_here(engine, ProcessKind.WORKER)
    assert count_processes(engine, "bulk") == 1


def test_one_that_another_took_the_place_of_is_no_alarm(engine: Engine, before: Process) -> None:
    other = replace(before, pid=before.pid + 1)
    beat(engine, other, Activity())
    assert lives_here(engine, ProcessKind.WORKER)
    assert "worker-lost" not in {one.kind for one in find_alarms(look(engine, redis_url=""))}
