"""Alembic's entry point: run the migrations on the given engine."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal, cast

from alembic import context
from alembic.autogenerate.api import AutogenContext
from sqlalchemy import Connection, Engine, text

from newsletter.database.engine import allow_long
from newsletter.database.tables import Base
from newsletter.database.types import UtcDateTime, Vocabulary
from newsletter.errors import ConflictError
from newsletter.i18n.messages import msg

#: The key of the advisory lock with which only one process migrates at a time.
_ADVISORY_LOCK = 7_226_405


def _as_stored(kind: str, column_type: object, _context: AutogenContext) -> str | Literal[False]:
    """Render our column types as the underlying ones, so that old migrations stay valid."""
    if kind == "type" and isinstance(column_type, Vocabulary):
        return "sa.String(32)"
    if kind == "type" and isinstance(column_type, UtcDateTime):
        return "sa.DateTime(timezone=True)"
    return False


def _is_declared(name: str | None, kind: str, _parents: object) -> bool:
    """Return whether an object is compared; some indexes exist in one of the databases only."""
    return not (kind == "table" and (name or "").startswith(("word_index", "person_words")))


def run() -> None:
    """Apply migrations in one transaction, one process at a time.

    Raises:
        ConflictError: They would leave dangling foreign keys. Nothing was changed.
    """
    engine: Engine = context.config.attributes["engine"]
    with engine.connect() as connection, _without_foreign_keys(connection):
        context.configure(
            connection=connection,
            target_metadata=Base.metadata,
            render_as_batch=True,
            transactional_ddl=True,
            render_item=_as_stored,
            include_name=_is_declared,
        )
        with connection.begin(), context.begin_transaction():
            allow_long(connection)
            if connection.dialect.name == "postgresql":
                connection.execute(text(f"SELECT pg_advisory_xact_lock({_ADVISORY_LOCK})"))
            if connection.dialect.name == "sqlite":
                with _triggers_kept(connection):
                    context.run_migrations()
                _require_whole(connection)
            else:
                context.run_migrations()


@contextmanager
def _without_foreign_keys(connection: Connection) -> Iterator[None]:
    """Disable SQLite's foreign keys, so that a referenced table can be replaced by a changed copy.

    The setting has no effect inside a transaction, so it is changed before and after.
    """
    if connection.dialect.name != "sqlite":
        yield
        return
    driver = cast("sqlite3.Connection", connection.connection.driver_connection)
    driver.execute("PRAGMA foreign_keys = OFF")
    try:
        yield
    finally:
        driver.execute("PRAGMA foreign_keys = ON")


@contextmanager
def _triggers_kept(connection: Connection) -> Iterator[None]:
    """Restore the triggers that SQLite drops when a table is replaced by a copy.

    The triggers missed the changes in between, so the search index is built again.
    """
    query = text("SELECT name, tbl_name, sql FROM sqlite_master WHERE type = 'trigger'")
    before = connection.execute(query).all()
    yield
    there = {row.name for row in connection.execute(query)}
    tables = set(connection.scalars(text("SELECT name FROM sqlite_master WHERE type = 'table'")))
    for row in before:
        if row.name not in there and row.tbl_name in tables:
            connection.exec_driver_sql(row.sql)
            if row.tbl_name in {"subscriber", "subscription"}:
                connection.exec_driver_sql("UPDATE person_words_upto SET upto = 0")


def _require_whole(connection: Connection) -> None:
    lost = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
    if lost:
        raise ConflictError(
            msg(
                "The database cannot be upgraded: rows of {table} refer to rows of {other} "
                "that do not exist.",
                table=lost[0][0],
                other=lost[0][2],
            ),
            remedy=msg("Nothing was changed. Keep the previous version running, and report this."),
        )


run()
