"""Redis is full and takes nothing more; once it has room again, all goes on."""

from __future__ import annotations

import time

import pytest
from redis import Redis

from newsletter.database.vocabulary import DeliveryState
from tests.faults.conftest import SetScene

_FULL_SECONDS = 12
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
