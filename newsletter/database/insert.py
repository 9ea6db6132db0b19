"""Inserting what may be there already: one way for both databases."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import Executable
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from newsletter.database.tables import Base


def insert_missing(session: Session, table: type[Base], rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert the rows that break no unique key; leave those that are there as they are."""
    insert = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    # Row by row for the driver, so that each column's default sees its own row.
    session.connection().execute(insert(table).on_conflict_do_nothing(), list(rows))


def insert_or_hold(session: Session, table: type[Base], row: Mapping[str, Any]) -> None:
    """Insert a row, or hold the one of its primary key as it is until the transaction ends.

    Nobody deletes it in between, and one that is being deleted is inserted anew.
    """
    insert = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    keys = [key.name for key in table.__table__.primary_key]
    statement = insert(table)
    held = statement.on_conflict_do_update(
        index_elements=keys, set_={keys[0]: table.__table__.c[keys[0]]}
    )
    session.connection().execute(held, row)


def add_up(
    session: Session, table: type[Base], column: str, rows: Sequence[Mapping[str, Any]]
) -> None:
    """Insert rows; where the primary key is there already, add to its ``column`` instead."""
    connection = session.connection()
    connection.execute(_adding_up(connection.dialect.name, table, column), list(rows))


@cache
def _adding_up(dialect: str, table: type[Base], column: str) -> Executable:
    """Build the statement once a process: building it takes longer than following it."""
    statement = (postgresql.insert if dialect == "postgresql" else sqlite.insert)(table)
    keys = [key.name for key in table.__table__.primary_key]
    total = table.__table__.c[column] + statement.excluded[column]
    return statement.on_conflict_do_update(index_elements=keys, set_={column: total})
