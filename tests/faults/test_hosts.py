"""Hosts lose their power, their disk, or the processor for minutes; at the sink nobody has two."""

from __future__ import annotations

import os
import shutil
import signal
from contextlib import ExitStack, suppress
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, make_url, update
from sqlalchemy.exc import OperationalError

from newsletter.database.engine import open_engine, transaction
from newsletter.database.tables import DatabaseHistoryRow
from newsletter.database.types import now
from newsletter.database.vocabulary import DeliveryState, MailingState, UncertainPolicy
from newsletter.mailings.reports.progress import progress
from tests.conftest import missing
from tests.support.lone_worker import lone_worker, order_apart
from tests.support.orders import resume
from tests.support.ports import await_condition
from tests.support.power import power_of
from tests.support.powered_postgres import powered_postgres
from tests.support.relay import CountingRelay, counting_relay
from tests.support.replica import replicated_database
from tests.support.soak import SOAK
from tests.support.stage import Stage, set_stage

PEOPLE = 4000 if SOAK else 300
BATCH = 1000
#: What is in hand at a time, and what was answered for and not yet written down.
IN_HAND = 200
#: A pace at which a batch takes seconds.
DELAY = 0.02


def _stage(engine: Engine) -> Stage:
    stage = set_stage(engine)
    stage.subscribe(*(f"reader{number:05d}@example.jp" for number in range(PEOPLE)))
    return stage


def _await_share(relay: CountingRelay, share: int) -> None:
    await_condition(
        lambda: relay.count() >= PEOPLE // share, seconds=120, what=f"1/{share} of the mail"
    )


def _judge(stage: Stage, relay: CountingRelay, mailing: int) -> dict[DeliveryState, int]:
    """Nobody has two, and whoever has none is known to be in doubt."""
    stage.await_end(mailing, seconds=300)
    taken = relay.accepted()
    counts = stage.counts(mailing)
    assert {address: times for address, times in taken.items() if times > 1} == {}
    assert set(counts) <= {DeliveryState.ACCEPTED, DeliveryState.UNCERTAIN}
    assert sum(counts.values()) == PEOPLE
    assert counts[DeliveryState.ACCEPTED] <= len(taken)
    assert PEOPLE - len(taken) <= counts.get(DeliveryState.UNCERTAIN, 0)
    return counts


@pytest.mark.parametrize("cuts", [3 if SOAK else 1])
def test_a_power_cut_takes_what_was_not_forced_to_the_disk(
    sqlite_url: str, tmp_path: Path, cuts: int
) -> None:
    root = tmp_path / "host"
    root.mkdir()
    database = root / "newsletter.sqlite3"
    shutil.move(str(make_url(sqlite_url).database), database)
    url, data = f"sqlite:///{database}", root / "data"
    engine = open_engine(url)
    stage = _stage(engine)
    engine.dispose()
    power = power_of(root, tmp_path)
    if power is None:
        missing("a C compiler")
    with counting_relay(tmp_path, options="connections=4", delay=DELAY) as relay:
        mailing = order_apart(url, data, batch_size=BATCH, **power.environment)
        power.cut()
        for cut in range(cuts):
            with lone_worker(url, relay.url, data, **power.environment):
                await_condition(
                    lambda cut=cut: relay.count() >= (cut + 1) * PEOPLE // (cuts + 1),  # type: ignore[misc]
                    seconds=120,
                    what="a share of the mail",
                )
            power.cut()
        with transaction(engine) as session:
            # The host takes a minute to start again.
            session.execute(update(DatabaseHistoryRow).values(beat_at=now() - timedelta(minutes=1)))
        with lone_worker(url, relay.url, data, LEASE_SECONDS="10", **power.environment):
            counts = _judge(stage, relay, mailing)
    engine.dispose()
    assert counts.get(DeliveryState.UNCERTAIN, 0) <= cuts * IN_HAND


@pytest.mark.parametrize("with_worker", [True, False], ids=["with its worker", "alone"])
def test_a_power_cut_takes_what_postgresql_had_not_forced(
    tmp_path: Path,
    with_worker: bool,  # noqa: FBT001 - a case
) -> None:
    with powered_postgres() as powered:
        if powered is None:
            missing("a C compiler")
        server, power = powered
        environment = {"LEASE_SECONDS": "10"} | (power.environment if with_worker else {})
        data = (power.root if with_worker else tmp_path) / "data"
        engine = open_engine(server.url)
        stage = _stage(engine)
        mailing = stage.mail(batch_size=BATCH)
        with (
            counting_relay(tmp_path, options="connections=4", delay=DELAY) as relay,
            ExitStack() as processes,
        ):
            worker = processes.enter_context(
                lone_worker(server.url, relay.url, data, **environment)
            )
            _await_share(relay, 3)
            if with_worker:
                worker.kill()
            server.cut()
            server.start()
            if with_worker:
                processes.enter_context(lone_worker(server.url, relay.url, data, **environment))
            counts = _judge(stage, relay, mailing)
        engine.dispose()
    assert counts.get(DeliveryState.UNCERTAIN, 0) <= (IN_HAND if with_worker else 0)


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_host_that_is_lost_with_its_disk_leaves_little_in_doubt(
    engine: Engine, database_url: str, tmp_path: Path
) -> None:
    stage = _stage(engine)
    mailing = stage.mail(batch_size=BATCH)
    with counting_relay(tmp_path, options="connections=4", delay=DELAY) as relay:
        with lone_worker(database_url, relay.url, tmp_path / "lost", LEASE_SECONDS="10"):
            _await_share(relay, 4)
        shutil.rmtree(tmp_path / "lost")
        with lone_worker(database_url, relay.url, tmp_path / "other", LEASE_SECONDS="10"):
            counts = _judge(stage, relay, mailing)
    assert 0 < counts[DeliveryState.UNCERTAIN] <= IN_HAND


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_process_that_is_stopped_sends_nothing_when_others_have_its_batch(
    engine: Engine, database_url: str, tmp_path: Path
) -> None:
    stage = _stage(engine)
    mailing = stage.mail(batch_size=BATCH, uncertain_policy=UncertainPolicy.RESEND)
    with (
        counting_relay(tmp_path, options="connections=4", delay=DELAY) as relay,
        lone_worker(database_url, relay.url, tmp_path / "stopped", LEASE_SECONDS="10") as stopped,
    ):
        _await_share(relay, 4)
        os.kill(stopped.pid, signal.SIGSTOP)
        with lone_worker(database_url, relay.url, tmp_path / "other", LEASE_SECONDS="10"):
            in_doubt = _judge(stage, relay, mailing)[DeliveryState.UNCERTAIN]
            os.kill(stopped.pid, signal.SIGCONT)
            # It tells what a relay accepted before it was stopped, and that is settled.
            await_condition(
                lambda: stage.counts(mailing).get(DeliveryState.UNCERTAIN, 0) < in_doubt,
                seconds=60,
                what="the word of the process that was stopped",
            )
            _judge(stage, relay, mailing)


def test_a_replica_that_lagged_is_told_by_the_journals_what_it_lacks(tmp_path: Path) -> None:
    with replicated_database() as (replica, url):
        engine = open_engine(url)
        stage = _stage(engine)
        mailing = stage.mail(batch_size=BATCH)
        with (
            counting_relay(tmp_path, options="connections=4", delay=DELAY) as relay,
            lone_worker(url, relay.url, tmp_path / "data"),
        ):
            _await_share(relay, 4)
            replica.lag()
            _await_share(relay, 2)
            replica.fail_over()
            await_condition(
                lambda: _state(engine, mailing) is MailingState.PAUSED,
                seconds=60,
                what="the mailing to be held",
            )
            await_condition(
                lambda: stage.counts(mailing)[DeliveryState.ACCEPTED] >= relay.count(),
                seconds=60,
                what="the journals' word",
            )
            resume(engine, mailing, even_twice=True)
            counts = _judge(stage, relay, mailing)
        engine.dispose()
    assert counts == {DeliveryState.ACCEPTED: PEOPLE}


def _state(engine: Engine, mailing: int) -> MailingState | None:
    # While the one server is dead and the other not yet promoted, there is none to ask.
    with suppress(OperationalError):
        return progress(engine, mailing).state
    return None
