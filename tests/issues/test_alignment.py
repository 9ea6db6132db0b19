"""Runs laid beside each other, and texts likened: as precisely as ever, for a bounded work."""

from __future__ import annotations

from difflib import SequenceMatcher

from newsletter.issues.alignment import Likeness, opcodes
from tests.support.growth import assert_linear


def test_what_became_of_each_member_is_told_as_by_the_search_for_common_runs() -> None:
    old, new = list("abcdefgaab"), list("abxdegfaacb")
    assert list(opcodes(old, new)) == SequenceMatcher(None, old, new).get_opcodes()


def test_runs_of_like_members_are_laid_side_by_side_in_time_that_grows_as_they_do() -> None:
    def lay(length: int) -> None:
        like = ["a"] * length
        list(opcodes(["b", *like, "c"], ["d", *like, "e"]))

    assert_linear(lay, lambda length: length, size=32_000)


def test_texts_are_as_like_as_their_letters_in_order() -> None:
    likeness = Likeness()
    assert likeness.of("the town hall", "the town halls", least=0.6) > 0.9
    assert likeness.of("the town hall", "a map", least=0.6) == 0


def test_long_texts_of_few_letters_are_likened_in_time_that_grows_as_they_do() -> None:
    assert_linear(
        lambda text: Likeness().of("c" + text, text + "d", least=0.6),
        lambda length: "ab" * length,
        size=80_000,
    )
