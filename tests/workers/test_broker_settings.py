"""What whoever reaches the broker can make of it."""

from __future__ import annotations

import pytest

from newsletter.settings import Settings

pytestmark = pytest.mark.servers


def test_nobody_commands_workers_by_the_broker_nor_sends_them_objects() -> None:
    from workers.app import create_celery  # noqa: PLC0415 - Celery is loaded where it is used

    conf = create_celery(Settings(_env_file=None, redis_url="redis://127.0.0.1:1/0")).conf
    assert not conf.worker_enable_remote_control
    assert conf.accept_content == ["json"]


def test_workers_wait_for_redis_without_end() -> None:
    from workers.app import create_celery  # noqa: PLC0415 - as above

    conf = create_celery(Settings(_env_file=None, redis_url="redis://127.0.0.1:1/0")).conf
    assert conf.broker_connection_max_retries is None
