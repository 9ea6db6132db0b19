"""Reading ahead: the next item is made in a thread while the one before it is being used.

The database works in another process, or without Python's lock; a reader that waits for it would
leave a core idle half of the time.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

_Item = TypeVar("_Item")


def read_ahead(items: Iterator[_Item]) -> Generator[_Item, None, None]:
    """Yield the same items in the same order, one made ahead; what making one raises is raised."""
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="read-ahead") as thread:
        coming = thread.submit(next, items, None)
        while (item := coming.result()) is not None:
            coming = thread.submit(next, items, None)
            yield item
