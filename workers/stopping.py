"""Flags by which a worker's processes end batches early: for good, or to drain.

Celery lets a running task finish, and a batch under a slow limit takes longer than anybody waits.
The flags are two octets of memory that the processes share since before the fork.
"""

from __future__ import annotations

import mmap

_END, _DRAIN = 0, 1
_flags: list[mmap.mmap] = []


def prepare() -> None:
    """Set up the flags; called in the main process before its pool forks."""
    _flags[:] = [mmap.mmap(-1, 2)]


def request_stop() -> None:
    """Ask the pool's processes to end what they do soon."""
    for flags in _flags:
        flags[_END] = 1


def set_draining(*, draining: bool) -> None:
    """Ask all processes of this worker to take no new batch, or to take some again."""
    for flags in _flags:
        flags[_DRAIN] = draining


def is_draining() -> bool:
    """Whether this worker takes no new batch."""
    return any(flags[_DRAIN] for flags in _flags)


def stop_requested() -> bool:
    """Whether this process should end what it does soon."""
    return any(flags[_END] or flags[_DRAIN] for flags in _flags)
