"""A database that holds data is upgraded, and loses nothing."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import (
    Column,
    Connection,
    Engine,
    MetaData,
    Table,
    create_engine,
    inspect,
    select,
    text,
    types,
)
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError

from newsletter.database import migrations
from newsletter.database.engine import open_engine, reading
from newsletter.database.migrations import is_current, upgrade
from newsletter.database.tables import MailingRow
from newsletter.database.vocabulary import MailingState
from newsletter.errors import ConflictError

pytestmark = pytest.mark.database

_ROWS = (1, 2)
#: Indexes of words: tables of each database's own, and on SQLite some that none may write to.
_OF_ITS_OWN_FORM = ("word_index", "person_words")
#: What a value of its type alone would not be.
_VALUES: dict[tuple[str, str], tuple[object, object]] = {
    ("mailing", "state"): ("paused", "sending"),
    ("mailing", "kind"): ("issue", "issue"),
    ("mailing", "uncertain_policy"): ("ask", "ask"),
    ("mailing_content", "payload"): ("{}", "{}"),
    ("batch", "state"): ("pending", "leased"),
    ("delivery", "state"): ("accepted", "sending"),
}
_NEWEST = max((Path(migrations.__file__).parent / "versions").glob("0*.py")).stem
_NEXT_STEP = """
import sqlalchemy as sa
from alembic import op

revision = "9999_next_step"
down_revision = "NEWEST"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for table in ("newsletter", "subscriber", "mailing", "account", "subscription"):
        with op.batch_alter_table(table, recreate="auto") as batch_op:
            batch_op.add_column(sa.Column("test_word", sa.Text(), server_default="new"))
            one = "subscriber_id" if table == "subscription" else "id"
            batch_op.create_unique_constraint(f"uq_{table}_test", [one, "test_word"])
""".replace("NEWEST", _NEWEST)
_Filled = dict[str, list[dict[str, Any]]]


@pytest.fixture(params=["sqlite", "postgresql"])
def bare(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """A database without any table."""
    if request.param == "sqlite":
        engine = open_engine(f"sqlite:///{tmp_path / 'old.sqlite3'}")
        yield engine
        engine.dispose()
        return
    url = make_url(request.getfixturevalue("postgres_url"))
    admin = create_engine(url.set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text("DROP SCHEMA public CASCADE"))
        connection.execute(text("CREATE SCHEMA public"))
    admin.dispose()
    engine = open_engine(url.render_as_string(hide_password=False))
    yield engine
    engine.dispose()


def _fill(connection: Connection, filled: _Filled) -> None:
    """Put two rows into every table."""
    tables = MetaData()
    tables.reflect(connection)
    for table in tables.sorted_tables:
        if table.name == "alembic_version" or table.name.startswith(_OF_ITS_OWN_FORM):
            continue
        filled[table.name] = [
            {column.name: _value(table, column, number, filled) for column in table.columns}
            for number in _ROWS
        ]
        connection.execute(table.insert(), filled[table.name])


def _by_type(number: int) -> tuple[tuple[type[types.TypeEngine[Any]], object], ...]:
    return (
        (types.Boolean, False),
        (types.Integer, number),
        (types.Numeric, number),
        (types.Float, float(number)),
        (types.DateTime, datetime(2026, 11, number, tzinfo=UTC)),
        (types.Date, date(2026, 11, number)),
        (types.JSON, {}),
        (types.LargeBinary, b"octets"),
    )


def _value(table: Table, column: Column[Any], number: int, filled: _Filled) -> object:
    if (table.name, column.name) in _VALUES:
        return _VALUES[table.name, column.name][number - 1]
    for key in column.foreign_keys:
        target = filled.get(key.column.table.name)
        return None if target is None else target[number - 1][key.column.name]
    for kind, value in _by_type(number):
        if isinstance(column.type, kind):
            return value
    return f"{number}{column.name}"[: getattr(column.type, "length", None)]


def _counts(connection: Connection) -> dict[str, int]:
    names = set(inspect(connection).get_table_names()) - {"alembic_version", "person_words_grams"}
    return {
        name: connection.scalar(text(f'SELECT count(*) FROM "{name}"')) or 0  # noqa: S608 - a table
        for name in sorted(names)
    }


def _triggers(engine: Engine) -> set[str]:
    """Return the triggers of all tables: the audit log's guard, and what notes who changed."""
    query = (
        "SELECT name FROM sqlite_master WHERE type = 'trigger'"
        if engine.dialect.name == "sqlite"
        else "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal"
    )
    with engine.connect() as connection:
        return set(connection.scalars(text(query)))


@pytest.fixture
def next_step(tmp_path: Path) -> Path:
    """A folder with a migration that follows ours, and copies tables that others refer to."""
    folder = tmp_path / "versions"
    folder.mkdir()
    (folder / "next_step.py").write_text(_NEXT_STEP)
    return folder


@pytest.mark.filterwarnings("ignore:Skipped unsupported reflection")
def test_every_table_s_rows_survive_a_migration_of_what_they_refer_to(
    bare: Engine, next_step: Path
) -> None:
    upgrade(bare)
    filled: _Filled = {}
    triggers = _triggers(bare)
    assert any("person_words" in name for name in triggers)
    with bare.begin() as connection:
        _fill(connection, filled)
        before = _counts(connection)
    empty = {name for name, count in before.items() if not count}
    assert not {name for name in empty if not name.startswith(_OF_ITS_OWN_FORM)}
    upgrade(bare, versions=next_step)
    assert _triggers(bare) == triggers
    with bare.begin() as connection:
        assert _counts(connection) == before
        assert set(connection.scalars(text("SELECT test_word FROM subscriber"))) == {"new"}
    with reading(bare) as session:
        states = session.execute(select(MailingRow.state).order_by(MailingRow.id)).scalars()
        assert list(states) == [MailingState.PAUSED, MailingState.SENDING]
    with pytest.raises(DBAPIError), bare.begin() as connection:
        connection.execute(text("UPDATE audit_event SET actor = 'somebody else'"))


def test_a_database_that_contradicts_itself_is_left_as_it_is(
    tmp_path: Path, next_step: Path
) -> None:
    engine = open_engine(f"sqlite:///{tmp_path / 'old.sqlite3'}")
    upgrade(engine)
    with engine.connect() as connection:
        driver = connection.connection.driver_connection
        assert driver is not None
        driver.execute("PRAGMA foreign_keys = OFF")
        driver.execute("INSERT INTO mailing_content (mailing_id, payload) VALUES (99, '')")
        driver.execute("PRAGMA foreign_keys = ON")
    with pytest.raises(ConflictError, match="mailing_content"):
        upgrade(engine, versions=next_step)
    assert is_current(engine)
    with engine.connect() as connection:
        columns = {one["name"] for one in inspect(connection).get_columns("subscriber")}
    assert "test_word" not in columns
    engine.dispose()
