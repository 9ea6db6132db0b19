"""Relay faults: the reasons for which a relay cannot be used.

The error of a TLS library or the reply of a relay is understood by experts only. It is stored as
``[code] words``; by the code, an alarm explains in the operator's language what is wrong and what
to do.
"""

from __future__ import annotations

import re
from enum import StrEnum

_KEPT = re.compile(r"\[([a-z-]+)\] (.*)", re.DOTALL)


class RelayFault(StrEnum):
    """The kind of fault for which a relay cannot be used."""

    NAME_UNKNOWN = "name-unknown"
    NOT_REACHED = "not-reached"
    NO_ANSWER = "no-answer"
    CERTIFICATE_EXPIRED = "certificate-expired"
    #: The certificate is not valid yet, or this host's clock is wrong.
    CERTIFICATE_EARLY = "certificate-early"
    CERTIFICATE_NAME = "certificate-name"
    CERTIFICATE_UNTRUSTED = "certificate-untrusted"
    AUTHORITIES_UNREADABLE = "authorities-unreadable"
    TLS_FAILED = "tls-failed"
    TLS_MISSING = "tls-missing"
    PASSWORD = "password"  # noqa: S105 - the name of a fault
    PASSWORD_UNSUPPORTED = "password-unsupported"  # noqa: S105 - as above
    #: The relay requires a user name and password, or TLS.
    ACCESS = "access"
    #: The relay rejects this host permanently (5xx).
    REFUSES_HOST = "refuses-host"
    #: The relay rejects for now (4xx).
    BUSY = "busy"
    #: The relay accepts connections, but rejects every message permanently (5xx).
    REFUSES_MAIL = "refuses-mail"


def kept_fault(fault: RelayFault | None, words: str) -> str:
    """Return the stored form of a fault; ``words`` are the relay's reply or a program's error."""
    return f"[{fault}] {words}" if fault else words


def read_fault(kept: str) -> tuple[RelayFault | None, str]:
    """Return the fault and the words of a stored form."""
    match = _KEPT.fullmatch(kept)
    if match is None or match[1] not in set(RelayFault):
        return None, kept
    return RelayFault(match[1]), match[2]
