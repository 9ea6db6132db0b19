"""What Celery says in the log: not its routine, and one line of a broker that is away."""

from __future__ import annotations

import logging

from celery.beat import SchedulingError

#: Loggers that say of every task, a round each two seconds among them, that it came and went.
_ROUTINE = ("celery.app.trace", "celery.beat", "celery.worker.strategy")


def quiet_celery(level: str) -> None:
    """Leave out what Celery says of every task, unless the log is to be as full as it can be.

    Args:
        level: The log level that the settings ask for.
    """
    routine = logging.INFO if level == "DEBUG" else logging.WARNING
    for name in _ROUTINE:
        logging.getLogger(name).setLevel(routine)
    beat = logging.getLogger("celery.beat")
    if not any(isinstance(each, _OneLine) for each in beat.filters):
        beat.addFilter(_OneLine())


class _OneLine(logging.Filter):
    """Shortens a round that could not be handed to the broker: with its trace it fills the log."""

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        if isinstance(error, SchedulingError):
            record.msg, record.args = "The broker took no task: %s", (error,)
            record.exc_info = record.exc_text = None
        return True
