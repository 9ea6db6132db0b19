"""Engines that compile no statement anew which another one of the process compiled.

Each test has an engine of its own, and SQLAlchemy keeps what it made of a statement for one engine
alone: a fifth of the work of tests with a database was to compile the same statements again.
"""

from __future__ import annotations

from sqlalchemy import Engine
from sqlalchemy.util import LRUCache

#: How many statements are kept for each database; an engine of the product keeps 500.
_STATEMENTS = 3_000
_KEPT: dict[str, Engine] = {}


def keep_compiled(engine: Engine) -> None:
    """Keep what is compiled for an engine from now on; it has connected to its server."""
    engine._compiled_cache = LRUCache(_STATEMENTS)
    _KEPT[engine.dialect.name] = engine


def share_compiled(engine: Engine) -> Engine:
    """Return an engine, made as the product makes it, that shares what is kept.

    How it connects, and what listens to that, stays its own.
    """
    kept = _KEPT.get(engine.dialect.name)
    if kept is not None:
        # Statements are kept by their dialect, which knows by now what server it is.
        engine.dialect = kept.dialect
        engine._compiled_cache = kept._compiled_cache
    return engine
