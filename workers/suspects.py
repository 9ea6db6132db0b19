"""Connections that broke: whether a message is the cause, or the relay takes none."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

#: After so many breaks that speak against it, a message is put off.
_BREAKS = 5


class Suspects:
    """The messages of a batch at which a connection broke that had worked until then.

    A relay that dies breaks every connection and says nothing about any message. So a break speaks
    against a message only where others fared better since its last one, or where none is left that
    did not break its own connection, too.
    """

    def __init__(self) -> None:
        self._suspects: set[int] = set()
        self._breaks: Counter[int] = Counter()
        self._answered_at_break: dict[int, int] = {}

    def is_to_blame(self, position: int, *, answered: int, waiting: Iterable[int]) -> bool:
        """Note a break; return whether the message is to be put off.

        Args:
            position: The message at which the connection broke.
            answered: For how many messages of the batch a relay answered so far.
            waiting: Those that are still to be sent.
        """
        self._suspects.add(position)
        others_went = answered > self._answered_at_break.get(position, -1)
        self._answered_at_break[position] = answered
        if others_went or self.are_all(waiting):
            self._breaks[position] += 1
        return self._breaks[position] >= _BREAKS

    def clear(self, position: int) -> None:
        """Note that the last connection meant for a message failed before its turn came."""
        self._suspects.discard(position)

    def are_all(self, positions: Iterable[int]) -> bool:
        """Whether each of these broke its connection when it was last tried."""
        return all(position in self._suspects for position in positions)
