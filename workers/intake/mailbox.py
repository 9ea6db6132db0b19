"""The mailbox to fetch mail from: the URL that configures it, and bounded sockets to its server.

The sockets limit the time and the size of the server's reply to each command. The timeout of a
socket restarts with each received octet. Without these limits, a server that sends one octet now
and then would block the client forever, and an endless reply would fill the memory.
"""

from __future__ import annotations

import socket
import ssl
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import TYPE_CHECKING, Protocol
from urllib.parse import parse_qs, unquote

from newsletter.errors import Place, SettingError
from newsletter.feedback.mail import Taken
from newsletter.i18n.messages import msg
from workers.mail_servers import require_authorities, split_url

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer

#: Port, and whether TLS is implicit, by the URL's scheme.
_SCHEMES = {"imaps": (993, True), "imap": (143, False), "pop3s": (995, True), "pop3": (110, False)}
_PLACE = Place(source=msg("settings"), field="BOUNCE_MAILBOX")
_EXAMPLE = msg("Use imaps://user:secret@host/INBOX or pop3s://user:secret@host.")


@dataclass(frozen=True, kw_only=True, slots=True)
class Account:
    """The account of a mailbox.

    Attributes:
        protocol: ``imap`` or ``pop3``.
        tls: ``implicit``, ``starttls``, or ``none``, which is allowed only for servers on this
            machine.
        folder: The folder to read; only for IMAP.
        move_to: The folder for processed mail; if empty, the mail is deleted. Only for IMAP.
    """

    protocol: str
    host: str
    port: int
    tls: str
    username: str
    password: str = field(repr=False)
    folder: str = "INBOX"
    move_to: str = ""
    ca_file: str = ""

    @property
    def name(self) -> str:
        """The name for operators, without the password."""
        return f"{self.protocol}:{self.host}:{self.port}"

    def require_authorities(self) -> None:
        """Check the file of certificate authorities, without which no connection is possible.

        Raises:
            SettingError: The file cannot be read, or holds no certificate.
        """
        require_authorities(self.ca_file, _PLACE)

    def tls_context(self) -> ssl.SSLContext:
        """Return the context that verifies the server's certificate and name."""
        return ssl.create_default_context(cafile=self.ca_file or None)


def read_account(url: str) -> Account:
    """Return the account of the URL in BOUNCE_MAILBOX.

    Raises:
        SettingError: The URL is invalid. The message does not contain it, since it has a password.
    """
    parts = split_url(url, _PLACE, msg("The mailbox URL cannot be read."))
    if parts.scheme not in _SCHEMES or not parts.hostname or not parts.username:
        raise SettingError(msg("This is not a mailbox URL."), place=_PLACE, remedy=_EXAMPLE)
    usual, implicit = _SCHEMES[parts.scheme]
    options = {name: words[-1] for name, words in parse_qs(parts.query).items()}
    account = Account(
        protocol=parts.scheme.removesuffix("s"),
        host=parts.hostname,
        port=parts.port or usual,
        tls="implicit" if implicit else options.pop("tls", "starttls"),
        username=unquote(parts.username),
        password=unquote(parts.password or ""),
        folder=unquote(parts.path.strip("/")) or "INBOX",
        move_to=options.pop("move", ""),
        ca_file=options.pop("ca", ""),
    )
    _check(account, options)
    return account


def _check(account: Account, rest: dict[str, str]) -> None:
    for name in rest:
        raise SettingError(
            msg("The mailbox has an unknown option “{name}”.", name=name),
            place=_PLACE,
            remedy=msg("The options are move, tls and ca; see docs/feedback.md."),
        )
    if account.tls not in {"implicit", "starttls", "none"}:
        raise SettingError(
            msg("The mailbox option tls cannot be “{value}”.", value=account.tls), place=_PLACE
        )
    if account.tls == "none" and not _is_this_machine(account.host):
        raise SettingError(
            msg("The password would be sent unencrypted."),
            place=_PLACE,
            remedy=msg("Leave out tls=none, or use imaps:// or pop3s://."),
        )
    if account.protocol == "pop3" and account.move_to:
        raise SettingError(
            msg("POP3 has no folders to move messages to."), place=_PLACE, remedy=_EXAMPLE
        )


def _is_this_machine(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


@dataclass(frozen=True, kw_only=True, slots=True)
class Letter:
    """A mail in a mailbox; ``key`` is its identifier at the server."""

    key: str
    raw: bytes


class Mailbox(Protocol):
    """An open connection to a mailbox."""

    def letters(self) -> Iterator[Letter]:
        """Yield the unprocessed mails one by one."""

    def forget(self, letter: Letter) -> None:
        """Delete or move a mail, after it was stored in the database."""

    def keep(self, letter: Letter) -> None:
        """Leave a mail in the mailbox, and skip it from now on."""

    def close(self) -> None:
        """Expunge the deleted mails, and log out."""


TakenCounts = Counter[Taken]


#: Seconds without any received octet; the libraries set it as the socket's timeout.
SILENCE_SECONDS = 60.0
#: Seconds for one whole reply: enough for a mail of 2 MB at 7 KB per second.
_ANSWER_SECONDS = 300.0
#: Octets of the largest reply; a list of a million mails is smaller.
_ANSWER_OCTETS = 64 * 1024 * 1024
#: Lines of the longest reply; the libraries need about fifty octets of memory for each.
_ANSWER_LINES = 3_000_000


def require_size(octets: int, lines: int = 0) -> None:
    """Refuse a reply with too many octets or lines.

    Raises:
        OSError: The reply exceeds a limit.
    """
    if octets > _ANSWER_OCTETS or lines > _ANSWER_LINES:
        raise OSError("an answer is too large")


class _Bounded(socket.socket):
    """A socket that counts the reply to each command and, from the first read, the greeting."""

    _began: float | None = None
    _octets = _lines = 0

    def sendall(self, data: ReadableBuffer, flags: int = 0, /) -> None:
        """See socket; the data received afterwards is the next reply."""
        self._began, self._octets, self._lines = time.monotonic(), 0, 0
        super().sendall(data, flags)

    def recv_into(self, buffer: WriteableBuffer, nbytes: int | None = None, flags: int = 0) -> int:
        """See socket.

        Raises:
            TimeoutError: The reply takes too long.
            OSError: The reply exceeds a limit.
        """
        if self._began is None:
            self._began = time.monotonic()
        left = self._began + _ANSWER_SECONDS - time.monotonic()
        if left <= 0:
            raise TimeoutError("an answer took too long")
        self.settimeout(min(left, SILENCE_SECONDS))
        count = super().recv_into(buffer, nbytes or 0, flags)
        self._octets += count
        self._lines += bytes(memoryview(buffer)[:count]).count(b"\n")
        require_size(self._octets, self._lines)
        return count


class _BoundedTls(_Bounded, ssl.SSLSocket):
    """The same with TLS; the timeout applies to each read and to the handshake as a whole."""


def bounded(plain: socket.socket) -> socket.socket:
    """Return a limited socket that replaces a connected one."""
    timeout = plain.gettimeout()
    mine = _Bounded(fileno=plain.detach())
    mine.settimeout(timeout)
    return mine


def bound_tls(context: ssl.SSLContext) -> ssl.SSLContext:
    """Make a context create limited sockets; return the context."""
    context.sslsocket_class = _BoundedTls
    return context
