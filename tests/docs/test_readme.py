"""What the READMEs tell to type and to write works, and both languages tell the same."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from newsletter.cli.main import app
from newsletter.issues.sources.reading import read_issue

_ROOT = Path(__file__).resolve().parents[2]
_READMES = ("README.md", "README.ja.md")


def _blocks(name: str, kind: str) -> list[str]:
    text = (_ROOT / name).read_text(encoding="utf-8")
    return re.findall(rf"^```{kind}\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)


def _commands(name: str) -> list[list[str]]:
    """Return the commands that a README tells to type, without what it says of them."""
    lines = (line for block in _blocks(name, "console") for line in block.splitlines())
    return [words for line in lines if (words := shlex.split(line, comments=True))]


def test_both_languages_tell_the_same_commands() -> None:
    assert _commands("README.ja.md") == _commands("README.md")
    assert len(_commands("README.md")) > 10


def test_commands_and_their_options_are_there() -> None:
    newsletter = get_command(app)
    for program, *words in _commands("README.md"):
        if program != "newsletter":
            continue
        command: Any = newsletter
        while hasattr(command, "commands"):
            command = command.commands[words.pop(0)]
        known = {option for each in command.params for option in each.opts}
        assert {word for word in words if word.startswith("--")} <= known


@pytest.mark.parametrize("name", _READMES)
def test_the_issue_that_is_shown_is_one(name: str) -> None:
    (text,) = _blocks(name, "markdown")
    issue = read_issue(text.encode(), source=name).issue
    assert issue.title
    assert issue.chapters


def test_each_language_leads_to_the_other() -> None:
    for name, other in (_READMES, _READMES[::-1]):
        assert f"]({other})" in (_ROOT / name).read_text(encoding="utf-8")
