"""Receiving a mail up to its final dot, in no more memory than was given to it.

Not the server's own way: that one keeps each line apart, so that empty ones take forty times their
octets, and keeps a line that does not end for as long as it goes on.
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
        reader: What follows the command DATA.
        most: Octets that the mail may have. Of a larger one the rest is passed over, so that its
            sender comes to read why it is refused.

    Returns:
        The mail; None for one that is larger.
    """
    # The end of the command's line is that of the line before the mail's first.
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
