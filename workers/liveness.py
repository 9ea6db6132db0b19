"""Heartbeats: a thread in each process records them in the database, and reads drain orders.

The main process of a worker must not use the database, since it forks. Its pool processes pass
drain orders to it by shared memory.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from celery.worker.consumer import Consumer
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from newsletter.database.engine import open_engine, reason_of
from newsletter.database.vocabulary import ProcessKind
from newsletter.disk import look_at_disk
from newsletter.operations import heartbeats
from newsletter.operations.heartbeats import Activity, Process
from newsletter.settings import Settings
from workers import stopping

_log = logging.getLogger(__name__)

#: Seconds between two checks of a worker's main process for drain orders.
_LOOK_SECONDS = 1.0
#: The timeout of a heartbeat in seconds.
_PATIENCE_SECONDS = 5.0


class SignOfLife:
    """Sends the heartbeats of this process."""

    def __init__(self, settings: Settings, process: Process) -> None:
        self._settings = settings
        self._process = process
        self._activity = Activity()
        self._is_heard = True
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._go_on, name="sign-of-life", daemon=True)
        self._thread.start()

    def _go_on(self) -> None:
        # An engine of its own, since all connections of the other one may be busy.
        engine = open_engine(self._settings.effective_database_url, seconds=_PATIENCE_SECONDS)
        while not self._ended.is_set():
            self._beat(engine)
            self._ended.wait(heartbeats.BEAT_SECONDS)
        try:
            heartbeats.record_stop(engine, self._process)
        except SQLAlchemyError as error:
            _log.info("this process's end was not written down: %s", reason_of(error))
        engine.dispose()

    def _beat(self, engine: Engine) -> None:
        activity = replace(self._activity, disk=look_at_disk(self._settings.data_dir))
        try:
            draining = heartbeats.beat(engine, self._process, activity)
        except SQLAlchemyError as error:
            self._is_heard = False
            _log.warning("this process's sign of life was not written down: %s", reason_of(error))
        else:
            if not self._is_heard:
                _log.info("this process's signs of life are written down again")
            self._is_heard = True
            stopping.set_draining(draining=draining)

    @contextmanager
    def sending(self, mailing_id: int, number: int) -> Iterator[None]:
        """Report a batch as being sent, inside the block."""
        self._activity = replace(self._activity, mailing_id=mailing_id, batch_number=number)
        try:
            yield
        finally:
            self._activity = replace(self._activity, mailing_id=None, batch_number=None)

    def count(self, answered: int) -> None:
        """Add to the number of messages with a reply."""
        self._activity = replace(self._activity, answered=self._activity.answered + answered)

    def end(self) -> None:
        """Record that the process stops regularly."""
        self._ended.set()
        self._thread.join(timeout=heartbeats.BEAT_SECONDS)


def of_beat(settings: Settings) -> SignOfLife:
    """Start the heartbeats of beat."""
    return SignOfLife(settings, Process.this(ProcessKind.BEAT))


def follow_drains(consumer: Consumer) -> None:
    """Make a worker's main process stop and resume taking tasks, by the pool's drain flag."""
    queues = list(consumer.app.amqp.queues.consume_from)
    taking = True

    def look() -> None:
        nonlocal taking
        takes_batches = not stopping.is_draining()
        if takes_batches == taking or getattr(consumer, "task_consumer", None) is None:
            return
        for queue in queues:
            (consumer.add_task_queue if takes_batches else consumer.cancel_task_queue)(queue)
        taking = takes_batches

    consumer.timer.call_repeatedly(_LOOK_SECONDS, look)
