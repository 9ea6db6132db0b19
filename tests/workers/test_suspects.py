"""A message bears blame only where others went out and it alone breaks."""

from __future__ import annotations

import random

import pytest

from workers.refusals import Suspects


def _breaks_until_blamed(suspects: Suspects, position: int, waiting: list[int]) -> int:
    return next(times for times in range(1, 100) if suspects.is_to_blame(position, waiting=waiting))


@pytest.mark.parametrize("people", [3, 40, 1000])
def test_one_that_breaks_where_all_others_went_is_put_off_soon(people: int) -> None:
    suspects = Suspects(people)
    for other in range(1, people):
        suspects.note_answer(other)
    assert _breaks_until_blamed(suspects, 0, [people, people + 1]) <= 7


def test_where_nothing_went_nobody_is_blamed() -> None:
    suspects = Suspects(10)
    for _ in range(100):
        assert not any(suspects.is_to_blame(one, waiting=range(10)) for one in range(10))
    assert not suspects.are_the_rest(range(10))


@pytest.mark.parametrize("rate", [0.3, 0.6])
@pytest.mark.parametrize("people", [5, 40])
def test_of_many_mailings_by_a_relay_that_breaks_at_random_hardly_one_blames_somebody(
    people: int, rate: float
) -> None:
    chance = random.Random(20261126)  # noqa: S311 - no secret
    mailings, blamed = 300, 0
    for _ in range(mailings):
        suspects, waiting = Suspects(people), list(range(people))
        while waiting:
            position = waiting.pop(0)
            if chance.random() >= rate:
                suspects.note_answer(position)
            elif suspects.is_to_blame(position, waiting=waiting):
                blamed += 1
            else:
                waiting.append(position)
    assert blamed <= mailings * 0.05


def test_the_few_that_are_left_are_put_off_and_the_relay_is_not() -> None:
    suspects = Suspects(20)
    for other in range(18):
        suspects.note_answer(other)
    assert _breaks_until_blamed(suspects, 18, [19]) >= 5
    assert suspects.are_the_rest([])
