"""Log lines: what strangers wrote steers nobody's terminal, and no address is in them."""

from __future__ import annotations

import json
import logging
from typing import Literal

import pytest

from newsletter.logs import set_up_logs
from newsletter.settings import Settings

pytestmark = [pytest.mark.unit, pytest.mark.usefixtures("logs_as_before")]


def _said(words: str, kind: Literal["text", "json"], capsys: pytest.CaptureFixture[str]) -> str:
    set_up_logs(Settings(_env_file=None, log_format=kind))
    logging.getLogger("workers").warning("a relay said: %s", words)
    return capsys.readouterr().err


def test_no_letter_of_a_line_steers_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    said = _said("\x1b]0;owned\x07 \x9b31m\u202e\r\x00", "text", capsys)
    assert said.endswith("a relay said: ␛]0;owned␇ \ufffd31m\ufffd␍␀\n")


def test_words_on_several_lines_pass_for_no_other_line(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logs(Settings(_env_file=None, log_format="text"))
    forged = "2026-12-01 08:00:00,000 INFO    newsletter: session.begin by account 1"
    try:
        b"\xff".decode(f"\n{forged}")
    except LookupError:
        logging.getLogger("workers").exception("a reply could not be read:\n%s", forged)
    first, *rest = capsys.readouterr().err.splitlines()
    assert first.endswith("a reply could not be read:")
    assert [line for line in rest if not line.startswith("    ")] == []
    assert sum(forged in line for line in rest) == 2


def test_a_line_of_json_holds_the_same_words_without_a_control(
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = "\x1b[1m \x7f \x9b31m \u202e あ"
    said = _said(words, "json", capsys)
    assert json.loads(said)["message"] == f"a relay said: {words}"
    assert said.rstrip("\n").isprintable()
