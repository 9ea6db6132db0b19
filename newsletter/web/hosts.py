"""Host names: the names that are served, and the detection of an unconfigured proxy.

The Host header is untrusted. Responses built from it, such as the redirect for a trailing slash,
could otherwise lead to any host.
"""

from __future__ import annotations

import ipaddress
import time
from urllib.parse import urlsplit

from fastapi import Request

from newsletter.settings import LOOPBACK, Settings

#: Probes use the address of a container, which cannot be configured.
_PROBES = frozenset({"/healthz", "/readyz", "/metrics"})
_HOUR = 3600.0
#: Requests per hour from which a single client is regarded as a proxy.
_MANY = 50


def host_of(url: str) -> str:
    """Return host and port of an untrusted URL, such as an Origin; empty if there are none."""
    try:
        return urlsplit(url).netloc
    except ValueError:
        return ""


#: A request with both headers has two ends (RFC 9112, 6.1). If a proxy uses the other one, the rest
#: of the request becomes the beginning of another client's request (request smuggling).
_LENGTHS = frozenset({"content-length", "transfer-encoding"})


class Hosts:
    """The host names that are served: those of PUBLIC_URL, ALLOWED_HOSTS and this machine."""

    def __init__(self, settings: Settings) -> None:
        own = urlsplit(settings.public_url).hostname or ""
        self._names = LOOPBACK | {own, *(name.lower() for name in settings.allowed_hosts)}

    def refusal(self, request: Request) -> str:
        """Return why a request and its connection are refused; empty if the request is accepted."""
        if set(request.headers) >= _LENGTHS:
            return "A request has one length."
        return "" if self._allow(request) else "This host is not served here."

    def _allow(self, request: Request) -> bool:
        """Return whether the host of a request is served."""
        if request.url.path in _PROBES:
            return True
        try:
            name = urlsplit(f"//{request.headers.get('host', '')}").hostname
        except ValueError:
            return False
        return name in self._names


class Clients:
    """Detects a proxy: a single address that sends all requests of an hour."""

    def __init__(self) -> None:
        self._since = time.monotonic()
        self._requests = 0
        self._hosts: set[str] = set()
        self._last = ""

    def count(self, request: Request) -> None:
        """Count a request."""
        if time.monotonic() - self._since > _HOUR:
            self._last = self._one()
            self._since, self._requests, self._hosts = time.monotonic(), 0, set()
        self._requests += 1
        if len(self._hosts) < 2 and request.client is not None:  # noqa: PLR2004 - more than one
            self._hosts.add(request.client.host)

    @property
    def proxy(self) -> str:
        """The private address that sent all of many requests in an hour; empty if there is none."""
        if len(self._hosts) > 1:
            return ""
        return self._one() or self._last

    def _one(self) -> str:
        if self._requests < _MANY or len(self._hosts) != 1:
            return ""
        [host] = self._hosts
        try:
            return host if ipaddress.ip_address(host).is_private else ""
        except ValueError:
            return ""
