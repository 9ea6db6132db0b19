"""Capacity for mails that are being received, in octets: many small at once, or few large."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Capacity:
    """So many octets, given out in the order in which they are asked for."""

    def __init__(self, octets: int) -> None:
        self._octets = self._free = octets
        self._turn = asyncio.Lock()
        self._freed = asyncio.Event()

    @asynccontextmanager
    async def of(self, octets: int) -> AsyncIterator[None]:
        """Wait until so many are free, and keep them for the block; at most all there are."""
        wanted = min(octets, self._octets)
        async with self._turn:
            while self._free < wanted:
                self._freed.clear()
                await self._freed.wait()
            self._free -= wanted
        try:
            yield
        finally:
            self._free += wanted
            self._freed.set()
