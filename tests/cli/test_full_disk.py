"""A disk without room."""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

pytestmark = pytest.mark.servers


def _fill_the_disk() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


def test_a_disk_that_takes_no_more_is_named_with_what_to_do(
    sqlite_url: str, tmp_path: Path
) -> None:
    # The database as a command finds it when nothing else has it open.
    assert Path(str(make_url(sqlite_url).database)).exists()
    done = subprocess.run(
        [sys.executable, "-m", "newsletter.cli", "status"],
        env={"DATABASE_URL": sqlite_url, "DATA_DIR": str(tmp_path), "PATH": "/usr/bin:/bin"},
        preexec_fn=_fill_the_disk,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode
    assert "The database cannot write to its disk" in done.stderr
    assert "has space left" in " ".join(done.stderr.split())
