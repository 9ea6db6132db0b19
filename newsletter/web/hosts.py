"""Hosts: which names requests may be for, and whether clients can be told apart.

A request's Host is the client's to write; where an answer is built from it, as the redirect of a
trailing slash is, it would lead to whatever the client named.
"""

from __future__ import annotations

import ipaddress
import time
from urllib.parse import urlsplit

from fastapi import Request

from newsletter.settings import LOOPBACK, Settings

#: Probes come by the address of a container, which no setting can know.
_PROBES = frozenset({"/healthz", "/readyz", "/metrics"})
_HOUR = 3600.0
#: Requests of an hour from which one client stands out as a proxy.
_MANY = 50


def host_of(url: str) -> str:
    """Return the host and port that a foreign URL, such as an Origin, names; empty for none."""
    try:
        return urlsplit(url).netloc
    except ValueError:
        return ""


#: Together they say in two ways where a request ends (RFC 9112 section 6.1). To a proxy that
#: believes the other one, what is behind its end is the request of whoever comes next.
_LENGTHS = frozenset({"content-length", "transfer-encoding"})


class Hosts:
    """The names that are served: that of PUBLIC_URL, ALLOWED_HOSTS, and this machine's own."""

    def __init__(self, settings: Settings) -> None:
        own = urlsplit(settings.public_url).hostname or ""
        self._names = LOOPBACK | {own, *(name.lower() for name in settings.allowed_hosts)}

    def refusal(self, request: Request) -> str:
        """Return why a request is not answered, nor any behind it; nothing for one that is."""
        if set(request.headers) >= _LENGTHS:
            return "A request has one length."
        return "" if self._allow(request) else "This host is not served here."

    def _allow(self, request: Request) -> bool:
        """Return whether a request is for one of them."""
        if request.url.path in _PROBES:
            return True
        try:
            name = urlsplit(f"//{request.headers.get('host', '')}").hostname
        except ValueError:
            return False
        return name in self._names


class Clients:
    """Whether all requests of an hour came from one address, which is then a proxy's."""

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
        """The private address that all of an hour's many requests came from; else empty."""
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
