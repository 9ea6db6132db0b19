"""Receiving a mail up to its final dot within a limit of memory.

This replaces the method of the server library, which stores each line as an object, so that empty
lines need forty times their octets, and which buffers endless lines without limit.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

_LINE_END = b"\r\n"
_END = b".\r\n"


async def read_mail(reader: asyncio.StreamReader, most: int) -> bytes | None:
    """Return a mail without the dots that SMTP adds (RFC 5321, 4.5.2).

    Args:
        reader: The data after the command DATA.
        most: The maximum size of the mail in octets. The rest of a larger mail is read and
            discarded, so that its sender reads the reply.

    Returns:
        The mail; None if it is too large.
    """
    # The line end of the command counts as the one before the mail's first line.
    mail, is_larger = bytearray(_LINE_END), False
    while not mail.endswith(_LINE_END + _END):
        try:
            mail += await reader.readuntil(_END)
        except asyncio.LimitOverrunError as error:
            mail += await reader.readexactly(error.consumed)
        if len(mail) > most + len(_LINE_END + _END):
            is_larger = True
            del mail[: -len(_LINE_END + _END)]
    if is_larger:
        return None
    del mail[-len(_END) :]
    mail = mail.replace(_LINE_END + b".", _LINE_END)
    del mail[: len(_LINE_END)]
    return bytes(mail)


class Capacity:
    """A number of octets of memory, assigned in the order of the requests."""

    def __init__(self, octets: int) -> None:
        self._octets = self._free = octets
        self._turn = asyncio.Lock()
        self._freed = asyncio.Event()

    @asynccontextmanager
    async def of(self, octets: int) -> AsyncIterator[None]:
        """Wait until these octets are free, and reserve them during the block.

        A request for more than the whole capacity gets the whole capacity.
        """
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
