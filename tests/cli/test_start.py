"""The command line starts fast: version and help bring in nothing that they do not need."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import pytest
from typer.main import get_command

from newsletter.cli.main import app
from newsletter.cli.usage import command_for
from newsletter.errors import ExitCode

pytestmark = pytest.mark.servers

_HEAVY = (
    *("sqlalchemy", "alembic", "fastapi", "celery", "redis", "psycopg", "premailer", "uvicorn"),
    *("pydantic", "importlib.metadata"),
)

_VERSION = """
import sys
sys.argv = ["newsletter", "--version"]
from newsletter.cli.main import run
try:
    run()
except SystemExit as end:
    assert not end.code, end.code
"""
_ONE_HELP = _VERSION.replace('"--version"', '"form", "add", "--help"')
_EVERY_HELP = """
from newsletter.cli.main import app
from typer.main import get_command

def walk(command, context):
    command.get_help(context)
    for name in getattr(command, "commands", {}):
        inner = command.get_command(context, name)
        walk(inner, inner.context_class(inner, info_name=name, parent=context))

command = get_command(app)
walk(command, command.context_class(command, info_name="newsletter"))
"""


@pytest.mark.parametrize(
    "program", [_VERSION, _ONE_HELP, _EVERY_HELP], ids=["version", "one help", "every help"]
)
def test_neither_version_nor_help_imports_the_application(program: str) -> None:
    loaded = f"{program}\nimport sys\nprint('\\n' + ' '.join(set(sys.modules) & set({_HEAVY!r})))"
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", loaded], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].split() == []


def test_the_version_waits_for_no_help_in_a_terminal_of_another_language() -> None:
    loaded = f"{_VERSION}\nprint('rich' in sys.modules)"
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", loaded],
        env=os.environ | {"LC_ALL": "ja_JP.UTF-8"},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == "False"


@pytest.mark.parametrize("words", [["form", "add"], ["form"], ["status"]])
def test_the_help_of_one_command_is_what_the_whole_application_has(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    def help_by(command: Any) -> str:
        with pytest.raises(SystemExit):
            command(args=[*words, "--help"], prog_name="newsletter")
        return capsys.readouterr().out

    own = help_by(command_for(app, words))

    assert own == help_by(get_command(app))
    assert f"Usage: newsletter {' '.join(words)}" in own


def test_what_no_command_is_called_is_looked_for_among_all() -> None:
    whole: Any = get_command(app)
    for words in ([], ["--version"], ["nosuch"], ["--env-file", "form"]):
        assert set(command_for(app, words).commands) == set(whole.commands)
    assert set(command_for(app, ["--env-file", "form", "status"]).commands) == {"status"}
    assert set(command_for(app, ["form", "nosuch"]).commands["form"].commands) > {"add", "change"}


def _version_into(stdout: int) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "newsletter.cli", "--version"],
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        timeout=120,
        check=False,
    )


def test_output_that_nobody_reads_ends_the_command_without_a_word() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = _version_into(writer)
    os.close(writer)

    assert (done.returncode, done.stderr) == (ExitCode.UNREAD, "")


def test_output_that_has_no_room_is_told() -> None:
    with open("/dev/full", "wb") as full:  # noqa: PTH123 - a device
        done = _version_into(full.fileno())

    assert done.returncode == ExitCode.UNAVAILABLE
    assert "no space is left" in done.stderr
