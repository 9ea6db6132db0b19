"""Fields by the command line, which asks before people's values go."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from sqlalchemy import select

from newsletter.database.engine import open_engine, reading, transaction
from newsletter.database.tables import SubscriptionRow
from subscribers.fields.values import write_values
from tests.support.commands import run_command
from tests.support.stage import set_stage

_READER = "reader@example.jp"


@pytest.fixture
def run(sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    engine = open_engine(sqlite_url)
    set_stage(engine).subscribe(_READER)
    engine.dispose()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATABASE_URL", sqlite_url)
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    return Run()


class Run:
    """``newsletter field`` with these words; what it prints, or why it refuses."""

    def __call__(self, *words: str, answer: str = "") -> tuple[int, str]:
        found = run_command(["field", *words], typed=answer)
        return found.exit_code, found.output + str(found.exception or "")


def _write(url: str, **values: object) -> None:
    engine = open_engine(url)
    with transaction(engine) as session:
        write_values(session, 1, 1, values)
    engine.dispose()


def _kept(url: str) -> object:
    engine = open_engine(url)
    with reading(engine) as session:
        kept = session.scalars(select(SubscriptionRow.attributes)).one()
    engine.dispose()
    return kept


def test_a_field_is_added_changed_and_listed(run: Run) -> None:
    options = ("--option", "free", "--option", "paid", "--option-label", "paid:ja=有料")
    assert run("add", "plan", "--type", "choice", *options, "--label", "ja=プラン")[0] == 0
    assert run("add", "topic", "--type", "choices", "--option", "防災")[0] == 0
    changed = run("change", "plan", "--required", "--description", "paid:ja=月額500円")
    assert changed[0] == 0, changed
    assert run("change", "topic", "--first", "--retention-days", "30")[0] == 0
    topic, plan = json.loads(run("list", "--json")[1])
    assert (topic["key"], topic["retention_days"], topic["reader_may_change"]) == (
        "topic",
        30,
        True,
    )
    assert (plan["labels"], plan["required"]) == ({"ja": "プラン"}, True)
    assert plan["options"][1] == {
        "value": "paid",
        "labels": {"ja": "有料"},
        "descriptions": {"ja": "月額500円"},
    }


def test_values_go_only_after_a_yes(run: Run, sqlite_url: str) -> None:
    run("add", "city")
    run("add", "topic", "--type", "choices", "--option", "防災", "--option", "文化")
    _write(sqlite_url, city="千葉", topic=["防災", "文化"])
    refused = run("remove", "city", answer="n\n")
    assert (refused[0] != 0, "1 person" in refused[1]) == (True, True)
    assert run("change", "topic", "--option", "文化", answer="n\n")[0] != 0
    assert _kept(sqlite_url) == {"city": "千葉", "topic": ["防災", "文化"]}
    assert run("remove", "city", answer="y\n")[0] == 0
    assert run("change", "topic", "--option", "文化", "--yes")[0] == 0
    assert _kept(sqlite_url) == {"topic": ["文化"]}


@pytest.mark.parametrize(
    ("words", "remedy"),
    [
        (("add", "Name"), "a-z"),
        (("add", "plan", "--type", "choice"), "option"),
        (("add", "plan", "--label", "プラン"), "ja="),
        (("add", "plan", "--option-label", "paid:ja=有料"), "OPTION"),
        (("change", "town"), "fields are"),
    ],
)
def test_what_cannot_be_says_what_to_write(run: Run, words: tuple[str, ...], remedy: str) -> None:
    code, said = run(*words)
    assert (code != 0, remedy in said) == (True, True)
