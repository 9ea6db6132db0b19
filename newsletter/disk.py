"""Files and folders: for their own user alone, and still there after a power cut.

The database, the mailbox, lists, journals and logs hold people's addresses. A new name is on the
disk only once its folder is forced.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from newsletter.settings import Settings


def make_folder(path: Path) -> None:
    """Make a folder with those above it, forced to the disk; what is there stays.

    Raises:
        OSError: It cannot be made.
    """
    missing = [each for each in (path, *path.parents) if not each.exists()]
    path.mkdir(parents=True, exist_ok=True)
    for each in missing:
        force_folder(each.parent)


def force_folder(path: Path) -> None:
    """Force a folder's names to the disk.

    Raises:
        OSError: The disk did not take them.
    """
    folder = os.open(path, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


#: For files and folders to come: nothing for group and others.
_UMASK = 0o077
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def write_privately() -> None:
    """Let this process, and those that it starts, make files for their own user alone."""
    os.umask(_UMASK)


def narrow_files(settings: Settings) -> None:
    """Take group and others off the data that is there: the folder, and files made by earlier ones.

    What belongs to another user, or is a folder that everybody writes to, is left as it is.
    """
    for path in _private_paths(settings):
        with suppress(OSError):
            _narrow(path)


def _private_paths(settings: Settings) -> Iterator[Path]:
    folder = settings.data_dir
    if folder.is_dir():
        yield folder
        yield from folder.iterdir()
    databases = [settings.mailbox_file]
    if settings.database_url.startswith("sqlite"):
        # After sqlite:/// the path begins, absolute with one slash more; options follow a "?".
        databases.append(Path(settings.database_url.partition("///")[2].partition("?")[0]))
    for database in filter(None, databases):
        yield from (database.with_name(database.name + end) for end in ("", "-wal", "-shm"))


def _narrow(path: Path) -> None:
    status = path.lstat()
    own = status.st_uid == os.geteuid()
    shared = bool(status.st_mode & stat.S_ISVTX)
    kept = stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)
    if own and kept and not shared and status.st_mode & _OTHERS:
        path.chmod(stat.S_IMODE(status.st_mode) & ~_OTHERS)
