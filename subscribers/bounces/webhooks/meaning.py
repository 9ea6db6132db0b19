"""Meanings: the words of a provider in our vocabulary, and what a status code says against them.

Providers call a refusal permanent also when it says nothing against the person: a full mailbox, a
block listing. Hard is therefore only what neither the provider nor the status code calls otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from subscribers.bounces.model import PERMANENT, Reason, ReportedRecipient, ReportKind


@dataclass(frozen=True, kw_only=True, slots=True)
class Meaning:
    """What an event means; ``unsubscribed`` that somebody left at the provider."""

    kind: ReportKind
    reason: Reason = Reason.UNKNOWN
    unsubscribed: bool = False

    @property
    def hard(self) -> bool:
        """Whether it speaks against the address itself."""
        return self.kind is ReportKind.BOUNCE and self.reason in PERMANENT


def bounce(reason: Reason) -> Meaning:
    """Return the meaning of a bounce."""
    return Meaning(kind=ReportKind.BOUNCE, reason=reason)


GONE = bounce(Reason.USER_UNKNOWN)
COMPLAINT = Meaning(kind=ReportKind.COMPLAINT, reason=Reason.COMPLAINT)
DELAY = Meaning(kind=ReportKind.DELAY)
AUTO_REPLY = Meaning(kind=ReportKind.AUTO_REPLY, reason=Reason.AUTO_REPLY)
LEFT = Meaning(kind=ReportKind.OTHER, unsubscribed=True)
#: Kept raw, and shown.
UNKNOWN = Meaning(kind=ReportKind.OTHER)
#: Nothing came back: a delivery, an opening, a click.
NOTHING = None

#: What words and codes say too vaguely to stand against the provider's own reading.
_SAYS_LITTLE = frozenset({Reason.UNKNOWN, Reason.FILTERED, Reason.SYNTAX})


def refine(meaning: Meaning, told: ReportedRecipient) -> Meaning:
    """Return what a bounce means in the light of the other side's words and codes.

    Args:
        meaning: What the provider makes of it.
        told: What we make of the words and codes that the provider passes on.
    """
    if meaning.kind is not ReportKind.BOUNCE:
        return meaning
    if told.reason in PERMANENT and not told.hard:
        # The address itself, but for now only.
        return replace(meaning, reason=Reason.UNKNOWN) if meaning.hard else meaning
    if told.reason not in _SAYS_LITTLE and (meaning.hard or meaning.reason is Reason.UNKNOWN):
        return replace(meaning, reason=told.reason)
    return meaning
