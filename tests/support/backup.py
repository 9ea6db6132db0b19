"""A backup of what the engine keeps, put back under whoever works."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, Row, Table, delete, func, insert, select, text

from newsletter.database.tables import Base

_TABLES = ("mailing", "mailing_content", "batch", "delivery", "database_history", "worker_host")


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
            always = _triggers(connection) if self.sequences and is_postgresql else []
            if always:
                # As pg_restore does, which makes triggers and constraints behind the rows.
                connection.execute(text("SET LOCAL session_replication_role = replica"))
            for table, trigger in always:
                connection.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER {trigger}"))
            if always:
                # The index of people's words is made from the rest, and no table of the models.
                connection.execute(text("TRUNCATE person_words, person_words_due"))
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
            for table, trigger in always:
                connection.execute(text(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {trigger}"))


def _triggers(connection: Connection) -> list[tuple[str, str]]:
    """Return the table and name of each trigger that runs for replicas, too."""
    query = "SELECT tgrelid::regclass::text, tgname FROM pg_trigger WHERE tgenabled = 'A'"
    return [(table, trigger) for table, trigger in connection.execute(text(query))]


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
