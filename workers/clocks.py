"""How long ago something was, and for how long a lease is silent, by no clock that can hide it.

The monotonic clock stands still while the machine sleeps, and both may while a virtual machine is
frozen; then the wall clock is set right afterwards. Whichever says most is believed: a lease must
not seem younger than it is.

A lease's ``expires_at`` is its holder's word on its holder's clock. It only counts that the word
changes, and time only while the database answers: a holder that cannot reach it is not lost.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol, TypeVar

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


#: Between two looks at most so many seconds count; for the rest nobody looked.
_LONGEST_STEP = 5.0


@dataclass(frozen=True, kw_only=True, slots=True)
class _Silence:
    """Since when a lease's word is the same, and for how long somebody looked."""

    expires_at: datetime
    seen_at: float
    seconds: float = 0.0


class Held(Protocol):
    """A lease that is held: what names it, and its holder's last word."""

    @property
    def token(self) -> str:
        """What names it."""

    @property
    def expires_at(self) -> datetime:
        """Until when its holder said that it holds."""


_Held = TypeVar("_Held", bound=Held)


class LeaseWatch:
    """Remembers each lease's last word from look to look."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._silences: dict[str, _Silence] = {}

    def lost(self, leases: Iterable[_Held], *, seconds: float) -> Sequence[_Held]:
        """Return those of the leases held now that were silent for so many seconds."""
        moment = self._clock()
        held = list(leases)
        self._silences = {lease.token: self._look(lease, moment) for lease in held}
        return [lease for lease in held if self._silences[lease.token].seconds >= seconds]

    def _look(self, lease: Held, moment: float) -> _Silence:
        before = self._silences.get(lease.token)
        if before is None or before.expires_at != lease.expires_at:
            return _Silence(expires_at=lease.expires_at, seen_at=moment)
        step = min(moment - before.seen_at, _LONGEST_STEP)
        return replace(before, seen_at=moment, seconds=before.seconds + step)
