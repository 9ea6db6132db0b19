"""Errors of use: they say what an option takes, in the words of people."""

from __future__ import annotations

import pytest
from typer.exceptions import TyperException

from newsletter.cli import usage
from newsletter.cli.language import text
from newsletter.cli.main import app


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
        (
            ("mailing", "settle", "1", "--log", "missing"),
            "'--log' cannot be used: there is no such file or folder.",
        ),
        (
            ("mailing", "settle", "1", "--journals", "/etc/passwd"),
            "'--journals' cannot be used: it is a file, not a folder.",
        ),
    ],
)
def test_an_error_of_use_says_what_is_taken(words: tuple[str, ...], said: str) -> None:
    assert _said(*words) == said
