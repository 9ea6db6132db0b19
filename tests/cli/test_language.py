"""The command line speaks the language of its terminal; what programs read stays as it is."""

from __future__ import annotations

import json
import os
import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from tests.support import warm

pytestmark = pytest.mark.servers

_JAPANESE = re.compile(r"[\u3040-\u30ff\u4e00-\u9fff]")
#: Four words of Latin letters in a row; names of options and files have fewer, and the name of a
#: command, however deep it lies, is no sentence.
_ENGLISH = re.compile(r"(?<![A-Za-z])(?!newsletter )[A-Za-z][a-z'’-]*(?:[ ,]+[a-z][a-z'’-]*){3,}")
#: What Typer itself writes into its lines of usage and around them.
_TYPER_S = re.compile(r"Usage|OPTIONS|COMMAND|ARGS|Options|Commands|Arguments|Error")
_EVERY_HELP = """
import io, contextlib
from newsletter.cli.main import app
from newsletter.cli import usage
from typer.main import get_command

command = get_command(app)
usage.translate(command)

def walk(command, context):
    print(command.get_help(context) or "")
    for name in getattr(command, "commands", {}):
        inner = command.get_command(context, name)
        walk(inner, inner.context_class(inner, info_name=name, parent=context))

walk(command, command.context_class(command, info_name="newsletter"))
"""


def _run(folder: Path, *words: str, language: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("LC_")}
    env = clean | {"LANG": language, "COLUMNS": "100"}
    return warm.run("newsletter.cli", *words, env=env, cwd=folder)


@pytest.mark.parametrize(
    ("locale", "words"),
    [
        ("ja_JP.UTF-8", "エラー nowhere：設定ファイルがありません。"),
        ("ja", "エラー nowhere：設定ファイルがありません。"),
        ("en_GB.UTF-8", "error nowhere: The settings file does not exist."),
        ("C", "error nowhere: The settings file does not exist."),
        ("POSIX", "error nowhere: The settings file does not exist."),
        ("de_DE.UTF-8", "error nowhere: The settings file does not exist."),
    ],
)
def test_errors_follow_the_locale(tmp_path: Path, locale: str, words: str) -> None:
    done = _run(tmp_path, "--env-file", "nowhere", "status", language=locale)
    assert done.stderr.strip() == words


def test_what_is_wrong_with_a_command_is_told_in_japanese(tmp_path: Path) -> None:
    for command in (["nosuch"], ["mailing", "pause"], ["alive", "x"], ["status", "--limitt", "1"]):
        said = _run(tmp_path, *command, language="ja_JP.UTF-8")
        assert said.returncode == 2
        assert _JAPANESE.search(said.stderr), command
        assert not _ENGLISH.search(said.stderr), said.stderr
        assert not _TYPER_S.search(said.stderr), said.stderr


def test_no_help_shows_english_to_a_japanese_reader(tmp_path: Path) -> None:
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", _EVERY_HELP],
        env=os.environ | {"LC_ALL": "ja_JP.UTF-8", "COLUMNS": "200"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert len(_JAPANESE.findall(done.stdout)) > 1000
    assert _ENGLISH.findall(done.stdout) == []
    assert _TYPER_S.findall(done.stdout) == []


def test_json_is_the_same_in_every_language(tmp_path: Path) -> None:
    issue = tmp_path / "issue.md"
    issue.write_text("---\ntitle: 題\ndate: 2026-12-01\n---\n\n### 項\n\n本文\n", encoding="utf-8")
    found = [
        _run(tmp_path, "issue", "check", "issue.md", "--json", language=each).stdout
        for each in ("ja_JP.UTF-8", "C")
    ]
    assert json.loads(found[0])["title"] == "題"
    assert found[0] == found[1]


@pytest.mark.parametrize(
    ("locale", "language", "zone"),
    [
        ("en_GB.UTF-8", "en", "Europe/London"),
        ("de_DE.UTF-8", "en", "Europe/London"),
        ("ja_JP.UTF-8", "ja", "Asia/Tokyo"),
        ("C.UTF-8", "ja", "Asia/Tokyo"),
    ],
)
def test_a_new_newsletter_speaks_as_the_terminal_does_by_the_clock_of_its_readers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, locale: str, language: str, zone: str
) -> None:
    monkeypatch.setenv("TZ", "Europe/London")
    names = ("--slug", "town", "--name", "Town", "--from-address", "town@example.jp")
    made = _run(tmp_path, "init", *names, "--postal-address", "1 High Street", language=locale)
    assert made.returncode == 0, made.stderr
    with closing(sqlite3.connect(tmp_path / "var/newsletter.sqlite3")) as database:
        kept = database.execute("SELECT language, time_zone FROM newsletter").fetchall()
    assert kept == [(language, zone)]
