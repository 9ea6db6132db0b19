"""Webhooks of providers for bounces and complaints, which reply 2xx only after the commit."""

from __future__ import annotations

import http.client
import logging
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from http import HTTPStatus

from fastapi import Request
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
from newsletter.web.feedback.unproven import UnprovenCalls, read_body
from newsletter.web.routing import Router, network_of_request, up_to

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
