"""Elapsed time, and the expiry of leases, in spite of clocks that stop or are changed.

The monotonic clock stops while the machine sleeps, and both clocks may stop while a virtual machine
is frozen; then the wall clock is corrected afterwards. The longer of both durations is used, so
that a lease never seems newer than it is.

A lease's ``expires_at`` is set by the clock of its holder. Other hosts only watch whether the value
changes, and count time only while the database replies: a holder that cannot reach the database is
not lost.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol, TypeVar

#: A clock that continues while the machine sleeps, if the system has one.
_ASLEEP_TOO = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


@dataclass(frozen=True, kw_only=True, slots=True)
class ClockReading:
    """A time on both clocks."""

    running: float
    wall: float

    @classmethod
    def now(cls) -> ClockReading:
        """Return the present time."""
        return cls(running=time.clock_gettime(_ASLEEP_TOO), wall=time.time())

    def age(self) -> float:
        """Return the elapsed seconds; setting the wall clock ahead makes them more."""
        present = ClockReading.now()
        return max(present.running - self.running, present.wall - self.wall)


#: The maximum number of seconds that count between two checks; in longer gaps, nobody watched.
_LONGEST_STEP = 5.0


@dataclass(frozen=True, kw_only=True, slots=True)
class _Silence:
    """A lease's unchanged ``expires_at``, and the watched seconds since its last change."""

    expires_at: datetime
    seen_at: float
    seconds: float = 0.0


class Held(Protocol):
    """The interface of leases."""

    @property
    def token(self) -> str:
        """The token of the lease."""

    @property
    def expires_at(self) -> datetime:
        """The expiry, by the holder's clock."""


_Held = TypeVar("_Held", bound=Held)


class LeaseWatch:
    """Watches leases for renewals."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._silences: dict[str, _Silence] = {}

    def lost(self, leases: Iterable[_Held], *, seconds: float) -> Sequence[_Held]:
        """Return the leases that were not renewed for this many watched seconds."""
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
