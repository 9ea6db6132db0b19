"""Waiting until one transaction waits for another, on PostgreSQL."""

from __future__ import annotations

from concurrent.futures import Future
from typing import Any

from sqlalchemy import Engine, text

from newsletter.database.engine import reading
from tests.support.ports import await_condition


def await_lock(engine: Engine, running: Future[Any]) -> None:
    """Wait until somebody waits for a lock, or the work did without."""
    await_condition(
        lambda: running.done() or _is_waiting(engine), seconds=60, what="a transaction that waits"
    )


def _is_waiting(engine: Engine) -> bool:
    query = text(
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    with reading(engine) as session:
        return bool(session.scalar(query))
