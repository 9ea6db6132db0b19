"""Errors speak Japanese on Japanese pages: every sentence that a page can show has its words."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from newsletter.errors import ConflictError, ContentError, ListError, Place
from newsletter.i18n.language import Language
from newsletter.web.wording import JAPANESE, in_japanese, tell
from subscribers.segments.parse import parse_query

_ROOT = Path(__file__).resolve().parents[2]
_PACKAGES = (
    "newsletter/accounts",
    "newsletter/addresses.py",
    "newsletter/feedback",
    "newsletter/mailings",
    "newsletter/newsletters",
    "newsletter/issues",
    "newsletter/operations",
    "newsletter/web",
    "subscribers",
    "workers",
)
#: What else is raised, pages tell by words of their own.
_CALLS = {"AccountError", "ConflictError", "ContentError", "ForbiddenError", "ListError"}
_CALLS |= {"OrderError", "SignInError", "_fault"}


def _sources(place: Path) -> list[Path]:
    return [place] if place.is_file() else sorted(place.rglob("*.py"))


def _pattern(node: ast.AST) -> str:
    """Return a sentence with gaps for what varies; empty where nothing in it is fixed."""
    match node:
        case ast.Constant(value=str(text)):
            found = text
        case ast.JoinedStr(values=values):
            found = "".join(str(v.value) if isinstance(v, ast.Constant) else "{}" for v in values)
        case _:
            return ""
    return found if found.strip("{}.") else ""


def _nodes() -> Iterator[tuple[ast.AST, str]]:
    for path in (each for name in _PACKAGES for each in _sources(_ROOT / name)):
        if path.name != "wording.py":
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                yield node, f"{path.relative_to(_ROOT)}:{getattr(node, 'lineno', 0)}"


def _sentences() -> Iterator[tuple[str, str]]:
    """Yield what is raised, with where."""
    for node, place in _nodes():
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name)):
            continue
        if node.func.id in _CALLS:
            remedies = [word.value for word in node.keywords if word.arg == "remedy"]
            for words in (*node.args, *remedies):
                either = (words.body, words.orelse) if isinstance(words, ast.IfExp) else (words,)
                yield from ((found, place) for one in either if (found := _pattern(one)))


def test_every_sentence_that_is_raised_has_its_japanese() -> None:
    assert {one: place for one, place in _sentences() if one not in JAPANESE} == {}


def _halts() -> Iterator[str]:
    """Yield why mailings are held."""
    for node, _ in _nodes():
        match node:
            case ast.Call(func=ast.Name(id="pause_mailing"), keywords=[*_, ast.keyword() as word]):
                yield from _patterns(word.value)
            case ast.keyword(arg="halt_reason", value=value):
                yield from _patterns(value)
            case ast.FunctionDef(name="_reason"):
                for each in ast.walk(node):
                    if isinstance(each, ast.Return) and each.value:
                        yield from _patterns(each.value)


def _patterns(node: ast.AST) -> Iterator[str]:
    either = node.values if isinstance(node, ast.BoolOp) else [node]
    yield from (found for one in either if (found := _pattern(one)))


def test_every_reason_why_a_mailing_is_held_has_its_japanese() -> None:
    held = set(_halts())
    assert len(held) >= 5
    assert held - set(JAPANESE) == set()


def test_a_sentence_within_a_sentence_is_told_in_japanese_too() -> None:
    assert in_japanese("It cannot be planned. There is no segment 'press'.") == (
        "宛先を決められません。セグメント「press」はありません。"
    )


def test_no_japanese_is_kept_for_what_nobody_says() -> None:
    assert set(JAPANESE) - {_pattern(node) for node, _ in _nodes()} == set()


@pytest.mark.parametrize("sentence", JAPANESE)
def test_both_sides_have_the_same_gaps(sentence: str) -> None:
    assert sentence.count("{}") == JAPANESE[sentence].count("{}")


def test_what_varies_stands_in_japanese_quotes() -> None:
    assert in_japanese("There is a segment 'press' already.") == (
        "セグメント「press」はすでにあります。"
    )


def test_a_sentence_without_japanese_is_told_as_it_is() -> None:
    assert in_japanese("Something else.") == "Something else."


def test_place_and_remedy_are_told_too() -> None:
    error = ContentError(
        "The issue has no title.",
        place=Place(source="digest.txt", line=3),
        remedy="Put the title on the line below the date.",
    )
    assert tell(error, Language.JAPANESE) == (
        "digest.txt 3行目：件名がありません。日付の次の行に件名を置いてください。"
    )
    assert tell(error, Language.ENGLISH) == str(error)


def test_a_segment_s_fault_is_told_in_japanese() -> None:
    with pytest.raises(ListError) as caught:
        parse_query('tag = "press')
    assert tell(caught.value, Language.JAPANESE).startswith("条件式の7文字目：文字列が閉じて")


def test_values_that_look_like_gaps_stay() -> None:
    assert tell(ConflictError("{} is not held."), Language.JAPANESE) == "{}は止められていません。"
