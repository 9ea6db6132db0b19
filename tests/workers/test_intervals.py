"""The interval of rounds does not look at the wall clock."""

from __future__ import annotations

import os
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from redis import Redis

from tests.support.clock import moved_clock
from tests.support.ports import await_condition
from workers.app import Steadily
from workers.command import beat_command


@pytest.mark.parametrize("hours", [-2, 0, 2])
def test_when_it_last_ran_by_the_wall_clock_changes_nothing(hours: int) -> None:
    interval = Steadily(60.0)
    last_run = datetime.now(UTC) + timedelta(hours=hours)
    first, again = interval.is_due(last_run), interval.is_due(last_run)
    assert (first.is_due, again.is_due) == (True, False)
    assert 0 < again.next <= 60


@pytest.mark.servers
def test_beat_goes_on_when_the_clock_is_set(redis_url: str, tmp_path: Path) -> None:
    clock = moved_clock(tmp_path)
    if clock is None:
        pytest.skip("there is no C compiler")
    settings = {"REDIS_URL": redis_url, "DATA_DIR": str(tmp_path), "SECRET_KEYS": "k" * 40}
    command = beat_command(log_level="WARNING")
    with (
        Redis.from_url(redis_url) as broker,
        subprocess.Popen(command, env=os.environ | settings | clock.environment) as beat,  # noqa: S603
    ):
        try:
            asked = _await_rounds(broker, 1)
            for hours in (-1, 1):
                clock.set(hours=hours)
                asked = _await_rounds(broker, asked + 2)
        finally:
            beat.kill()


def _await_rounds(broker: Redis, count: int) -> int:
    await_condition(lambda: broker.llen("control") >= count, seconds=60, what="rounds to be asked")
    return int(broker.llen("control"))
