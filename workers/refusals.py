"""Refusals that do not concern the recipient: detection of a relay that refuses all messages.

A relay that was reconfigured, or whose filter or quota blocks the sender, replies 5xx to every RCPT
or message. If these replies were attributed to the recipients, a whole mailing would end without
being delivered. Therefore a refusal for another reason than the recipient is final only after the
next message was accepted. Many successive refusals, and those after which no message is accepted,
are deferred like replies with 4xx, until RETRY_HOURS have passed.

One host name can have several servers, of which some refuse all messages. Therefore a refusal must
be followed by an accepted message on the same connection.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from newsletter.bounces.model import PERMANENT, Reason
from newsletter.bounces.refusal import Refusal, classify_refusal
from newsletter.database.vocabulary import DeliveryState
from newsletter.mailings.ledger.outcomes import Outcome

#: Successive refusals from which on the relay is regarded as refusing all messages.
_MANY = 20
_OF_THE_MAILBOX = frozenset({Reason.SUSPENDED, Reason.MAILBOX_FULL})
#: Status codes about security and policy, such as a quota of the sender (RFC 3463, 3.8).
_POLICY = "5.7."


class Refusals:
    """The refusals of a batch by one relay that are undecided until the next messages.

    Attributes:
        words: The reply of the relay, after many successive refusals.

    Args:
        known: Whether the relay was known to refuse all messages before this batch.
    """

    def __init__(self, *, known: bool = False) -> None:
        self.words = ""
        self._known = known
        self._waiting: list[tuple[int, Outcome]] = []
        self._in_a_row = 0
        self._accepting: set[int] = set()

    def note(self, outcome: Outcome, *, address: str, connection: int = 0) -> Sequence[Outcome]:
        """Record an outcome; return the outcomes that are decided now."""
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
        # Other connections accept mail meanwhile; outcomes must not stay undecided for long.
        refused = [put_off(one) for over, one in self._waiting if over not in self._accepting]
        self._waiting = taken
        return refused

    def _certain_with(self, connection: int) -> Sequence[Outcome]:
        """Return the outcomes that are decided after a connection has accepted a message."""
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
        """Whether there are undecided refusals."""
        return bool(self._waiting)

    def end(self, *, known: bool = False) -> Sequence[Outcome]:
        """Defer the undecided refusals, since no further message can decide them.

        This also applies to a single one, since a mailing to one reader may have reached a server
        that refuses all messages.

        Args:
            known: Whether the relay was just found to refuse all messages.
        """
        waiting, self._waiting = self._waiting, []
        self._in_a_row = 0
        if known and waiting:
            self.words = waiting[-1][1].reply
        return [put_off(outcome) for _, outcome in waiting]


def put_off(outcome: Outcome) -> Outcome:
    """Return a refusal as a temporary failure."""
    return replace(outcome, state=DeliveryState.DEFERRED)


def _speaks_of_us(outcome: Outcome, address: str) -> bool:
    """Return whether a refusal has another reason than the recipient."""
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
