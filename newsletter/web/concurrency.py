"""Limits of the requests that one account or network may have answered at once.

A request holds a thread while its database or its mail is worked on. There are 40 threads, and
whoever used all of them would stop every page, also those by which readers unsubscribe.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager
from http import HTTPStatus

from fastapi import HTTPException

#: Seconds after which a refused client may ask again.
_AGAIN = "60"


class ConcurrencyLimit:
    """Limits the requests of each account or network; there is one instance per process and use.

    Args:
        at_once: The requests of one owner that are answered at once.
        waiting: The further requests of one owner that may wait; None for any number.
    """

    def __init__(self, at_once: int, *, waiting: int | None = None) -> None:
        self._at_once, self._waiting = at_once, waiting
        self._running: Counter[Hashable] = Counter()
        self._queued: Counter[Hashable] = Counter()
        self._freed = asyncio.Condition()

    @asynccontextmanager
    async def hold(self, owner: Hashable, *, patience: float) -> AsyncIterator[None]:
        """Wait for some seconds at most until fewer are answered, and count during the block.

        Raises:
            HTTPException: Too many requests of the owner wait, or this one waited too long.
        """
        async with self._freed:
            if self._running[owner] >= self._at_once:
                await self._queue(owner, patience)
            self._running[owner] += 1
        try:
            yield
        finally:
            async with self._freed:
                _count_down(self._running, owner)
                self._freed.notify_all()

    async def _queue(self, owner: Hashable, patience: float) -> None:
        if self._waiting is not None and self._queued[owner] >= self._waiting:
            raise _busy()
        self._queued[owner] += 1
        try:
            async with asyncio.timeout(patience):
                await self._freed.wait_for(lambda: self._running[owner] < self._at_once)
        except TimeoutError:
            raise _busy() from None
        finally:
            _count_down(self._queued, owner)


def _count_down(counter: Counter[Hashable], owner: Hashable) -> None:
    counter[owner] -= 1
    if not counter[owner]:
        del counter[owner]


def _busy() -> HTTPException:
    return HTTPException(
        HTTPStatus.SERVICE_UNAVAILABLE,
        "Too many calls at once.",
        headers={"Retry-After": _AGAIN, "Connection": "close"},
    )
