"""A warning that is met again and again is a line a minute, and says how often it was met."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest

from newsletter.database.engine import open_engine
from newsletter.database.migrations import upgrade
from newsletter.database.vocabulary import ProcessKind
from newsletter.logs import set_up_logs
from newsletter.operations.heartbeats import Process
from newsletter.settings import Settings
from tests.support.ports import await_condition
from workers.liveness import SignOfLife

pytestmark = pytest.mark.usefixtures("logs_as_before")
_AWAY = "the database does not answer"


def _say(second: float, words: str = _AWAY, *, level: int = logging.WARNING) -> None:
    record = logging.LogRecord("workers", level, "", 0, words, None, None)
    record.created = second
    logging.getLogger().handle(record)


@pytest.mark.unit
def test_an_equal_warning_is_said_once_a_minute_with_how_often_it_was_met(
    capsys: pytest.CaptureFixture[str],
) -> None:
    set_up_logs(Settings(_env_file=None, log_format="json"))
    for second in range(121):
        _say(1000.0 + second)
    _say(1010.0, "another")
    _say(1011.0, "a request", level=logging.INFO)
    _say(1012.0, "a request", level=logging.INFO)
    _say(1.0)

    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    said = [(line["message"], line.get("left_out", 0)) for line in lines]
    assert said == [
        *((_AWAY, 0), (_AWAY, 59), (_AWAY, 59)),
        *(("another", 0), ("a request", 0), ("a request", 0)),
        # A clock that was set back.
        (_AWAY, 0),
    ]


@pytest.mark.unit
def test_a_trace_is_left_out_only_where_its_error_is_the_same(
    capsys: pytest.CaptureFixture[str],
) -> None:
    set_up_logs(Settings(_env_file=None))
    for folder in ("full", "full", "other"):
        try:
            Path("/nowhere", folder).iterdir().__next__()
        except FileNotFoundError:
            logging.getLogger("workers").exception("the sweep failed")

    told = capsys.readouterr().err
    assert told.count("/nowhere/full'") == 1
    assert told.count("/nowhere/other'") == 1


@pytest.mark.servers
def test_a_process_says_once_that_it_cannot_tell_of_itself_and_when_it_can_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, aside = tmp_path / "newsletter.sqlite3", tmp_path / "aside"
    url = f"sqlite:///{file}"
    settings = Settings(_env_file=None, data_dir=tmp_path, database_url=url)
    engine = open_engine(url)
    upgrade(engine)
    engine.dispose()
    file.rename(aside)
    file.mkdir()
    set_up_logs(settings)

    told = ""

    def tells(words: str) -> bool:
        nonlocal told
        told += capsys.readouterr().err
        return words in told

    life = SignOfLife(settings, Process.this(ProcessKind.WORKER, "bulk@here"))
    try:
        await_condition(lambda: tells("was not written down"), seconds=60, what="its word")
        file.rmdir()
        aside.rename(file)
        await_condition(lambda: tells("written down again"), seconds=60, what="its return")
    finally:
        life.end()
    assert told.count("was not written down") == 1
