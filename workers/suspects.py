"""Connections that broke: whether a message is the cause, or the relay."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable

#: A message is put off after so many breaks at the least.
_BREAKS = 5
#: It is to blame when chance alone would let any message of the batch break so often less likely
#: than this, at the rate at which messages broke that went out in the end.
_CHANCE = 0.002
#: So few that break are left when all others are out: they are put off, and the relay goes on.
_FEW = 2


class Suspects:
    """The messages of a batch at which a connection broke that had worked until then.

    A relay that breaks connections at random says nothing about any message: the unluckiest of a
    few breaks again and again, too. So what a message did is held against those that went out, and
    how often they broke before.
    """

    def __init__(self, people: int) -> None:
        self._people = people
        self._suspects: set[int] = set()
        self._breaks: Counter[int] = Counter()
        #: How many went out, and how often connections broke at these before.
        self._went = 0
        self._went_after_breaks = 0

    def note_answer(self, position: int) -> None:
        """Note that a relay answered for a message."""
        self._suspects.discard(position)
        self._went += 1
        self._went_after_breaks += self._breaks.pop(position, 0)

    def is_to_blame(self, position: int, *, waiting: Iterable[int]) -> bool:
        """Note a break; return whether the message is to be put off.

        Args:
            position: The message at which the connection broke.
            waiting: Those that are still to be sent.
        """
        self._suspects.add(position)
        self._breaks[position] += 1
        breaks = self._breaks[position]
        if breaks < _BREAKS:
            return False
        if not self._went:
            # Nothing to compare with: alone it is put off, among others the relay rests.
            return self.are_the_rest([*waiting, position])
        rate = (self._went_after_breaks + 1) / (self._went_after_breaks + self._went + 2)
        return self._people * rate**breaks < _CHANCE

    def clear(self, position: int) -> None:
        """Note that the last connection meant for a message failed before its turn came."""
        self._suspects.discard(position)

    def are_the_rest(self, positions: Collection[int]) -> bool:
        """Whether these, all that may still be sent, are few that broke when last tried.

        Many that break one and all speak against the relay.
        """
        return len(positions) <= _FEW and all(each in self._suspects for each in positions)
