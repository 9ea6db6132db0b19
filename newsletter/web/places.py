"""Places in which requests are answered: few for one account or network, so that others have room.

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

#: Seconds after which a client that got no place may ask again.
_AGAIN = "60"


class Places:
    """Counts the requests of each account or network; there is one instance per process and use.

    Args:
        at_once: The requests of one owner that are answered at once.
        waiting: The further requests of one owner that wait for a place; None for any number.
    """

    def __init__(self, at_once: int, *, waiting: int | None = None) -> None:
        self._at_once, self._waiting = at_once, waiting
        self._taken: Counter[Hashable] = Counter()
        self._wait: Counter[Hashable] = Counter()
        self._room = asyncio.Condition()

    @asynccontextmanager
    async def taken(self, owner: Hashable, *, patience: float) -> AsyncIterator[None]:
        """Wait for a place for some seconds at most, and hold it during the block.

        Raises:
            HTTPException: Too many requests of the owner wait, or this one waited too long.
        """
        async with self._room:
            if self._taken[owner] >= self._at_once:
                await self._queue(owner, patience)
            self._taken[owner] += 1
        try:
            yield
        finally:
            async with self._room:
                _take_one(self._taken, owner)
                self._room.notify_all()

    async def _queue(self, owner: Hashable, patience: float) -> None:
        if self._waiting is not None and self._wait[owner] >= self._waiting:
            raise _busy()
        self._wait[owner] += 1
        try:
            async with asyncio.timeout(patience):
                await self._room.wait_for(lambda: self._taken[owner] < self._at_once)
        except TimeoutError:
            raise _busy() from None
        finally:
            _take_one(self._wait, owner)


def _take_one(counter: Counter[Hashable], owner: Hashable) -> None:
    counter[owner] -= 1
    if not counter[owner]:
        del counter[owner]


def _busy() -> HTTPException:
    return HTTPException(
        HTTPStatus.SERVICE_UNAVAILABLE,
        "Too many calls at once.",
        headers={"Retry-After": _AGAIN, "Connection": "close"},
    )
