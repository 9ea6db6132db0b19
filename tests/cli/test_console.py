"""What the terminal shows: every letter of a text, times in one zone that is named."""

from __future__ import annotations

import json
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from rich.table import Table

from newsletter.cli.console import (
    clock_in_utc,
    console,
    format_day,
    in_utc,
    print_error,
    print_json,
)
from newsletter.cli.language import styled
from newsletter.errors import ContentError
from newsletter.i18n.messages import msg

_NEW_YEAR = datetime(2027, 1, 1, 8, 30, 15, tzinfo=ZoneInfo("Asia/Tokyo"))


def test_a_moment_of_another_zone_is_shown_in_utc_and_says_so() -> None:
    assert in_utc(_NEW_YEAR) == "31 Dec 2026, 23:30 UTC"
    assert in_utc(_NEW_YEAR, seconds=True) == "31 Dec 2026, 23:30:15 UTC"
    assert clock_in_utc(_NEW_YEAR) == "23:30:15 UTC"
    assert format_day(_NEW_YEAR) == "31 December 2026"


@pytest.mark.parametrize(
    "text",
    [
        "write \\[ for a bracket",
        "[bold]not bold[/bold]",
        "[/]",
        "a\\[b]c\\",
        "[link=https://a.jp]x[/link] :smile:",
        "C:\\temp\\[x]\\",
    ],
)
def test_no_letter_of_a_text_is_markup(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    table = Table(text, box=None)
    table.add_row(text)

    console.print(text)
    console.print(f"{styled(text)}|{styled(text, 'dim')}|")
    console.print(table)
    print_error(ContentError(msg("{text}", text=text), remedy=msg("{text}", text=text)))

    shown = capsys.readouterr()
    assert [line.strip() for line in shown.out.splitlines()] == [
        text,
        f"{text}|{text}|",
        text,
        text,
    ]
    assert [line.partition(" ")[2].strip() for line in shown.err.splitlines()] == [text, text]


def test_no_letter_of_a_text_steers_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    console.print("\x1b]0;owned\x07\x9b31mred\u202egnp.exe\r\nnext\r")

    assert capsys.readouterr().out == "␛]0;owned␇\ufffd31mred\ufffdgnp.exe\nnext␍\n"


def test_json_steers_no_terminal_and_says_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    words = {"name": "\x1b[1m \x7f \x9b31m \u202e あ"}
    print_json(words)

    said = capsys.readouterr().out.rstrip("\n")
    assert said.isprintable()
    assert json.loads(said) == words


def test_styles_are_nested_and_end_where_they_end() -> None:
    rendered = console.render_str(f"a{styled('b' + styled('c', 'red') + 'd')}e\ufdd2")

    assert rendered.plain == "abcde"
    assert [(span.start, span.end, span.style) for span in rendered.spans] == [
        (1, 4, "bold"),
        (2, 3, "red"),
    ]
