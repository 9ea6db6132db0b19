"""A relay: how to connect to it, and what its SMTP replies (RFC 5321) and its faults stand for."""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache

from newsletter.mailings.ledger.relay_faults import RelayFault
from newsletter.tokens import without_tokens
from workers.transports.base import Result, ResultKind


@dataclass(frozen=True, kw_only=True, slots=True)
class Relay:
    """A mail server that accepts our messages.

    Attributes:
        tls: ``none``, ``starttls`` or ``implicit``; certificates are always verified.
        ca_file: A PEM file of authorities to trust instead of the system's.
        connections: The maximum number of open connections of each worker process.
        messages: The maximum number of messages per connection. Relays commonly close a connection
            after a thousand or fewer; we do so first.
        timeout: Seconds to wait for a reply; five times as long for the reply to the message.
    """

    host: str
    port: int
    tls: str = "none"
    username: str = ""
    password: str = field(default="", repr=False)
    ca_file: str = ""
    connections: int = 4
    messages: int = 1000
    timeout: float = 60.0
    greeting_name: str = ""

    @property
    def name(self) -> str:
        """The name that operators see; it contains no secrets."""
        return f"smtp:{self.host}:{self.port}"

    def tls_context(self) -> ssl.SSLContext:
        """Return the context that verifies the relay's certificate and name."""
        return ssl.create_default_context(cafile=self.ca_file or None)

    def own_name(self) -> str:
        """Return this host's name for EHLO (RFC 5321 section 4.1.1.1)."""
        name = self.greeting_name or socket.getfqdn()
        return name if "." in name else "[127.0.0.1]"


#: OpenSSL's X509_V_ERR_ numbers; all others mean that no trusted authority signed the certificate.
_CERTIFICATE_FAULTS = {
    9: RelayFault.CERTIFICATE_EARLY,
    10: RelayFault.CERTIFICATE_EXPIRED,
    62: RelayFault.CERTIFICATE_NAME,
    64: RelayFault.CERTIFICATE_NAME,
}


def fault_of(error: OSError) -> RelayFault:
    """Return the fault that an error on opening a connection stands for."""
    match error:
        case ssl.SSLCertVerificationError():
            return _CERTIFICATE_FAULTS.get(error.verify_code, RelayFault.CERTIFICATE_UNTRUSTED)
        case ssl.SSLError():
            return RelayFault.TLS_FAILED
        case socket.gaierror():
            return RelayFault.NAME_UNKNOWN
        case TimeoutError():
            return RelayFault.NO_ANSWER
        case FileNotFoundError() | PermissionError():
            return RelayFault.AUTHORITIES_UNREADABLE
        case _:
            return RelayFault.NOT_REACHED


_LINE = re.compile(rb"([2-5][0-9]{2})(?:([ -])(.*))?\Z", re.DOTALL)
_STATUS = re.compile(r"([245]\.\d{1,3}\.\d{1,3})(?:\s|$)")
_QUEUE_ID = re.compile(
    r"(?:queued (?:mail for delivery )?as|id=|queued as:?|Message accepted as)\s*"
    r"([A-Za-z0-9.-]{4,64})",
    re.IGNORECASE,
)
#: The maximum number of characters of a reply that is stored.
_KEPT = 500
#: RFC 5321 section 4.5.3.1.5 allows 512 octets per line; some servers send longer ones.
_LONGEST_LINE = 4096
_MOST_LINES = 100
#: Control characters are replaced, since replies are stored and displayed; databases reject NUL.
_VISIBLE = dict.fromkeys((*range(9), *range(10, 32), 127), "�")


@dataclass(frozen=True, kw_only=True, slots=True)
class Reply:
    """One reply with all its lines."""

    code: int
    lines: tuple[str, ...]

    @property
    def text(self) -> str:
        """The text on one line; a status code that is repeated on each line is kept once."""
        status = _STATUS.match(self.lines[0])
        head = status[1] if status else ""
        return " ".join(
            " ".join((line.removeprefix(head) if number and head else line).split())
            for number, line in enumerate(self.lines)
        ).strip()


class ReplyReader:
    """An incremental parser of replies.

    Args:
        redact: Removes secrets from a line before it is stored.

    Attributes:
        is_malformed: Whether the input is not SMTP; nothing is parsed after the malformed line, but
            earlier replies are valid.
    """

    def __init__(self, redact: Callable[[str], str] = str) -> None:
        self._redact = redact
        self._rest = b""
        self._lines: list[str] = []
        self._code = 0
        self.is_malformed = False

    @property
    def is_empty(self) -> bool:
        """Whether no part of an incomplete reply has been read."""
        return not self._rest and not self._lines

    def feed(self, octets: bytes) -> list[Reply]:
        """Add input and return the replies that it completes."""
        *lines, self._rest = (self._rest + octets).split(b"\n")
        replies = []
        for line in lines:
            reply = None if self.is_malformed else self._take(line.rstrip(b"\r"))
            if reply is not None:
                replies.append(reply)
        self.is_malformed = self.is_malformed or len(self._rest) > _LONGEST_LINE
        return replies

    def _take(self, line: bytes) -> Reply | None:
        read = _read_line(line) if len(line) <= _LONGEST_LINE else None
        if (
            read is None
            or len(self._lines) >= _MOST_LINES
            or (self._lines and read[0] != self._code)
        ):
            self.is_malformed = True
            return None
        self._code, more_follow, words = read
        self._lines.append(self._redact(words))
        if more_follow:
            return None
        reply = Reply(code=self._code, lines=tuple(self._lines))
        self._lines.clear()
        return reply


@lru_cache(maxsize=64)  # most replies of a relay are identical
def _read_line(line: bytes) -> tuple[int, bool, str] | None:
    """Return a line's code, whether more lines follow, and its text; None if it is malformed."""
    match = _LINE.match(line)
    if match is None:
        return None
    words = (match[3] or b"").decode("utf-8", "replace").translate(_VISIBLE)
    return int(match[1]), match[2] == b"-", words


def classify(reply: Reply, command: str = "", *, connection: int = 0) -> Result:
    """Return the result that a reply to ``command`` (MAIL, RCPT, or DATA with its message) means.

    By RFC 5321 section 4.2.1, 2xx is success, 4xx a transient and 5xx a permanent failure. 421
    means that the server closes the connection; it does not concern the recipient.
    """
    # Spam filters quote links from the message, which may contain personal tokens.
    text = without_tokens(reply.text)[:_KEPT]
    match = _STATUS.match(text)
    kind = {2: ResultKind.ACCEPTED, 4: ResultKind.DEFERRED, 5: ResultKind.REJECTED}.get(
        reply.code // 100, ResultKind.BROKEN
    )
    if reply.code == 421:  # noqa: PLR2004 - RFC 5321 section 3.8
        kind = ResultKind.BROKEN
    queue_id = _QUEUE_ID.search(text) if kind is ResultKind.ACCEPTED else None
    return Result(
        kind=kind,
        code=reply.code,
        status=match[1] if match else "",
        reply=f"{reply.code} {text}",
        queue_id=queue_id[1] if queue_id else "",
        command=command,
        connection=connection,
    )
