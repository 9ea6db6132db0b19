"""What comes next is made while the last is still used, in a thread beside."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

_Item = TypeVar("_Item")


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
