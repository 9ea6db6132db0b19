"""Files and folders: for their own user alone, and still there after a power cut.

The database, the mailbox, lists, journals and logs hold people's addresses. A new name is on the
disk only once its folder is forced.
"""

from __future__ import annotations

import errno
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
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


class DiskFault(StrEnum):
    """Why nothing can be written into a folder."""

    FULL = "full"
    DENIED = "denied"
    FAILED = "failed"


@dataclass(frozen=True, kw_only=True, slots=True)
class DiskHealth:
    """What a folder's disk takes; ``free`` is in octets."""

    free: int
    fault: DiskFault | None = None


_FAULTS = {
    errno.ENOSPC: DiskFault.FULL,
    errno.EDQUOT: DiskFault.FULL,
    errno.EACCES: DiskFault.DENIED,
    errno.EPERM: DiskFault.DENIED,
    errno.EROFS: DiskFault.DENIED,
}
#: What is written for trial: more than what a file system keeps within a name's own entry.
_TRIAL = b"\0" * 8192


def look_at_disk(folder: Path) -> DiskHealth:
    """Return how much room a folder has, and whether it takes a file, by trying one of no name.

    Of one that is still to be made, the nearest above it that is there is looked at.
    """
    folder = next((each for each in (folder, *folder.parents) if each.is_dir()), folder)
    try:
        room = os.statvfs(folder)
        free = room.f_bavail * room.f_frsize
    except OSError as error:
        return DiskHealth(free=0, fault=_fault_of(error))
    try:
        with tempfile.TemporaryFile(dir=folder, buffering=0) as file:
            if file.write(_TRIAL) < len(_TRIAL):
                return DiskHealth(free=free, fault=DiskFault.FULL)
    except OSError as error:
        return DiskHealth(free=free, fault=_fault_of(error))
    return DiskHealth(free=free)


def _fault_of(error: OSError) -> DiskFault:
    return _FAULTS.get(error.errno or 0, DiskFault.FAILED)


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
