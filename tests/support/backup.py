"""A backup of what the engine keeps, put back under whoever works."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine, Row, Table, delete, insert, select

from newsletter.database.tables import Base

_TABLES = ("mailing", "mailing_content", "batch", "delivery", "pulse")


@dataclass(frozen=True)
class Backup:
    """The rows of an instant, on either database."""

    engine: Engine
    rows: dict[str, Sequence[Row[Any]]]

    def restore(self) -> None:
        """Put all back; what came since is gone."""
        with self.engine.begin() as connection:
            for name in reversed(_TABLES):
                connection.execute(delete(_table(name)))
            for name in _TABLES:
                if self.rows[name]:
                    values = [row._asdict() for row in self.rows[name]]
                    connection.execute(insert(_table(name)), values)


def _table(name: str) -> Table:
    return Base.metadata.tables[name]


def back_up(engine: Engine) -> Backup:
    with engine.connect() as connection:
        return Backup(
            engine=engine,
            rows={name: connection.execute(select(_table(name))).all() for name in _TABLES},
        )
