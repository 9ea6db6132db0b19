"""Celery's lines in the log of workers and beat."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Iterator

import pytest
from celery.beat import SchedulingError

from workers.log_lines import quiet_celery

pytestmark = pytest.mark.unit

_NAMES = ("celery.app.trace", "celery.beat", "celery.worker.strategy")


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    loggers = [logging.getLogger(name) for name in _NAMES]
    before = [(each.level, list(each.filters)) for each in loggers]
    yield
    for each, (level, filters) in zip(loggers, before, strict=True):
        each.setLevel(level)
        each.filters[:] = filters


def _say(caplog: pytest.LogCaptureFixture) -> list[str]:
    caplog.clear()
    for name in _NAMES:
        logging.getLogger(name).info("Task newsletter.round came or went")
        logging.getLogger(name).error("Task newsletter.round failed")
    return [record.levelname for record in caplog.records]


def test_a_task_that_comes_and_goes_is_no_line_and_one_that_fails_is(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    quiet_celery("INFO")
    assert _say(caplog) == ["ERROR"] * 3
    quiet_celery("DEBUG")
    assert _say(caplog) == ["INFO", "ERROR"] * 3


def test_a_broker_that_is_away_is_one_line(caplog: pytest.LogCaptureFixture) -> None:
    quiet_celery("INFO")
    quiet_celery("INFO")
    away = SchedulingError("Couldn't apply scheduled task round: connection refused")
    logging.getLogger("celery.beat").error(
        "Message Error: %s\n%s", away, traceback.format_stack(), exc_info=away
    )
    (record,) = caplog.records
    assert record.getMessage().count("\n") == 0
    assert "connection refused" in record.getMessage()
    assert record.exc_info is None
