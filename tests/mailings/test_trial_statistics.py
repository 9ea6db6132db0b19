"""How probable it is that a subject is best: exact values, and what must hold of any figures."""

from __future__ import annotations

import random
from fractions import Fraction
from math import comb

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsletter.database.vocabulary import TrialVerdict
from newsletter.mailings.trials.decisions import Response, best_probabilities, decide
from tests.support.examples import examples


def _responses(*figures: tuple[int, int]) -> list[Response]:
    return [Response(recipients=people, clicks=clicks) for people, clicks in figures]


def _exceeds(first: tuple[int, int], second: tuple[int, int]) -> Fraction:
    """Return the probability that the first rate exceeds the second, in whole numbers.

    Of n + 1 uniform numbers, the (k + 1)th smallest has the distribution Beta(1 + k, 1 + n - k).
    So two such rates are places in two rows of uniform numbers, and all orders of both rows
    together are alike: it is a question of counting orders (negative hypergeometric).
    """
    (n, k), (m, j) = first, second
    rank, size, other, others = k + 1, n + 1, j + 1, m + 1
    # At least `other` numbers of the second row lie before the first row's number of that rank.
    ways = sum(
        comb(rank - 1 + before, before) * comb(size - rank + others - before, others - before)
        for before in range(other, others + 1)
    )
    return Fraction(ways, comb(size + others, others))


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ((0, 0), (0, 0)),
        ((1, 1), (1, 0)),
        ((10, 3), (12, 7)),
        ((200, 0), (200, 4)),
        ((500, 25), (480, 41)),
        ((2000, 82), (2000, 100)),
        ((50, 50), (50, 49)),
    ],
)
def test_of_two_subjects_the_probability_is_the_exact_one(
    first: tuple[int, int], second: tuple[int, int]
) -> None:
    found = best_probabilities(_responses(first, second))
    assert found[0] == pytest.approx(float(_exceeds(first, second)), abs=1e-5)
    assert sum(found) == pytest.approx(1)


def test_of_four_subjects_it_is_what_drawing_rates_shows() -> None:
    figures = ((400, 20), (410, 31), (390, 28), (400, 12))
    draw = random.Random(7)  # noqa: S311 - no secret
    wins, times = [0, 0, 0, 0], 8_000
    for _ in range(times):
        rates = [draw.betavariate(1 + clicks, 1 + people - clicks) for people, clicks in figures]
        wins[rates.index(max(rates))] += 1
    # Four standard deviations of what is drawn so often.
    assert best_probabilities(_responses(*figures)) == pytest.approx(
        [each / times for each in wins], abs=4 * 0.5 / times**0.5
    )


FIGURES = st.tuples(st.integers(0, 5000), st.integers(0, 6000))


@given(figures=st.lists(FIGURES, min_size=2, max_size=4))
@settings(max_examples=examples(6))
def test_of_any_figures_they_add_up_and_do_not_depend_on_the_order(
    figures: list[tuple[int, int]],
) -> None:
    found = best_probabilities(_responses(*figures))
    assert sum(found) == pytest.approx(1)
    assert all(0 <= each <= 1 for each in found)
    backwards = best_probabilities(_responses(*reversed(figures)))
    assert tuple(reversed(backwards)) == pytest.approx(found, abs=1e-9)


@given(people=st.integers(50, 3000), clicks=st.integers(0, 40), more=st.integers(1, 9))
@settings(max_examples=examples(6))
def test_who_has_more_clicks_of_as_many_people_is_the_more_probable_one(
    people: int, clicks: int, more: int
) -> None:
    found = best_probabilities(_responses((people, clicks), (people, clicks + more)))
    assert found[1] > 0.5 > found[0]


@pytest.mark.parametrize(
    ("figures", "chosen", "verdict"),
    [
        # The exact probability of the second is 0.975.
        (((1000, 50), (1000, 71)), 1, TrialVerdict.BEST),
        # And here 0.913: less than 0.95.
        (((2000, 82), (2000, 100)), 0, TrialVerdict.NO_DIFFERENCE),
        (((1000, 71), (1000, 50)), 0, TrialVerdict.BEST),
        (((1000, 50), (1000, 50), (1000, 50)), 0, TrialVerdict.NO_DIFFERENCE),
        # 39 clicks are fewer than 20 a subject, however they fall.
        (((1000, 0), (1000, 39)), 0, TrialVerdict.FEW_CLICKS),
        (((1000, 0), (1000, 40)), 1, TrialVerdict.BEST),
        (((0, 0), (0, 0)), 0, TrialVerdict.FEW_CLICKS),
        # More clicks than people on both sides: scanners at work, so nothing is decided.
        (((100, 900), (100, 1400)), 0, TrialVerdict.NO_DIFFERENCE),
    ],
)
def test_the_best_is_chosen_where_it_is_certain_enough_else_the_first(
    figures: tuple[tuple[int, int], ...], chosen: int, verdict: TrialVerdict
) -> None:
    decision = decide(_responses(*figures))
    assert (decision.chosen, decision.verdict) == (chosen, verdict)
