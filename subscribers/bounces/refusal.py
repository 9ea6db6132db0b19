"""A refusal: what is said about one recipient, before anybody has judged what it means."""

from __future__ import annotations

import re
from dataclasses import dataclass

from subscribers.bounces.classify import classify
from subscribers.bounces.model import PERMANENT, ReportedRecipient

WORDS_KEPT = 600
_STATUS = re.compile(r"(?<![\d.])([245]\.\d{1,3}\.\d{1,3})(?![\d.]*\d)")
_REPLY = re.compile(
    r"(?<![\d.\-/:#])([45][0-5]\d)(?=[\s\-:;,<)\]#]|$)(?!\s{1,3}(?:octets|bytes|KB|MB))"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Refusal:
    """What is said about one address.

    Attributes:
        command: The SMTP command that was refused, in capitals; empty when it is not told.
        program: A local program refused, not an SMTP server (``Diagnostic-Code: x-unix``).
        expired: The other side gave up trying, or says that it is late.
    """

    address: str
    words: str = ""
    status: str = ""
    reply: str = ""
    command: str = ""
    program: bool = False
    expired: bool = False


def judge_refusal(refusal: Refusal) -> ReportedRecipient:
    """Return a recipient with the reason that the refusal amounts to."""
    words = " ".join(refusal.words.split())[:WORDS_KEPT]
    status = refusal.status or find_status(words)
    reply = refusal.reply or find_reply(words)
    reason = classify(
        words,
        status=status,
        reply=reply,
        command=refusal.command,
        program=refusal.program,
        expired=refusal.expired,
    )
    return ReportedRecipient(
        address=refusal.address,
        hard=reason in PERMANENT,
        reason=reason,
        status=status,
        reply=reply,
        words=words,
    )


def find_status(text: str) -> str:
    """Return the enhanced status code that says most: a specific one before ``5.0.0``."""
    found = [match[1] for match in _STATUS.finditer(text) if not match[1].startswith("2")]
    return next((one for one in found if not one.endswith(".0.0")), found[0] if found else "")


def find_reply(text: str) -> str:
    """Return the first SMTP reply code in a text, or nothing."""
    match = _REPLY.search(text)
    return match[1] if match else ""
