"""Relays: how to connect to one, and which fault a connection error stands for."""

from __future__ import annotations

import socket
import ssl
from dataclasses import dataclass, field

from newsletter.mailings.ledger.relay_faults import RelayFault


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
