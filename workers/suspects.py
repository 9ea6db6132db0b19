"""Broken connections: whether a message is the cause, or the relay."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable

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
