"""What Celery says in the log: not its routine, and one line of a broker that is away."""

from __future__ import annotations

import logging

from celery.beat import SchedulingError
from celery.worker.consumer import consumer as celery_consumer
from kombu.exceptions import OperationalError
from redis.exceptions import ConnectionError as RedisConnectionError

from newsletter.operations.broker import shown_url

#: Loggers that say of every task, a round each two seconds among them, that it came and went.
_ROUTINE = ("celery.app.trace", "celery.beat", "celery.worker.strategy")
#: Those that say how the connection to the broker fares, of workers and of beat.
_CONSUMER = "celery.worker.consumer.consumer"
_CONNECTED = "celery.worker.consumer.connection"
_BEAT = "celery.beat"
#: The one that says that a task's end could not be told to the broker, which gives it out again.
_TASK_END = "celery.worker.request"
#: How they say that the connection is lost, and that it cannot be made.
_LOST: str = vars(celery_consumer)["CONNECTION_RETRY"]
_CANNOT_CONNECT: str = vars(celery_consumer)["CONNECTION_ERROR"]
#: How beat says that it tries again.
_BEAT_RETRY = "beat: Connection error"

_BROKER_ERRORS = (OperationalError, RedisConnectionError, OSError)

_log = logging.getLogger(__name__)


def quiet_celery(level: str, *, redis_url: str) -> None:
    """Leave out what Celery says of every task, unless the log is to be as full as it can be.

    Args:
        level: The log level that the settings ask for.
        redis_url: The broker's, to be named when it is away.
    """
    routine = logging.INFO if level == "DEBUG" else logging.WARNING
    for name in _ROUTINE:
        logging.getLogger(name).setLevel(routine)
    # Python is told to ignore warnings; Celery's about its next version come all the same.
    logging.getLogger("py.warnings").setLevel(logging.ERROR)
    # Its word that the connection stands ends an outage, also where the log asks for less.
    logging.getLogger(_CONNECTED).setLevel(logging.INFO)
    logging.getLogger(_CONSUMER).setLevel(logging.WARNING)
    _broker.where, _broker.level = shown_url(redis_url), logging.getLevelNamesMapping()[level]
    for name in (_CONSUMER, _CONNECTED, _BEAT, _TASK_END):
        logger = logging.getLogger(name)
        if _broker not in logger.filters:
            logger.addFilter(_broker)


def tell_that_broker_answers() -> None:
    """Say that an outage ended, where Celery has no word for it."""
    if _broker.ends():
        _log.warning(_AGAIN, _broker.where)


_AWAY = (
    "Redis takes no tasks at %s (REDIS_URL): %s. Nothing is lost; sending goes on by itself once "
    "Redis is back"
)
_AGAIN = "Redis takes tasks again at %s (REDIS_URL)"


class _BrokerLines(logging.Filter):
    """Says of a broker that is away once why, and once that it is back.

    Celery says it at each try, on several lines, with traces, and a URL that looks like an address.
    """

    def __init__(self) -> None:
        super().__init__()
        self.where = ""
        self.level = logging.INFO
        #: What was said of the present outage; another reason, such as a password, is said, too.
        self._said: set[str] = set()

    def ends(self) -> bool:
        """Take note that the broker answers; return whether it was away."""
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
    """Return why Celery could not speak to the broker; None if it says something else."""
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
