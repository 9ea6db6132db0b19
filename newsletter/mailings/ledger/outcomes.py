"""Outcomes: the result of one delivery attempt, and when the next attempt follows.

The ledger stores a relay's reply as it was given; it begins with the three digits of its code. If
the reason is one of our own, ``[code] detail`` is stored in its place. Pages translate the code
into a sentence in the user's language, and programs that read an export can rely on it.
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from newsletter.database.vocabulary import DeliveryState
from newsletter.i18n.messages import Message, msg, written
from subscribers.mail_under_way import HAD_COPY

#: Seconds between the first and the second attempt; each further wait is twice as long, up to
#: `_LONGEST`.
_FIRST_WAIT = 300
_LONGEST = 4 * 3600


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """One delivery's new state.

    Attributes:
        subscriber_id: The delivery's subscriber; 0 in journals of older versions.
        mark: The person's mark, as `newsletter.tokens.mark_of` returns it; 0 in journals of older
            versions.
        attempts: How often a relay has replied for this delivery, this time included.
        code: The SMTP reply code; 0 when there was none.
        status: The enhanced status code (RFC 3463), or empty.
        reply: The relay's reply, or our own reason as `own_reply` returns it.
        domain: The recipient's domain, by which outcomes are counted.
        command: The SMTP command that the relay replied to; empty if the reply is to none.
    """

    position: int
    state: DeliveryState
    attempts: int = 0
    code: int = 0
    status: str = ""
    reply: str = ""
    queue_id: str = ""
    transport: str = ""
    domain: str = ""
    command: str = ""
    subscriber_id: int = 0
    mark: int = 0

    @property
    def is_answer(self) -> bool:
        """Whether a relay replied, even with a deferral; False if the reason is our own."""
        return self.code != 0 or self.state is DeliveryState.ACCEPTED


def next_attempt(attempts: int, moment: datetime, *, retry_hours: int) -> datetime | None:
    """Return when to try again after ``attempts`` deferrals; None when no attempt remains.

    Waits grow exponentially and vary at random by a fifth. The limit applies to the sum of the
    waits and not to the time that has passed. So every delivery gets its ``retry_hours``, even if
    the mailing is spread over days, was on hold, or the clock was changed.
    """
    if sum(map(_wait, range(1, attempts + 1))) > retry_hours * 3600:
        return None
    spread = random.uniform(0.8, 1.2)  # noqa: S311 - jitter, not cryptography
    return moment + timedelta(seconds=_wait(attempts) * spread)


def _wait(attempts: int) -> int:
    # The exponent is limited before the shift, which would otherwise build a huge integer.
    doublings = min(max(attempts - 1, 0), 16)
    return min(_FIRST_WAIT << doublings, _LONGEST)


_KEPT = re.compile(r"\[([a-z-]+)\](?: (.*))?", re.DOTALL)


class OwnReason(StrEnum):
    """Reasons of our own for the state of a delivery, in place of a relay's reply."""

    CANCELLED = "mailing-cancelled"
    LEFT_BEFORE = "left-before-sending"
    LEFT_MEANWHILE = "left-while-sending"
    NOT_MADE = "message-not-made"
    ENDED_WORKERS = "message-ended-workers"
    CONNECTION_BROKE = "connection-broke"
    WORKER_DIED = "worker-died"
    #: The worker was lost, and nothing proves whether the message was sent.
    UNPROVEN = "worker-lost"
    TAKEN_AS_ARRIVED = "taken-as-arrived"
    IN_RELAY_LOG = "in-relay-log"
    #: The person has two addresses, and the copy went to the other one.
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
    OwnReason.TAKEN_AS_ARRIVED: msg("Treated as received."),
    OwnReason.HAD_COPY: msg(
        "Already sent to another address, which was merged with this one since."
    ),
    OwnReason.IN_RELAY_LOG: msg("The relay's log shows that it accepted this message."),
}


def own_reply(reason: OwnReason, detail: str = "") -> str:
    """Return the stored form of a reason; ``detail`` is what a relay or program reported."""
    return f"[{reason}] {detail}".rstrip()


def worded_reply(kept: str) -> Message:
    """Return a delivery's reply for display: our own reasons as a sentence, a relay's unchanged."""
    match = _KEPT.fullmatch(kept)
    if match is None or match[1] not in set(OwnReason):
        return written(kept)
    words = _WORDS[OwnReason(match[1])]
    if not match[2]:
        return words
    return msg("{reason} ({detail})", reason=words, detail=worded_reply(match[2]))
