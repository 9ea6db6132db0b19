"""Logs: text for people or JSON for log collectors, with the ids of request, mailing and batch.

Mail addresses are removed from every line, including tracebacks: relays repeat them in replies, and
libraries in errors. Control characters are replaced by visible ones.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from threading import Lock

from newsletter.control_characters import PICTURES, harmless_json
from newsletter.settings import Settings

_bound: ContextVar[Mapping[str, str | int] | None] = ContextVar("bound", default=None)
#: Matches all addresses, and some other texts. Lengths are limited, so that matching stays fast.
_ADDRESS = re.compile(
    r"[^\s@<>()\[\]\"',;:=]{1,128}@[^\s@<>()\[\]\"',;:=.]{1,64}\.[^\s@<>()\[\]\"',;:=]{1,255}"
)
_STRUCK = "[address]"
#: Seconds for which a repeated warning or error is omitted.
_QUIET_SECONDS = 60.0
#: The number of different lines that are remembered.
_REMEMBERED = 256


@contextmanager
def bound(**ids: str | int) -> Iterator[None]:
    """Add ids, such as ``mailing=12``, to all lines that are logged inside the block."""
    token = _bound.set({**(_bound.get() or {}), **ids})
    try:
        yield
    finally:
        _bound.reset(token)


def strike_addresses(text: str) -> str:
    """Return a text without mail addresses."""
    return _ADDRESS.sub(_STRUCK, text)


class _Repeats(logging.Filter):
    """Passes each warning or error once a minute, with the number of omitted repetitions.

    A lasting fault, such as a database that is away or a full disk, is logged many times a second.
    Thousands of equal lines would hide the others, and fill the disk.
    """

    def __init__(self) -> None:
        super().__init__()
        self._lock = Lock()
        #: When each of the last lines was passed, and how often it was omitted since.
        self._said: dict[tuple[str, str, str], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether a line is passed; ``left_out`` is the number of omitted repetitions."""
        if record.levelno < logging.WARNING:
            return True
        error = record.exc_info[1] if record.exc_info else None
        line = (record.name, record.getMessage(), f"{type(error).__name__}: {error}")
        with self._lock:
            at, left_out = self._said.pop(line, (0.0, 0))
            # A time in the future means that the clock was set back; the line is passed then.
            is_said = not 0 <= record.created - at < _QUIET_SECONDS
            self._said[line] = (record.created, 0) if is_said else (at, left_out + 1)
            if len(self._said) > _REMEMBERED:
                del self._said[next(iter(self._said))]
        record.left_out = left_out
        return is_said


class _TextLines(logging.Formatter):
    """Text for people; further lines of a message are indented, so that none looks like another."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(name)s: %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        ids = "".join(f" {name}={value}" for name, value in (_bound.get() or {}).items())
        first, *rest = strike_addresses(super().format(record)).translate(PICTURES).split("\n")
        if times := getattr(record, "left_out", 0):
            ids += f" (left out since it was last said: {times} more)"
        return "\n    ".join([first + ids, *rest])


class _JsonLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": strike_addresses(record.getMessage()),
            "process": record.process,
            **(_bound.get() or {}),
        }
        for name in ("method", "route", "status", "milliseconds"):
            if hasattr(record, name):
                line[name] = getattr(record, name)
        if times := getattr(record, "left_out", 0):
            line["left_out"] = times
        if record.exc_info:
            line["error"] = strike_addresses(self.formatException(record.exc_info))
        return harmless_json(json.dumps(line, ensure_ascii=False, default=str))


def set_up_logs(settings: Settings) -> None:
    """Write all logs of this process to standard error, in the format of the settings."""
    handler = logging.StreamHandler()
    handler.setFormatter(_JsonLines() if settings.log_format == "json" else _TextLines())
    handler.addFilter(_Repeats())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.log_level)
    # Alembic logs only which database it connects to, at each start.
    logging.getLogger("alembic").setLevel(logging.WARNING)
