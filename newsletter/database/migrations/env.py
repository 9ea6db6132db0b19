"""Alembic's entry: run the migrations on the engine that was handed over."""

from __future__ import annotations

from typing import Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext
from sqlalchemy import Engine, text

from newsletter.database.engine import allow_long
from newsletter.database.tables import Base
from newsletter.database.types import UtcDateTime, Vocabulary

#: Any number of ours; PostgreSQL lets one holder of it migrate at a time.
_ADVISORY_LOCK = 7_226_405


def _as_stored(kind: str, column_type: object, _context: AutogenContext) -> str | Literal[False]:
    """Write our column types as what the database sees, so that old migrations outlive them."""
    if kind == "type" and isinstance(column_type, Vocabulary):
        return "sa.String(32)"
    if kind == "type" and isinstance(column_type, UtcDateTime):
        return "sa.DateTime(timezone=True)"
    return False


def run() -> None:
    """Apply migrations in one transaction, one process at a time."""
    engine: Engine = context.config.attributes["engine"]
    with engine.connect() as connection:
        context.configure(
            connection=connection,
            target_metadata=Base.metadata,
            render_as_batch=True,
            transactional_ddl=True,
            render_item=_as_stored,
        )
        with connection.begin(), context.begin_transaction():
            allow_long(connection)
            if connection.dialect.name == "postgresql":
                connection.execute(text(f"SELECT pg_advisory_xact_lock({_ADVISORY_LOCK})"))
            context.run_migrations()


run()
