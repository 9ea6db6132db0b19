"""Series by the command line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from newsletter.database.engine import open_engine
from newsletter.mailings.series.planning import plan_series
from tests.support.commands import run_command
from tests.support.series import copies, join
from tests.support.stage import set_stage

ISSUE = "---\ntitle: ようこそ\ndate: 2026-12-01\n---\n\n本文です。\n"


@pytest.fixture
def engine(sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    opened = open_engine(sqlite_url)
    set_stage(opened)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATABASE_URL", sqlite_url)
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    (tmp_path / "issue.md").write_text(ISSUE)
    yield opened
    opened.dispose()


def _run(*words: str, answer: str = "") -> tuple[int, str]:
    found = run_command(["series", *words], typed=answer)
    return found.exit_code, found.output + str(found.exception or "")


def test_a_series_is_made_filled_activated_paused_and_ended(engine: Engine) -> None:
    assert _run("add", "welcome")[0] == 0
    assert _run("step", "add", "welcome", "issue.md")[0] == 0
    assert _run("step", "add", "welcome", "issue.md", "--days", "3", "--hour", "8:00")[0] != 0
    assert _run("step", "add", "welcome", "issue.md", "--days", "3", "--hour", "08:00")[0] == 0
    assert _run("step", "move", "welcome", "1", "--later")[0] == 0
    assert _run("step", "move", "welcome", "2")[0] == 0
    assert _run("activate", "welcome", answer="n\n")[0] != 0
    code, shown = _run("activate", "welcome", "--joined-since", "2026-01-01", "--yes")
    assert (code, "0 readers" in shown) == (0, True)
    join(engine, "a@example.jp")
    plan_series(engine)
    assert copies(engine).total() == 1
    found = json.loads(_run("show", "welcome", "--json")[1])
    assert [(each["title"], each["days"], each["waiting"]) for each in found["steps"]] == [
        ("ようこそ", 0, 0),
        ("ようこそ", 3, 1),
    ]
    assert _run("pause", "welcome")[0] == 0
    assert _run("resume", "1")[0] == 0
    assert _run("end", "welcome", "--yes")[0] == 0
    (row,) = json.loads(_run("list", "--json")[1])
    assert (row["state"], row["steps"], row["readers"]) == ("ended", 2, 0)


def test_what_is_wrong_is_said(engine: Engine) -> None:
    assert "no series" in _run("show", "nobody")[1]
    assert "holds a date" in _run("add", "birthday", "--date", "birthday")[1]
    assert _run("add", "welcome")[0] == 0
    assert "no step" in _run("activate", "welcome", "--yes")[1]
    assert "no such step" in _run("step", "remove", "welcome", "1")[1]
    assert copies(engine).total() == 0
