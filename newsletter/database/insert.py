"""Inserting what may be there already: one way for both databases."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from newsletter.database.tables import Base


def insert_missing(session: Session, table: type[Base], rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert the rows that break no unique key; leave those that are there as they are."""
    insert = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    # Row by row for the driver, so that each column's default sees its own row.
    session.connection().execute(insert(table).on_conflict_do_nothing(), list(rows))
