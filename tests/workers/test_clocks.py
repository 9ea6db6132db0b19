"""An age by the clock that says most; leases are lost of which nothing is heard."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest

from newsletter.mailings.ledger.leases import Lease
from workers.clocks import ClockReading, LeaseWatch


@pytest.mark.parametrize(
    ("running", "wall", "least"),
    [(0, 0, 0), (120, 0, 120), (0, 120, 120), (120, -7200, 120)],
    ids=["now", "asleep or stopped", "frozen, its clock set right since", "clock set back"],
)
def test_an_age_is_what_the_clock_says_that_says_most(
    running: float, wall: float, least: float
) -> None:
    present = ClockReading.now()
    then = replace(present, running=present.running - running, wall=present.wall - wall)
    assert least <= then.age() < least + 5


NOON = datetime(2026, 12, 1, 12, tzinfo=UTC)
ROUND = 2.0


@dataclass
class Clock:
    moment: float = 0.0

    def __call__(self) -> float:
        return self.moment


def _lease(expires_at: datetime = NOON) -> Lease:
    return Lease(mailing_id=1, token="t", expires_at=expires_at)


def _rounds_until_lost(watch: LeaseWatch, clock: Clock, *, seconds: float) -> int:
    for count in range(1000):
        if watch.lost([_lease()], seconds=seconds):
            return count
        clock.moment += ROUND
    raise AssertionError("it is never lost")


def test_a_lease_is_lost_after_its_time_of_silence() -> None:
    clock = Clock()
    assert _rounds_until_lost(LeaseWatch(clock), clock, seconds=60) == 30


def test_a_holder_whose_clock_is_hours_slow_or_fast_is_not_lost() -> None:
    clock = Clock()
    watch = LeaseWatch(clock)
    for beat in range(100):
        sign = _lease(NOON - timedelta(hours=9) + timedelta(seconds=beat))
        assert watch.lost([sign], seconds=60) == []
        clock.moment += ROUND


def test_while_the_database_was_away_nobody_could_give_a_sign() -> None:
    clock = Clock()
    watch = LeaseWatch(clock)
    watch.lost([_lease()], seconds=60)
    clock.moment += 3600
    assert watch.lost([_lease()], seconds=60) == []
    clock.moment += ROUND
    assert watch.lost([_lease(NOON + timedelta(seconds=1))], seconds=60) == []


def test_what_is_held_no_more_is_forgotten() -> None:
    clock = Clock()
    watch = LeaseWatch(clock)
    watch.lost([_lease()], seconds=3)
    watch.lost([], seconds=3)
    clock.moment += ROUND
    assert watch.lost([_lease()], seconds=1) == []
