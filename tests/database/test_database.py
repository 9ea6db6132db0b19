"""The database's foundations, alike on SQLite and PostgreSQL."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, select, text

from newsletter.database.engine import open_engine, reading, transaction, unsafe_settings
from newsletter.database.migrations import upgrade
from newsletter.database.tables import Base, SubscriberRow
from newsletter.errors import SettingError


@pytest.mark.filterwarnings("ignore:autogenerate skipping", "ignore:Skipped unsupported reflection")
def test_migrations_yield_the_tables_as_declared(engine: Engine) -> None:
    with engine.connect() as connection:
        context = MigrationContext.configure(connection)
        differences = [
            difference
            for difference in compare_metadata(context, Base.metadata)
            if "uq_suppression_address_key" not in repr(difference)
            # Each database has indexes of letters in a form of its own.
            and not any(name in repr(difference) for name in ("word_index", "person_words"))
        ]
    assert differences == []


def test_no_number_is_given_twice(engine: Engine) -> None:
    if engine.dialect.name == "sqlite":
        with engine.connect() as connection:
            tables = text("SELECT name, sql FROM sqlite_master WHERE type = 'table'")
            made = {row.name: str(row.sql) for row in connection.execute(tables)}
        counted = {
            table.name
            for table in Base.metadata.sorted_tables
            if table.autoincrement_column is not None
            and table.autoincrement_column.autoincrement is True
        }
        assert {name for name in counted if "AUTOINCREMENT" not in made[name]} == set()
    numbers = []
    for _ in range(2):
        with transaction(engine) as session:
            session.add(row := SubscriberRow(address="a@example.jp", address_key="a@example.jp"))
            session.flush()
            numbers.append(row.id)
        with transaction(engine) as session:
            session.delete(session.get_one(SubscriberRow, numbers[-1]))
    assert numbers[0] < numbers[1]


def test_upgrading_twice_changes_nothing(engine: Engine) -> None:
    upgrade(engine)


def test_an_instant_comes_back_in_utc(engine: Engine) -> None:
    tokyo = timezone(timedelta(hours=9))
    with transaction(engine) as session:
        session.add(
            SubscriberRow(
                address="a@example.jp",
                address_key="a@example.jp",
                created_at=datetime(2021, 10, 21, 9, tzinfo=tokyo),
            )
        )
    with reading(engine) as session:
        assert session.scalars(select(SubscriberRow.created_at)).one() == datetime(
            2021, 10, 21, tzinfo=UTC
        )


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_sqlite_forces_what_it_commits_and_overwrites_what_is_erased(engine: Engine) -> None:
    with engine.connect() as connection:
        kept = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "secure_delete", "foreign_keys")
        }
    assert kept == {"journal_mode": "wal", "synchronous": 2, "secure_delete": 1, "foreign_keys": 1}


def test_a_failed_transaction_leaves_nothing(engine: Engine) -> None:
    def write_and_fail() -> None:
        with transaction(engine) as session:
            session.add(SubscriberRow(address_key="a@example.jp"))
            session.flush()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write_and_fail()
    with reading(engine) as session:
        assert session.scalars(select(SubscriberRow)).all() == []


@pytest.mark.parametrize("url", ["mysql://localhost/x", "no url"])
def test_a_database_we_do_not_support_is_named_as_a_wrong_setting(url: str) -> None:
    with pytest.raises(SettingError, match="DATABASE_URL"):
        open_engine(url)


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_server_that_commits_before_it_forces_is_told_to_force_first(engine: Engine) -> None:
    with engine.begin() as connection:
        name = connection.scalar(text("SELECT current_database()"))
        connection.execute(text(f'ALTER DATABASE "{name}" SET synchronous_commit = off'))
    engine.dispose()
    with engine.connect() as connection:
        assert connection.scalar(text("SHOW synchronous_commit")) == "on"
        assert "synchronous_commit" not in unsafe_settings(connection)
