"""Questions of the command line: where nobody can answer, it ends and says which option does."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import Result

from newsletter.cli.prompts import UnansweredError
from newsletter.errors import ExitCode
from tests.support.commands import run_command

_NAMES = ("--slug", "t", "--name", "便り", "--from-address", "a@example.jp")


pytestmark = pytest.mark.usefixtures("own_folder")


def _run(*words: str, typed: str = "") -> Result:
    return run_command(words, typed=typed)


@pytest.mark.servers
def test_empty_lines_without_end_answer_no_question() -> None:
    with subprocess.Popen(["/usr/bin/yes", ""], stdout=subprocess.PIPE) as empty:
        done = subprocess.run(  # noqa: S603 - our own program
            [sys.executable, "-m", "newsletter.cli", "init", *_NAMES],
            stdin=empty.stdout,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        empty.kill()
    assert done.returncode == ExitCode.USAGE
    assert "Give the answer as --postal-address." in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(Path().iterdir())


@pytest.mark.parametrize("typed", ["", "\n", "  \n"])
def test_what_is_asked_for_and_not_given_names_its_option(typed: str) -> None:
    ended = _run("init", *_NAMES, typed=typed)
    assert isinstance(ended.exception, UnansweredError)
    assert "--postal-address" in ended.exception.remedy


@pytest.mark.usefixtures("own_database")
def test_what_is_asked_for_can_come_from_a_pipe() -> None:
    assert _run("init", *_NAMES, typed="東京都千代田区1\n").exit_code == ExitCode.OK


@pytest.mark.usefixtures("own_database")
@pytest.mark.parametrize("typed", ["", "perhaps\n", "x" * 1000])
def test_a_question_of_yes_or_no_takes_nothing_else(typed: str) -> None:
    _run("init", *_NAMES, "--postal-address", "東京都千代田区1")
    _run("subscriber", "add", "b@example.jp", "--basis", "asked")

    ended = _run("subscriber", "erase", "b@example.jp", typed=typed)

    assert isinstance(ended.exception, UnansweredError)
    assert "--yes" in ended.exception.remedy
    assert _run("subscriber", "erase", "b@example.jp", typed="n\n").exit_code != ExitCode.OK
    assert _run("subscriber", "erase", "b@example.jp", typed="y\n").exit_code == ExitCode.OK
