"""A refusal: what is said about one recipient, before it is judged what that means."""

from __future__ import annotations

from dataclasses import dataclass

from subscribers.bounces.classify import classify
from subscribers.bounces.dialogue import find_reply, find_status
from subscribers.bounces.model import PERMANENT, Reason, ReportedRecipient
from subscribers.bounces.statuses import is_for_now

_WORDS_KEPT = 600


@dataclass(frozen=True, kw_only=True, slots=True)
class Refusal:
    """What is said about one address.

    Attributes:
        words: What was said, the nearest first; the first that says something particular is taken.
        command: The SMTP command that was refused, in capitals; empty when it is not told.
        program: A local program refused, not an SMTP server (``Diagnostic-Code: x-unix``).
        late: The message is called delayed or expired.
        verdict: The reason, where the form of a notice alone tells it.
    """

    address: str
    words: tuple[str, ...] = ()
    status: str = ""
    reply: str = ""
    command: str = ""
    program: bool = False
    late: bool = False
    verdict: Reason | None = None


def judge(refusal: Refusal) -> ReportedRecipient:
    """Return a recipient with the reason that the refusal amounts to."""
    told = [words for words in refusal.words if words.strip()] or [""]
    status = refusal.status or next(filter(None, map(find_status, told)), "")
    reply = refusal.reply or next(filter(None, map(find_reply, told)), "")
    reason, words = Reason.UNKNOWN, told[0]
    for candidate in told:
        reason = classify(
            candidate,
            status=status,
            reply=reply,
            command=refusal.command,
            program=refusal.program,
            late=refusal.late,
        )
        if reason is not Reason.UNKNOWN:
            words = candidate
            break
    reason = refusal.verdict or reason
    return ReportedRecipient(
        address=refusal.address,
        hard=reason in PERMANENT and not is_for_now(status, reply),
        reason=reason,
        status=status,
        reply=reply,
        words=" ".join(words.split())[:_WORDS_KEPT],
    )
