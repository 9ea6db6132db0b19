"""Migrations by Alembic, configured in Python without a configuration file."""

from __future__ import annotations

import re
import warnings
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import Script, ScriptDirectory
from sqlalchemy import Engine, TextClause, text

from newsletter.database.engine import reading
from newsletter.database.tables import Base
from newsletter.errors import ConflictError
from newsletter.i18n.messages import msg
from newsletter.i18n.values import Listing

_HERE = Path(__file__).resolve().parent
_VERSIONS = _HERE / "versions"
#: The names of development revisions, which were in no release.
_BEFORE_RELEASE = re.compile(r"00(?:0[1-9]|1\d|2[0-9])")
#: The maximum number of missing columns that an error names.
_NAMED = 3
#: The maximum length of a revision's name in Alembic's table.
_NAME_CHARACTERS = 32


def _config(engine: Engine, versions: Path = _VERSIONS) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_HERE))
    config.set_main_option("path_separator", "newline")
    folders = dict.fromkeys((_VERSIONS, versions))
    config.set_main_option("version_locations", "\n".join(map(str, folders)))
    config.set_main_option("file_template", "%%(rev)s")
    config.attributes["engine"] = engine
    return config


def upgrade(engine: Engine, *, to: str = "head", versions: Path = _VERSIONS) -> None:
    """Migrate the database to the newest schema; may run again, or twice at the same time.

    A database of the newest schema is neither locked nor searched, since every command calls this.

    Args:
        engine: The database.
        to: The revision to stop at.
        versions: A folder with further migrations, which follow ours.

    Raises:
        ConflictError: The database was made by another version, or has inconsistent rows. Nothing
            was changed.
    """
    config = _config(engine, versions)
    script, revision = ScriptDirectory.from_config(config), _revision(engine)
    if revision is not None and revision == script.get_current_head():
        _require_whole(engine)
        return
    _require_known(revision, script)
    command.upgrade(config, to)


def _require_known(revision: str | None, script: ScriptDirectory) -> None:
    """Raise if the database has a schema that this version does not know."""
    if revision is None or revision in {step.revision for step in script.walk_revisions()}:
        return
    if _BEFORE_RELEASE.fullmatch(revision):
        raise ConflictError(
            msg(
                "The database was created by a version before the first release (revision "
                "{revision}) and cannot be upgraded.",
                revision=revision,
            ),
            remedy=msg(
                "Nothing was changed. With that version, export the subscribers of each "
                "newsletter (newsletter subscriber export); then set DATABASE_URL to a new "
                "database, run “newsletter init”, and import them (newsletter subscriber "
                "import)."
            ),
        )
    raise ConflictError(
        msg(
            "The database has a structure that this version does not know (revision {revision}).",
            revision=revision,
        ),
        remedy=msg(
            "Nothing was changed. A newer version created it: run that version, or "
            "restore a backup from before its upgrade."
        ),
    )


def _require_whole(engine: Engine) -> None:
    """Raise if the database is marked as current but lacks columns: many statements would fail.

    It may have been made by a development version, or restored in part.
    """
    with reading(engine) as session:
        there = {(table, column) for table, column in session.execute(_columns_of(engine))}
    missing = [
        f"{table.name}.{column.name}"
        for table in Base.metadata.sorted_tables
        for column in table.columns
        if (table.name, column.name) not in there
    ]
    if missing:
        raise ConflictError(
            msg(
                "The database was restored in part, or created by a version from before the first "
                "release: it lacks {names}.",
                names=Listing(tuple(missing[:_NAMED])),
            ),
            remedy=msg(
                "Nothing was changed. Restore the whole backup into an empty database; or, with "
                "the version that created it, export the subscribers of each newsletter "
                "(newsletter subscriber export), and import them into a new database."
            ),
        )


def _columns_of(engine: Engine) -> TextClause:
    """Return the query for all tables and columns; one statement, since every command runs it."""
    if engine.dialect.name == "sqlite":
        return text(
            "SELECT m.name, c.name FROM sqlite_master AS m, pragma_table_info(m.name) AS c"
            " WHERE m.type = 'table'"
        )
    return text(
        "SELECT c.relname, a.attname FROM pg_class AS c JOIN pg_attribute AS a"
        " ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped"
        " WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p')"
    )


def _revision(engine: Engine) -> str | None:
    with reading(engine) as session:
        return MigrationContext.configure(session.connection()).get_current_revision()


def is_current(engine: Engine) -> bool:
    """Return whether the database has the newest schema."""
    return _revision(engine) == ScriptDirectory.from_config(_config(engine)).get_current_head()


def write_migration(engine: Engine, message: str, *, versions: Path = _VERSIONS) -> Path:
    """Write a migration from the difference between ``engine``'s database and the tables.

    Args:
        engine: A database with the newest schema.
        message: The description of the change, from which the revision's name is made.
        versions: The folder to write to.

    Returns:
        The file as written by Alembic, not formatted.
    """
    config = _config(engine, versions)
    number = len(list(ScriptDirectory.from_config(config).walk_revisions())) + 1
    slug = re.sub(r"[^a-z0-9]+", "_", message.lower()).strip("_") or "change"
    with warnings.catch_warnings():
        # Alembic does not compare SQLite's expression indexes; a test finds missing ones.
        warnings.filterwarnings("ignore", ".*expression-based index")
        script = command.revision(
            config,
            message=message,
            autogenerate=True,
            rev_id=f"{number:04}_{slug}"[:_NAME_CHARACTERS].rstrip("_"),
            version_path=str(versions),
        )
    if not isinstance(script, Script):
        raise TypeError(f"One migration was to be written, not {script!r}.")
    return Path(script.path)
