"""Webhooks of providers for bounces and complaints, which reply 2xx only after the commit.

If a signature covers the body, the body must be read before it can be verified. Therefore only a
few bodies are read at once for each network of addresses, each within its provider's limit, and
none after many successive refusals. Behind a proxy that is not in `TRUSTED_PROXIES`, all clients
are one network.
"""

from __future__ import annotations

import http.client
import logging
import time
import urllib.error
import urllib.request
import zlib
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import lru_cache
from http import HTTPStatus

from fastapi import HTTPException, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, Response
from sqlalchemy import Engine

from newsletter.bounces.webhooks import (
    LARGEST_CALL,
    Adapter,
    Call,
    Confirming,
    RefusedCallError,
    adapters,
)
from newsletter.bounces.webhooks.scaleway import is_scaleway_url
from newsletter.bounces.webhooks.signatures import Unsigned
from newsletter.bounces.webhooks.sns import is_amazon_url
from newsletter.database.engine import AWAY, reason_of
from newsletter.database.types import now
from newsletter.errors import UnavailableError
from newsletter.feedback.log import log_call
from newsletter.i18n.messages import msg
from newsletter.settings import Settings
from newsletter.web.routing import ConcurrencyLimit, Router, network_of_request, up_to

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


_log = logging.getLogger(__name__)

#: The statuses of `_refusal`.
_REFUSED = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})
_AGAIN_SECONDS = "60"


def webhooks_router(settings: Settings, engine: Engine, fetch: Callable[[str], bytes]) -> Router:
    """Return the route of the providers that have a secret in the settings."""
    router = Router(prefix="/webhooks")
    secrets = settings.webhook_secrets
    known = adapters(lru_cache(maxsize=16)(fetch))
    unproven = UnprovenCalls()
    offered = {name: (known[name], keys) for name, keys in secrets.items()}

    @router.api_route("/{provider}", methods=["GET", "HEAD"])
    def exists(provider: str) -> Response:
        """Reply to providers that check a URL before they store it."""
        if provider not in offered:
            return _answer(404, "There is no such webhook.")
        return JSONResponse({"webhook": provider})

    @router.post("/{provider}", dependencies=[up_to(LARGEST_CALL)])
    async def take(provider: str, request: Request) -> Response:
        if provider not in offered:
            return _answer(404, "There is no such webhook.")
        adapter, keys = offered[provider]
        call = Call(
            body=b"",
            headers=dict(request.headers),
            received_at=now(),
            url=f"{settings.public_url}/webhooks/{provider}",
        )
        if isinstance(adapter, Unsigned):
            # A password is in the headers; if it is wrong, the body is not read.
            try:
                adapter.verify(call, keys)
            except RefusedCallError as error:
                _log.warning("webhook %s refused: %s", provider, error.what)
                return _refusal(call, error)
            call = replace(call, body=await read_body(request, adapter.LARGEST))
            return await run_in_threadpool(_take, engine, fetch, adapter, keys, call, provider)
        network = network_of_request(request)
        async with unproven.admitted(network):
            call = replace(call, body=await read_body(request, adapter.LARGEST))
            answer = await run_in_threadpool(_take, engine, fetch, adapter, keys, call, provider)
        # A call that could not be verified now is neither a refusal nor proven; it is sent again.
        if answer.status_code != HTTPStatus.SERVICE_UNAVAILABLE:
            unproven.note(network, proven=answer.status_code not in _REFUSED)
        return answer

    return router


def _take(
    engine: Engine,
    fetch: Callable[[str], bytes],
    adapter: Adapter,
    keys: tuple[str, ...],
    call: Call,
    provider: str,
) -> Response:
    """Authenticate a call, and log its events."""
    try:
        adapter.verify(call, keys)
        if isinstance(adapter, Confirming) and (url := adapter.confirmation(call)):
            fetch(url)
            _log.info("webhook %s: subscription confirmed", provider)
        news = log_call(engine, adapter.read(call), replay_key=adapter.replay_key(call))
    except RefusedCallError as error:
        _log.warning("webhook %s refused: %s", provider, error.what)
        return _refusal(call, error)
    except UnavailableError as error:
        _log.warning("webhook %s put off: %s", provider, error.what)
        return _answer(503, error.what)
    except AWAY as error:
        reason = reason_of(error)
        _log.warning("webhook %s put off: the database cannot be used: %s", provider, reason)
        return _answer(503, "The database does not answer.")
    return JSONResponse({"logged": news})


def _refusal(call: Call, error: RefusedCallError) -> Response:
    """Return the refusal, with a challenge if no password was sent; some clients wait for it."""
    if "authorization" in call.headers:
        return _answer(403, error.what)
    return _answer(401, error.what, **{"WWW-Authenticate": 'Basic realm="webhook"'})


def _answer(status: int, words: str, **headers: str) -> Response:
    more = {"Retry-After": _AGAIN_SECONDS} if status == HTTPStatus.SERVICE_UNAVAILABLE else {}
    return JSONResponse({"error": words}, status_code=status, headers=headers | more)


_TIMEOUT_SECONDS = 5
_OCTETS = 65_536


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Follows no redirects, which could lead anywhere, even into our own network."""

    def redirect_request(self, *_details: object) -> None:
        """Return None, so that the redirect is not followed."""


def fetch(url: str) -> bytes:
    """Return the content of a URL of Amazon's or Scaleway's topics, over verified TLS.

    Raises:
        UnavailableError: The URL belongs to neither, or the server does not reply or redirects.
    """
    if not (is_amazon_url(url) or is_scaleway_url(url)):
        raise UnavailableError(msg("The address is not on a topic host of Amazon or Scaleway."))
    opener = urllib.request.build_opener(_NoRedirects)
    try:
        with opener.open(url, timeout=_TIMEOUT_SECONDS) as answer:
            content: bytes = answer.read(_OCTETS)
    except (urllib.error.URLError, http.client.HTTPException, OSError) as error:
        raise UnavailableError(
            msg("The topic’s host is not responding: {reason}.", reason=error),
            remedy=msg("The web server needs access to its port 443."),
        ) from error
    return content
