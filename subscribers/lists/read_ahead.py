"""What comes next is made while the last is still used, in a thread beside."""

from __future__ import annotations

import gc
import sys
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

_Item = TypeVar("_Item")
#: How long a thread may keep Python's lock while another waits for it.
_TURN_SECONDS, _USUAL_TURN_SECONDS = 0.0005, sys.getswitchinterval()


def read_ahead(items: Iterator[_Item], *, waits: bool = True) -> Generator[_Item, None, None]:
    """Yield the same items in the same order, one made ahead; what making one raises is raised.

    Whoever stops early closes it. It ends then once the item under way is made, unless it does not
    wait: a page that nobody wants any more must not hold up the thread that found it out.
    """
    thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="read-ahead")
    try:
        coming = thread.submit(next, items, None)
        while (item := coming.result()) is not None:
            coming = thread.submit(next, items, None)
            yield item
    finally:
        thread.shutdown(wait=waits, cancel_futures=True)


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
