"""Inserting rows that may exist already, for both databases."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import Executable
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from newsletter.database.tables import Base


def insert_missing(session: Session, table: type[Base], rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert the rows that do not violate a unique key; existing rows are not changed."""
    insert = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    # A list of parameters, so that column defaults are computed for each row.
    session.connection().execute(insert(table).on_conflict_do_nothing(), list(rows))


def insert_or_hold(session: Session, table: type[Base], row: Mapping[str, Any]) -> None:
    """Insert a row, or lock the existing one with its primary key until the transaction ends.

    A row that is being deleted by another transaction is inserted again.
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
    """Insert rows; if the primary key exists, add to the existing row's ``column`` instead."""
    connection = session.connection()
    connection.execute(_adding_up(connection.dialect.name, table, column), list(rows))


@cache
def _adding_up(dialect: str, table: type[Base], column: str) -> Executable:
    """Return the statement, built once per process: building takes longer than executing it."""
    statement = (postgresql.insert if dialect == "postgresql" else sqlite.insert)(table)
    keys = [key.name for key in table.__table__.primary_key]
    total = table.__table__.c[column] + statement.excluded[column]
    return statement.on_conflict_do_update(index_elements=keys, set_={column: total})
