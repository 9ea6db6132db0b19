"""Coroutines in a thread of their own: the browser of other tests keeps a loop running in ours."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

Answer = TypeVar("Answer")


def run_apart(make: Callable[[], Coroutine[Any, Any, Answer]]) -> Answer:
    """Run what ``make`` returns to its end."""
    with ThreadPoolExecutor(max_workers=1) as pool:
        return pool.submit(lambda: asyncio.run(make())).result()
