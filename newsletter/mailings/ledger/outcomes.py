"""Outcomes: what became of one attempt, and what follows from it for the ledger.

Where the reason is ours, what is kept in place of a relay's reply is ``[code] detail``: the code
stands for a sentence in the language of whoever reads it, and programs that read an export can rely
on it. A relay's reply begins with its three digits.
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

#: Seconds before the second attempt; each further wait is twice as long, up to `_LONGEST`.
_FIRST_WAIT = 300
_LONGEST = 4 * 3600


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """One delivery's new state.

    Attributes:
        subscriber_id: Whose delivery it must be; 0 from a journal of before it was kept.
        mark: What `newsletter.tokens.mark_of` makes of that person; 0 where it was not kept.
        attempts: How often the relay has answered for it, this time included.
        code: The SMTP reply code, 0 when none was given.
        status: Enhanced status code (RFC 3463), or empty.
        reply: The relay's words, or our reason.
        domain: The recipient's, by which outcomes are tallied.
        command: The SMTP command that was answered, where the relay's reply is about one.
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
        """Whether a relay said so, be it a deferral, and not we in its place."""
        return self.code != 0 or self.state is DeliveryState.ACCEPTED


def next_attempt(attempts: int, moment: datetime, *, retry_hours: int) -> datetime | None:
    """Return when to try again after ``attempts`` deferrals; None when it was tried long enough.

    Waits grow exponentially and are spread by a fifth. Their sum counts, not the clock: so nobody
    has less than ``retry_hours`` because a mailing is spread over days, was held, or a clock moved.
    """
    if sum(map(_wait, range(1, attempts + 1))) > retry_hours * 3600:
        return None
    spread = random.uniform(0.8, 1.2)  # noqa: S311 - no secret
    return moment + timedelta(seconds=_wait(attempts) * spread)


def _wait(attempts: int) -> int:
    # Bounded first: 2 ** 1000 is a number, too.
    doublings = min(max(attempts - 1, 0), 16)
    return min(_FIRST_WAIT << doublings, _LONGEST)


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
    OwnReason.TAKEN_AS_ARRIVED: msg("Treated as received."),
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
