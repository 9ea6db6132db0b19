"""Where a run of the tests keeps its files: a folder of its own, in memory where there is room."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import pytest

_MEMORY = Path("/dev/shm")
_ROOM = 4 * 2**30
_KEY = pytest.StashKey[Path]()


def quick_folder() -> Path:
    """Return where files are quickest: memory that admits programs and has room, or the usual."""
    try:
        room = os.statvfs(_MEMORY)
    except OSError:
        return Path(tempfile.gettempdir())
    takes_programs = not room.f_flag & os.ST_NOEXEC
    has_room = room.f_bavail * room.f_frsize >= _ROOM
    return _MEMORY if takes_programs and has_room else Path(tempfile.gettempdir())


def give_folder(config: pytest.Config) -> None:
    """Give this run a folder that no other run touches, unless one was named.

    The usual one is closed to other users whenever any pytest of the same user starts, under the
    database server of those that run: started by root, it runs as another user.
    """
    named = config.option.basetemp or os.environ.get("PYTEST_DEBUG_TEMPROOT")
    if named or hasattr(config, "workerinput"):
        return
    folder = Path(tempfile.mkdtemp(prefix="newsletter-tests-", dir=quick_folder()))
    folder.chmod(0o755)
    config.stash[_KEY] = folder
    config.option.basetemp = folder / "run"


def take_folder_away(config: pytest.Config) -> None:
    """Remove it; pytest emptied it of all but what failed tests left, which is not looked at."""
    folder = config.stash.get(_KEY, None)
    if folder is not None:
        shutil.rmtree(folder, ignore_errors=True)
