"""What a worker host remembers of the database, to tell when it is another one.

One file in ``DATA_DIR``; a host that loses it knows a little less.
"""

from __future__ import annotations

import json
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from newsletter.mailings.database_history import NO_MARK, Mark
from workers.journal import boot_id

_NAME = "rounds"


@dataclass(frozen=True, kw_only=True, slots=True)
class Memory:
    """What is remembered; ``seen_at`` is when, on the boot's monotonic clock."""

    mark: Mark = NO_MARK
    boot: str = ""
    seen_at: float = 0.0

    def is_fresh(self, seconds: float) -> bool:
        """Whether the database was seen within so many seconds, by a clock that nobody can set."""
        return self.boot == boot_id() and time.monotonic() - self.seen_at < seconds


def recall(data_dir: Path) -> Memory:
    """Return what this host remembers."""
    with suppress(OSError, ValueError, TypeError):
        words = (data_dir / _NAME).read_text(encoding="ascii")
        if words.startswith("{"):
            kept = json.loads(words)
            mark = Mark(server=kept["server"], epoch=kept["epoch"], rounds=kept["rounds"])
            return Memory(mark=mark, boot=kept["boot"], seen_at=kept["seen_at"])
        # As earlier versions wrote it.
        rounds, boot, seen_at = words.split()
        return Memory(mark=Mark(rounds=int(rounds)), boot=boot, seen_at=float(seen_at))
    return Memory()


def remember(data_dir: Path, mark: Mark) -> None:
    """Write down what the database is like now."""
    path = data_dir / _NAME
    draft = path.with_suffix(".part")
    kept = {
        "server": mark.server,
        "epoch": mark.epoch,
        "rounds": mark.rounds,
        "boot": boot_id(),
        "seen_at": time.monotonic(),
    }
    # A full disk must not end the round.
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        draft.write_text(json.dumps(kept), encoding="ascii")
        draft.replace(path)
