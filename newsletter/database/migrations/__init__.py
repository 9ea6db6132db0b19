"""Migrations by Alembic, run through Python: no configuration file to find."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine

_HERE = Path(__file__).resolve().parent


def _config(engine: Engine) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_HERE))
    config.attributes["engine"] = engine
    return config


def upgrade(engine: Engine, *, to: str = "head") -> None:
    """Bring the database to the newest form; running it again, or twice at once, does no harm.

    Raises:
        ConflictError: Rows of it contradict each other; nothing was changed.
    """
    command.upgrade(_config(engine), to)


def revisions(engine: Engine) -> list[str]:
    """Return every form that a database had, the first one first."""
    script = ScriptDirectory.from_config(_config(engine))
    return [step.revision for step in reversed(list(script.walk_revisions()))]


def is_current(engine: Engine) -> bool:
    """Return whether the database has the newest form."""
    newest = ScriptDirectory.from_config(_config(engine)).get_current_head()
    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision() == newest


def write_migration(engine: Engine, message: str) -> None:
    """Write a migration from the difference between ``engine``'s database and the tables."""
    command.revision(_config(engine), message=message, autogenerate=True)
