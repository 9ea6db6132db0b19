"""Tags for many by the command line, which says for how many before all whom a search finds."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from newsletter.database.engine import open_engine
from tests.support.commands import run_command
from tests.support.stage import set_stage


def test_a_tag_is_given_to_a_segment_and_taken_from_one(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = open_engine(sqlite_url)
    set_stage(engine).subscribe("a@example.jp", "b@example.jp", "c@example.com")
    engine.dispose()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATABASE_URL", sqlite_url)
    monkeypatch.setenv("DATA_DIR", str(tmp_path))

    def run(*words: str, answer: str = "") -> tuple[int, str]:
        found = run_command(["subscriber", "tag", *words], typed=answer)
        return found.exit_code, found.output + str(found.exception or "")

    jp = ("press", "--segment", 'domain = "example.jp"')
    asked = run("add", *jp, answer="n\n")
    assert asked[0] != 0
    assert "to 2 people?" in asked[1]
    assert "2 of 2 people" in run("add", *jp, "--yes")[1]
    assert "Nobody was chosen" in run("remove", "press")[1]
    assert "by address, by a search" in run("remove", "press", "--everybody", *jp[1:])[1]
    taken = run("remove", "press", "--address", "a@example.jp", "--json")
    assert json.loads(taken[1]) == {"people": 1, "changed": 1}
    assert json.loads(run("remove", "press", "--everybody", "-y", "--json")[1])["changed"] == 1
