"""Stopping: the worker's main process tells its pool to end batches early, so a deploy is quick.

Celery lets a running task finish; a batch under a slow limit would take longer than anybody waits.
One octet of memory, shared since before the fork, says that the end is asked for.
"""

from __future__ import annotations

import mmap

_flag: list[mmap.mmap] = []


def prepare() -> None:
    """Set up the flag; called in the main process before its pool forks."""
    _flag[:] = [mmap.mmap(-1, 1)]


def ask() -> None:
    """Ask the pool's processes to end what they do soon."""
    for flag in _flag:
        flag[0] = 1


def is_asked() -> bool:
    """Whether this process should end what it does soon."""
    return any(flag[0] for flag in _flag)
