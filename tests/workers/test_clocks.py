"""An age by the clock that says most."""

from __future__ import annotations

from dataclasses import replace

import pytest

from workers.clocks import ClockReading


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
