"""Statistics of a trial: the probability that each subject is the best.

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

#: The minimum probability for a decision by clicks.
CONFIDENCE = 0.95
#: The minimum average number of clicks per subject for a decision by clicks.
LEAST_CLICKS = 20
#: Steps of the numerical integral, and the standard deviations that it covers around each mean.
_STEPS = 2000
_DEVIATIONS = 9.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Response:
    """The recipients of a subject, and the clicks in their mails."""

    recipients: int
    clicks: int

    @property
    def rate(self) -> float:
        """Clicks per hundred recipients."""
        return 100 * self.clicks / self.recipients if self.recipients else 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Decision:
    """The index of the chosen subject, the reason, and each subject's probability."""

    chosen: int
    verdict: TrialVerdict
    probabilities: tuple[float, ...]


def decide(responses: Sequence[Response]) -> Decision:
    """Choose the subject whose probability reaches `CONFIDENCE`, or else the first."""
    probabilities = best_probabilities(responses)
    if sum(each.clicks for each in responses) < LEAST_CLICKS * len(responses):
        return Decision(chosen=0, verdict=TrialVerdict.FEW_CLICKS, probabilities=probabilities)
    best = max(range(len(responses)), key=probabilities.__getitem__)
    if probabilities[best] < CONFIDENCE:
        return Decision(chosen=0, verdict=TrialVerdict.NO_DIFFERENCE, probabilities=probabilities)
    return Decision(chosen=best, verdict=TrialVerdict.BEST, probabilities=probabilities)


def best_probabilities(responses: Sequence[Response]) -> tuple[float, ...]:
    """Return for each subject the probability that it has the highest rate; the sum is 1.

    Clicks may exceed the number of recipients, for example if mail scanners follow links. They are
    capped at that number.
    """
    shapes = [(1 + clicks, 1 + people - clicks) for people, clicks in map(_bounded, responses)]
    low, high = _range(shapes)
    width = (high - low) / _STEPS
    places = [low + (step + 0.5) * width for step in range(_STEPS)]
    weights = [_weights(places, *shape) for shape in shapes]
    # Two rates within the same step: each is lower with probability 1/2.
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
    """Return the interval of rates that contains practically all of the distributions."""
    ends = []
    for a, b in shapes:
        mean = a / (a + b)
        reach = _DEVIATIONS * math.sqrt(mean * (1 - mean) / (a + b + 1))
        ends.append((mean - reach, mean + reach))
    return max(0.0, min(low for low, _ in ends)), min(1.0, max(high for _, high in ends))


def _weights(places: Sequence[float], a: int, b: int) -> list[float]:
    """Return the weight of Beta(a, b) at each step of the integral; the sum is 1."""
    logs = [(a - 1) * math.log(x) + (b - 1) * math.log1p(-x) for x in places]
    highest = max(logs)
    densities = [math.exp(each - highest) for each in logs]
    whole = math.fsum(densities)
    return [each / whole for each in densities]
