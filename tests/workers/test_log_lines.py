"""Celery's lines in the log of workers and beat."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Iterator

import pytest
from celery.beat import SchedulingError
from celery.worker.consumer import consumer as celery_consumer

from workers.log_lines import quiet_celery, tell_that_broker_answers

pytestmark = pytest.mark.unit

_URL = "redis://:secret@127.0.0.1:1/0"
_ROUTINE = ("celery.app.trace", "celery.beat", "celery.worker.strategy")
_BROKER = ("celery.worker.consumer.consumer", "celery.worker.consumer.connection", "py.warnings")


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    loggers = [logging.getLogger(name) for name in (*_ROUTINE, *_BROKER)]
    before = [(each.level, list(each.filters)) for each in loggers]
    tell_that_broker_answers()
    yield
    for each, (level, filters) in zip(loggers, before, strict=True):
        each.setLevel(level)
        each.filters[:] = filters


def _say(caplog: pytest.LogCaptureFixture) -> list[str]:
    caplog.clear()
    for name in _ROUTINE:
        logging.getLogger(name).info("Task newsletter.round came or went")
        logging.getLogger(name).error("Task newsletter.round failed")
    return [record.levelname for record in caplog.records]


def test_a_task_that_comes_and_goes_is_no_line_and_one_that_fails_is(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    quiet_celery("INFO", redis_url=_URL)
    assert _say(caplog) == ["ERROR"] * 3
    quiet_celery("DEBUG", redis_url=_URL)
    assert _say(caplog) == ["INFO", "ERROR"] * 3


def test_a_broker_that_is_away_is_one_line(caplog: pytest.LogCaptureFixture) -> None:
    quiet_celery("INFO", redis_url=_URL)
    quiet_celery("INFO", redis_url=_URL)
    away = SchedulingError("Couldn't apply scheduled task round: connection refused")
    logging.getLogger("celery.beat").error(
        "Message Error: %s\n%s", away, traceback.format_stack(), exc_info=away
    )
    (record,) = caplog.records
    assert record.getMessage().count("\n") == 0
    assert "connection refused" in record.getMessage()
    assert record.exc_info is None


def test_an_outage_is_said_once_for_each_reason_and_once_when_it_ends(
    caplog: pytest.LogCaptureFixture,
) -> None:
    quiet_celery("WARNING", redis_url=_URL)
    consumer = logging.getLogger("celery.worker.consumer.consumer")
    connection = logging.getLogger("celery.worker.consumer.connection")
    cannot_connect: str = vars(celery_consumer)["CONNECTION_ERROR"]
    connection.info("Connected to %s", "redis://:**@127.0.0.1:1/0")
    consumer.warning(
        "%s (%r)", vars(celery_consumer)["CONNECTION_RETRY"], ConnectionError("closed")
    )
    for reason in ("refused.", "refused.", "invalid password"):
        consumer.error(cannot_connect, "redis://:**@127.0.0.1:1/0", reason, "Trying again")
    connection.info("Connected to %s", "redis://:**@127.0.0.1:1/0")
    consumer.error(cannot_connect, "redis://:**@127.0.0.1:1/0", "refused.", "Trying again")
    where = "redis://127.0.0.1:1/0 (REDIS_URL)"
    said = [record.getMessage().partition(". Nothing")[0] for record in caplog.records]
    assert said == [
        f"Redis takes no tasks at {where}: refused",
        f"Redis takes no tasks at {where}: invalid password",
        f"Redis takes tasks again at {where}",
        f"Redis takes no tasks at {where}: refused",
    ]
