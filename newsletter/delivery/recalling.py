"""Recalling: a count that took long is kept for a while, so that a page need not wait for it again.

How long depends on what it cost: ten times the seconds that counting took. With some thousand
deliveries that is a blink; with a million, pages that many people watch cost the database a tenth
of its time at most.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable
from typing import TypeVar, cast
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, Engine
from sqlalchemy.orm import Session

_Value = TypeVar("_Value")
_KEPT_FOR = 10
_MOST = 512

#: By database: when it is out of date, on the monotonic clock, and what was counted.
_kept: WeakKeyDictionary[Engine, dict[Hashable, tuple[float, object]]] = WeakKeyDictionary()


def recall(session: Session, key: Hashable, count: Callable[[], _Value]) -> _Value:
    """Return what ``count`` said not long ago, or ask it; its value must not be changed."""
    bind = session.get_bind()
    kept = _kept.setdefault(bind.engine if isinstance(bind, Connection) else bind, {})
    began = time.monotonic()
    found = kept.get(key)
    if found is not None and began < found[0]:
        return cast("_Value", found[1])
    value = count()
    ended = time.monotonic()
    if len(kept) >= _MOST:
        kept.clear()
    kept[key] = (ended + _KEPT_FOR * (ended - began), value)
    return value
