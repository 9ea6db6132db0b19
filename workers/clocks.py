"""How long ago something was, by no clock that can hide it.

The monotonic clock stands still while the machine sleeps, and both may while a virtual machine is
frozen; then the wall clock is set right afterwards. Whichever says most is believed: a lease must
not seem younger than it is.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

#: Counts while the machine sleeps, where the system has such a clock.
_ASLEEP_TOO = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


@dataclass(frozen=True, kw_only=True, slots=True)
class ClockReading:
    """An instant, on each clock."""

    running: float
    wall: float

    @classmethod
    def now(cls) -> ClockReading:
        """Return the present instant."""
        return cls(running=time.clock_gettime(_ASLEEP_TOO), wall=time.time())

    def age(self) -> float:
        """Return how many seconds ago it was; a wall clock that was set ahead makes it older."""
        present = ClockReading.now()
        return max(present.running - self.running, present.wall - self.wall)
