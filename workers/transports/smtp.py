"""SMTP (RFC 5321): a connection kept over many messages, with TLS, AUTH and SMTPUTF8."""

from __future__ import annotations

import smtplib
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass

from workers.transports.base import Envelope, Result, ResultKind
from workers.transports.replies import classify

_TIMEOUT = 30
#: Relays commonly end a connection after a hundred messages or more; we do so first.
_MESSAGES_A_CONNECTION = 1000


@dataclass(frozen=True, kw_only=True, slots=True)
class Relay:
    """Where a relay is and how to speak to it; ``tls`` is none, starttls or implicit."""

    host: str
    port: int
    tls: str = "none"
    username: str = ""
    password: str = ""


class SmtpTransport:
    """One connection to a relay."""

    def __init__(self, relay: Relay) -> None:
        self.name = f"smtp:{relay.host}:{relay.port}"
        self._relay = relay
        self._connection: smtplib.SMTP | None = None
        self._sent = 0

    def send(self, envelope: Envelope, message: bytes, on_commit: Callable[[], None]) -> Result:
        """See `Transport.send`."""
        try:
            connection = self._connected()
        except (OSError, smtplib.SMTPException) as error:
            self._drop()
            return Result(kind=ResultKind.NOT_TRIED, reply=_words(error))
        committed = False

        def commit() -> None:
            nonlocal committed
            on_commit()
            committed = True

        try:
            result = _transact(connection, envelope, message, commit)
        except (OSError, smtplib.SMTPException) as error:
            self._drop()
            kind = ResultKind.UNCERTAIN if committed else ResultKind.NOT_TRIED
            return Result(kind=kind, reply=_words(error))
        self._sent += 1
        if result.kind in {ResultKind.NOT_TRIED, ResultKind.UNCERTAIN}:
            self._drop()
        elif self._sent >= _MESSAGES_A_CONNECTION:
            self.close()
        return result

    def _connected(self) -> smtplib.SMTP:
        if self._connection is not None:
            return self._connection
        relay, context = self._relay, ssl.create_default_context()
        connection: smtplib.SMTP
        if relay.tls == "implicit":
            connection = smtplib.SMTP_SSL(relay.host, relay.port, timeout=_TIMEOUT, context=context)
        else:
            connection = smtplib.SMTP(relay.host, relay.port, timeout=_TIMEOUT)
        self._connection = connection
        if connection.sock is not None:
            connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.ehlo_or_helo_if_needed()
        if relay.tls == "starttls":
            connection.starttls(context=context)
            connection.ehlo()
        if relay.username:
            connection.login(relay.username, relay.password)
        self._sent = 0
        return connection

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def close(self) -> None:
        """See `Transport.close`; a failed QUIT after a reply is no failure."""
        connection, self._connection = self._connection, None
        if connection is not None:
            try:
                connection.quit()
            except (OSError, smtplib.SMTPException):
                connection.close()


def _transact(
    connection: smtplib.SMTP, envelope: Envelope, message: bytes, commit: Callable[[], None]
) -> Result:
    options = []
    if envelope.needs_smtputf8:
        if not connection.has_extn("smtputf8"):
            return Result(
                kind=ResultKind.REJECTED,
                status="5.6.7",
                reply="The relay offers no SMTPUTF8, which this address needs (RFC 6531).",
            )
        connection.command_encoding = "utf-8"
        options = ["SMTPUTF8"]
    steps: tuple[Callable[[], tuple[int, bytes]], ...] = (
        lambda: connection.mail(envelope.sender, options),
        lambda: connection.rcpt(envelope.recipient),
        lambda: connection.docmd("DATA"),
    )
    for step in steps:
        code, words = step()
        if code // 100 not in {2, 3}:
            if code != 421:  # noqa: PLR2004 - RFC 5321 section 3.8: it closes
                connection.docmd("RSET")
            return classify(code, words)
    commit()
    connection.send(_dot_stuffed(message))
    code, words = connection.getreply()
    return classify(code, words, at_data_end=True)


def _dot_stuffed(message: bytes) -> bytes:
    """RFC 5321 section 4.5.2; our own messages have no line that begins with a dot."""
    if message.startswith(b"."):
        message = b"." + message
    return message.replace(b"\r\n.", b"\r\n..") + b".\r\n"


def _words(error: Exception) -> str:
    """Say what went wrong; a refused login must not show what was sent."""
    if isinstance(error, smtplib.SMTPResponseException):
        reply = error.smtp_error
        text = reply.decode("utf-8", "replace") if isinstance(reply, bytes) else str(reply)
        return f"{error.smtp_code} {text}"[:500]
    return (str(error) or type(error).__name__)[:500]
