"""A backup of what the engine keeps, put back under whoever works."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, Row, Table, delete, func, insert, select, text

from newsletter.database.tables import Base

_TABLES = ("mailing", "mailing_content", "batch", "delivery", "database_history")


@dataclass(frozen=True)
class Backup:
    """The rows of an instant, on either database, and where counting stood."""

    engine: Engine
    rows: dict[str, Sequence[Row[Any]]]
    sequences: dict[str, int | None]

    def restore(self) -> None:
        """Put all back; what came since is gone."""
        with self.engine.begin() as connection:
            is_postgresql = connection.dialect.name == "postgresql"
            if self.sequences and is_postgresql:
                # As pg_restore does, which is asked by no trigger and no constraint.
                connection.execute(text("SET LOCAL session_replication_role = replica"))
            for name in reversed(self.rows):
                connection.execute(delete(_table(name)))
            for name, rows in self.rows.items():
                if rows:
                    connection.execute(insert(_table(name)), [row._asdict() for row in rows])
            for name, last in self.sequences.items():
                if is_postgresql:
                    connection.execute(select(func.setval(name, last or 1, last is not None)))
                else:
                    counted = text("UPDATE sqlite_sequence SET seq = :last WHERE name = :name")
                    connection.execute(counted, {"name": name, "last": last or 0})


def _table(name: str) -> Table:
    return Base.metadata.tables[name]


def back_up(engine: Engine, *, whole: bool = False) -> Backup:
    """Keep what mailings consist of, or the whole database with the numbers that come next."""
    names = [table.name for table in Base.metadata.sorted_tables] if whole else _TABLES
    with engine.connect() as connection:
        return Backup(
            engine=engine,
            rows={name: connection.execute(select(_table(name))).all() for name in names},
            sequences=_sequences(connection) if whole else {},
        )


def _sequences(connection: Connection) -> dict[str, int | None]:
    """Return the last number of each sequence, None before its first."""
    if connection.dialect.name == "postgresql":
        query = text("SELECT sequencename, last_value FROM pg_sequences")
        return {row[0]: row[1] for row in connection.execute(query)}
    last = {row.name: row.seq for row in connection.execute(text("SELECT * FROM sqlite_sequence"))}
    return {
        table.name: last.get(table.name)
        for table in Base.metadata.sorted_tables
        if table.autoincrement_column is not None
    }
