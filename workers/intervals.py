"""The interval of rounds, by the monotonic clock.

Celery's own schedule and scheduler use the wall clock: if it is set back by an hour, they pause for
an hour.
"""

from __future__ import annotations

import time
from datetime import datetime

from celery.beat import ScheduleEntry, Scheduler
from celery.result import AsyncResult
from celery.schedules import schedstate, schedule
from kombu import Producer

from workers.log_lines import tell_that_broker_answers


class Steadily(schedule):
    """A schedule with a fixed interval in seconds."""

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


class SteadyScheduler(Scheduler):
    """A scheduler that orders its entries by the monotonic clock."""

    def _when(self, entry: ScheduleEntry, next_time_to_run: float, **_how: object) -> float:
        """Return when an entry is due; see Celery."""
        del entry
        return time.monotonic() + (next_time_to_run or 0)

    def apply_async(
        self,
        entry: ScheduleEntry,
        producer: Producer | None = None,
        advance: bool = True,  # noqa: FBT001, FBT002 - as Celery has it
        **how: object,
    ) -> AsyncResult[object]:
        """Publish a task; see Celery."""
        handed: AsyncResult[object] = super().apply_async(entry, producer, advance, **how)
        tell_that_broker_answers()
        return handed
