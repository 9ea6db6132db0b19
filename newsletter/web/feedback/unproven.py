"""Limits for webhook calls whose sender is not authenticated yet.

If a signature covers the body, the body must be read before it can be verified. Therefore only a
few bodies are read at once for each network of addresses, each within its provider's limit, and
none after many successive failures. Behind a proxy that is not in `TRUSTED_PROXIES`, all clients
are one network.
"""

from __future__ import annotations

import time
import zlib
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus

from fastapi import HTTPException, Request

from newsletter.web.concurrency import ConcurrencyLimit

#: Bodies of one network that are read at once, and seconds that a further call waits.
_AT_ONCE, _PATIENCE = 8, 10.0
#: Successive refusals of one network, and seconds for which they count.
_MOST_REFUSALS, _REMEMBERED = 100, 60.0
#: Networks whose refusals are remembered; the least recent one is dropped first.
_MOST_NETWORKS = 10_000


class UnprovenCalls:
    """Applies the limits above; there is one instance per process."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._limit = ConcurrencyLimit(_AT_ONCE)
        #: The number of successive refusals and the time of the first, by network.
        self._refusals: OrderedDict[str, tuple[int, float]] = OrderedDict()

    @asynccontextmanager
    async def admitted(self, network: str) -> AsyncIterator[None]:
        """Wait until a body may be read, and count it during the block.

        Raises:
            HTTPException: Too many calls of the network were refused, or too many bodies are read.
        """
        if self._is_shut_out(network):
            raise HTTPException(
                HTTPStatus.TOO_MANY_REQUESTS,
                "Too many calls that proved nothing.",
                headers={"Retry-After": str(int(_REMEMBERED)), "Connection": "close"},
            )
        async with self._limit.hold(network, patience=_PATIENCE):
            yield

    def note(self, network: str, *, proven: bool) -> None:
        """Count a refusal; an authenticated call resets the count."""
        if proven:
            self._refusals.pop(network, None)
            return
        moment = self._clock()
        count, since = self._refusals.pop(network, (0, moment))
        if moment - since > _REMEMBERED:
            count, since = 0, moment
        self._refusals[network] = (count + 1, since)
        while len(self._refusals) > _MOST_NETWORKS:
            self._refusals.popitem(last=False)

    def _is_shut_out(self, network: str) -> bool:
        count, since = self._refusals.get(network, (0, 0.0))
        return count >= _MOST_REFUSALS and self._clock() - since <= _REMEMBERED


async def read_body(request: Request, limit: int) -> bytes:
    """Return a body of at most ``limit`` octets, decompressed if a header says so.

    Raises:
        HTTPException: The body is too large, compressed or decompressed; if its announced size is
            too large, it is not read at all. Or its compression is unknown, or it is damaged.
    """
    announced = request.headers.get("content-length", "0")
    body = bytearray()
    if not announced.isdigit() or int(announced[:20]) <= limit:
        async for chunk in request.stream():
            body += chunk
            if len(body) > limit:
                break
        else:
            return _unpacked(bytes(body), request.headers.get("content-encoding", ""), limit)
    raise _too_large(limit)


def _unpacked(body: bytes, encoding: str, limit: int) -> bytes:
    match encoding.strip().lower():
        case "" | "identity":
            return body
        case "gzip" | "x-gzip":
            packed = zlib.decompressobj(16 + zlib.MAX_WBITS)
        case "deflate":
            packed = zlib.decompressobj()
        case _:
            raise HTTPException(
                HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "Send the call as it is, or packed with gzip."
            )
    try:
        unpacked = packed.decompress(body, limit + 1)
    except zlib.error:
        unpacked = b""
    if len(unpacked) > limit:
        raise _too_large(limit)
    if not packed.eof:
        raise HTTPException(HTTPStatus.BAD_REQUEST, f"The call is not whole {encoding} data.")
    return unpacked


def _too_large(limit: int) -> HTTPException:
    return HTTPException(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        f"The call has more than {limit:,} octets.",
        headers={"Connection": "close"},
    )
