"""Preflight on the command line: errors refuse, warnings ask."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image
from sqlalchemy import select
from typer.testing import Result

from newsletter.database.engine import reading
from newsletter.database.tables import AuditEventRow
from newsletter.errors import ContentError, ExitCode
from newsletter.issues.cards import File
from newsletter.issues.markdown.reader import read_markdown
from newsletter.issues.model import Picture
from newsletter.services import connect
from newsletter.settings import Settings
from tests.support.commands import run_command

_HEAD = "---\ntitle: 題\ndate: 2026-11-20\n---\n\n# 章\n\n### 記事\n\n本文。\n\n"


@pytest.fixture(autouse=True)
def _newsletter(own_database: Path) -> None:
    assert own_database.exists()
    names = ("--slug", "t", "--name", "便り", "--from-address", "a@example.jp")
    _run("init", *names, "--postal-address", "東京都千代田区1")


def _run(*words: str, typed: str = "") -> Result:
    return run_command(words, typed=typed)


def _audited(action: str) -> list[dict[str, object]]:
    engine = connect(Settings(_env_file=None))
    with reading(engine) as session:
        query = select(AuditEventRow.details).where(AuditEventRow.action == action)
        found = list(session.scalars(query))
    engine.dispose()
    return found


def _write(link: str) -> str:
    Path("issue.md").write_text(f"{_HEAD}[読む]({link})\n", encoding="utf-8")
    return "issue.md"


def test_check_tells_machines_each_finding_and_fails_on_errors() -> None:
    checked = _run("issue", "check", _write("https://localhost/"), "--json")

    findings = {found["code"]: found for found in json.loads(checked.stdout)["findings"]}
    assert checked.exit_code == ExitCode.BAD_INPUT
    assert findings["url-malformed"]["severity"] == "error"
    assert findings["url-malformed"]["anchor"] == "c1-i1"


def test_check_knows_the_snippets_of_the_newsletter_and_works_without_any() -> None:
    Path("contact.md").write_text("窓口は本庁舎1階です。\n", encoding="utf-8")
    _run("snippet", "save", "contact", "contact.md")
    Path("issue.md").write_text(f"{_HEAD}:::snippet contact\n:::\n", encoding="utf-8")

    assert "snippet-unknown" not in _run("issue", "check", "issue.md", "--json").stdout
    Path(Settings(_env_file=None).data_dir, "newsletter.sqlite3").unlink()
    assert "snippet-unknown" in _run("issue", "check", "issue.md", "--json").stdout


def test_send_refuses_an_error_even_with_yes() -> None:
    _run("issue", "import", _write("https://localhost/"))

    sent = _run("send", "--yes")

    assert isinstance(sent.exception, ContentError)
    assert "Readers cannot open" in str(sent.exception)


def test_send_asks_on_a_warning_and_no_means_no() -> None:
    _run("issue", "import", _write("http://example.jp/"))

    sent = _run("send", typed="n\n")

    assert "Send it anyway?" in sent.output
    assert sent.exit_code != ExitCode.OK
    assert json.loads(_run("status", "--json").stdout)["mailings"] == []


def test_a_picture_becomes_markdown_that_reads_back() -> None:
    Image.new("RGB", (1600, 800)).save("a.jpg")

    brought = _run("issue", "picture", "a.jpg", "--alt", "図 [1]")

    assert _audited("issue.picture") == [{"alt": "図 [1]"}]
    issue, _template = read_markdown(_HEAD + brought.stdout, source="printed")
    (_text, picture) = issue.chapters[0].items[0].body
    assert isinstance(picture, Picture)
    assert picture.alt == "図 [1]"


def test_a_file_becomes_markdown_that_reads_back() -> None:
    Path("要項.pdf").write_bytes(b"%PDF-1.7\n%%EOF\n")

    brought = _run("issue", "file", "要項.pdf")

    assert _audited("issue.file") == [{"name": "要項.pdf"}]
    issue, _template = read_markdown(_HEAD + brought.stdout, source="printed")
    (_text, file) = issue.chapters[0].items[0].body
    assert isinstance(file, File)
    assert file.name == "要項"


def test_what_is_found_is_printed_as_it_was_typed() -> None:
    Path("word.md").write_text(f"{_HEAD}<x y=':office:'>\n", encoding="utf-8")

    assert "<x y=':office:'>" in _run("issue", "check", "word.md").stdout
