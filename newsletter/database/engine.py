"""Engine and sessions: the same guarantees from SQLite and PostgreSQL.

SQLite runs in WAL mode, so readers never wait; a transaction that writes begins with
``BEGIN IMMEDIATE``, since one that reads first and writes later fails at once when another wrote
in between, without honouring the busy timeout.
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
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.orm import Session
from sqlalchemy.pool import ConnectionPoolEntry

from newsletter.database.folding import fold_text, fts_text
from newsletter.database.types import UtcDateTime, now
from newsletter.disk import make_folder
from newsletter.errors import Place, SettingError, system_reason
from newsletter.i18n.messages import msg

#: Seconds that a statement may take where no setting says otherwise.
STATEMENT_SECONDS = 45.0
#: Seconds that a thread waits for one of its process's connections.
_POOL_SECONDS = 10
#: Milliseconds a SQLite connection waits for another's write to end.
_BUSY_TIMEOUT = 30_000

#: SQLite compares the keys of JSON as they are written: an escaped key would never be found.
_to_json = partial(json.dumps, ensure_ascii=False)


def open_engine(
    url: str,
    *,
    seconds: float = STATEMENT_SECONDS,
    on_wait: Callable[[str], None] | None = None,
) -> Engine:
    """Return an engine for a ``sqlite:///`` or ``postgresql://`` URL.

    Its errors hide the values of statements, which are people's addresses.

    Args:
        url: The database's.
        seconds: How long a statement may take; a database that says nothing for longer counts as
            away. SQLite lives in this process, and waits for others' locks only.
        on_wait: Told why, where a connection is tried again for some seconds because the server is
            away; None for those who try again themselves.

    Raises:
        SettingError: The URL is none, or names another database.
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
            # Imported here: most commands, and every SQLite, do without PostgreSQL's driver.
            from newsletter.database import postgres  # noqa: PLC0415

            postgres.limit(engine, seconds, on_wait)
        case name:
            raise SettingError(
                msg("The database “{name}” is not supported.", name=name),
                place=Place(source=msg("settings"), field="DATABASE_URL"),
                remedy=msg("Use sqlite:///… or postgresql://…."),
            )
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
        # A claim must be on the disk before its mail leaves; NORMAL would lose it with the power.
        "synchronous = FULL",
        f"busy_timeout = {_BUSY_TIMEOUT}",
        "foreign_keys = ON",
        # What is erased is overwritten in the file, whatever the library was built with.
        "secure_delete = ON",
    ):
        connection.execute(f"PRAGMA {pragma}")
    connection.create_function("fold_text", 1, fold_text, deterministic=True)
    # Triggers of `person_words` call it.
    connection.create_function("fts_text", 1, fts_text, deterministic=True)


def _begin_sqlite(connection: Connection) -> None:
    mode = "DEFERRED" if connection.get_execution_options().get("read_only") else "IMMEDIATE"
    connection.exec_driver_sql(f"BEGIN {mode}")


def unsafe_settings(connection: Connection) -> Sequence[str]:
    """Return the server's settings by which a power cut may cost what was committed."""
    if connection.dialect.name != "postgresql":
        return ()
    from newsletter.database import postgres  # noqa: PLC0415 - as above

    return postgres.unsafe_settings(connection)


def write_refusal(engine: Engine) -> str:
    """Return why a server that answers takes no writes, such as on a full disk; empty if it does.

    It is tried, at the cost of some milliseconds. SQLite's disk is `newsletter.disk`'s to look at.
    """
    if engine.dialect.name != "postgresql":
        return ""
    from newsletter.database import postgres  # noqa: PLC0415 - as above

    return postgres.write_refusal(engine)


def server_now(session: Session) -> datetime:
    """Return the time on the database server's clock: the only one that all hosts share.

    SQLite has none of its own, and serves one host.
    """
    if session.get_bind().dialect.name != "postgresql":
        return now()
    return session.scalars(select(func.clock_timestamp(type_=UtcDateTime()))).one()


def allow_long(connection: Connection) -> None:
    """Let the statements of a connection's present transaction take an hour."""
    if connection.dialect.name == "postgresql":
        from newsletter.database import postgres  # noqa: PLC0415 - as above

        postgres.allow_long(connection)


@contextmanager
def transaction(
    engine: Engine, *, of_one_instant: bool = False, long: bool = False
) -> Iterator[Session]:
    """Open a session that commits at the end, or rolls back on any exception.

    Args:
        engine: The database.
        of_one_instant: Whether all its statements must see the same data. SQLite gives no other;
            with PostgreSQL a row that another transaction changed meanwhile cannot be changed.
        long: Whether its statements may take an hour, since they touch a whole list.
    """
    if of_one_instant and engine.dialect.name == "postgresql":
        engine = engine.execution_options(isolation_level="REPEATABLE READ")
    with Session(engine, expire_on_commit=False) as session, session.begin():
        if long:
            allow_long(session.connection())
        yield session


@contextmanager
def reading(engine: Engine) -> Iterator[Session]:
    """Open a session for reading, which never waits for a writer."""
    with (
        engine.connect().execution_options(read_only=True) as connection,
        Session(connection, expire_on_commit=False) as session,
    ):
        yield session


#: What a database raises that is away, locked, or on its way out, or whose connections all hang.
AWAY = (OperationalError, InterfaceError, PoolTimeoutError)


def is_away(error: SQLAlchemyError) -> bool:
    """Return whether an error says that the database does not answer for now.

    SQLite calls a faulty statement, such as for a table that is missing, operational as well.
    """
    code = getattr(getattr(error, "orig", None), "sqlite_errorcode", None)
    return isinstance(error, AWAY) and code != sqlite3.SQLITE_ERROR


#: What PostgreSQL calls that another made the same, that two waited for each other, and that what
#: was read has changed.
_OVERTAKEN = frozenset({"23505", "40P01", "40001"})


def is_overtaken(error: SQLAlchemyError) -> bool:
    """Return whether a transaction gave way to another's, so that running it again may succeed.

    On SQLite one that writes has the database to itself, and none has to.
    """
    return getattr(getattr(error, "orig", None), "sqlstate", None) in _OVERTAKEN


def reason_of(error: SQLAlchemyError) -> str:
    """Return what the database or its driver says of an error, on one line, for the log.

    What follows on further lines are the statement, its values, and rows: they are people's.
    """
    lines = str(getattr(error, "orig", None) or error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
