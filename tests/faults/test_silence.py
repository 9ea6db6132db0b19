"""The network to the database swallows packets: workers and beat recover by themselves."""

from __future__ import annotations

import time
from pathlib import Path

from sqlalchemy import Engine

from newsletter.database.engine import open_engine, reading
from newsletter.database.vocabulary import DeliveryState, ProcessKind
from newsletter.operations.heartbeats import list_processes
from tests.faults.conftest import Scene
from tests.support.celery import celery_workers
from tests.support.ports import await_condition
from tests.support.proxy import silent_network
from tests.support.relay import counting_relay
from tests.support.stage import set_stage

_PEOPLE = 200


def test_a_mailing_goes_on_within_a_minute_after_the_network_is_whole(
    postgres_url: str, redis_url: str, tmp_path: Path
) -> None:
    engine = open_engine(postgres_url)
    stage = set_stage(engine)
    stage.subscribe(*(f"reader{number:05d}@example.jp" for number in range(_PEOPLE)))
    with (
        silent_network(postgres_url) as network,
        counting_relay(tmp_path, options="connections=2&rate=20") as relay,
        celery_workers(
            database_url=network.url,
            redis_url=redis_url,
            smtp_url=relay.url,
            folder=tmp_path / "data",
            batch_size=50,
            DATABASE_TIMEOUT="5",
        ) as workers,
    ):
        mailing = stage.mail(batch_size=50)
        await_condition(lambda: relay.count() >= 20, seconds=60, what="the first mail")
        network.fall_silent()
        time.sleep(10)
        network.mend()
        scene = Scene(stage, relay, workers)
        before = relay.count()
        await_condition(lambda: relay.count() > before, seconds=60, what="more mail")
        assert scene.judge(mailing) == {DeliveryState.ACCEPTED: _PEOPLE}
        everything = {ProcessKind.WORKER, ProcessKind.BEAT}
        await_condition(lambda: _alive(engine) == everything, seconds=60, what="signs of life")
    engine.dispose()


def _alive(engine: Engine) -> set[ProcessKind]:
    with reading(engine) as session:
        return {one.process.kind for one in list_processes(session) if one.alive}
