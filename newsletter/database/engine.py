"""Engine, sessions and errors of the database: the same guarantees from SQLite and PostgreSQL.

SQLite runs in WAL mode, in which readers never wait. Writing transactions begin with
``BEGIN IMMEDIATE``: a transaction that reads first and writes later would fail at once, without the
busy timeout, if another one wrote in between.

Errors of a database that answers but cannot be used (read-only, without rights, damaged) are raised
as `OperationalError`, which the drivers do not do, so that callers handle them like a database that
is away.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from pathlib import Path

from sqlalchemy import Connection, Engine, create_engine, event, func, select
from sqlalchemy.engine import ExceptionContext, make_url
from sqlalchemy.exc import (
    ArgumentError,
    DBAPIError,
    InterfaceError,
    OperationalError,
    SQLAlchemyError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.orm import Session
from sqlalchemy.pool import ConnectionPoolEntry

from newsletter.database.folding import fold_text, fts_text
from newsletter.database.types import UtcDateTime, now
from newsletter.disk import make_folder
from newsletter.errors import Place, SettingError, system_reason
from newsletter.i18n.messages import msg

#: The default timeout of statements, in seconds.
STATEMENT_SECONDS = 45.0
#: Seconds that a thread waits for a connection of the pool.
_POOL_SECONDS = 10
#: Milliseconds that a SQLite connection waits for a lock.
_BUSY_TIMEOUT = 30_000

#: The execution option with the seconds for which transactions wait for a lock.
_LOCK_SECONDS = "lock_seconds"

#: SQLite compares JSON keys as they are written, so an escaped key would not be found.
_to_json = partial(json.dumps, ensure_ascii=False)


def open_engine(
    url: str,
    *,
    seconds: float = STATEMENT_SECONDS,
    on_wait: Callable[[str], None] | None = None,
) -> Engine:
    """Return an engine for a ``sqlite:///`` or ``postgresql://`` URL.

    Its errors omit the parameters of statements, which contain people's addresses.

    Args:
        url: The database URL.
        seconds: The timeout of statements. A server that does not reply for longer counts as away.
            For SQLite this applies to waiting for locks only.
        on_wait: Called with the reason if connecting is retried for some seconds because the server
            is away; None to raise at once, for callers that retry themselves.

    Raises:
        SettingError: The URL is not valid, or is of another database.
    """
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise SettingError(
            msg("This is not a database URL."),
            place=Place(source=msg("settings"), field="DATABASE_URL"),
        ) from None
    match parsed.get_backend_name():
        case "sqlite":
            if parsed.database:
                _make_folder(Path(parsed.database).parent)
            engine = create_engine(
                parsed,
                connect_args={"timeout": _BUSY_TIMEOUT / 1000},
                json_serializer=_to_json,
                hide_parameters=True,
            )
            event.listen(engine, "connect", _prepare_sqlite)
            event.listen(engine, "begin", _begin_sqlite)
        case "postgresql":
            engine = create_engine(
                parsed.set(drivername="postgresql+psycopg"),
                pool_pre_ping=True,
                pool_timeout=_POOL_SECONDS,
                hide_parameters=True,
                json_serializer=_to_json,
            )
            # Imported here, since SQLite does not need the driver of PostgreSQL.
            from newsletter.database import postgres  # noqa: PLC0415

            postgres.limit(engine, seconds, on_wait)
            event.listen(engine, "begin", _begin_postgres)
        case name:
            raise SettingError(
                msg("The database “{name}” is not supported.", name=name),
                place=Place(source=msg("settings"), field="DATABASE_URL"),
                remedy=msg("Use sqlite:///… or postgresql://…."),
            )
    raise_as_operational(engine)
    return engine


def _make_folder(path: Path) -> None:
    try:
        make_folder(path)
    except OSError as error:
        raise SettingError(
            msg(
                "The folder {path} cannot be created: {reason}.",
                path=path,
                reason=system_reason(error),
            ),
            place=Place(source=msg("settings"), field="DATABASE_URL"),
            remedy=msg("Set DATABASE_URL or DATA_DIR to a place where this user may write."),
        ) from None


def _prepare_sqlite(connection: sqlite3.Connection, _entry: ConnectionPoolEntry) -> None:
    connection.isolation_level = None
    for pragma in (
        "journal_mode = WAL",
        # A claim must be on the disk before its mail is sent; NORMAL could lose it in a power cut.
        "synchronous = FULL",
        f"busy_timeout = {_BUSY_TIMEOUT}",
        "foreign_keys = ON",
        # Deleted data are overwritten in the file, whatever the library's default is.
        "secure_delete = ON",
    ):
        connection.execute(f"PRAGMA {pragma}")
    connection.create_function("fold_text", 1, fold_text, deterministic=True)
    # Called by the triggers of `person_words`.
    connection.create_function("fts_text", 1, fts_text, deterministic=True)


def _begin_sqlite(connection: Connection) -> None:
    options = connection.get_execution_options()
    if options.get("read_only"):
        connection.exec_driver_sql("BEGIN DEFERRED")
        return
    seconds = options.get(_LOCK_SECONDS)
    if seconds is not None:
        connection.exec_driver_sql(f"PRAGMA busy_timeout = {int(seconds * 1000)}")
    try:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    finally:
        # The connection returns to the pool, and there are no other locks to wait for.
        if seconds is not None:
            connection.exec_driver_sql(f"PRAGMA busy_timeout = {_BUSY_TIMEOUT}")


def _begin_postgres(connection: Connection) -> None:
    options = connection.get_execution_options()
    seconds = options.get(_LOCK_SECONDS)
    if seconds is not None and not options.get("read_only"):
        connection.exec_driver_sql(f"SET LOCAL lock_timeout = {int(seconds * 1000)}")


def waiting_at_most(engine: Engine, seconds: float) -> Engine:
    """Return the engine with transactions that wait no longer for the locks of others.

    For what somebody waits for in a browser, or what is not worth waiting for. Afterwards they fail
    as if the database was away; see `is_away`.
    """
    return engine.execution_options(**{_LOCK_SECONDS: seconds})


def unsafe_settings(connection: Connection) -> Sequence[str]:
    """Return the server's settings with which a power cut may lose committed transactions."""
    if connection.dialect.name != "postgresql":
        return ()
    from newsletter.database import postgres  # noqa: PLC0415 - not needed for SQLite

    return postgres.unsafe_settings(connection)


def write_refusal(engine: Engine) -> str:
    """Return why the server accepts no writes, such as a full disk; empty if it does.

    A write is tried, which takes some milliseconds. For SQLite, `newsletter.disk` checks the disk.
    """
    if engine.dialect.name != "postgresql":
        return ""
    from newsletter.database import postgres  # noqa: PLC0415 - not needed for SQLite

    return postgres.write_refusal(engine)


def server_now(session: Session) -> datetime:
    """Return the time of the database server's clock, which is the same for all hosts.

    For SQLite, which is used by one host only, it is the host's clock.
    """
    if session.get_bind().dialect.name != "postgresql":
        return now()
    return session.scalars(select(func.clock_timestamp(type_=UtcDateTime()))).one()


def allow_long(connection: Connection) -> None:
    """Raise the timeout to an hour for the connection's present transaction."""
    if connection.dialect.name == "postgresql":
        from newsletter.database import postgres  # noqa: PLC0415 - not needed for SQLite

        postgres.allow_long(connection)


@contextmanager
def transaction(
    engine: Engine, *, of_one_instant: bool = False, long: bool = False
) -> Iterator[Session]:
    """Open a session that commits at the end, or rolls back on any exception.

    Args:
        engine: The database.
        of_one_instant: Whether all statements must see the same snapshot. SQLite always does this.
            On PostgreSQL, rows that another transaction changed meanwhile cannot be changed.
        long: Whether statements may take an hour, because they process a whole list.
    """
    if of_one_instant and engine.dialect.name == "postgresql":
        engine = engine.execution_options(isolation_level="REPEATABLE READ")
    with Session(engine, expire_on_commit=False) as session, session.begin():
        if long:
            allow_long(session.connection())
        yield session


@contextmanager
def reading(engine: Engine) -> Iterator[Session]:
    """Open a session for reading, which never waits for writing transactions."""
    with (
        engine.connect().execution_options(read_only=True) as connection,
        Session(connection, expire_on_commit=False) as session,
    ):
        yield session


#: The errors of a database that is away, locked, read-only, damaged or shutting down, or whose
#: connections all hang.
AWAY = (OperationalError, InterfaceError, PoolTimeoutError)


def is_away(error: SQLAlchemyError) -> bool:
    """Return whether an error means that the database is temporarily not available.

    SQLite also raises OperationalError for faulty statements, such as for a missing table.
    """
    code = getattr(getattr(error, "orig", None), "sqlite_errorcode", None)
    return isinstance(error, AWAY) and code != sqlite3.SQLITE_ERROR


#: SQLSTATEs of PostgreSQL: unique violation, deadlock, and serialization failure.
_OVERTAKEN = frozenset({"23505", "40P01", "40001"})


def is_overtaken(error: SQLAlchemyError) -> bool:
    """Return whether a transaction failed because of a concurrent one, so that it can be retried.

    This does not happen on SQLite, where only one transaction can write at a time.
    """
    return getattr(getattr(error, "orig", None), "sqlstate", None) in _OVERTAKEN


def reason_of(error: SQLAlchemyError) -> str:
    """Return the database's or driver's message of an error with what to do, for the log.

    Further lines are omitted: they contain the statement, parameters and rows, and so personal
    data.
    """
    lines = str(getattr(error, "orig", None) or error).strip().splitlines()
    words = lines[0] if lines else type(error).__name__
    advice = advice_on(error)
    return f"{words} ({advice})" if advice else words


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
