"""The guarded fetcher: the only HTTP client for URLs from users; it connects to public hosts only.

A link in an issue may lead anywhere, also into our own network: to a database, a router, or a cloud
provider's metadata service. So the host is resolved first, all its addresses must be public
(including IPv4 addresses embedded in IPv6), and the connection is made to the resolved address, so
that a different answer to a second DNS query has no effect. Redirects are checked in the same way.
No cookies or credentials are sent, and no body is read.
"""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from urllib.parse import SplitResult, quote, urljoin

import idna

from newsletter.i18n.normal_form import split_url

#: Timeout in seconds for connecting, and for each read.
_PATIENCE = 8.0
#: Timeout in seconds for one URL with all redirects, against servers that reply very slowly.
_LONGEST = 20.0
_MOST_REDIRECTS = 5
#: Characters of a redirect's URL. It is stored, and the server writes it.
_LONGEST_ADDRESS = 8000
_PORTS = frozenset({80, 443, 8080, 8443})
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_PERMANENT = frozenset({301, 308})
#: Status codes after which HEAD is repeated as GET, since some servers do not support HEAD well.
_ASK_AGAIN = range(400, 600)
_AGENT = "Mozilla/5.0 (compatible; newsletter link check)"
#: Public IPv6 prefixes that contain an IPv4 address (RFC 6052, RFC 3056).
_TRANSLATED, _SIX_TO_FOUR = ip_network("64:ff9b::/96"), ip_network("2002::/16")
#: Networks that some Python versions treat as public: protocol assignments (among them Oracle's
#: metadata service, 192.0.0.192), 6to4 relays, Azure's host agent, local translation (RFC 8215),
#: documentation (RFC 9637) and segment routing (RFC 9602).
_NOT_PUBLIC = tuple(
    map(
        ip_network,
        (
            *("192.0.0.0/24", "192.88.99.0/24", "168.63.129.16/32"),
            *("64:ff9b:1::/48", "3fff::/20", "5f00::/16"),
        ),
    )
)

IpAddress = IPv4Address | IPv6Address
#: Returns the addresses of a host; raises OSError if it has none.
Resolve = Callable[[str, int], Collection[IpAddress]]


class LinkOutcome(StrEnum):
    """The result of opening a URL."""

    FINE = "fine"
    #: A permanent redirect.
    MOVED = "moved"
    #: 404, 410.
    MISSING = "missing"
    #: 401, 403, 429: closed to programs, but perhaps not to people.
    CLOSED = "closed"
    #: Another 4xx, or 5xx.
    FAILED = "failed"
    UNKNOWN_HOST = "unknown-host"
    #: No reply within the timeout.
    SILENT = "silent"
    #: Its certificate is not valid.
    UNTRUSTED = "untrusted"
    #: A host in a private network, or a port that is not a web server's.
    FORBIDDEN = "forbidden"
    #: Too many redirects.
    ASTRAY = "astray"


@dataclass(frozen=True, kw_only=True, slots=True)
class OpenedAddress:
    """The result of opening a URL; ``status`` is 0 without a reply."""

    url: str
    outcome: LinkOutcome
    status: int = 0
    final: str = ""


class _RefusedError(Exception):
    """A URL must not be opened."""


class _UnknownHostError(Exception):
    """A host has no address."""


def is_public(address: IpAddress) -> bool:
    """Return whether an address is public, also if it is IPv4 embedded in IPv6."""
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return is_public(address.ipv4_mapped)
        if address in _TRANSLATED:
            return is_public(IPv4Address(int(address) & 0xFFFFFFFF))
        if address in _SIX_TO_FOUR:
            return is_public(IPv4Address(int(address) >> 80 & 0xFFFFFFFF))
        if address.teredo is not None or address.is_site_local:
            return False
    if any(address in network for network in _NOT_PUBLIC):
        return False
    return (
        address.is_global
        and not address.is_multicast
        and not address.is_reserved
        and not address.is_unspecified
    )


def resolve(host: str, port: int) -> Collection[IpAddress]:
    """Return the addresses of a host, by the system's resolver."""
    addresses = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [ip_address(str(entry[4][0]).partition("%")[0]) for entry in addresses]


def open_address(
    url: str, *, resolving: Resolve = resolve, permitted: Callable[[IpAddress], bool] = is_public
) -> OpenedAddress:
    """Open a URL and return the result; the body is not read.

    Args:
        url: A URL with scheme http or https.
        resolving: The resolver of host names.
        permitted: Returns whether an address may be connected to.
    """
    ends, here, moved = time.monotonic() + _LONGEST, url, False
    for _ in range(_MOST_REDIRECTS + 1):
        try:
            status, onward = _ask(here, ends, resolving, permitted)
        except _RefusedError:
            return OpenedAddress(url=url, outcome=LinkOutcome.FORBIDDEN, final=here)
        except _UnknownHostError:
            return OpenedAddress(url=url, outcome=LinkOutcome.UNKNOWN_HOST, final=here)
        except ssl.SSLError:
            return OpenedAddress(url=url, outcome=LinkOutcome.UNTRUSTED, final=here)
        except (OSError, http.client.HTTPException, ValueError):
            return OpenedAddress(url=url, outcome=LinkOutcome.SILENT, final=here)
        there = _target_of_redirect(here, onward) if status in _REDIRECTS else ""
        if not there:
            return OpenedAddress(
                url=url, outcome=_outcome_of(status, moved), status=status, final=here
            )
        moved = moved or status in _PERMANENT
        here = there
    return OpenedAddress(url=url, outcome=LinkOutcome.ASTRAY, final=here)


def _target_of_redirect(here: str, location: str) -> str:
    """Return where a redirect leads; empty if nowhere, or to what is no URL or cannot be stored."""
    try:
        there = urljoin(here, location) if location else ""
    except ValueError:
        return ""
    return there if len(there) <= _LONGEST_ADDRESS and "\0" not in there else ""


def _outcome_of(status: int, moved: bool) -> LinkOutcome:  # noqa: FBT001 - both parts of one result
    if status in _REDIRECTS:
        return LinkOutcome.FAILED
    if status < 400:  # noqa: PLR2004 - HTTP errors begin at 400
        return LinkOutcome.MOVED if moved else LinkOutcome.FINE
    if status in {404, 410}:
        return LinkOutcome.MISSING
    return LinkOutcome.CLOSED if status in {401, 403, 405, 429, 999} else LinkOutcome.FAILED


def _ask(
    url: str, ends: float, resolving: Resolve, permitted: Callable[[IpAddress], bool]
) -> tuple[int, str]:
    """Return the status of a URL, and the target of a redirect; by HEAD, then by GET."""
    parts = split_url(url)
    host, port = _host_of(parts)
    try:
        addresses = list(resolving(host, port))
    except OSError as error:
        raise _UnknownHostError from error
    if not addresses:
        raise _UnknownHostError
    if not all(map(permitted, addresses)):
        raise _RefusedError
    status, onward = _request("HEAD", parts, host, port, addresses[0], ends)
    if status in _ASK_AGAIN:
        return _request("GET", parts, host, port, addresses[0], ends)
    return status, onward


def _host_of(parts: SplitResult) -> tuple[str, int]:
    """Return a URL's host in ASCII, and the port.

    Raises:
        _RefusedError: The port is not a web server's.
        ValueError: The URL is not valid.
    """
    host, port = parts.hostname or "", parts.port
    if parts.scheme not in {"http", "https"} or not host or parts.username is not None:
        raise _RefusedError
    port = port or (443 if parts.scheme == "https" else 80)
    if port not in _PORTS:
        raise _RefusedError
    if host.isascii():
        return host, port
    try:
        return idna.encode(host, uts46=True).decode("ascii"), port
    except idna.IDNAError as error:
        raise _UnknownHostError from error


def _request(
    method: str, parts: SplitResult, host: str, port: int, address: IpAddress, ends: float
) -> tuple[int, str]:
    left = ends - time.monotonic()
    if left <= 0:
        raise TimeoutError
    connection = _Pinned(host, port, address, secure=parts.scheme == "https")
    watch = threading.Timer(left, connection.give_up)
    watch.daemon = True
    watch.start()
    try:
        connection.request(method, _target(parts), headers={"User-Agent": _AGENT, "Accept": "*/*"})
        answer = connection.getresponse()
        return answer.status, answer.headers.get("Location", "")
    finally:
        watch.cancel()
        connection.close()


def _target(parts: SplitResult) -> str:
    path = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~-._")
    query = quote(parts.query, safe="/%:@!$&'()*+,;=~-._?")
    return f"{path}?{query}" if query else path


class _Pinned(http.client.HTTPConnection):
    """A connection to a checked address; the host name is used for HTTP and TLS only."""

    def __init__(self, host: str, port: int, address: IpAddress, *, secure: bool) -> None:
        super().__init__(host, port, timeout=_PATIENCE)
        self._address, self._secure = address, secure
        self._given_up = False
        if port == (443 if secure else 80):
            self.default_port = port

    def connect(self) -> None:
        """Connect to the checked address, without resolving the name again.

        Raises:
            TimeoutError: `give_up` was called before the connection was made.
        """
        plain = socket.create_connection((str(self._address), self.port), self.timeout)
        self.sock = plain
        if self._secure:
            # After the socket was stored, so that `give_up` can end the handshake.
            secure = _context().wrap_socket(
                plain, server_hostname=self.host, do_handshake_on_connect=False
            )
            self.sock = secure
            self._end_if_given_up()
            secure.do_handshake()
        self._end_if_given_up()

    def _end_if_given_up(self) -> None:
        if self._given_up:
            self.close()
            raise TimeoutError

    def give_up(self) -> None:
        """Close the connection from another thread, even before it was made."""
        self._given_up = True
        if self.sock is not None:
            try:
                self.sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                return


@lru_cache(maxsize=1)
def _context() -> ssl.SSLContext:
    return ssl.create_default_context()
