"""Redis is full and takes nothing more; once it has room again, all goes on."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from redis import Redis
from sqlalchemy import Engine

from newsletter.database.vocabulary import DeliveryState
from newsletter.operations.alarms import find_alarms
from newsletter.operations.overview import look
from tests.faults.conftest import SetScene
from tests.support.ports import await_condition

#: Beat asks for a round every second.
_FULL_SECONDS = 6
_PEOPLE = 20


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_the_next_mailing_is_planned_and_sent_after_redis_was_full(
    set_scene: SetScene, redis_url: str
) -> None:
    with set_scene(people=_PEOPLE) as scene, Redis.from_url(redis_url) as client:
        scene.judge(scene.stage.mail())
        client.config_set("maxmemory", 1)
        time.sleep(_FULL_SECONDS)
        client.config_set("maxmemory", 0)
        scene.relay.forget()
        assert scene.judge(scene.stage.mail()) == {DeliveryState.ACCEPTED: _PEOPLE}


def _alarms(engine: Engine, redis_url: str) -> set[str]:
    return {alarm.kind for alarm in find_alarms(look(engine, redis_url=redis_url))}


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_full_amid_a_mailing_it_stops_with_an_alarm_and_goes_on_by_itself(
    set_scene: SetScene, redis_url: str
) -> None:
    """The relay's rate is kept in Redis: what cannot be counted there does not leave."""
    with (
        set_scene(options="connections=4&timeout=10&rate=60") as scene,
        Redis.from_url(redis_url) as client,
    ):
        mailing = scene.stage.mail()
        await_condition(lambda: scene.relay.count() >= 50, seconds=60, what="50 messages")
        client.config_set("maxmemory", 1)
        try:
            await_condition(
                lambda: "redis-out-of-memory" in _alarms(scene.stage.engine, redis_url),
                seconds=60,
                what="the alarm",
            )
            _await_silence(scene.relay.count)
        finally:
            client.config_set("maxmemory", 0)
        counts = scene.judge(mailing)
        assert set(counts) == {DeliveryState.ACCEPTED}
        assert "redis-out-of-memory" not in _alarms(scene.stage.engine, redis_url)


def _await_silence(count: Callable[[], int]) -> None:
    """Await two seconds in which nothing arrives."""
    last, since = count(), time.monotonic()

    def is_silent() -> bool:
        nonlocal last, since
        if count() != last:
            last, since = count(), time.monotonic()
        return time.monotonic() - since > 2

    await_condition(is_silent, seconds=60, what="two seconds of silence")
