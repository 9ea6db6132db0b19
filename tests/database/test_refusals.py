"""A database that can be used by nobody for now is said to be so, whatever its driver calls it."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from sqlalchemy import Engine, make_url, text
from sqlalchemy.exc import DBAPIError

from newsletter.cli.failures import explained
from newsletter.database.driver import driver_of
from newsletter.database.engine import AWAY, open_engine, reading, reason_of, transaction
from newsletter.errors import SettingError, UnavailableError
from tests.support.databases import each_database
from workers.isolation import isolated

_POSTGRESQL = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)


def _failure(engine: Engine, *statements: str) -> DBAPIError:
    *before, failing = map(text, statements)
    with transaction(engine) as session:
        for statement in before:
            session.execute(statement)
        with pytest.raises(AWAY) as raised:
            session.execute(failing)
        session.rollback()
    assert isinstance(raised.value, DBAPIError)
    return raised.value


@_POSTGRESQL
@pytest.mark.parametrize(
    ("statements", "advice"),
    [
        (["SET TRANSACTION READ ONLY", "DELETE FROM mailing"], "the primary server"),
        (["SET LOCAL ROLE pg_monitor", "DELETE FROM mailing"], "must own its tables"),
        (["DO $$BEGIN RAISE 'full' USING ERRCODE = '53100'; END$$"], "free up space"),
        (["SET LOCAL transaction_timeout = 50", "SELECT pg_sleep(1)"], ""),
    ],
    ids=["read-only", "rights", "disk", "timeout"],
)
def test_a_server_that_takes_nothing_is_away_and_its_operator_told_what_to_do(
    engine: Engine, statements: list[str], advice: str
) -> None:
    failure = _failure(engine, *statements)
    assert advice in reason_of(failure)
    assert "\n" not in reason_of(failure)
    assert isinstance(explained(failure), UnavailableError)


@_POSTGRESQL
def test_what_the_driver_is_told_without_sqlalchemy_fails_alike(engine: Engine) -> None:
    with transaction(engine) as session:
        session.execute(text("SET TRANSACTION READ ONLY"))
        with pytest.raises(AWAY), driver_of(session.connection(), "a delete") as driver:
            driver.execute("DELETE FROM mailing")


def _damage(engine: Engine, database_url: str) -> str:
    """Damage a database; return a statement that meets it."""
    if engine.dialect.name == "postgresql":
        return "DO $$BEGIN RAISE 'invalid page' USING ERRCODE = 'XX001'; END$$"
    engine.dispose()
    path = Path(make_url(database_url).database or "")
    path.write_bytes(b"\xff" * 4096 + path.read_bytes()[4096:])
    return "SELECT count(*) FROM mailing"


@each_database
def test_damaged_data_is_one_line_and_holds_up_no_other_step(
    engine: Engine, database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    statement = _damage(engine, database_url)
    damaged = open_engine(database_url)
    with isolated("a step"), reading(damaged) as session:
        session.execute(text(statement))
    damaged.dispose()
    (line,) = caplog.records
    assert (line.levelno, line.exc_info) == (logging.ERROR, None)
    assert "restore a backup" in line.getMessage()


@_POSTGRESQL
def test_a_database_of_another_encoding_is_refused_with_the_way_to_make_it(
    engine: Engine, database_url: str
) -> None:
    options = "ENCODING 'EUC_JP' LOCALE 'C' TEMPLATE template0"
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text(f"CREATE DATABASE of_euc_jp {options}"))
        url = make_url(database_url).set(database="of_euc_jp")
        other = open_engine(url.render_as_string(hide_password=False))
        with pytest.raises(SettingError, match="EUC_JP"), reading(other):
            pass
        connection.execute(text("DROP DATABASE of_euc_jp WITH (FORCE)"))
