"""Connections to PostgreSQL that never wait for ever.

A server that refuses is told at once. One that falls silent, because its host hangs or a network
swallows packets, is not: TCP alone would wait for hours. So each connection has limits on three
floors: TCP asks whether the other side lives, the server ends what takes too long, and the client
gives up a little after the server should have.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar, cast

import psycopg
from psycopg.abc import PQGen
from sqlalchemy import Connection, Engine, event, text
from sqlalchemy.exc import DBAPIError

T = TypeVar("T")

#: Seconds until a connection stands, or another host of the URL is tried.
_CONNECT_SECONDS = 5
#: Whoever is told waits so long for a server that is away, and tries as often: a restart takes
#: some seconds.
_PATIENCE_SECONDS = 10.0
_PAUSE_SECONDS = 0.2
#: What no waiting mends: a server that was reached and turns us away for good. libpq tells no
#: SQLSTATE of a connection that failed, so its words must do (28P01, 28000, 3D000 and 42501), in
#: English and Japanese; whatever else a server says of itself, as while it starts, is waited for.
_TURNS_AWAY = re.compile(
    r"authentication failed|no password supplied|pg_hba\.conf|not permitted to log in"
    r"|(?:database|role) \S+ does not exist|permission denied for database"
    r"|認証に失敗|(?:データベース|ロール)\S+は存在しません|ログインが許可されません"
    r"|データベース\S*へのアクセスが拒否"
)
#: What libpq begins with what each of several hosts said.
_EACH_HOST = re.compile(r"connection to server (?:at|on) ")
#: TCP asks after so many seconds of silence, so often, and gives up unanswered data after so long.
_KEEPALIVE = {"idle": 10, "interval": 5, "count": 3}
_UNANSWERED_SECONDS = 25
#: The server is given so many seconds to say that a statement took too long.
_GRACE_SECONDS = 5.0
#: What plans a mailing to millions, or changes tables, may take so long.
_LONG_SECONDS = 3600.0
#: A long transaction of a client that went away without a word keeps its locks for at most so
#: long; any other, for as long as a statement may take.
_LONG_IDLE_SECONDS = 300


#: What was claimed must be on the disk before its mail leaves, whatever the server's default.
_FORCE = """
SELECT set_config('synchronous_commit', 'on', false)
WHERE current_setting('synchronous_commit') = 'off'
"""
#: What no client can make good: the server itself forces nothing.
_UNSAFE = """
SELECT name FROM pg_settings
WHERE name IN ('fsync', 'full_page_writes', 'synchronous_commit') AND setting = 'off'
ORDER BY name
"""
#: Takes half a megabyte on the disk of the database, and leaves nothing behind.
_TRIAL = """
SET LOCAL temp_tablespaces = '';
CREATE TEMPORARY TABLE trial_of_writing AS SELECT generate_series(1, 15000);
"""


class _PatientConnection(psycopg.Connection[Any]):
    """Gives up when the server says nothing for ``patience`` seconds."""

    patience = _LONG_SECONDS

    def wait(self, gen: PQGen[T], interval: float = 0.1, timeout: float | None = None) -> T:
        """See psycopg; without a timeout of the caller's, ours counts."""
        if timeout is not None:
            return super().wait(gen, interval, timeout)
        try:
            return super().wait(gen, interval, self.patience)
        except psycopg.errors._WaitTimeout:  # noqa: SLF001 - the only name that tells it apart
            # Nobody knows what the server did with it: the connection is of no use any more.
            self.pgconn.finish()
            raise psycopg.OperationalError(
                f"the server did not answer within {self.patience:g} seconds"
            ) from None


def limit(engine: Engine, seconds: float, on_wait: Callable[[str], None] | None) -> None:
    """Let no statement of an engine take longer than so many seconds, nor wait longer for it.

    Args:
        engine: Of the database.
        seconds: See above.
        on_wait: Told why, once each time, where a new connection waits for a server that is away;
            None to wait for none.
    """

    @event.listens_for(engine, "do_connect")
    def connect(
        _dialect: object, _record: object, args: list[Any], options: dict[str, Any]
    ) -> _PatientConnection:
        own = {
            "connect_timeout": _CONNECT_SECONDS,
            "keepalives": 1,
            **{f"keepalives_{name}": value for name, value in _KEEPALIVE.items()},
            "tcp_user_timeout": _UNANSWERED_SECONDS * 1000,
        }
        connection = _connect(args, own | options, on_wait)
        connection.patience = seconds + _GRACE_SECONDS
        _set(connection, seconds)
        return connection

    @event.listens_for(engine, "checkin")
    def reset(connection: _PatientConnection | None, _record: object) -> None:
        if connection is not None:
            connection.patience = seconds + _GRACE_SECONDS


def _connect(
    args: Sequence[Any], options: dict[str, Any], on_wait: Callable[[str], None] | None
) -> _PatientConnection:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    told = False
    while True:
        try:
            return _PatientConnection.connect(*args, **options)
        except psycopg.OperationalError as error:
            if on_wait is None or time.monotonic() > deadline or turns_away(str(error)):
                raise
            if not told:
                on_wait(str(error).partition("\n")[0])
                told = True
            time.sleep(_PAUSE_SECONDS)


def turns_away(words: str) -> bool:
    """Return whether a connection failed for a reason that no waiting mends, at every host."""
    hosts = _EACH_HOST.split(words)
    return all(_TURNS_AWAY.search(said) for said in hosts[1:] or hosts)


def _set(connection: _PatientConnection, seconds: float) -> None:
    """Set the server's side; by statements, since a pooler in between takes no start options."""
    values = {
        "statement_timeout": int(seconds * 1000),
        "idle_in_transaction_session_timeout": int(seconds * 1000),
        **{f"tcp_keepalives_{name}": value for name, value in _KEEPALIVE.items()},
        "tcp_user_timeout": _UNANSWERED_SECONDS * 1000,
    }
    connection.autocommit = True
    connection.execute("; ".join(f"SET {name} = {value}" for name, value in values.items()))
    connection.execute(_FORCE)
    connection.autocommit = False


def unsafe_settings(connection: Connection) -> Sequence[str]:
    """Return the settings by which the server may lose at a power cut what it said it has."""
    return connection.scalars(text(_UNSAFE)).all()


def write_refusal(engine: Engine) -> str:
    """Return the server's words where it takes no writes, by trying one; empty where it does."""
    with engine.connect() as connection:
        try:
            connection.exec_driver_sql(_TRIAL)
        except DBAPIError as error:
            if isinstance(error.orig, psycopg.errors.InsufficientPrivilege):
                return ""
            return str(error.orig).partition("\n")[0]
        finally:
            connection.rollback()
    return ""


def allow_long(connection: Connection) -> None:
    """Let the statements of a connection's present transaction take an hour."""
    driver = connection.connection.driver_connection
    cast("_PatientConnection", driver).patience = _LONG_SECONDS
    connection.exec_driver_sql(
        f"SET LOCAL statement_timeout = {int(_LONG_SECONDS * 1000)};"
        f" SET LOCAL idle_in_transaction_session_timeout = {_LONG_IDLE_SECONDS * 1000}"
    )
