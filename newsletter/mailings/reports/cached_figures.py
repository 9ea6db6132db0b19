"""A cache of counts, with an expiry that depends on the cost of counting.

Counting a list of a million people takes seconds, a list of a thousand milliseconds. A figure is
counted again when its age is twenty times the duration of its counting. So cheap figures are
practically always up to date, and expensive ones are counted in the background while the last value
is shown.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from newsletter.database.engine import reading, reason_of
from newsletter.database.types import now

T = TypeVar("T")

_log = logging.getLogger(__name__)

#: At most 1/20 of the time is spent on counting the same figure repeatedly.
_SHARE = 20
#: Figures that take at most this many seconds are counted while the user waits.
_CHEAP = 0.05
#: Figures older than this many seconds are not shown, but counted while the user waits.
_LONGEST = 300.0
#: The maximum number of figures in the cache.
_KEPT = 500


@dataclass(frozen=True, kw_only=True, slots=True)
class Figure(Generic[T]):
    """A value with the time of its counting."""

    value: T
    counted_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class _Known:
    figure: Figure[Any]
    began: float
    seconds: float

    def is_fresh(self, moment: float) -> bool:
        return moment - self.began <= self.seconds * _SHARE

    def is_showable(self, moment: float) -> bool:
        longest = max(_LONGEST, self.seconds * _SHARE)
        return self.seconds > _CHEAP and moment - self.began <= longest


class Figures:
    """The figures that this process has cached; thread-safe."""

    def __init__(self, engine: Engine, clock: Callable[[], float] = time.monotonic) -> None:
        self._engine, self._clock = engine, clock
        self._known: dict[Hashable, _Known] = {}
        self._lock = threading.Lock()
        self._counting: set[Hashable] = set()

    def of(self, session: Session, key: Hashable, count: Callable[[Session], T]) -> Figure[T]:
        """Return a figure from the cache, or count it now.

        Args:
            session: The session for counting now; counting in the background opens its own.
            key: The figure's key; one key must always be counted in the same way.
            count: The function that counts.

        Raises:
            SQLAlchemyError: The database failed, and the figure is not in the cache.
        """
        with self._lock:
            known, moment = self._known.get(key), self._clock()
            if known is not None and known.is_fresh(moment):
                return known.figure
            if known is not None and known.is_showable(moment):
                if key not in self._counting:
                    self._counting.add(key)
                    threading.Thread(target=self._renew, args=(key, count), daemon=True).start()
                return known.figure
        return self._count(session, key, count).figure

    def _renew(self, key: Hashable, count: Callable[[Session], object]) -> None:
        try:
            with reading(self._engine) as session:
                self._count(session, key, count)
        except SQLAlchemyError as error:
            _log.warning("a figure is shown as last counted: %s", reason_of(error))
        finally:
            with self._lock:
                self._counting.discard(key)

    def _count(self, session: Session, key: Hashable, count: Callable[[Session], T]) -> _Known:
        began, moment = self._clock(), now()
        value = count(session)
        known = _Known(
            figure=Figure(value=value, counted_at=moment),
            began=began,
            seconds=self._clock() - began,
        )
        with self._lock:
            self._known[key] = known
            while len(self._known) > _KEPT:
                self._known.pop(next(iter(self._known)))
        return known
