"""A refusal: what is said about one recipient, before it is judged what that means."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from subscribers.bounces.classify import (
    are_vague,
    reason_of_codes,
    reason_of_words,
    speaks_of_nobody,
)
from subscribers.bounces.dialogue import find_reply, find_status
from subscribers.bounces.model import PERMANENT, Reason, ReportedRecipient
from subscribers.bounces.statuses import is_for_now

_WORDS_KEPT = 600
#: RFC 5321 section 4.3.2: no reply to DATA.
_OF_RECIPIENT = frozenset({"551", "553"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Refusal:
    """What is said about one address.

    Attributes:
        words: What was said of this address, the nearest first.
        around: What the notice says besides, asked when neither words nor codes say enough.
        command: The SMTP command that was refused, in capitals; empty when it is not told.
        program: A local program refused, not an SMTP server (``Diagnostic-Code: x-unix``).
        late: The message is called delayed or expired.
        verdict: The reason, where the form of a notice alone tells it.
    """

    address: str
    words: tuple[str, ...] = ()
    around: tuple[str, ...] = ()
    status: str = ""
    reply: str = ""
    command: str = ""
    program: bool = False
    late: bool = False
    verdict: Reason | None = None


def judge(refusal: Refusal) -> ReportedRecipient:
    """Return a recipient with the reason that the refusal amounts to."""
    told = [words for words in refusal.words if words.strip()]
    around = [words for words in refusal.around if words.strip()]
    status = refusal.status
    if not status or status.endswith(".0.0"):
        status = _first(find_status, (*told, *around)) or status
    reply = refusal.reply or _first(find_reply, (*told, *around))
    command = refusal.command or ("RCPT" if reply in _OF_RECIPIENT else "")
    by_code = reason_of_codes(status=status, reply=reply, command=command)
    reason, words = _by_words(told, status=status, command=command)
    if reason is Reason.UNKNOWN and are_vague(status=status, command=command):
        reason, words = _by_words(around, status=status, command=command)
    if reason is Reason.UNKNOWN:
        reason, words = by_code, next(iter((*told, *around)), "")
        if reason in {Reason.UNKNOWN, Reason.FILTERED} and any(map(speaks_of_nobody, told)):
            reason = Reason.USER_UNKNOWN if command == "RCPT" else Reason.FILTERED
    if refusal.verdict is not None:
        reason = refusal.verdict
    elif reason is Reason.UNKNOWN and (refusal.program or refusal.late):
        reason = Reason.SYSTEM if refusal.program else Reason.EXPIRED
    return ReportedRecipient(
        address=refusal.address,
        hard=reason in PERMANENT and not is_for_now(status, reply),
        reason=reason,
        status=status,
        reply=reply,
        words=" ".join(words.split())[:_WORDS_KEPT],
    )


def _by_words(told: Iterable[str], *, status: str, command: str) -> tuple[Reason, str]:
    for words in told:
        reason = reason_of_words(words, status=status, command=command)
        if reason is not Reason.UNKNOWN:
            return reason, words
    return Reason.UNKNOWN, ""


def _first(find: Callable[[str], str], texts: Iterable[str]) -> str:
    return next(filter(None, map(find, texts)), "")
