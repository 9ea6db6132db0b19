"""Figures that are dear to count: kept for as long as counting them stays a small part of the work.

A list of a million takes seconds to count, one of a thousand milliseconds. A figure is therefore
counted again once it is twenty times older than its counting took: what is cheap is as good as
new, and what is dear is counted in the background while the last figure is shown.
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

#: At most one part in so many of the time is spent on counting one figure again and again.
_SHARE = 20
#: What is counted in so many seconds, nobody minds to wait for.
_CHEAP = 0.05
#: A figure older than so many seconds is not shown any more: it is counted while its reader waits.
_LONGEST = 300.0
#: So many figures are kept.
_KEPT = 500


@dataclass(frozen=True, kw_only=True, slots=True)
class Figure(Generic[T]):
    """A value with the moment at which it was true."""

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
    """What this process knows of the database's figures; safe for threads."""

    def __init__(self, engine: Engine, clock: Callable[[], float] = time.monotonic) -> None:
        self._engine, self._clock = engine, clock
        self._known: dict[Hashable, _Known] = {}
        self._lock = threading.Lock()
        self._counting: set[Hashable] = set()

    def of(self, session: Session, key: Hashable, count: Callable[[Session], T]) -> Figure[T]:
        """Return a figure: the one known, or else counted by ``count`` now.

        Args:
            session: Counts while its owner waits; in the background a session of its own does.
            key: What is counted; the same key must always be counted in the same way.
            count: Counts within a session.

        Raises:
            SQLAlchemyError: The database does not answer, and nothing is known.
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
