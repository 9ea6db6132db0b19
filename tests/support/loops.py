"""Coroutines in a thread of their own: the browser of other tests keeps a loop running in ours."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

Answer = TypeVar("Answer")


def run_apart(make: Callable[[], Coroutine[Any, Any, Answer]]) -> Answer:
    """Run what ``make`` returns to its end."""
    return call_apart(lambda: asyncio.run(make()))


def call_apart(act: Callable[[], Answer]) -> Answer:
    """Do what runs a loop of its own, as a worker process does."""
    with ThreadPoolExecutor(max_workers=1) as pool:
        return pool.submit(act).result()
