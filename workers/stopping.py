"""Stopping: a worker's processes tell each other to end batches early, for good or to drain.

Celery lets a running task finish; a batch under a slow limit would take longer than anybody waits.
Two octets of memory, shared since before the fork, say that the end, or a drain, is asked for.
"""

from __future__ import annotations

import mmap

_END, _DRAIN = 0, 1
_flags: list[mmap.mmap] = []


def prepare() -> None:
    """Set up the flags; called in the main process before its pool forks."""
    _flags[:] = [mmap.mmap(-1, 2)]


def ask() -> None:
    """Ask the pool's processes to end what they do soon."""
    for flags in _flags:
        flags[_END] = 1


def drain(*, wanted: bool) -> None:
    """Ask all processes of this worker to take no new batch, or to take some again."""
    for flags in _flags:
        flags[_DRAIN] = wanted


def is_draining() -> bool:
    """Whether this worker takes no new batch."""
    return any(flags[_DRAIN] for flags in _flags)


def is_asked() -> bool:
    """Whether this process should end what it does soon."""
    return any(flags[_END] or flags[_DRAIN] for flags in _flags)
