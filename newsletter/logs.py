"""Logs: lines for people or JSON for collectors, with request, mailing and batch, without people.

Mail addresses are struck out of every line, traces included: relays repeat them in their replies,
and libraries in their errors.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime

from newsletter.settings import Settings

_bound: ContextVar[Mapping[str, str | int] | None] = ContextVar("bound", default=None)
#: Generous: it may strike out too much, never too little. Bounded, so that no line makes it slow.
_ADDRESS = re.compile(
    r"[^\s@<>()\[\]\"',;:=]{1,128}@[^\s@<>()\[\]\"',;:=.]{1,64}\.[^\s@<>()\[\]\"',;:=]{1,255}"
)
_STRUCK = "[address]"


@contextmanager
def bound(**ids: str | int) -> Iterator[None]:
    """Let every line logged within the block name these, such as ``mailing=12``."""
    token = _bound.set({**(_bound.get() or {}), **ids})
    try:
        yield
    finally:
        _bound.reset(token)


def strike_addresses(text: str) -> str:
    """Return a text without mail addresses."""
    return _ADDRESS.sub(_STRUCK, text)


class _TextLines(logging.Formatter):
    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(name)s: %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        ids = "".join(f" {name}={value}" for name, value in (_bound.get() or {}).items())
        first, *rest = strike_addresses(super().format(record)).split("\n")
        return "\n".join([first + ids, *rest])


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
        if record.exc_info:
            line["error"] = strike_addresses(self.formatException(record.exc_info))
        return json.dumps(line, ensure_ascii=False, default=str)


def set_up_logs(settings: Settings) -> None:
    """Send all logs of this process to standard error, in the form the settings ask for."""
    handler = logging.StreamHandler()
    handler.setFormatter(_JsonLines() if settings.log_format == "json" else _TextLines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.log_level)
