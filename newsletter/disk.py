"""Folders that outlive a power cut: a new name is on the disk only once its folder is forced."""

from __future__ import annotations

import os
from pathlib import Path


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
