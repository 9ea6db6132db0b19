"""Flags for ending batches early, when a worker stops or is drained.

Celery waits for running tasks, and a batch with a low rate limit takes too long. The flags are two
bytes of shared memory, allocated before the fork.
"""

from __future__ import annotations

import mmap

_END, _DRAIN = 0, 1
_flags: list[mmap.mmap] = []


def prepare() -> None:
    """Set up the flags; called in the main process before its pool forks."""
    _flags[:] = [mmap.mmap(-1, 2)]


def request_stop() -> None:
    """Set the flag that asks the pool's processes to stop soon."""
    for flags in _flags:
        flags[_END] = 1


def set_draining(*, draining: bool) -> None:
    """Set or clear the flag that asks all processes of this worker to take no new batch."""
    for flags in _flags:
        flags[_DRAIN] = draining


def is_draining() -> bool:
    """Return whether this worker is being drained."""
    return any(flags[_DRAIN] for flags in _flags)


def stop_requested() -> bool:
    """Return whether this process should stop soon, or is being drained."""
    return any(flags[_END] or flags[_DRAIN] for flags in _flags)
