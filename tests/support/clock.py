"""A wall clock that a test sets for processes of its own, as an operator or NTP would."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

_SOURCE = Path(__file__).with_name("moved_clock.c")


@dataclass(frozen=True, kw_only=True)
class MovedClock:
    """The clock of every process that is started with ``environment``."""

    library: Path
    file: Path

    @property
    def environment(self) -> dict[str, str]:
        return {"LD_PRELOAD": str(self.library), "MOVED_CLOCK": str(self.file)}

    def set(self, *, hours: int) -> None:
        self.file.write_text(str(hours * 3600))


def moved_clock(folder: Path) -> MovedClock | None:
    """Build a clock that shows the right time; None without a C compiler."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        return None
    library = folder / "moved_clock.so"
    subprocess.run(  # noqa: S603 - our own source
        [compiler, "-O2", "-shared", "-fPIC", "-o", str(library), str(_SOURCE)], check=True
    )
    clock = MovedClock(library=library, file=folder / "clock")
    clock.set(hours=0)
    return clock
