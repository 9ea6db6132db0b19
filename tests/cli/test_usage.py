"""Errors of use: they say what an option takes, in the words of people."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.exceptions import TyperException
from typer.main import get_command

from newsletter.cli import usage
from newsletter.cli.failures import explained
from newsletter.cli.language import text
from newsletter.cli.main import app
from newsletter.errors import ExitCode
from tests.support.commands import run_command


def _said(*words: str) -> str:
    with pytest.raises(TyperException) as raised:
        usage.command_for(app, words)(list(words), standalone_mode=False)
    return text(usage._worded(raised.value))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("status", "--limit", "0"), "'--limit' must be a number from 1 to 1,000."),
        (("status", "--limit", "x"), "'--limit' must be a number from 1 to 1,000."),
        (("mailing", "pause", "x"), "'mailing' must be a number."),
        (("issue", "test"), "Use either --to ADDRESS or --group NAME."),
        (
            ("issue", "test", "1", "--to", "a@example.jp", "--group", "b"),
            "Use either --to ADDRESS or --group NAME.",
        ),
        (
            ("mailing", "settle", "1", "--log", "missing", "--reason", "x"),
            "'--log' cannot be used: there is no such file or folder.",
        ),
        (
            ("mailing", "settle", "1", "--journals", "/etc/passwd", "--reason", "x"),
            "'--journals' cannot be used: it is a file, not a folder.",
        ),
    ],
)
def test_an_error_of_use_says_what_is_taken(words: tuple[str, ...], said: str) -> None:
    assert _said(*words) == said


def test_help_calls_the_kinds_of_values_by_words_of_people() -> None:
    command = get_command(app)
    usage.name_kinds(command)
    kinds = {
        param.display_type_rich(ctx=each.context_class(each)) or ""
        for each in usage._commands(command)
        for param in (*each.params, each.get_help_option(each.context_class(each)))
    }
    assert {"<text>", "<number>", "<path>", "<YYYY-MM-DD>", "<text> …", "<ja|en>", ""} <= kinds
    assert not {kind for kind in kinds if re.search(r"[%\[]|\b(?:str|int|bool|range)\b", kind)}


def _paths(command: Any, *above: str) -> Iterator[str]:
    below = getattr(command, "commands", {})
    for name, each in below.items():
        yield from _paths(each, *above, name)
    if not below:
        yield " ".join(above)


def test_the_document_of_the_command_line_names_each_command_and_no_other() -> None:
    named = set()
    for row in re.findall(r"^\| `(.+?)` \|(.*?)\|", Path("docs/cli.md").read_text(), re.MULTILINE):
        followers = re.findall("`(.+?)`", row[1])
        named |= {f"{row[0]} {each}" for each in followers} or {row[0]}
    assert named == set(_paths(get_command(app)))


@pytest.mark.parametrize("reason", [errno.EACCES, errno.EROFS, errno.ENOTDIR, errno.EISDIR])
def test_a_path_that_cannot_be_used_is_no_defect(reason: int) -> None:
    refused = explained(OSError(reason, os.strerror(reason), "/root/mail"))
    assert refused.exit_code is ExitCode.BAD_SETTING
    assert "/root/mail cannot be used" in str(refused)
    assert refused.remedy


@pytest.mark.usefixtures("own_database")
def test_the_status_of_an_empty_installation_says_what_to_do_first() -> None:
    assert "Create one with: newsletter init." in run_command(["status"]).output
