"""Write a migration: ``python -m newsletter.database.migrations "add a column"``."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from newsletter.database.engine import open_engine
from newsletter.database.migrations import upgrade, write_migration


def main(message: str) -> None:
    """Write a migration for the changes of the tables, formatted as `make check` requires."""
    with tempfile.TemporaryDirectory() as folder:
        scratch = open_engine(f"sqlite:///{Path(folder) / 'scratch.sqlite3'}")
        upgrade(scratch)
        written = write_migration(scratch, message)
        scratch.dispose()
    tidy(written)
    sys.stdout.write(f"{written}\n")


def tidy(migration: Path) -> None:
    """Format a migration like all other sources."""
    ruff = (sys.executable, "-m", "ruff")
    for step in (("check", "--fix-only", "--quiet"), ("format", "--quiet")):
        subprocess.run((*ruff, *step, str(migration)), check=True)  # noqa: S603 - our own file


if __name__ == "__main__":
    main(" ".join(sys.argv[1:]) or "change the tables")
