"""Sockets for mailboxes, which limit the time and the size of the server's reply to each command.

The timeout of a socket restarts with each received octet. Without these limits, a server that sends
one octet now and then would block the client forever, and an endless reply would fill the memory.
"""

from __future__ import annotations

import socket
import ssl
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer

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
