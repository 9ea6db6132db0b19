"""Reading ahead: a thread produces the next item while the last one is being used."""

from __future__ import annotations

import gc
import sys
from collections.abc import Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Generic, TypeVar

_Item = TypeVar("_Item")
#: Seconds for which a thread keeps the interpreter's lock while another thread waits.
_TURN_SECONDS, _USUAL_TURN_SECONDS = 0.0005, sys.getswitchinterval()


class ReadAhead(Generic[_Item]):
    """Yields the same items in the same order; `begin` starts producing the next one.

    Both threads share the interpreter's lock, so the consumer calls `begin` when it starts long
    statements of the database, which do not need the lock. Exceptions of the producer are raised.
    """

    def __init__(self, items: Iterator[_Item]) -> None:
        self._items = items
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="read-ahead")
        self._coming: Future[_Item | None] | None = None

    def begin(self) -> None:
        """Start producing the next item, unless it is already started."""
        if self._coming is None:
            self._coming = self._thread.submit(next, self._items, None)

    def __iter__(self) -> Iterator[_Item]:
        return self

    def __next__(self) -> _Item:
        self.begin()
        assert self._coming is not None  # noqa: S101 - set by `begin`
        coming, self._coming = self._coming, None
        item = coming.result()
        if item is None:
            raise StopIteration
        return item

    def close(self, *, waits: bool = True) -> None:
        """Stop producing; wait for the item in progress unless ``waits`` is false."""
        self._thread.shutdown(wait=waits, cancel_futures=True)


def read_ahead(items: Iterator[_Item]) -> Generator[_Item, None, None]:
    """Yield the same items in the same order, starting the next one before each is yielded.

    Closing the generator early does not wait for the item in progress, since a cancelled request
    must not block its thread.
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
    """Reduce the interference of the reading and the writing thread during the block.

    Garbage collection ignores all objects that were created before: a chunk creates so many lists
    and tuples that collections would take as long as the reading. A thread that returns from a
    short statement waits half a millisecond for the other one instead of five.
    """
    gc.freeze()
    sys.setswitchinterval(_TURN_SECONDS)
    try:
        yield
    finally:
        sys.setswitchinterval(_USUAL_TURN_SECONDS)
        gc.unfreeze()
