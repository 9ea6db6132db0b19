"""Where a relay is and how to speak to it, as a URL of MAIL_TRANSPORTS says."""

from __future__ import annotations

import socket
import ssl
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True, slots=True)
class Relay:
    """A mail server that takes our messages.

    Attributes:
        tls: ``none``, ``starttls`` or ``implicit``; certificates are always verified.
        ca_file: A PEM file of authorities to trust instead of the system's.
        connections: How many are open at once from each worker process.
        messages: After so many a connection is closed and opened anew; relays commonly end one
            after a thousand or fewer, and we do so first.
        timeout: Seconds to wait for a reply; five times as long for the one to the message.
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
        """What operators see: without a secret."""
        return f"smtp:{self.host}:{self.port}"

    def tls_context(self) -> ssl.SSLContext:
        """Return the context that verifies the relay's certificate and name."""
        return ssl.create_default_context(cafile=self.ca_file or None)

    def own_name(self) -> str:
        """Return how we introduce ourselves (RFC 5321 section 4.1.1.1)."""
        name = self.greeting_name or socket.getfqdn()
        return name if "." in name else "[127.0.0.1]"
