"""Outcomes: what became of one attempt, and what follows from it for the ledger."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import datetime, timedelta

from newsletter.database.vocabulary import DeliveryState

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
