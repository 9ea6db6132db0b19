"""How work grows with its input: what a limit of seconds cannot tell on a busy machine."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from typing import TypeVar

import pytest

T = TypeVar("T")

_FACTOR = 8
#: Work that grows with the length takes 8 times as long, with its square 64 times.
_BETWEEN = 24
_TRIES = 3


def assert_linear(work: Callable[[T], object], make: Callable[[int], T], *, size: int) -> None:
    """Fail when eight times the input takes far more than eight times the processor's time.

    Args:
        work: What is measured, by the time of its own thread.
        make: Makes an input of a length; its own time does not count.
        size: The longer of the two lengths. The shorter should keep a processor busy for some
            milliseconds at least: what work costs whatever its length hides how it grows.
    """
    short, long = make(size // _FACTOR), make(size)
    quick = slow = float("inf")
    is_collecting = gc.isenabled()
    # A collection goes through all that this process's other tests left.
    gc.disable()
    try:
        for _ in range(_TRIES):
            quick = min(quick, _seconds(work, short), _seconds(work, short))
            slow = min(slow, _seconds(work, long))
            if slow < _BETWEEN * quick:
                return
    finally:
        if is_collecting:
            gc.enable()
    pytest.fail(f"{_FACTOR} times the input takes {slow / quick:.0f} times the work")


def _seconds(work: Callable[[T], object], given: T) -> float:
    began = time.thread_time()
    work(given)
    return time.thread_time() - began
