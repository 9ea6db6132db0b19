"""The one HTTP client for addresses that people write: it asks no machine that is not public.

A link in an issue may lead anywhere, also into our own network: to a database's port, a router, the
service that hands out a cloud machine's credentials. So a host is resolved first, every address it
has must be a public one (IPv4 written within IPv6 too), and the connection goes to that very
address: a name that resolves differently a moment later changes nothing. Each redirect is looked
at in the same way. No cookies, no credentials, no body is read.
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

#: Seconds for connecting, and for each answer of the network.
_PATIENCE = 8.0
#: Seconds for one address with all its redirects: whoever answers a letter at a time ends here.
_LONGEST = 20.0
_MOST_REDIRECTS = 5
_PORTS = frozenset({80, 443, 8080, 8443})
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_PERMANENT = frozenset({301, 308})
#: What servers say to HEAD that know it badly; they are asked once more, by GET.
_ASK_AGAIN = range(400, 600)
_AGENT = "Mozilla/5.0 (compatible; newsletter link check)"
#: What is written as a public address of IPv6 and leads to one of IPv4 (RFC 6052, RFC 3056).
_TRANSLATED, _SIX_TO_FOUR = ip_network("64:ff9b::/96"), ip_network("2002::/16")
#: What the language, or a version of it, takes for public: protocols' own addresses (among them
#: Oracle's metadata service, 192.0.0.192), relays of 6to4, the host agent of Azure, translation
#: within a network (RFC 8215), examples (RFC 9637) and segment routing (RFC 9602).
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
#: Returns the addresses of a host; raises OSError where it has none.
Resolve = Callable[[str, int], Collection[IpAddress]]


class LinkOutcome(StrEnum):
    """What became of an address that was opened."""

    FINE = "fine"
    #: It leads on, for good, to another address.
    MOVED = "moved"
    #: 404, 410.
    MISSING = "missing"
    #: 401, 403, 429: programs are kept out, people may get in.
    CLOSED = "closed"
    #: Another 4xx, or 5xx.
    FAILED = "failed"
    UNKNOWN_HOST = "unknown-host"
    #: It does not answer, or not in time.
    SILENT = "silent"
    #: Its certificate is not valid.
    UNTRUSTED = "untrusted"
    #: It leads into a private network, or to a port of no web server.
    FORBIDDEN = "forbidden"
    #: It redirects without end.
    ASTRAY = "astray"


@dataclass(frozen=True, kw_only=True, slots=True)
class OpenedAddress:
    """An address that was opened; ``status`` is 0 where nothing answered."""

    url: str
    outcome: LinkOutcome
    status: int = 0
    final: str = ""


class _RefusedError(Exception):
    """An address must not be asked."""


class _UnknownHostError(Exception):
    """A host has no address."""


def is_public(address: IpAddress) -> bool:
    """Return whether an address lies in the public network, however it is written."""
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
    """Return the addresses that the system knows of a host."""
    addresses = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [ip_address(str(entry[4][0]).partition("%")[0]) for entry in addresses]


def open_address(
    url: str, *, resolving: Resolve = resolve, permitted: Callable[[IpAddress], bool] = is_public
) -> OpenedAddress:
    """Open an address as a browser would, as far as its status, and say what became of it.

    Args:
        url: Of scheme http or https.
        resolving: Finds a host's addresses.
        permitted: Says which of them may be asked.
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
        if status not in _REDIRECTS or not onward:
            return OpenedAddress(
                url=url, outcome=_outcome_of(status, moved), status=status, final=here
            )
        moved = moved or status in _PERMANENT
        here = urljoin(here, onward)
    return OpenedAddress(url=url, outcome=LinkOutcome.ASTRAY, final=here)


def _outcome_of(status: int, moved: bool) -> LinkOutcome:  # noqa: FBT001 - two facts of one answer
    if status < 400:  # noqa: PLR2004 - what HTTP counts as no error
        return LinkOutcome.MOVED if moved else LinkOutcome.FINE
    if status in {404, 410}:
        return LinkOutcome.MISSING
    return LinkOutcome.CLOSED if status in {401, 403, 405, 429, 999} else LinkOutcome.FAILED


def _ask(
    url: str, ends: float, resolving: Resolve, permitted: Callable[[IpAddress], bool]
) -> tuple[int, str]:
    """Return the status of one address, and where it leads on; by HEAD, then by GET."""
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
    """Return a host in letters of ASCII, and the port.

    Raises:
        _RefusedError: It is no address of a web server.
        ValueError: It is written wrongly.
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
    """A connection to an address that was looked at; its name is for the server, and TLS."""

    def __init__(self, host: str, port: int, address: IpAddress, *, secure: bool) -> None:
        super().__init__(host, port, timeout=_PATIENCE)
        self._address, self._secure = address, secure
        self._given_up = False
        if port == (443 if secure else 80):
            self.default_port = port

    def connect(self) -> None:
        """Connect to the address, whatever the name may mean by now.

        Raises:
            TimeoutError: The time was up before there was a connection that could be ended.
        """
        plain = socket.create_connection((str(self._address), self.port), self.timeout)
        self.sock = plain
        if self._secure:
            # The handshake comes once the socket that it is done by can be ended from outside.
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
        """End it from another thread, also if there is no connection yet."""
        self._given_up = True
        if self.sock is not None:
            try:
                self.sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                return


@lru_cache(maxsize=1)
def _context() -> ssl.SSLContext:
    return ssl.create_default_context()
