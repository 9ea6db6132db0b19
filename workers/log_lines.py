"""Celery's log lines: routine ones are omitted, and a lost broker is reported in one line."""

from __future__ import annotations

import logging

from celery.beat import SchedulingError
from celery.worker.consumer import consumer as celery_consumer
from kombu.exceptions import OperationalError
from redis.exceptions import ConnectionError as RedisConnectionError

from newsletter.operations.broker import shown_url

#: Loggers with lines for each task, including a round every two seconds.
_ROUTINE = ("celery.app.trace", "celery.beat", "celery.worker.strategy")
#: Loggers about the connection to the broker, of workers and beat.
_CONSUMER = "celery.worker.consumer.consumer"
_CONNECTED = "celery.worker.consumer.connection"
_BEAT = "celery.beat"
#: The logger for tasks that could not be acknowledged, which the broker delivers again.
_TASK_END = "celery.worker.request"
#: Their messages about a lost connection, and a failed attempt to connect.
_LOST: str = vars(celery_consumer)["CONNECTION_RETRY"]
_CANNOT_CONNECT: str = vars(celery_consumer)["CONNECTION_ERROR"]
#: Beat's message about retrying.
_BEAT_RETRY = "beat: Connection error"

_BROKER_ERRORS = (OperationalError, RedisConnectionError, OSError)

_log = logging.getLogger(__name__)


def quiet_celery(level: str, *, redis_url: str) -> None:
    """Omit Celery's lines about each task, unless the log level is DEBUG.

    Args:
        level: The log level in the settings.
        redis_url: The broker's URL, to be named when it is away.
    """
    routine = logging.INFO if level == "DEBUG" else logging.WARNING
    for name in _ROUTINE:
        logging.getLogger(name).setLevel(routine)
    # Celery logs its deprecation warnings although Python ignores warnings.
    logging.getLogger("py.warnings").setLevel(logging.ERROR)
    # Its INFO line about a new connection marks the end of an outage, and is needed at any level.
    logging.getLogger(_CONNECTED).setLevel(logging.INFO)
    logging.getLogger(_CONSUMER).setLevel(logging.WARNING)
    _broker.where, _broker.level = shown_url(redis_url), logging.getLevelNamesMapping()[level]
    for name in (_CONSUMER, _CONNECTED, _BEAT, _TASK_END):
        logger = logging.getLogger(name)
        if _broker not in logger.filters:
            logger.addFilter(_broker)


def tell_that_broker_answers() -> None:
    """Log the end of an outage, where Celery does not."""
    if _broker.ends():
        _log.warning(_AGAIN, _broker.where)


_AWAY = (
    "Redis takes no tasks at %s (REDIS_URL): %s. Nothing is lost; sending goes on by itself once "
    "Redis is back"
)
_AGAIN = "Redis takes tasks again at %s (REDIS_URL)"


class _BrokerLines(logging.Filter):
    """Logs once that the broker is away, with the reason, and once that it is back.

    Celery would log each attempt on several lines, with tracebacks, and with a URL that looks like
    a mail address.
    """

    def __init__(self) -> None:
        super().__init__()
        self.where = ""
        self.level = logging.INFO
        #: The reasons logged in the present outage; new ones, such as a password, are logged too.
        self._said: set[str] = set()

    def ends(self) -> bool:
        """Record that the broker replies; return whether it was away."""
        was_away = bool(self._said)
        self._said.clear()
        return was_away

    def filter(self, record: logging.LogRecord) -> bool:
        if record.name == _CONNECTED:
            return self._greets(record)
        reason = _reason(record)
        if reason is None:
            return not (isinstance(record.args, tuple) and _LOST in record.args)
        if reason in self._said:
            return False
        self._said.add(reason)
        record.msg, record.args = _AWAY, (self.where, reason)
        record.exc_info = record.exc_text = None
        return True

    def _greets(self, record: logging.LogRecord) -> bool:
        if self.ends():
            record.levelno, record.levelname = logging.WARNING, "WARNING"
            record.msg, record.args = _AGAIN, (self.where,)
        elif record.levelno == logging.INFO:
            record.msg, record.args = "Connected to %s", (self.where,)
        return record.levelno >= self.level


def _reason(record: logging.LogRecord) -> str | None:
    """Return the reason in a line about the broker; None for other lines."""
    error = record.exc_info[1] if record.exc_info else None
    if isinstance(error, SchedulingError):
        return str(error.__context__ or error).rstrip(".")
    if record.name == _TASK_END:
        return str(error).rstrip(".") if isinstance(error, _BROKER_ERRORS) else None
    words = record.args if isinstance(record.args, tuple) else ()
    if record.msg == _CANNOT_CONNECT:
        return str(words[1]).rstrip(".")
    if str(record.msg).startswith(_BEAT_RETRY):
        return str(words[0]).rstrip(".")
    return None


_broker = _BrokerLines()
