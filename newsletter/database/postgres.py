"""Connections to PostgreSQL with timeouts.

If a server rejects a connection, the error comes at once. If it stops replying, because its host
hangs or the network drops packets, TCP alone would wait for hours. Each connection therefore has
timeouts at three levels: TCP keepalive, the server's statement timeout, and a timeout of the client
that is a little longer.
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

from newsletter.errors import Place, SettingError
from newsletter.i18n.messages import msg

T = TypeVar("T")

#: Timeout for connecting, in seconds, before the next host of the URL is tried.
_CONNECT_SECONDS = 5
#: Seconds for which connecting is retried while the server is away, if ``on_wait`` is given: a
#: restart takes some seconds.
_PATIENCE_SECONDS = 10.0
_PAUSE_SECONDS = 0.2
#: Messages of a server that rejects the connection permanently (28P01, 28000, 3D000 and 42501), in
#: English and Japanese. libpq provides no SQLSTATE for failed connections. All other messages, such
#: as those of a starting server, are treated as temporary.
_TURNS_AWAY = re.compile(
    r"authentication failed|no password supplied|pg_hba\.conf|not permitted to log in"
    r"|(?:database|role) \S+ does not exist|permission denied for database"
    r"|認証に失敗|(?:データベース|ロール)\S+は存在しません|ログインが許可されません"
    r"|データベース\S*へのアクセスが拒否"
)
#: A server, or a pooler before it, that has no connection left, in English and Japanese.
_CROWDED = re.compile(
    r"too many (?:clients|connections)|remaining connection slots|no more connections allowed"
    r"|クライアント数が多すぎ|接続が多すぎ|残りの接続枠"
)
#: The beginning of each host's part in libpq's message.
_EACH_HOST = re.compile(r"connection to server (?:at|on) ")
#: TCP keepalive: seconds of silence before the first probe, seconds between probes, their number.
_KEEPALIVE = {"idle": 10, "interval": 5, "count": 3}
_UNANSWERED_SECONDS = 25
#: Seconds by which the client's timeout exceeds the server's statement timeout.
_GRACE_SECONDS = 5.0
#: The timeout in seconds for statements that plan mailings to millions, or change tables.
_LONG_SECONDS = 3600.0
#: Seconds after which the server ends an idle long transaction, whose client may have been lost
#: without closing the connection. For other transactions it is the statement timeout.
_LONG_IDLE_SECONDS = 300


#: Claims must be on the disk before their mail is sent, whatever the server's default is.
_FORCE = """
SELECT set_config('synchronous_commit', 'on', false)
WHERE current_setting('synchronous_commit') = 'off'
"""
#: Server settings that no client can override, with which commits are not forced to the disk.
_UNSAFE = """
SELECT name FROM pg_settings
WHERE name IN ('fsync', 'full_page_writes', 'synchronous_commit') AND setting = 'off'
ORDER BY name
"""
#: Writes half a megabyte to the database's disk, and leaves nothing behind.
_TRIAL = """
SET LOCAL temp_tablespaces = '';
CREATE TEMPORARY TABLE trial_of_writing AS SELECT generate_series(1, 15000);
"""


class _PatientConnection(psycopg.Connection[Any]):
    """A connection that fails if the server does not reply for ``patience`` seconds."""

    patience = _LONG_SECONDS

    def wait(self, gen: PQGen[T], interval: float = 0.1, timeout: float | None = None) -> T:
        """See psycopg; the default timeout is ``patience``."""
        if timeout is not None:
            return super().wait(gen, interval, timeout)
        try:
            return super().wait(gen, interval, self.patience)
        except psycopg.errors._WaitTimeout:  # noqa: SLF001 - the only name that tells it apart
            # The state of the statement is unknown, so the connection cannot be used any more.
            self.pgconn.finish()
            raise psycopg.OperationalError(
                f"the server did not answer within {self.patience:g} seconds"
            ) from None


def limit(engine: Engine, seconds: float, on_wait: Callable[[str], None] | None) -> None:
    """Set the timeouts of an engine's connections.

    Args:
        engine: The engine.
        seconds: The timeout of statements, in seconds.
        on_wait: Called with the reason, once per connection, when connecting is retried because the
            server is away; None to raise at once.
    """

    @event.listens_for(engine, "do_connect")
    def connect(
        _dialect: object, _record: object, args: list[Any], options: dict[str, Any]
    ) -> _PatientConnection:
        own = {
            "connect_timeout": _CONNECT_SECONDS,
            "client_encoding": "utf8",
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
            return _require_unicode(_PatientConnection.connect(*args, **options))
        except psycopg.OperationalError as error:
            if on_wait is None or time.monotonic() > deadline or turns_away(str(error)):
                raise
            if not told:
                on_wait(str(error).partition("\n")[0])
                told = True
            time.sleep(_PAUSE_SECONDS)


def _require_unicode(connection: _PatientConnection) -> _PatientConnection:
    """Return the connection if the encoding of its database is UTF8.

    Raises:
        SettingError: It has another encoding, such as where the server's locale is C.
    """
    encoding = connection.info.parameter_status("server_encoding")
    if encoding in {"UTF8", None}:
        return connection
    connection.close()
    raise SettingError(
        msg("The encoding of the database is {encoding}, not UTF8.", encoding=encoding),
        place=Place(source=msg("settings"), field="DATABASE_URL"),
        remedy=msg("Create it again: CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0."),
    )


def turns_away(words: str) -> bool:
    """Return whether all hosts rejected the connection permanently."""
    hosts = _EACH_HOST.split(words)
    return all(_TURNS_AWAY.search(said) for said in hosts[1:] or hosts)


def is_crowded(words: str) -> bool:
    """Return whether a server rejected the connection because it has too many of them."""
    return bool(_CROWDED.search(words))


def _set(connection: _PatientConnection, seconds: float) -> None:
    """Set the server's timeouts, by statements, since poolers do not accept startup options."""
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
    """Return the server's settings with which a power cut may lose committed transactions."""
    return connection.scalars(text(_UNSAFE)).all()


def write_refusal(engine: Engine) -> str:
    """Return the server's error if it accepts no writes; empty if a trial write succeeds."""
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
    """Raise the timeout to an hour for the connection's present transaction."""
    driver = connection.connection.driver_connection
    cast("_PatientConnection", driver).patience = _LONG_SECONDS
    connection.exec_driver_sql(
        f"SET LOCAL statement_timeout = {int(_LONG_SECONDS * 1000)};"
        f" SET LOCAL idle_in_transaction_session_timeout = {_LONG_IDLE_SECONDS * 1000}"
    )
