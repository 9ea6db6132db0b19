"""What the ledger keeps of a delivery in place of a relay's reply, where the reason is ours.

Kept is ``[code] detail``: the code stands for a sentence in the language of whoever reads it, and
programs that read an export can rely on it. A relay's reply begins with its three digits.
"""

from __future__ import annotations

import re
from enum import StrEnum

from newsletter.i18n.messages import Message, msg, written
from subscribers.mail_under_way import HAD_COPY

_KEPT = re.compile(r"\[([a-z-]+)\](?: (.*))?", re.DOTALL)


class OwnReason(StrEnum):
    """Why a delivery is in its state, other than by a relay's reply."""

    CANCELLED = "mailing-cancelled"
    LEFT_BEFORE = "left-before-sending"
    LEFT_MEANWHILE = "left-while-sending"
    NOT_MADE = "message-not-made"
    ENDED_WORKERS = "message-ended-workers"
    CONNECTION_BROKE = "connection-broke"
    WORKER_DIED = "worker-died"
    #: Of which nothing here proves whether it left.
    UNPROVEN = "worker-lost"
    TAKEN_AS_ARRIVED = "taken-as-arrived"
    IN_RELAY_LOG = "in-relay-log"
    #: Of two addresses of one person, the other has it.
    HAD_COPY = HAD_COPY


_WORDS = {
    OwnReason.CANCELLED: msg("The mailing was cancelled."),
    OwnReason.LEFT_BEFORE: msg("Unsubscribed or suppressed after the mailing was planned."),
    OwnReason.LEFT_MEANWHILE: msg("Unsubscribed or suppressed while the mailing was being sent."),
    OwnReason.NOT_MADE: msg("The message could not be composed."),
    OwnReason.ENDED_WORKERS: msg("Composing this message ended the worker repeatedly."),
    OwnReason.CONNECTION_BROKE: msg("The connection broke repeatedly at this message."),
    OwnReason.WORKER_DIED: msg("The worker ended before the relay replied to this message."),
    OwnReason.UNPROVEN: msg("The worker was lost, and it is not known whether the message left."),
    OwnReason.TAKEN_AS_ARRIVED: msg("Taken as arrived."),
    OwnReason.HAD_COPY: msg(
        "Already sent to another address, which was merged with this one since."
    ),
    OwnReason.IN_RELAY_LOG: msg("The relay's log shows that it accepted this message."),
}


def own_reply(reason: OwnReason, detail: str = "") -> str:
    """Return what is kept of a reason; ``detail`` is a relay's or program's word on it."""
    return f"[{reason}] {detail}".rstrip()


def worded_reply(kept: str) -> Message:
    """Return what is shown of a delivery's reply: a reason of ours in words, a relay's as it is."""
    match = _KEPT.fullmatch(kept)
    if match is None or match[1] not in set(OwnReason):
        return written(kept)
    words = _WORDS[OwnReason(match[1])]
    if not match[2]:
        return words
    return msg("{reason} ({detail})", reason=words, detail=worded_reply(match[2]))
