"""What a worker host remembers of the database, to tell when it is another one.

One file in ``DATA_DIR``; a host that loses it knows a little less.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from newsletter.disk import force_folder, make_folder
from newsletter.mailings.ledger.database_history import NO_MARK, HistoryMark
from workers.journal import boot_id

_NAME, _LOCK = "rounds", "rounds.lock"


@dataclass(frozen=True, kw_only=True, slots=True)
class Memory:
    """What is remembered; ``seen_at`` is when, on the boot's monotonic clock."""

    mark: HistoryMark = NO_MARK
    boot: str = ""
    seen_at: float = 0.0

    def is_fresh(self, seconds: float) -> bool:
        """Whether the database was seen within so many seconds, by a clock that nobody can set."""
        return self.boot == boot_id() and time.monotonic() - self.seen_at < seconds


def recall(data_dir: Path) -> Memory:
    """Return what this host remembers."""
    with suppress(OSError, ValueError, TypeError, KeyError):
        kept = json.loads((data_dir / _NAME).read_text(encoding="ascii"))
        mark = HistoryMark(
            server=kept["server"],
            epoch=kept["epoch"],
            rounds=kept["rounds"],
            claims=kept["claims"],
        )
        return Memory(mark=mark, boot=kept["boot"], seen_at=kept["seen_at"])
    return Memory()


def remember(data_dir: Path, mark: HistoryMark) -> None:
    """Write down what the database is like now, seen by a round."""
    _remember(data_dir, lambda known: _now_seen(_latest(mark, known.mark)))


def remember_claim(data_dir: Path, mark: HistoryMark) -> None:
    """Write down what the database is like once a batch is claimed; that says nothing of rounds."""
    _remember(data_dir, lambda known: replace(known, mark=_latest(mark, known.mark)))


def _now_seen(mark: HistoryMark) -> Memory:
    return Memory(mark=mark, boot=boot_id(), seen_at=time.monotonic())


def _latest(mark: HistoryMark, known: HistoryMark) -> HistoryMark:
    """Return the later of two marks of an epoch: another process may have seen more meanwhile."""
    if mark.epoch != known.epoch:
        return mark
    return replace(
        mark, rounds=max(mark.rounds, known.rounds), claims=max(mark.claims, known.claims)
    )


def _remember(data_dir: Path, change: Callable[[Memory], Memory]) -> None:
    path = data_dir / _NAME
    draft = path.with_suffix(".part")
    # A full disk must not end the round.
    with suppress(OSError):
        make_folder(data_dir)
        with (data_dir / _LOCK).open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            is_first = not path.exists()
            kept = change(recall(data_dir))
            words = asdict(kept.mark) | {"boot": kept.boot, "seen_at": kept.seen_at}
            with draft.open("w", encoding="ascii") as file:
                file.write(json.dumps(words))
                file.flush()
                # What a power cut leaves is whole: a host without it takes a file for a backup.
                os.fsync(file.fileno())
            draft.replace(path)
            if is_first:
                force_folder(data_dir)
