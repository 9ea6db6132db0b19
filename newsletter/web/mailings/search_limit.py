"""How often one network may search the archive: each search reads many issues, and anybody may ask.

Kept in memory, one for each process: a restart forgets it, and several web processes allow as many
times more. Behind a proxy that `TRUSTED_PROXIES` does not name, all are one network.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from threading import Lock

#: Searches of one network within so many seconds.
MOST_SEARCHES, WITHIN_SECONDS = 60, 60.0
#: Networks that are remembered; the one whose period began longest ago is forgotten first.
_MOST_NETWORKS = 10_000


class SearchLimit:
    """Counts searches by network, in periods that begin with a network's first search."""

    def __init__(
        self, most: int = MOST_SEARCHES, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._most = most
        self._clock = clock
        self._lock = Lock()
        #: When a network's period began, and its searches since.
        self._periods: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def admits(self, network: str) -> bool:
        """Count a search; return whether it is within the bound."""
        moment = self._clock()
        with self._lock:
            began, count = self._periods.get(network, (moment, 0))
            if moment - began >= WITHIN_SECONDS:
                self._periods.pop(network)
                began, count = moment, 0
            self._periods[network] = (began, count + 1)
            while len(self._periods) > _MOST_NETWORKS:
                self._periods.popitem(last=False)
        return count < self._most
