"""What an error of the system or of TLS means for a relay."""

from __future__ import annotations

import socket
import ssl

from newsletter.mailings.ledger.relay_faults import RelayFault

#: OpenSSL's X509_V_ERR_ numbers; all others say that no authority which is trusted vouches for it.
_CERTIFICATE_FAULTS = {
    9: RelayFault.CERTIFICATE_EARLY,
    10: RelayFault.CERTIFICATE_EXPIRED,
    62: RelayFault.CERTIFICATE_NAME,
    64: RelayFault.CERTIFICATE_NAME,
}


def fault_of(error: OSError) -> RelayFault:
    """Return what kept a connection from being opened."""
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
