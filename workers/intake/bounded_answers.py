"""Sockets for a mailbox whose server must answer each command within bounds of time and size.

A socket's own timeout begins anew with each octet that comes: a server that sends one now and then
would be waited for without end, and one that never stops would fill the memory.
"""

from __future__ import annotations

import socket
import ssl
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer

#: Seconds without a single octet; the libraries set it.
SILENCE_SECONDS = 60.0
#: Seconds for one whole answer: a mail of 2 MB comes with 7 KB a second.
_ANSWER_SECONDS = 300.0
#: Octets of one answer: a list of a million mails has less.
_ANSWER_OCTETS = 64 * 1024 * 1024
#: Lines of one answer: the libraries take some fifty octets of memory for each, however short.
_ANSWER_LINES = 3_000_000


def demand_size(octets: int, lines: int = 0) -> None:
    """Refuse more octets, or lines, than one answer may have.

    Raises:
        OSError: It is larger than any answer should be.
    """
    if octets > _ANSWER_OCTETS or lines > _ANSWER_LINES:
        raise OSError("an answer is too large")


class _Bounded(socket.socket):
    """Counts from each command on, and for the greeting from the first look."""

    _began: float | None = None
    _octets = _lines = 0

    def sendall(self, data: ReadableBuffer, flags: int = 0, /) -> None:
        """See socket; what comes after it is the next answer."""
        self._began, self._octets, self._lines = time.monotonic(), 0, 0
        super().sendall(data, flags)

    def recv_into(self, buffer: WriteableBuffer, nbytes: int | None = None, flags: int = 0) -> int:
        """See socket.

        Raises:
            TimeoutError: The answer is not whole in time.
            OSError: It is larger than any answer should be.
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
        demand_size(self._octets, self._lines)
        return count


class _BoundedTls(_Bounded, ssl.SSLSocket):
    """The same, encrypted; each read, and the handshake as a whole, has the timeout in all."""


def bounded(plain: socket.socket) -> socket.socket:
    """Return a connected socket as one with bounds, in its place."""
    timeout = plain.gettimeout()
    mine = _Bounded(fileno=plain.detach())
    mine.settimeout(timeout)
    return mine


def bound_tls(context: ssl.SSLContext) -> ssl.SSLContext:
    """Let a context make sockets with bounds; return it."""
    context.sslsocket_class = _BoundedTls
    return context
