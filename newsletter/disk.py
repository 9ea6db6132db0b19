"""Files and folders that only their owner can read, and that survive a power cut.

The database, the mailbox, lists, journals and logs contain people's addresses. A new file name is
on the disk only after its folder was synchronized.
"""

from __future__ import annotations

import errno
import os
import stat
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path


def make_folder(path: Path) -> None:
    """Create a folder and its parents if they do not exist, and force them to the disk.

    Raises:
        OSError: The folder cannot be created.
    """
    missing = [each for each in (path, *path.parents) if not each.exists()]
    path.mkdir(parents=True, exist_ok=True)
    for each in missing:
        force_folder(each.parent)


def force_folder(path: Path) -> None:
    """Force the entries of a folder to the disk.

    Raises:
        OSError: They could not be written.
    """
    folder = os.open(path, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def write_once(path: Path, content: bytes) -> None:
    """Write a file that is there as a whole or not at all, also after a power cut.

    A file that exists already stays as it is; its folder is created if needed.

    Raises:
        OSError: The file cannot be written.
    """
    make_folder(path.parent)
    with tempfile.NamedTemporaryFile(dir=path.parent) as draft:
        draft.write(content)
        draft.flush()
        os.fsync(draft.fileno())
        with suppress(FileExistsError):
            os.link(draft.name, path)
    force_folder(path.parent)


class DiskFault(StrEnum):
    """Why nothing can be written into a folder."""

    FULL = "full"
    DENIED = "denied"
    FAILED = "failed"


@dataclass(frozen=True, kw_only=True, slots=True)
class DiskHealth:
    """The state of a folder's disk; ``free`` is in bytes."""

    free: int
    fault: DiskFault | None = None


_FAULTS = {
    errno.ENOSPC: DiskFault.FULL,
    errno.EDQUOT: DiskFault.FULL,
    errno.EACCES: DiskFault.DENIED,
    errno.EPERM: DiskFault.DENIED,
    errno.EROFS: DiskFault.DENIED,
}
#: The content of the trial file: larger than what file systems store inside the inode.
_TRIAL = b"\0" * 8192


def look_at_disk(folder: Path) -> DiskHealth:
    """Return a folder's free space, and whether files can be written, by an unnamed trial file.

    If the folder does not exist yet, its nearest existing parent is examined.
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


#: The mask for new files and folders: no permissions for group and others.
_UMASK = 0o077
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def write_privately() -> None:
    """Set the umask of this process and its children: only their user can read new files."""
    os.umask(_UMASK)


def narrow_files(folder: Path, databases: Iterable[Path]) -> None:
    """Remove the permissions of group and others from a folder's data, and from SQLite databases.

    Files of other users, and folders that everybody may write to, are not changed.
    """
    paths = [folder, *folder.iterdir()] if folder.is_dir() else []
    for database in databases:
        paths += (database.with_name(database.name + end) for end in ("", "-wal", "-shm"))
    for path in paths:
        with suppress(OSError):
            _narrow(path)


def _narrow(path: Path) -> None:
    status = path.lstat()
    own = status.st_uid == os.geteuid()
    shared = bool(status.st_mode & stat.S_ISVTX)
    kept = stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)
    if own and kept and not shared and status.st_mode & _OTHERS:
        path.chmod(stat.S_IMODE(status.st_mode) & ~_OTHERS)
