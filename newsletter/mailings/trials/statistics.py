"""What the clicks of a trial say of its subjects: how probable it is that each is the best.

Each subject's rate of clicks has a beta distribution: uniform before the trial, and by Bayes' rule
Beta(1 + clicks, 1 + recipients - clicks) after it. A subject's probability of being best is that
its rate exceeds those of all others.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from newsletter.database.vocabulary import TrialVerdict

#: Below this probability there is no difference that a choice could rest on.
CONFIDENCE = 0.95
#: With fewer clicks a subject, on average, nothing is decided by them.
LEAST_CLICKS = 20
#: Steps of the integral, which reaches so many standard deviations beyond every mean.
_STEPS = 2000
_DEVIATIONS = 9.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Response:
    """How many got a subject, and how often links of their mails were followed."""

    recipients: int
    clicks: int

    @property
    def rate(self) -> float:
        """Clicks in a hundred recipients."""
        return 100 * self.clicks / self.recipients if self.recipients else 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Decision:
    """Which subject is chosen, counted from 0, why, and how probably each is the best."""

    chosen: int
    verdict: TrialVerdict
    probabilities: tuple[float, ...]


def decide(responses: Sequence[Response]) -> Decision:
    """Choose the subject that is best by `CONFIDENCE`; where none is, the first."""
    probabilities = best_probabilities(responses)
    if sum(each.clicks for each in responses) < LEAST_CLICKS * len(responses):
        return Decision(chosen=0, verdict=TrialVerdict.FEW_CLICKS, probabilities=probabilities)
    best = max(range(len(responses)), key=probabilities.__getitem__)
    if probabilities[best] < CONFIDENCE:
        return Decision(chosen=0, verdict=TrialVerdict.NO_DIFFERENCE, probabilities=probabilities)
    return Decision(chosen=best, verdict=TrialVerdict.BEST, probabilities=probabilities)


def best_probabilities(responses: Sequence[Response]) -> tuple[float, ...]:
    """Return how probable it is that each has the highest rate; they add up to 1.

    Clicks are sums, so they may exceed the recipients, such as where mail scanners follow links.
    What exceeds them tells nothing, and is left out.
    """
    shapes = [(1 + clicks, 1 + people - clicks) for people, clicks in map(_bounded, responses)]
    low, high = _range(shapes)
    width = (high - low) / _STEPS
    places = [low + (step + 0.5) * width for step in range(_STEPS)]
    weights = [_weights(places, *shape) for shape in shapes]
    # Of two in the same step, each is below the other half the time.
    below = [
        [total - weight / 2 for total, weight in zip(accumulate(row), row, strict=True)]
        for row in weights
    ]
    probabilities = [
        math.fsum(
            weight * math.prod(row[step] for other, row in enumerate(below) if other != own)
            for step, weight in enumerate(weights[own])
        )
        for own in range(len(shapes))
    ]
    return tuple(each / math.fsum(probabilities) for each in probabilities)


def _bounded(response: Response) -> tuple[int, int]:
    return response.recipients, min(response.clicks, response.recipients)


def _range(shapes: Sequence[tuple[int, int]]) -> tuple[float, float]:
    """Return between which rates all distributions lie, but for what is too little to count."""
    ends = []
    for a, b in shapes:
        mean = a / (a + b)
        reach = _DEVIATIONS * math.sqrt(mean * (1 - mean) / (a + b + 1))
        ends.append((mean - reach, mean + reach))
    return max(0.0, min(low for low, _ in ends)), min(1.0, max(high for _, high in ends))


def _weights(places: Sequence[float], a: int, b: int) -> list[float]:
    """Return how much of Beta(a, b) lies around each place; it adds up to 1."""
    logs = [(a - 1) * math.log(x) + (b - 1) * math.log1p(-x) for x in places]
    highest = max(logs)
    densities = [math.exp(each - highest) for each in logs]
    whole = math.fsum(densities)
    return [each / whole for each in densities]
