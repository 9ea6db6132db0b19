"""What a provider's call is and what its words mean: the same values for all providers.

A provider's verdict is evidence of the first rank: it saw the whole exchange. Yet providers call a
refusal permanent also when it says nothing against the person (a full mailbox, a block listing).
So a reply of the receiving system, quoted by the provider, may lower a verdict and make its reason
finer; it raises one only where the provider itself decides nothing. A provider's own commentary is
no reply and weighs nothing against its own verdict.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import Protocol, runtime_checkable

from newsletter.bounces.model import (
    PERMANENT,
    REASONS,
    Reason,
    Report,
    ReportedRecipient,
    ReportKind,
)
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


#: Octets of a call whose proof is over its body or within it: that is read before it is proven, and
#: where it must be parsed, JSON takes twenty times its octets of memory. Providers that sign send
#: one event, or batches below this: SendGrid's are of 768 KB at most, those of Amazon SNS of 256.
LARGEST_UNPROVEN = 1_000_000
#: Octets of any call; those of SparkPost are the largest, and stay below this.
LARGEST_CALL = 12 * 1024 * 1024


@runtime_checkable
class Confirming(Protocol):
    """An adapter whose provider wants a subscription confirmed by fetching an address."""

    def confirmation(self, call: Call) -> str:
        """Return the address that confirms a subscription, or nothing.

        Raises:
            RefusedCallError: The address is not the provider's.
        """


class Adapter(Protocol):
    """What is known of one provider.

    Attributes:
        LARGEST: Octets that a call may have.
    """

    LARGEST: int

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


class ProviderVerdict(StrEnum):
    """What a provider makes of a bounce."""

    #: The address takes no mail, and never will.
    HARD = "hard"
    #: It may take mail another time, or refuses this sender or message only.
    SOFT = "soft"
    #: The provider does not say.
    OPEN = "open"


@dataclass(frozen=True, kw_only=True, slots=True)
class Meaning:
    """What an event means.

    Attributes:
        verdict: Of bounces only.
        general: The reason is the provider's for many cases; a quoted reply may name a finer one.
        unsubscribed: Somebody left at the provider.
    """

    kind: ReportKind
    reason: Reason = Reason.UNKNOWN
    verdict: ProviderVerdict = ProviderVerdict.OPEN
    general: bool = False
    unsubscribed: bool = False

    @property
    def hard(self) -> bool:
        """Whether the provider holds that the address itself is gone."""
        return self.verdict is ProviderVerdict.HARD


def bounce(reason: Reason) -> Meaning:
    """Return the meaning of a bounce for which the provider names its reason."""
    verdict = ProviderVerdict.HARD if reason in PERMANENT else ProviderVerdict.SOFT
    return Meaning(kind=ReportKind.BOUNCE, reason=reason, verdict=verdict)


def general(reason: Reason) -> Meaning:
    """Return the meaning of a bounce whose class covers many cases; see `Meaning`."""
    return Meaning(
        kind=ReportKind.BOUNCE, reason=reason, verdict=ProviderVerdict.SOFT, general=True
    )


#: A bounce that the provider calls permanent, for whatever reason.
GONE = Meaning(
    kind=ReportKind.BOUNCE, reason=Reason.USER_UNKNOWN, verdict=ProviderVerdict.HARD, general=True
)
#: A bounce that the provider calls temporary, for whatever reason.
SOFT = general(Reason.UNKNOWN)
#: A bounce of which the provider does not say whether it is permanent.
UNDECIDED = Meaning(kind=ReportKind.BOUNCE, general=True)
COMPLAINT = Meaning(kind=ReportKind.COMPLAINT, reason=Reason.COMPLAINT)
DELAY = Meaning(kind=ReportKind.DELAY)
AUTO_REPLY = Meaning(kind=ReportKind.AUTO_REPLY, reason=Reason.AUTO_REPLY)
LEFT = Meaning(kind=ReportKind.OTHER, unsubscribed=True)
#: Kept raw, and shown.
UNKNOWN = Meaning(kind=ReportKind.OTHER)
#: Nothing came back: a delivery, an opening, a click.
NOTHING = None

#: Reasons too vague to stand against the provider's own.
_VAGUE = frozenset({Reason.UNKNOWN, Reason.FILTERED, Reason.SYNTAX, Reason.SECURITY})


def weigh(meaning: Meaning, reply: ReportedRecipient | None) -> tuple[bool, Reason]:
    """Return whether a bounce is hard, and its reason.

    Args:
        meaning: The provider's.
        reply: What we make of the receiving system's reply; None where the provider quotes none.
    """
    if meaning.kind is not ReportKind.BOUNCE:
        return False, meaning.reason
    hard = meaning.hard
    if reply is None or reply.reason in _VAGUE:
        return hard, meaning.reason
    if meaning.verdict is ProviderVerdict.OPEN:
        return reply.hard, reply.reason
    lowered = hard and not reply.hard
    finer = meaning.general or lowered
    return hard and not lowered, reply.reason if finer else meaning.reason


_BY_WORD: Mapping[str, Meaning | None] = {
    "gone": GONE,
    "soft": SOFT,
    "undecided": UNDECIDED,
    "complaint": COMPLAINT,
    "delay": DELAY,
    "auto-reply": AUTO_REPLY,
    "left": LEFT,
    "unknown": UNKNOWN,
    "nothing": NOTHING,
}
_BY_REASON = {"bounce": bounce, "general": general}


@cache
def _tables() -> Mapping[str, Mapping[str, Mapping[str, object]]]:
    return tomllib.loads(files(__package__).joinpath("meanings.toml").read_text("utf-8"))


def meanings(provider: str, table: str) -> Mapping[str, Meaning | None]:
    """Return what a provider's words mean, by a table of ``meanings.toml``; None: nothing.

    Raises:
        ValueError: A word is not in lower case, or a meaning is none of those that there are.
    """
    return {
        word: _meaning(f"meanings.toml, {provider}.{table}, {word!r}", word, entry)
        for word, entry in _tables()[provider][table].items()
    }


def _meaning(place: str, word: str, entry: object) -> Meaning | None:
    if word != word.lower():
        raise ValueError(f"{place}: not in lower case, and would never be found.")
    if isinstance(entry, str) and entry in _BY_WORD:
        return _BY_WORD[entry]
    if isinstance(entry, dict) and len(entry) == 1:
        ((kind, reason),) = entry.items()
        if kind in _BY_REASON and reason in REASONS:
            return _BY_REASON[kind](REASONS[reason])
    raise ValueError(f"{place}: {entry!r} is no meaning; the file's head lists them.")
