"""The interval of rounds, by a clock that nobody can set.

Celery's own schedule waits for the wall clock: set back by an hour, it would rest for an hour.
"""

from __future__ import annotations

import time
from datetime import datetime

from celery.schedules import schedstate, schedule


class Steadily(schedule):
    """Due every so many seconds."""

    def __init__(self, seconds: float) -> None:
        super().__init__(seconds)
        self._interval = seconds
        self._due_at = 0.0

    def is_due(self, last_run_at: datetime) -> schedstate:  # noqa: ARG002 - by the wall clock
        """See Celery."""
        moment = time.monotonic()
        if moment < self._due_at:
            return schedstate(is_due=False, next=self._due_at - moment)
        self._due_at = moment + self._interval
        return schedstate(is_due=True, next=self._interval)
