"""Refusals that speak of the sender: whether a relay refuses one message, or all of ours.

A relay that was reconfigured, or whose filter or quota stops us, answers every RCPT or message with
5xx. Taken for each recipient's, such answers end a whole mailing that nobody got, for good. So a
refusal for a reason that is not the recipient's waits until the next message is accepted; many in a
row, and those after which none is, are put off as if they had been answered with 4xx, until
RETRY_HOURS give them up. Behind one name there may be several servers,
or one that is being reconfigured, of which some refuse all and others take: what came over a
connection that has accepted nothing waits until that one does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from newsletter.bounces.model import PERMANENT, Reason
from newsletter.bounces.refusal import Refusal, classify_refusal
from newsletter.database.vocabulary import DeliveryState
from newsletter.mailings.ledger.outcomes import Outcome

#: So many in a row are no chance.
_MANY = 20
_OF_THE_MAILBOX = frozenset({Reason.SUSPENDED, Reason.MAILBOX_FULL})
#: RFC 3463 section 3.8: about rights and policy, as a quota of the sender's is.
_POLICY = "5.7."


class Refusals:
    """The refusals of a batch by one relay that wait for what becomes of the next message.

    Attributes:
        words: What the relay says to all, once it refused many in a row.

    Args:
        known: Whether it was known to refuse all when its turn came, until it accepts one.
    """

    def __init__(self, *, known: bool = False) -> None:
        self.words = ""
        self._known = known
        self._waiting: list[tuple[int, Outcome]] = []
        self._in_a_row = 0
        self._accepting: set[int] = set()

    def note(self, outcome: Outcome, *, address: str, connection: int = 0) -> Sequence[Outcome]:
        """Take note of an outcome; return those that are certain now."""
        if outcome.state is DeliveryState.ACCEPTED:
            return [*self._certain_with(connection), outcome]
        if outcome.state is not DeliveryState.REJECTED or not _speaks_of_us(outcome, address):
            return [outcome]
        self._waiting.append((connection, outcome))
        self._in_a_row += 1
        if self._in_a_row >= _MANY or self.words:
            return self.end(known=True)
        taken = [pair for pair in self._waiting if pair[0] in self._accepting]
        if len(self._waiting) - len(taken) < _MANY:
            return []
        # Others take mail meanwhile, and nobody's outcome is held back for long.
        refused = [put_off(one) for over, one in self._waiting if over not in self._accepting]
        self._waiting = taken
        return refused

    def _certain_with(self, connection: int) -> Sequence[Outcome]:
        """Return what is certain as a connection accepts a message."""
        self._in_a_row = 0
        self._accepting.add(connection)
        waiting, self._waiting = self._waiting, []
        if self._known:
            self._known = False
            return [put_off(one) for _, one in waiting]
        self._waiting = [pair for pair in waiting if pair[0] not in self._accepting]
        return [one for over, one in waiting if over in self._accepting]

    @property
    def are_open(self) -> bool:
        """Whether some wait."""
        return bool(self._waiting)

    def end(self, *, known: bool = False) -> Sequence[Outcome]:
        """Put off those that wait, as no other message follows that could tell whose fault it is.

        However few they are: a mailing to one reader may have met the server that refuses all.

        Args:
            known: Whether the relay refuses all, as others were told just before.
        """
        waiting, self._waiting = self._waiting, []
        self._in_a_row = 0
        if known and waiting:
            self.words = waiting[-1][1].reply
        return [put_off(outcome) for _, outcome in waiting]


def put_off(outcome: Outcome) -> Outcome:
    """Return a refusal as one that is tried again."""
    return replace(outcome, state=DeliveryState.DEFERRED)


def _speaks_of_us(outcome: Outcome, address: str) -> bool:
    """Whether a refusal is not for a reason of the recipient's."""
    said = Refusal(
        address=address,
        words=(outcome.reply,),
        status=outcome.status,
        reply=str(outcome.code),
        command=outcome.command,
    )
    reason = classify_refusal(said).reason
    of_mailbox = reason in _OF_THE_MAILBOX and not outcome.status.startswith(_POLICY)
    return outcome.code > 0 and reason not in PERMANENT and not of_mailbox
