"""Domains whose addresses a form refuses, or accepts only after a question."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from dns.resolver import Resolver

from newsletter.addresses import Address, is_reserved, meant_address
from newsletter.errors import ListError, Place
from newsletter.i18n.messages import msg
from newsletter.newsletters.sender_domain import LookupResult, ask_mail_host, open_resolver
from newsletter.settings import Settings

#: Seconds to wait for a reply of DNS.
_PATIENCE = 2.0
_PLACE = Place(field="email")


@dataclass(frozen=True, kw_only=True, slots=True)
class DomainRules:
    """The rules for domains of addresses.

    Attributes:
        allowed: Domains that are always accepted, including their subdomains.
        asks: Whether DNS is queried; not if all mail is delivered to a mailbox on this machine.
        resolver: The resolver; if None, the machine's resolver is opened for each query.
    """

    allowed: Collection[str] = ()
    asks: bool = False
    resolver: Resolver | None = None

    @classmethod
    def of(cls, settings: Settings) -> DomainRules:
        """Return the rules of the settings."""
        return cls(
            allowed=frozenset(settings.join_allowed_domains),
            asks=settings.join_ask_dns and bool(settings.mail_transports),
        )

    def question_mistyped(self, address: Address) -> None:
        """Question an address whose domain looks like a misspelling of a well-known one.

        Raises:
            ListError: The domain looks misspelled; the message names the probable domain.
        """
        meant = "" if self._is_allowed(address.domain) else meant_address(address.address)
        if meant:
            raise ListError(
                msg("Did you mean {address}?", address=meant),
                place=_PLACE,
                remedy=msg("Please check the part after the @. If it is right, press once more."),
            )

    def refuse_disposable(self, domain: str) -> None:
        """Refuse a domain of disposable mailboxes.

        Raises:
            ListError: The domain or one of its parent domains is on the list.
        """
        if not self._is_allowed(domain) and any(name in _disposable() for name in _above(domain)):
            raise ListError(
                msg("{domain} gives out addresses for a short time only.", domain=domain),
                place=_PLACE,
                remedy=msg("Please enter an address at which you will go on reading your email."),
            )

    def refuse_without_host(self, domain: str) -> None:
        """Refuse a domain that accepts no mail; if DNS does not reply, nothing is refused.

        Raises:
            ListError: According to DNS, the domain does not exist or accepts no mail.
        """
        if not self.asks or self._is_allowed(domain) or is_reserved(domain):
            return
        resolver = self.resolver or open_resolver(_PATIENCE)
        if ask_mail_host(resolver, domain).asked is LookupResult.ABSENT:
            raise ListError(
                msg("No email can be delivered to {domain}.", domain=domain),
                place=_PLACE,
                remedy=msg("Please check the part after the @."),
            )

    def _is_allowed(self, domain: str) -> bool:
        return any(name in self.allowed for name in _above(domain))


def _above(domain: str) -> Iterator[str]:
    """Yield a domain and its parent domains."""
    labels = domain.lower().split(".")
    return (".".join(labels[start:]) for start in range(len(labels)))


@cache
def _disposable() -> frozenset[str]:
    path = files("subscribers.forms").joinpath("disposable_domains.txt")
    lines = path.read_text(encoding="utf-8").splitlines()
    return frozenset(line for line in lines if not line.startswith("#"))
