"""Faces and notes of signs in brackets reach readers as they were typed."""

from __future__ import annotations

import time

import pytest

from newsletter.issues.plain_text import inline_words
from newsletter.issues.sources.reading import read_issue
from newsletter.issues.walking import walk_blocks

HEAD = "---\ntitle: 題\ndate: 2026-11-20\n---\n\n# 章\n\n"


def _read(body: str) -> str:
    issue = read_issue((HEAD + body + "\n").encode(), source="x").issue
    (block,) = walk_blocks(issue.chapters[0].body)
    return inline_words(block.content)  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "face",
    [
        "m(_ _)m",
        "<(_ _)>",
        "m(__)m",
        "(*^^*)",
        "(*´▽`*)",
        "(´;ω;`)",
        "（*＾▽＾*）",
        "(;_;)",
        "(>_<)",
        "(/_;)",
        "(*_*)",
        "(*)",
        "（＊）(**)",
        "(~_~)(~~)",
        "_(:3」∠)_",
        "_(._.)_",
        "_(┐「ε:)_",
        "(「・ω・)「",
    ],
)
def test_a_face_keeps_its_eyes(face: str) -> None:
    typed = f"すみません{face}また {face} ではまた{face}です"
    assert _read(typed) == typed


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("(*x*) と (_y_)", "(x) と (y)"),
        ("(`*`) と (`_`)", "(*) と (_)"),
        ("（*重要*）と(**!**)", "（重要）と(!)"),
        ("(\\_ \\_) **(^_^)**", "(_ _) (^_^)"),
        ("_(2)_ と _(sic)_ と _(...)_", "(2) と (sic) と (...)"),
    ],
)
def test_what_is_marked_in_brackets_is_no_face(typed: str, shown: str) -> None:
    assert _read(typed) == shown


def test_brackets_that_nothing_closes_are_read_in_the_time_of_their_number() -> None:
    began = time.process_time()
    _read("(__x" * 12_000)
    # It took fifteen, and four times as long for twice as many.
    assert time.process_time() - began < 6
