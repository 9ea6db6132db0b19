"""Forms by the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from newsletter.database.engine import open_engine
from tests.support.commands import run_command
from tests.support.fields import ALL, set_fields
from tests.support.stage import set_stage


@pytest.fixture(autouse=True)
def _house(sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = open_engine(sqlite_url)
    set_fields(engine, set_stage(engine).newsletter_id, *ALL)
    engine.dispose()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATABASE_URL", sqlite_url)
    monkeypatch.setenv("DATA_DIR", str(tmp_path))


def _run(*words: str, answer: str = "") -> tuple[int, str]:
    found = run_command(["form", *words], typed=answer)
    return found.exit_code, found.output + str(found.exception or "")


def test_forms_are_added_listed_changed_and_removed() -> None:
    assert _run("sites", "www.example.jp") == (0, "https://www.example.jp\n")
    code, shown = _run("add", "fair", "--field", "city", "--tag", "a", "--title", "Fair")
    assert (code, shown) == (0, "http://127.0.0.1:8000/subscribe/digest/fair\n")
    page = "https://www.example.jp/thanks"
    assert _run("change", "fair", "--success-url", page, "--no-name", "--language", "en")[0] == 0
    (form,) = json.loads(_run("list", "--json")[1])["forms"]
    assert form["fields"] == ["city"]
    assert (form["title"], form["success_url"], form["asks_name"]) == ("Fair", page, False)
    assert "fair" in _run("list")[1]
    assert _run("remove", "fair", answer="n\n")[0] != 0
    assert _run("remove", "fair", "--yes")[0] == 0
    assert json.loads(_run("list", "--json")[1])["forms"] == []


def test_what_is_wrong_is_said() -> None:
    assert "no field" in _run("add", "fair", "--field", "street")[1]
    assert "no language" in _run("add", "fair", "--language", "xx")[1]
    assert "no form" in _run("remove", "fair", "--yes")[1]
    assert "not on one of" in _run("add", "fair", "--success-url", "https://a.jp/")[1]


def test_what_is_asked_later_is_added_to_forms_that_were_made_before() -> None:
    for slug in ("fair", "kids"):
        _run("add", slug)
    assert _run("ask", "topic", "fair") == (0, "Changed forms: fair\n")
    assert _run("ask", "topic") == (0, "Changed forms: kids\n")
    assert _run("ask", "topic") == (0, "All of these forms ask for it already.\n")
    assert [form["fields"] for form in json.loads(_run("list", "--json")[1])["forms"]] == [
        ["topic"],
        ["topic"],
    ]
    assert "no field" in _run("ask", "street")[1]
