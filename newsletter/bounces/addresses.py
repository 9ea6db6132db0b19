"""Addresses in the text of reports: found by form alone, as the other side wrote them."""

from __future__ import annotations

import re

#: How many are read of one report: ours go to one person each, and every one costs time.
RECIPIENTS = 30

#: Odd local parts are taken as they are: Japanese carriers', X.400 gateways', quoted ones.
_MAILBOX = re.compile(
    r"(\"[^\"\n]{1,64}\"|[^\s@<>\"()\[\],;:]{1,100})@((?:[^\W_][\w-]{0,62}\.){0,10}[^\W_][\w-]{0,62})"
)
#: Mailboxes that speak for a mail system: never the person that mail was for.
_SYSTEM_LOCALS = frozenset({"mailer-daemon", "mail-daemon", "postmaster", "mdaemon", "majordomo"})

_ROLE_LOCALS = frozenset(
    {"abuse", "admin", "help", "helpdesk", "hostmaster", "info", "noc", "support", "webmaster"}
)


def find_address(text: str) -> str:
    """Return the first address in a text, or nothing."""
    match = _MAILBOX.search(text[:4000])
    return _clean(match[0]) if match else ""


def find_addresses(text: str) -> tuple[str, ...]:
    """Return the addresses in a text, each once, in their order."""
    found = (_clean(match[0]) for match in _MAILBOX.finditer(text[:4000]))
    return tuple(dict.fromkeys(found))


def is_system(address: str) -> bool:
    """Tell whether an address is a mail system's own."""
    return address.rpartition("@")[0].lower() in _SYSTEM_LOCALS


def is_role(address: str) -> bool:
    """Tell whether an address is a helper's (RFC 2142), whom notices name to be asked."""
    return address.rpartition("@")[0].lower() in _ROLE_LOCALS


def _clean(address: str) -> str:
    local, _, domain = address.rpartition("@")
    if not local.startswith('"'):
        local = local.lstrip("'`*=>")
    return f"{local}@{domain.rstrip('.-')}"[:320]
