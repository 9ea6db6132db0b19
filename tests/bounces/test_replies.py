"""Replies that no rule was written for; each system's are read without its own phrases."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.bounces.replies import count, found, leaving_out, notices, replies, wronged
from tests.bounces.test_samples import FOUND, WRONGED


def test_replies_of_all_systems_are_read_as_what_they_are() -> None:
    counts = count(replies())
    assert found(counts) >= FOUND
    assert wronged(counts) <= WRONGED


def test_whole_notices_are_read_as_what_they_are() -> None:
    counts = count(notices())
    assert found(counts) >= FOUND
    assert wronged(counts) <= WRONGED


def test_the_rules_suffice_for_systems_whose_phrases_are_unknown(
    capsys: pytest.CaptureFixture[str],
) -> None:
    by_system = leaving_out(replies())
    total = sum(by_system.values(), Counter())
    with capsys.disabled():
        for system, counts in by_system.items():
            if counts[True, False] or counts[False, True]:
                print(  # noqa: T201 - the figures are what this test is for
                    f"{system:<40}{found(counts):>8.0%} found{wronged(counts):>8.0%} wronged"
                )
    assert found(total) >= 0.9
    assert wronged(total) <= 0.03
