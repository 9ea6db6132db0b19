"""Meanings: a provider's words in our vocabulary, weighed against the reply that it quotes.

A provider's verdict is evidence of the first rank: it saw the whole exchange. Yet providers call a
refusal permanent also when it says nothing against the person (a full mailbox, a block listing).
So a reply of the receiving system, quoted by the provider, may lower a verdict and make its reason
finer; it raises one only where the provider itself decides nothing. A provider's own commentary is
no reply and weighs nothing against its own verdict.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from newsletter.bounces.model import PERMANENT, Reason, ReportedRecipient, ReportKind


class Verdict(StrEnum):
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
    verdict: Verdict = Verdict.OPEN
    general: bool = False
    unsubscribed: bool = False

    @property
    def hard(self) -> bool:
        """Whether the provider holds that the address itself is gone."""
        return self.verdict is Verdict.HARD


def bounce(reason: Reason) -> Meaning:
    """Return the meaning of a bounce for which the provider names its reason."""
    verdict = Verdict.HARD if reason in PERMANENT else Verdict.SOFT
    return Meaning(kind=ReportKind.BOUNCE, reason=reason, verdict=verdict)


def general(reason: Reason) -> Meaning:
    """Return the meaning of a bounce whose class covers many cases; see `Meaning`."""
    return Meaning(kind=ReportKind.BOUNCE, reason=reason, verdict=Verdict.SOFT, general=True)


#: A bounce that the provider calls permanent, for whatever reason.
GONE = Meaning(
    kind=ReportKind.BOUNCE, reason=Reason.USER_UNKNOWN, verdict=Verdict.HARD, general=True
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
    if meaning.verdict is Verdict.OPEN:
        return reply.hard, reply.reason
    lowered = hard and not reply.hard
    finer = meaning.general or lowered
    return hard and not lowered, reply.reason if finer else meaning.reason
