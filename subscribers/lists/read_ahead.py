"""What comes next is made while the last is still used, in a thread beside."""

from __future__ import annotations

import gc
import sys
from collections.abc import Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Generic, TypeVar

_Item = TypeVar("_Item")
#: How long a thread may keep Python's lock while another waits for it.
_TURN_SECONDS, _USUAL_TURN_SECONDS = 0.0005, sys.getswitchinterval()


class ReadAhead(Generic[_Item]):
    """The same items in the same order, the next of them made from when `begin` is called on.

    Both threads share Python's lock: whoever uses an item begins the next once its own work is
    long statements of a database, which need no lock. What making one raises is raised.
    """

    def __init__(self, items: Iterator[_Item]) -> None:
        self._items = items
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="read-ahead")
        self._coming: Future[_Item | None] | None = None

    def begin(self) -> None:
        """Begin the next item, unless it is begun."""
        if self._coming is None:
            self._coming = self._thread.submit(next, self._items, None)

    def __iter__(self) -> Iterator[_Item]:
        return self

    def __next__(self) -> _Item:
        self.begin()
        assert self._coming is not None  # noqa: S101 - it is begun
        coming, self._coming = self._coming, None
        item = coming.result()
        if item is None:
            raise StopIteration
        return item

    def close(self, *, waits: bool = True) -> None:
        """Make no more; the item under way is waited for, unless nobody wants to."""
        self._thread.shutdown(wait=waits, cancel_futures=True)


def read_ahead(items: Iterator[_Item]) -> Generator[_Item, None, None]:
    """Yield the same items in the same order, the next one begun before each is yielded.

    Whoever stops early closes it, and does not wait for the item under way: a page that nobody
    wants any more must not hold up the thread that found it out.
    """
    ahead = ReadAhead(items)
    try:
        for item in ahead:
            ahead.begin()
            yield item
    finally:
        ahead.close(waits=False)


@contextmanager
def reading_beside() -> Iterator[None]:
    """Let the thread that reads ahead, and the one that writes, disturb each other little.

    Python looks for garbage among what is made meanwhile, not in all that the program loaded: a
    chunk makes so many lists and tuples that it looks often, as long as all reading takes. And who
    comes back from a short statement waits half a millisecond for the other, instead of five.
    """
    gc.freeze()
    sys.setswitchinterval(_TURN_SECONDS)
    try:
        yield
    finally:
        sys.setswitchinterval(_USUAL_TURN_SECONDS)
        gc.unfreeze()
