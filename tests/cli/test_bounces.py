"""``newsletter bounce read``: what a message means, for machines and for people."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from newsletter.cli.console import console
from newsletter.errors import ContentError
from tests.bounces.formats import FORMATS, READER
from tests.bounces.test_reading import notification, recipient
from tests.support.commands import run_command
from tests.support.ports import free_port

RAW = notification(recipient(status="5.1.1", diagnostic="smtp; 550 5.1.1 User unknown"))


def test_json_is_a_line_a_message(tmp_path: Path) -> None:
    for number, one in enumerate(FORMATS[:3]):
        (tmp_path / f"{number}.eml").write_bytes(one.raw)
    names = [str(path) for path in sorted(tmp_path.iterdir())]
    result = run_command(["bounce", "read", "--json", *names])
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert [line["file"] for line in lines] == names


def test_a_line_says_what_is_known(tmp_path: Path) -> None:
    path = tmp_path / "a.eml"
    path.write_bytes(RAW)
    result = run_command(["bounce", "read", "--json", str(path)])
    assert json.loads(result.stdout) == {
        "file": str(path),
        "kind": "bounce",
        "recipients": [
            {
                "address": READER,
                "hard": True,
                "reason": "user-unknown",
                "status": "5.1.1",
                "reply": "550",
            }
        ],
    }


def test_a_pipe_is_read_where_no_file_is_named() -> None:
    result = run_command(["bounce", "read", "--json"], typed=RAW)
    assert json.loads(result.stdout)["file"] == "-"


def test_people_see_a_table_that_no_stranger_styles(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(console, "_width", 200)
    path = Path("a.eml")
    said = "smtp; 550 5.1.1 [bold]User[/] \x1b[31munknown"
    path.write_bytes(notification(recipient(status="5.1.1", diagnostic=said)))
    result = run_command(["bounce", "read", str(path)], env={"COLUMNS": "200"})
    assert READER in result.stdout
    assert "[bold]User" in result.stdout
    assert "\x1b[31m" not in result.stdout


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    result = run_command(["bounce", "read", str(tmp_path / "none.eml")])
    assert isinstance(result.exception, ContentError)
    assert "none.eml" in str(result.exception)


@pytest.mark.parametrize("option", [["--json"], []])
def test_nonsense_is_other(option: list[str]) -> None:
    result = run_command(["bounce", "read", *option], typed=b"\x00\xff nonsense")
    assert result.exit_code == 0
    assert "other" in result.stdout


@pytest.mark.usefixtures("_servers")
def test_a_mail_that_cannot_be_kept_is_given_back_with_the_reason(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATABASE_URL", f"postgresql://nobody@127.0.0.1:{free_port()}/none")
    result = run_command(["bounce", "receive"], typed=RAW)
    assert result.exit_code == os.EX_TEMPFAIL
    assert "The database is not responding: connection" in capsys.readouterr().err + result.output
