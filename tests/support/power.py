"""A power cut for processes of one's own: what was not forced to the disk is gone.

Stricter than most file systems: a new file is there only once its folder was forced, too, and a
file that was removed comes back if the folder was not.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

_SOURCE = Path(__file__).with_name("power_cut.c")


@dataclass(frozen=True, kw_only=True)
class Power:
    """The disk below ``root``, as every process that starts with ``environment`` forced it."""

    library: Path
    forced: Path
    root: Path

    @property
    def environment(self) -> dict[str, str]:
        return {"LD_PRELOAD": str(self.library), "POWER_CUT": str(self.forced)}

    def cut(self) -> None:
        """Leave on the disk what was forced; all processes that write there are dead."""
        names = self._names(self.root)
        draft = self.root.with_name(f"{self.root.name}.after")
        self._restore(self.root, names, draft)
        shutil.rmtree(self.root)
        draft.rename(self.root)
        self.keep_all()

    def keep_all(self) -> None:
        """Take the disk as it is for forced, under a new boot."""
        shutil.rmtree(self.forced, ignore_errors=True)
        self.forced.mkdir()
        (self.forced / "boot_id").write_text(f"{uuid4()}\n")
        for folder, _, files in os.walk(self.root):
            entries = [(entry.inode(), entry.name) for entry in os.scandir(folder)]
            lines = [f"{inode} {name}\n" for inode, name in entries]
            self._path(Path(folder), ".names").write_text("".join(lines))
            for name in files:
                shutil.copy(Path(folder, name), self._path(Path(folder, name)))

    def _path(self, file: Path, suffix: str = "") -> Path:
        return self.forced / f"{file.stat().st_ino}{suffix}"

    def _names(self, folder: Path) -> list[tuple[str, str]]:
        path = self._path(folder, ".names")
        lines = path.read_text().splitlines() if path.exists() else []
        return [(inode, name) for inode, _, name in (line.partition(" ") for line in lines)]

    def _restore(self, folder: Path, names: list[tuple[str, str]], into: Path) -> None:
        into.mkdir()
        for inode, name in names:
            if (folder / name).is_dir():
                self._restore(folder / name, self._names(folder / name), into / name)
            elif (self.forced / inode).exists():
                shutil.copy(self.forced / inode, into / name)
            else:
                (into / name).touch()


def power_of(root: Path, folder: Path) -> Power | None:
    """Return the power of what lies below ``root``; None without a C compiler."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        return None
    library = folder / "power_cut.so"
    subprocess.run(  # noqa: S603 - our own source
        [compiler, "-O2", "-shared", "-fPIC", "-o", str(library), str(_SOURCE), "-ldl"], check=True
    )
    power = Power(library=library, forced=folder / "forced", root=root)
    power.keep_all()
    return power
