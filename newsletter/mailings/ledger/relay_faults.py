"""Relay faults: why a relay takes nothing, told apart where the connection knows it.

The words of a TLS library or a relay name the cause to who knows them. Kept is ``[code] words``, so
that an alarm says in plain words what is wrong and what to do, in the language of whoever reads it.
"""

from __future__ import annotations

import re
from enum import StrEnum

_KEPT = re.compile(r"\[([a-z-]+)\] (.*)", re.DOTALL)


class RelayFault(StrEnum):
    """Why a relay takes nothing."""

    NAME_UNKNOWN = "name-unknown"
    NOT_REACHED = "not-reached"
    NO_ANSWER = "no-answer"
    CERTIFICATE_EXPIRED = "certificate-expired"
    #: Either its begin is wrong, or this host's clock.
    CERTIFICATE_EARLY = "certificate-early"
    CERTIFICATE_NAME = "certificate-name"
    CERTIFICATE_UNTRUSTED = "certificate-untrusted"
    AUTHORITIES_UNREADABLE = "authorities-unreadable"
    TLS_FAILED = "tls-failed"
    TLS_MISSING = "tls-missing"
    PASSWORD = "password"  # noqa: S105 - the word for a wrong one
    PASSWORD_UNSUPPORTED = "password-unsupported"  # noqa: S105 - as above
    #: It wants a name and password, or TLS, before it takes anything.
    ACCESS = "access"
    #: It refuses this host, for good (5xx).
    REFUSES_HOST = "refuses-host"
    #: It refuses for now (4xx).
    BUSY = "busy"
    #: It talks to us, and refuses one message after the other for good (5xx).
    REFUSES_MAIL = "refuses-mail"


def kept_fault(fault: RelayFault | None, words: str) -> str:
    """Return what is kept of a fault; ``words`` are the relay's, or a program's."""
    return f"[{fault}] {words}" if fault else words


def read_fault(kept: str) -> tuple[RelayFault | None, str]:
    """Return a fault that was kept, and the words upon it."""
    match = _KEPT.fullmatch(kept)
    if match is None or match[1] not in set(RelayFault):
        return None, kept
    return RelayFault(match[1]), match[2]
