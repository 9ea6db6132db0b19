"""Write a migration: ``python -m newsletter.database.migrations "add a column"``."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from newsletter.database.engine import open_engine
from newsletter.database.migrations import upgrade, write_migration

if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        scratch = open_engine(f"sqlite:///{Path(folder) / 'scratch.sqlite3'}")
        upgrade(scratch)
        write_migration(scratch, " ".join(sys.argv[1:]) or "change the tables")
        scratch.dispose()
