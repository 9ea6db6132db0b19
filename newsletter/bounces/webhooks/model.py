"""Calls of providers and the meaning of their terms: the same types for all providers.

A provider's verdict is strong evidence, because the provider took part in the whole SMTP dialogue.
But providers also call a refusal permanent when the address is not at fault (a full mailbox, a
block list). So the receiving system's reply, if the provider quotes it, can make a verdict softer
and its reason more particular. The reply can make a bounce hard only if the provider gives no
verdict. A provider's own comment is not a reply and does not change the provider's verdict.
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
    """A call does not prove that the provider sent it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """One request from a provider.

    Attributes:
        headers: Header values by name in lower case.
        received_at: Time of receipt, with a time zone.
        url: The webhook's public URL, as the operator entered it at the provider.
    """

    body: bytes
    headers: Mapping[str, str]
    received_at: datetime
    url: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class ProviderEvent:
    """One event of a call.

    Attributes:
        event_id: The provider's name and an identifier that is equal when the event is repeated.
        raw: The event as the provider wrote it.
        unsubscribed: Whether the event is that a recipient unsubscribed at the provider.
        occurred_at: Time with a time zone; None if the provider gives none.
    """

    event_id: str
    report: Report
    raw: bytes
    unsubscribed: bool = False
    occurred_at: datetime | None = None


#: Maximum octets of a call with a signature over its body or inside it. Such a body is read, and
#: sometimes parsed, before the call is proven, and parsed JSON needs twenty times its size in
#: memory. Providers that sign send one event or smaller batches: SendGrid at most 768 KB, Amazon
#: SNS 256 KB.
LARGEST_UNPROVEN = 1_000_000
#: Maximum octets of any call. SparkPost's calls are the largest and stay below this.
LARGEST_CALL = 12 * 1024 * 1024


@runtime_checkable
class Confirming(Protocol):
    """An adapter whose provider requires that a subscription is confirmed by fetching a URL."""

    def confirmation(self, call: Call) -> str:
        """Return the URL that confirms a subscription, or an empty string.

        Raises:
            RefusedCallError: The URL is not the provider's.
        """


class Adapter(Protocol):
    """The protocol of one provider.

    Attributes:
        LARGEST: Maximum octets of a call.
    """

    LARGEST: int

    def verify(self, call: Call, secrets: Sequence[str]) -> None:
        """Accept a call if one of the secrets proves it.

        Raises:
            RefusedCallError: No secret proves the call.
        """

    def read(self, call: Call) -> Sequence[ProviderEvent]:
        """Return the events of a proven call; the body may still be malformed."""

    def replay_key(self, call: Call) -> tuple[str, str] | None:
        """Return a key that is valid for one content only, and this content; None if not needed.

        It is needed only if the signature leaves out a part of the call.
        """


class ProviderVerdict(StrEnum):
    """A provider's decision on a bounce."""

    #: The address takes no mail and never will.
    HARD = "hard"
    #: The address may take mail later, or refuses only this sender or message.
    SOFT = "soft"
    #: The provider gives no decision.
    OPEN = "open"


@dataclass(frozen=True, kw_only=True, slots=True)
class Meaning:
    """The meaning of an event.

    Attributes:
        verdict: For bounces only.
        general: The provider's reason covers many cases; a quoted reply may give a particular one.
        unsubscribed: Whether the event is that a recipient unsubscribed at the provider.
    """

    kind: ReportKind
    reason: Reason = Reason.UNKNOWN
    verdict: ProviderVerdict = ProviderVerdict.OPEN
    general: bool = False
    unsubscribed: bool = False

    @property
    def hard(self) -> bool:
        """Whether the provider reports that the address itself does not exist."""
        return self.verdict is ProviderVerdict.HARD


def bounce(reason: Reason) -> Meaning:
    """Return the meaning of a bounce with a reason given by the provider."""
    verdict = ProviderVerdict.HARD if reason in PERMANENT else ProviderVerdict.SOFT
    return Meaning(kind=ReportKind.BOUNCE, reason=reason, verdict=verdict)


def general(reason: Reason) -> Meaning:
    """Return the meaning of a bounce with a reason that covers many cases; see `Meaning`."""
    return Meaning(
        kind=ReportKind.BOUNCE, reason=reason, verdict=ProviderVerdict.SOFT, general=True
    )


#: A bounce that the provider calls permanent, with any reason.
GONE = Meaning(
    kind=ReportKind.BOUNCE, reason=Reason.USER_UNKNOWN, verdict=ProviderVerdict.HARD, general=True
)
#: A bounce that the provider calls temporary, with any reason.
SOFT = general(Reason.UNKNOWN)
#: A bounce without the provider's decision on whether it is permanent.
UNDECIDED = Meaning(kind=ReportKind.BOUNCE, general=True)
COMPLAINT = Meaning(kind=ReportKind.COMPLAINT, reason=Reason.COMPLAINT)
DELAY = Meaning(kind=ReportKind.DELAY)
AUTO_REPLY = Meaning(kind=ReportKind.AUTO_REPLY, reason=Reason.AUTO_REPLY)
LEFT = Meaning(kind=ReportKind.OTHER, unsubscribed=True)
#: An event that is stored raw and displayed.
UNKNOWN = Meaning(kind=ReportKind.OTHER)
#: An event that is ignored: a delivery, an opening, a click.
NOTHING = None

#: Reasons too vague to replace the provider's own.
_VAGUE = frozenset({Reason.UNKNOWN, Reason.FILTERED, Reason.SYNTAX, Reason.SECURITY})


def weigh(meaning: Meaning, reply: ReportedRecipient | None) -> tuple[bool, Reason]:
    """Return whether a bounce is hard, and its reason.

    Args:
        meaning: The provider's meaning.
        reply: Our classification of the receiving system's reply; None if none is quoted.
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
    """Return the meanings of a provider's terms from a table of ``meanings.toml``.

    None stands for an event that is ignored.

    Raises:
        ValueError: A term is not in lower case, or a meaning does not exist.
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
