"""Errors: what a page shows names no command, and a terminal shows both."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from newsletter.cli.console import print_error
from newsletter.errors import ListError
from newsletter.i18n.language import Language
from newsletter.i18n.messages import msg

_ROOT = Path(__file__).resolve().parents[1]
#: An option, or a command by its name: "--map", "newsletter issue list", "newsletter init."
_COMMAND = re.compile(r"(?<![\w-])--[a-z]|: newsletter [a-z]|\(newsletter [a-z]")
#: What only somebody before a page can do.
_RELOAD = re.compile(r"\b(re)?load the page\b", re.IGNORECASE)
#: Settings are read before there is a page, and wrong ones keep it from coming.
_BEFORE_PAGES = {"SettingError", "UnavailableError", "UsageError"}


def _words_of_errors() -> Iterator[tuple[str, str]]:
    """Yield the place and the words of each error's sentences that pages show."""
    for root in ("newsletter", "subscribers", "workers"):
        for path in sorted((_ROOT / root).rglob("*.py")):
            if "cli" in path.parts or "migrations" in path.parts:
                continue
            for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name):
                    continue
                if not call.func.id.endswith("Error") or call.func.id in _BEFORE_PAGES:
                    continue
                kept = (
                    each.value for each in call.keywords if each.arg not in {"command", "place"}
                )
                shown = [*call.args, *kept]
                for each in (inner for one in shown for inner in ast.walk(one)):
                    if isinstance(each, ast.Constant) and isinstance(each.value, str):
                        yield f"{path.relative_to(_ROOT)}:{each.lineno}", each.value


def test_no_error_that_a_page_shows_names_a_command_or_its_option() -> None:
    found = {place: words for place, words in _words_of_errors() if _COMMAND.search(words)}
    assert found == {}


def test_no_error_that_a_command_meets_asks_to_load_a_page_again() -> None:
    found = {
        place: words
        for place, words in _words_of_errors()
        if not place.startswith("newsletter/web/") and _RELOAD.search(words)
    }
    assert found == {}


def test_the_command_is_said_on_a_terminal_alone(capsys: pytest.CaptureFixture[str]) -> None:
    error = ListError(msg("Wrong."), remedy=msg("Choose one."), command=msg("Use --map a=b."))
    assert error.in_language(Language.ENGLISH) == "Wrong. Choose one."
    assert str(error) == "Wrong. Choose one. Use --map a=b."
    print_error(error)
    assert "Use --map a=b." in capsys.readouterr().err


def test_what_is_wrong_and_what_to_do_stand_as_running_text_in_each_language() -> None:
    error = ListError(msg("Every row was tried."), remedy=msg("Change or clear the filter."))
    assert error.explanation.in_language(Language.ENGLISH) == (
        "Every row was tried. Change or clear the filter."
    )
    assert "。 " not in error.explanation.in_language(Language.JAPANESE)
    bare = ListError(msg("Every row was tried."))
    assert bare.explanation.in_language(Language.ENGLISH) == "Every row was tried."
