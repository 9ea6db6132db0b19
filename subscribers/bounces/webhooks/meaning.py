"""Meanings: the words of a provider in our vocabulary, and what a status code says against them.

Providers call a refusal permanent also when it says nothing against the person: a full mailbox, a
block listing. Hard is therefore only what neither the provider nor the status code calls otherwise.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from subscribers.bounces.model import PERMANENT, Reason, ReportKind


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

#: RFC 3463 and its registry, by subject and detail, and by subject alone.
_OF_STATUS = {
    "1.1": Reason.USER_UNKNOWN,
    "1.2": Reason.HOST_UNKNOWN,
    "1.3": Reason.SYNTAX,
    "1.6": Reason.MOVED,
    "1.7": Reason.SENDER_REJECTED,
    "1.8": Reason.SENDER_REJECTED,
    "1.10": Reason.NO_MAIL_ACCEPTED,
    "2.1": Reason.SUSPENDED,
    "2.2": Reason.MAILBOX_FULL,
    "2.3": Reason.MESSAGE_TOO_BIG,
    "3.4": Reason.MESSAGE_TOO_BIG,
    "4.1": Reason.NETWORK,
    "4.7": Reason.EXPIRED,
    "6": Reason.CONTENT,
    "7": Reason.POLICY,
    "7.13": Reason.SUSPENDED,
    "7.20": Reason.AUTHENTICATION,
    "7.23": Reason.AUTHENTICATION,
    "7.26": Reason.AUTHENTICATION,
}
_STATUS = re.compile(r"(?<![\d.])([245])\.(\d{1,3})\.(\d{1,3})(?![\d.])")


def find_status(*texts: str) -> str:
    """Return the first enhanced status code (RFC 3463) that a text holds, or nothing."""
    for text in texts:
        if found := _STATUS.search(text):
            return found[0]
    return ""


def refine(meaning: Meaning, status: str) -> Meaning:
    """Return what a bounce means in the light of its status code."""
    found = _STATUS.fullmatch(status)
    if meaning.kind is not ReportKind.BOUNCE or found is None:
        return meaning
    code, subject, detail = found.groups()
    reason = _OF_STATUS.get(f"{subject}.{detail}") or _OF_STATUS.get(subject)
    if reason in PERMANENT and code == "5" and meaning.reason is Reason.UNKNOWN:
        return replace(meaning, reason=reason)
    if meaning.hard and (code != "5" or (reason is not None and reason not in PERMANENT)):
        return replace(meaning, reason=_softer(reason))
    if reason is not None and reason not in PERMANENT and meaning.reason is Reason.UNKNOWN:
        return replace(meaning, reason=reason)
    return meaning


def _softer(reason: Reason | None) -> Reason:
    return reason if reason is not None and reason not in PERMANENT else Reason.UNKNOWN
