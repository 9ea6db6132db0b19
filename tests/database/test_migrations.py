"""Which databases are upgraded, and what a new migration looks like."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Engine, inspect, text

from newsletter.database import migrations
from newsletter.database.engine import open_engine
from newsletter.database.migrations import is_current, upgrade, write_migration
from newsletter.database.migrations.__main__ import tidy
from newsletter.errors import ConflictError


@pytest.fixture
def database(sqlite_url: str) -> Iterator[Engine]:
    engine = open_engine(sqlite_url)
    yield engine
    engine.dispose()


def _call_its_form(database: Engine, revision: str) -> None:
    with database.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = :it"), {"it": revision})


@pytest.mark.parametrize("revision", ["0001", "0017", "0024"])
def test_a_database_from_before_the_first_release_is_refused_with_the_way_out(
    database: Engine, revision: str
) -> None:
    _call_its_form(database, revision)
    with pytest.raises(ConflictError, match=f"before the first release .*{revision}") as refusal:
        upgrade(database)
    for step in ("subscriber export", "newsletter init", "subscriber import"):
        assert step in str(refusal.value)
    assert not is_current(database)


@pytest.mark.parametrize("lost", ["TABLE join_tally", "COLUMN account.sessions_ended"])
def test_a_database_that_is_called_the_newest_and_is_not_is_refused(
    engine: Engine, lost: str
) -> None:
    kind, _, name = lost.partition(" ")
    table, _, column = name.partition(".")
    drop = f"DROP TABLE {name}" if kind == "TABLE" else f"ALTER TABLE {table} DROP COLUMN {column}"
    with engine.begin() as connection:
        connection.execute(text(drop))
    with pytest.raises(ConflictError, match=f"lacks {table}.*subscriber export"):
        upgrade(engine)


def test_one_of_the_newest_form_is_not_locked_and_waits_for_nobody(database: Engine) -> None:
    with closing(sqlite3.connect(database.url.database or "")) as other:
        other.execute("BEGIN IMMEDIATE")
        upgrade(database)
        other.rollback()


def test_a_database_of_a_newer_version_is_refused_by_its_form(database: Engine) -> None:
    _call_its_form(database, "0042_colours")
    with pytest.raises(ConflictError, match="0042_colours"):
        upgrade(database)


@pytest.mark.servers
def test_a_command_says_so_without_a_trace(database: Engine, tmp_path: Path) -> None:
    _call_its_form(database, "0017")
    database.dispose()
    url = f"DATABASE_URL=sqlite:///{tmp_path / 'newsletter.sqlite3'}\nDATA_DIR={tmp_path}\n"
    (tmp_path / "env").write_text(url)
    answer = subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-m", "newsletter.cli", "--env-file", str(tmp_path / "env"), "status"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode not in {0, 1}
    assert "before the first release" in answer.stderr
    assert "Traceback" not in answer.stderr


@pytest.mark.filterwarnings("ignore:Skipped unsupported reflection")
@pytest.mark.servers
def test_a_written_migration_passes_the_checks_and_closes_the_difference(
    database: Engine, tmp_path: Path
) -> None:
    with database.begin() as connection:
        connection.execute(text("DROP INDEX ix_audit_event_action"))
        connection.execute(text("DROP TABLE held_domain"))
        connection.execute(text("ALTER TABLE mailing DROP COLUMN summary"))
    folder = tmp_path / "versions"
    folder.mkdir()
    written = write_migration(database, 'Add what "is" gone; all of it!', versions=folder)
    tidy(written)
    next_number = len(list((Path(migrations.__file__).parent / "versions").glob("0*.py"))) + 1
    assert written.name == f"{next_number:04}_add_what_is_gone_all_of_it.py"
    # What the folder of migrations is excused from, as pyproject.toml has it.
    for check in (("check", "--ignore", "D103,N999,INP001"), ("format", "--check")):
        subprocess.run(  # noqa: S603 - our own file
            [*(sys.executable, "-m", "ruff", *check), "--config", "pyproject.toml", str(written)],
            check=True,
        )
    upgrade(database, versions=folder)
    found = inspect(database)
    assert "summary" in {column["name"] for column in found.get_columns("mailing")}
    assert found.has_table("held_domain")
    assert "ix_audit_event_action" in {one["name"] for one in found.get_indexes("audit_event")}
