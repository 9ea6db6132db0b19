"""The driver's own connection, for what SQLAlchemy has no words for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError


@contextmanager
def driver_of(connection: Connection, doing: str) -> Iterator[Any]:
    """Yield the driver's own connection, whose errors are raised as SQLAlchemy's are.

    Args:
        connection: SQLAlchemy's, with its transaction open.
        doing: What an error calls the statement.

    Raises:
        DBAPIError: See SQLAlchemy; without the values, which are people's addresses.
    """
    driver, dialect = connection.connection.dbapi_connection, connection.dialect
    assert driver is not None  # noqa: S101 - the connection is open
    errors = dialect.loaded_dbapi.Error
    try:
        yield driver
    except errors as error:
        is_gone = dialect.is_disconnect(error, driver, None)
        if is_gone:
            connection.invalidate(error)
        raise DBAPIError.instance(
            doing,
            None,
            error,
            errors,
            hide_parameters=True,
            connection_invalidated=is_gone,
            dialect=dialect,
        ) from None
