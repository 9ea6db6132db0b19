"""Workers die at any instant: nobody is lost, nobody gets it twice."""

from __future__ import annotations

import random
from contextlib import suppress

import psutil
from redis import Redis

from newsletter.database.vocabulary import DeliveryState
from tests.faults.conftest import BATCH, DEATHS, PEOPLE, SetScene
from tests.support.databases import on_one_database
from tests.support.ports import await_condition

CONNECTIONS = 4


def test_single_worker_processes_killed_again_and_again(set_scene: SetScene) -> None:
    chance = random.Random(20261124)  # noqa: S311 - the same deaths every time
    with set_scene() as scene:
        mailing = scene.stage.mail(batch_size=BATCH)
        for death in range(DEATHS):
            wanted = (death + 1) * PEOPLE // (DEATHS + 2)
            await_condition(
                lambda wanted=wanted: scene.relay.count() >= wanted,  # type: ignore[misc]
                seconds=120,
                what=f"{wanted} messages",
            )
            # The pool fills itself anew meanwhile: who is found may be gone when he is asked.
            with suppress(psutil.NoSuchProcess):
                pool = [
                    one for one in scene.workers.descendants() if one.ppid() != scene.workers.pid
                ]
                chance.choice(pool).kill()
        counts = scene.judge(mailing)
    assert counts.get(DeliveryState.UNCERTAIN, 0) <= DEATHS * CONNECTIONS
    assert set(counts) <= {DeliveryState.ACCEPTED, DeliveryState.UNCERTAIN}


@on_one_database("sqlite")
def test_all_workers_and_beat_killed_at_once(set_scene: SetScene) -> None:
    with set_scene() as scene:
        mailing = scene.stage.mail(batch_size=BATCH)
        for wanted in (PEOPLE // 6, PEOPLE // 2):
            await_condition(
                lambda wanted=wanted: scene.relay.count() >= wanted,  # type: ignore[misc]
                seconds=120,
                what=f"{wanted} messages",
            )
            scene.workers.kill()
            scene.workers.restart()
        counts = scene.judge(mailing)
    # Two bulk processes with four connections each, twice.
    assert counts.get(DeliveryState.UNCERTAIN, 0) <= 2 * 2 * CONNECTIONS


@on_one_database("postgresql")
def test_the_same_task_delivered_many_times_at_once(set_scene: SetScene, redis_url: str) -> None:
    from newsletter.settings import Settings  # noqa: PLC0415
    from workers.app import create_celery  # noqa: PLC0415 - Celery is loaded where it is used

    app = create_celery(Settings(_env_file=None, redis_url=redis_url))
    with set_scene() as scene:
        mailing = scene.stage.mail(batch_size=BATCH)
        for number in range(1, PEOPLE // BATCH + 2):
            for _ in range(5):
                app.send_task("newsletter.send_batch", args=(mailing, number), queue="bulk")
        assert scene.judge(mailing) == {DeliveryState.ACCEPTED: PEOPLE}
    app.close()


@on_one_database("postgresql")
def test_two_beats_do_no_harm(set_scene: SetScene) -> None:
    with set_scene() as scene, scene.workers.another():
        mailing = scene.stage.mail(batch_size=BATCH)
        assert scene.judge(mailing) == {DeliveryState.ACCEPTED: PEOPLE}


@on_one_database("sqlite")
def test_a_worker_told_to_end_loses_nothing_and_leaves_nothing_in_doubt(
    set_scene: SetScene,
) -> None:
    with set_scene() as scene:
        mailing = scene.stage.mail(batch_size=BATCH)
        await_condition(
            lambda: scene.relay.count() >= PEOPLE // 4, seconds=120, what="a quarter of the mail"
        )
        scene.workers.stop()
        scene.workers.restart()
        assert scene.judge(mailing) == {DeliveryState.ACCEPTED: PEOPLE}


@on_one_database("postgresql")
def test_a_broker_that_forgets_everything(set_scene: SetScene, redis_url: str) -> None:
    with set_scene() as scene, Redis.from_url(redis_url) as broker:
        mailing = scene.stage.mail(batch_size=BATCH)
        await_condition(
            lambda: scene.relay.count() >= PEOPLE // 6, seconds=120, what="a sixth of the mail"
        )
        broker.flushall()
        assert scene.judge(mailing) == {DeliveryState.ACCEPTED: PEOPLE}
