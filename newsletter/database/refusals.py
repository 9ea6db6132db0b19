"""Errors of a database that answers but cannot be used: read-only, without rights, or damaged.

The drivers do not classify these as operational errors. Callers handle them like a database that
is away, so they are raised as `OperationalError`.
"""

from __future__ import annotations

import sqlite3

from sqlalchemy import Engine, event
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import DBAPIError, OperationalError, SQLAlchemyError

from newsletter.i18n.messages import msg

#: The remedy for a server that answers but accepts no changes.
REFUSAL_REMEDY = msg(
    "If its disk is full, free up space. If it is a standby or set to read-only, point DATABASE_URL"
    " to the primary server. If its user lacks rights, grant them. Sending then continues"
    " automatically."
)

_READ_ONLY = "it is read-only, such as a standby: DATABASE_URL must lead to the primary server"
_RIGHTS = "the user of DATABASE_URL must own its tables"
_CROWDED = "raise max_connections, or the limit of its user, or end other connections"
_ROOM = "free up space on its disk"
_FILE = "check the owner and permissions of its file and folder, and the disk"
_DAMAGE = "its data is damaged: stop the workers and the web, keep a copy, and restore a backup"

#: The remedy for the log, by SQLSTATE or SQLite result code.
_ADVICE: dict[str | int, str] = {
    "25006": _READ_ONLY,
    "42501": _RIGHTS,
    "53100": _ROOM,
    "XX001": _DAMAGE,
    "XX002": _DAMAGE,
    sqlite3.SQLITE_FULL: _ROOM,
    **dict.fromkeys(
        (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_IOERR), _FILE
    ),
    **dict.fromkeys((sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB), _DAMAGE),
}
#: SQLSTATEs: read-only, idle and transaction timeouts, and insufficient privilege.
_OPERATIONAL = frozenset({"25006", "25P03", "25P04", "42501"})
#: The SQLSTATE class of internal errors.
_INTERNAL = "XX"
_TAKES_NO_CHANGES = frozenset({"25006", "42501", "53100"})


def _code(error: BaseException | None) -> str | int:
    """Return an error's SQLSTATE, or its primary SQLite result code."""
    original = getattr(error, "orig", None)
    state = getattr(original, "sqlstate", None)
    return state or getattr(original, "sqlite_errorcode", 0) & 0xFF


def is_damaged(error: SQLAlchemyError) -> bool:
    """Return whether stored data cannot be read; other tables may be intact."""
    code = _code(error)
    return str(code).startswith(_INTERNAL) or _ADVICE.get(code) is _DAMAGE


def takes_no_changes(error: SQLAlchemyError) -> bool:
    """Return whether the server answers but accepts no changes."""
    return _code(error) in _TAKES_NO_CHANGES


def advice_on(error: SQLAlchemyError) -> str:
    """Return the remedy for an error, for the log, or an empty string."""
    if is_crowded(error):
        return _CROWDED
    return _ADVICE.get(_code(error), "")


def is_crowded(error: SQLAlchemyError) -> bool:
    """Return whether the server runs and has no connection left."""
    original = getattr(error, "orig", None)
    if not isinstance(error, OperationalError) or isinstance(original, sqlite3.Error):
        return False
    from newsletter.database import postgres  # noqa: PLC0415 - not needed for SQLite

    # The driver has no code for a connection that was not made.
    return postgres.is_crowded(str(original))


def operational(error: DBAPIError) -> DBAPIError:
    """Return the error as an OperationalError if it means that the database cannot be used."""
    if isinstance(error, OperationalError) or error.orig is None:
        return error
    if _code(error) not in _OPERATIONAL and not is_damaged(error):
        return error
    return OperationalError(
        error.statement or "",
        error.params,
        error.orig,
        hide_parameters=True,
        connection_invalidated=error.connection_invalidated,
        code=error.code,
    )


def raise_as_operational(engine: Engine) -> None:
    """Make an engine raise errors as `operational` returns them."""

    @event.listens_for(engine, "handle_error", retval=True)
    def turn(context: ExceptionContext) -> DBAPIError | None:
        error = context.sqlalchemy_exception
        return operational(error) if isinstance(error, DBAPIError) else None
