"""Tracing: each request gets an id, which is in its logs and its response, and is timed.

Logs and metrics contain the pattern of the route and never the URL, which may contain tokens and
addresses.
"""

from __future__ import annotations

import logging
import re
import secrets
import time
from collections.abc import Awaitable, Callable
from http import HTTPMethod

from fastapi import Request
from fastapi.responses import Response
from prometheus_client import CollectorRegistry, Histogram

from newsletter.logs import bound
from newsletter.web.hosts import Clients

_log = logging.getLogger(__name__)

_HEADER = "X-Request-ID"
_NUMBER = re.compile(r"[A-Za-z0-9-]{8,64}")
#: The counted methods; a client can send any word, and each would create a metric forever.
_METHODS = frozenset(HTTPMethod)
_QUIET = ("/static", "/healthz", "/readyz", "/metrics")


class Tracer:
    """Assigns ids to requests, and times and logs them."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.clients = Clients()
        self._seconds = Histogram(
            "newsletter_http_seconds",
            "How long this web process took to answer.",
            ["method", "route", "status"],
            registry=registry,
        )

    async def trace(
        self, request: Request, call_next: Callable[[Request], Awaitable[Response]]
    ) -> Response:
        """Process a request with the id from the proxy or a new one."""
        given = request.headers.get(_HEADER, "")
        number = given if _NUMBER.fullmatch(given) else secrets.token_hex(8)
        with bound(request=number):
            started = time.perf_counter()
            response = await call_next(request)
            self._note(request, response.status_code, time.perf_counter() - started)
        response.headers[_HEADER] = number
        return response

    def _note(self, request: Request, status: int, seconds: float) -> None:
        if request.url.path.startswith(_QUIET):
            return
        self.clients.count(request)
        route = getattr(request.scope.get("route"), "path", "none")
        method = request.method if request.method in _METHODS else "other"
        self._seconds.labels(method, route, str(status)).observe(seconds)
        _log.info(
            "%s %s %s",
            method,
            route,
            status,
            extra={
                "method": method,
                "route": route,
                "status": status,
                "milliseconds": round(seconds * 1000, 1),
            },
        )
