"""Refusals and broken connections: whether the message is the cause, or the relay.

A relay that was reconfigured, or whose filter or quota blocks the sender, replies 5xx to every RCPT
or message. If these replies were attributed to the recipients, a whole mailing would end without
being delivered. Therefore a refusal for another reason than the recipient is final only after the
next message was accepted. Many successive refusals, and those after which no message is accepted,
are deferred like replies with 4xx, until RETRY_HOURS have passed.

One host name can have several servers, of which some refuse all messages. Therefore a refusal must
be followed by an accepted message on the same connection.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
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


#: The minimum number of breaks before a message is deferred.
_BREAKS = 5
#: A message is the cause if the probability that any message of the batch breaks this often by
#: chance is below this value, at the rate of breaks of messages that were sent in the end.
_CHANCE = 0.002
#: If at most this many messages are left, and all of them break connections, they are deferred.
_FEW = 2


class Suspects:
    """The messages of a batch at which a working connection broke.

    If a relay breaks connections at random, some messages break several times by chance. So a
    message is compared with those that were sent, and with their breaks.
    """

    def __init__(self, people: int) -> None:
        self._people = people
        self._suspects: set[int] = set()
        self._breaks: Counter[int] = Counter()
        #: The number of sent messages, and of their breaks.
        self._went = 0
        self._went_after_breaks = 0

    def note_answer(self, position: int) -> None:
        """Record that a relay replied for a message."""
        self._suspects.discard(position)
        self._went += 1
        self._went_after_breaks += self._breaks.pop(position, 0)

    def is_to_blame(self, position: int, *, waiting: Iterable[int]) -> bool:
        """Record a break; return whether the message is to be deferred.

        Args:
            position: The message at which the connection broke.
            waiting: The messages that are still to be sent.
        """
        self._suspects.add(position)
        self._breaks[position] += 1
        breaks = self._breaks[position]
        if breaks < _BREAKS:
            return False
        if not self._went:
            # Without a comparison: the last messages are deferred; otherwise, the relay rests.
            return self.are_the_rest([*waiting, position])
        rate = (self._went_after_breaks + 1) / (self._went_after_breaks + self._went + 2)
        return self._people * rate**breaks < _CHANCE

    def clear(self, position: int) -> None:
        """Record that the last connection failed before this message was sent."""
        self._suspects.discard(position)

    def are_the_rest(self, positions: Collection[int]) -> bool:
        """Return whether the remaining messages are few, and all broke their last connection.

        If many messages do so, the relay is the cause.
        """
        return len(positions) <= _FEW and all(each in self._suspects for each in positions)
