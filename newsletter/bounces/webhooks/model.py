"""What a provider's call is, and what it tells: the same values for all providers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, runtime_checkable

from newsletter.bounces.model import Report
from newsletter.errors import NewsletterError


class RefusedCallError(NewsletterError):
    """A call does not prove that it comes from the provider."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """One request of a provider.

    Attributes:
        headers: By their names in lower case.
        received_at: Aware.
        url: The webhook's public address, as the operator entered it at the provider.
    """

    body: bytes
    headers: Mapping[str, str]
    received_at: datetime
    url: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class ProviderEvent:
    """One event of a call.

    Attributes:
        event_id: Makes it one and the same when it is told again; the provider's name in front.
        raw: The event as the provider wrote it.
        unsubscribed: Somebody left at the provider.
        occurred_at: Aware; None when the provider does not say.
    """

    event_id: str
    report: Report
    raw: bytes
    unsubscribed: bool = False
    occurred_at: datetime | None = None


class ProvenWithin:
    """What adapters share whose proof stands within what they are told.

    Anybody's call is parsed to find it, and JSON takes twenty times its octets of memory.
    """

    #: Octets of a call.
    LARGEST = 1_000_000


@runtime_checkable
class Confirming(Protocol):
    """An adapter whose provider wants a subscription confirmed by fetching an address."""

    def confirmation(self, call: Call) -> str:
        """Return the address that confirms a subscription, or nothing.

        Raises:
            RefusedCallError: The address is not the provider's.
        """


class Adapter(Protocol):
    """What is known of one provider."""

    def verify(self, call: Call, secrets: Sequence[str]) -> None:
        """Accept a call that one of the secrets proves.

        Raises:
            RefusedCallError: None does.
        """

    def read(self, call: Call) -> Sequence[ProviderEvent]:
        """Return the events of a proven call; nothing of it may be trusted to be well formed."""

    def once(self, call: Call) -> tuple[str, str] | None:
        """Return what may be used for one content only, and that content; None if nothing may.

        Where the signature covers the whole call, or nothing is signed, nothing needs to.
        """
