"""The history mark and identity that a worker host stores, to detect a database that was set back.

They are in one file in ``DATA_DIR``. Without the file, some cases cannot be detected.
"""

from __future__ import annotations

import fcntl
import json
import os
import socket
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from newsletter.database.types import new_identity
from newsletter.disk import force_folder, make_folder
from newsletter.mailings.ledger.database_history import NO_MARK, HistoryMark
from workers.journal import boot_id, keeps_all, sign, signature

_NAME, _LOCK = "rounds", "rounds.lock"
#: Fields that files of earlier versions lack.
_OWN = ("at", "host", "born", "complete_since", "brought_back", "covers", "others")


@dataclass(frozen=True, kw_only=True, slots=True)
class Memory:
    """The stored data.

    Attributes:
        mark: The database's history mark.
        boot: The identifier of the boot to which ``seen_at`` belongs.
        seen_at: The time of the last round, on the monotonic clock.
        at: The time of the last round, on the wall clock.
        host: The identity of this DATA_DIR.
        born: When the DATA_DIR was created, on the wall clock.
        complete_since: Since when no journal has been lost, on the wall clock.
        brought_back: Whether all journals were restored when the database was last set back.
        covers: Whether this host was running until the database was set back.
        others: The names of all hosts in the database, by identity.
    """

    mark: HistoryMark = NO_MARK
    boot: str = ""
    seen_at: float = 0.0
    at: float = 0.0
    host: str = ""
    born: float = 0.0
    complete_since: float = 0.0
    brought_back: bool = True
    covers: bool = False
    others: Mapping[str, str] = field(default_factory=dict)

    def is_fresh(self, seconds: float) -> bool:
        """Return whether the last round is less than ``seconds`` old, by the monotonic clock."""
        return self.boot == boot_id() and time.monotonic() - self.seen_at < seconds

    def is_recent(self, seconds: float) -> bool:
        """Return whether the last round is less than ``seconds`` old, perhaps before a reboot."""
        return self.is_fresh(seconds) or abs(time.time() - self.at) < seconds

    def keeps_all_since(self, moment: float, *, hours: int) -> bool:
        """Return whether no journal since ``moment``, or since the host's creation, was lost."""
        oldest = time.time() - hours * 3600
        is_whole = self.complete_since <= max(moment, self.born)
        return is_whole and oldest <= max(moment, self.born)


def recall(data_dir: Path) -> Memory:
    """Return the stored data of this host."""
    with suppress(OSError, ValueError, TypeError, KeyError):
        kept = json.loads((data_dir / _NAME).read_text(encoding="ascii"))
        mark = HistoryMark(
            server=kept["server"],
            epoch=kept["epoch"],
            rounds=kept["rounds"],
            claims=kept["claims"],
        )
        own = {name: kept[name] for name in _OWN if name in kept}
        return Memory(mark=mark, boot=kept["boot"], seen_at=kept["seen_at"], **own)
    return Memory()


def recall_saved(journals: Path) -> tuple[Memory, str]:
    """Return the stored data and name of the host whose journals were copied.

    Without the host's DATA_DIR, only the data in the journals' marker file are known.
    """
    known, name = recall(journals.parent), ""
    with suppress(ValueError, TypeError, KeyError):
        signed = json.loads(signature(journals) or "")
        name = str(signed["name"])
        own = {key: signed[key] for key in ("host", "born", "complete_since")}
        if known.host != own["host"]:
            known = Memory(**own)
    if signature(journals) is None:
        known = replace(known, complete_since=time.time())
    return known, name


def name_of(data_dir: Path) -> str:
    """Return the name of a host for operators: host name and DATA_DIR."""
    return f"{socket.gethostname()}:{data_dir.resolve()}"


def remember(data_dir: Path, mark: HistoryMark) -> None:
    """Store the database's mark at a round."""
    _remember(data_dir, lambda known: _now_seen(known, mark))


def remember_claim(data_dir: Path, mark: HistoryMark) -> None:
    """Store the database's mark after a claim; the time of the last round does not change."""
    _remember(data_dir, lambda known: replace(known, mark=_latest(mark, known.mark)))


def remember_return(data_dir: Path, mark: HistoryMark, *, brought_back: bool, covers: bool) -> None:
    """Store that journals were restored, and the database's new mark.

    Args:
        data_dir: This host's DATA_DIR.
        mark: The database's present mark.
        brought_back: Whether all journals were restored.
        covers: Whether this host was running until the database was set back.
    """
    _remember(
        data_dir,
        lambda known: replace(_now_seen(known, mark), brought_back=brought_back, covers=covers),
    )


def remember_gap(data_dir: Path) -> None:
    """Store that a restored journal was incomplete."""
    _remember(data_dir, lambda known: replace(known, brought_back=False))


def remember_hosts(data_dir: Path, others: Mapping[str, str]) -> None:
    """Store the names of all hosts in the database, by identity."""
    _remember(data_dir, lambda known: replace(known, others=others))


def _now_seen(known: Memory, mark: HistoryMark) -> Memory:
    return replace(
        known,
        mark=_latest(mark, known.mark),
        boot=boot_id(),
        seen_at=time.monotonic(),
        at=time.time(),
    )


def _latest(mark: HistoryMark, known: HistoryMark) -> HistoryMark:
    """Return the later of two marks: another process may have stored a later one meanwhile."""
    if mark.epoch != known.epoch:
        return mark
    return replace(
        mark, rounds=max(mark.rounds, known.rounds), claims=max(mark.claims, known.claims)
    )


def _remember(data_dir: Path, change: Callable[[Memory], Memory]) -> None:
    path = data_dir / _NAME
    draft = path.with_suffix(".part")
    # Errors are ignored: a full disk must not end the round.
    with suppress(OSError):
        make_folder(data_dir)
        with (data_dir / _LOCK).open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            known = recall(data_dir)
            kept = change(_with_identity(data_dir, known))
            words = asdict(kept)
            words |= words.pop("mark")
            with draft.open("w", encoding="ascii") as file:
                file.write(json.dumps(words))
                file.flush()
                # Forced to the disk: without this file, SQLite's file would count as a backup.
                os.fsync(file.fileno())
            draft.replace(path)
            if known.mark == NO_MARK:
                # A later file may be lost for an earlier one, but not for one without a mark.
                force_folder(data_dir)


def _with_identity(data_dir: Path, known: Memory) -> Memory:
    """Return the data with an identity, and with the time since which no journal was lost."""
    moment, journals = time.time(), data_dir / "journals"
    is_whole = keeps_all(journals)
    if not known.host:
        known = replace(known, host=new_identity(), born=moment, complete_since=moment)
    elif not is_whole:
        known = replace(known, complete_since=moment)
    signed = {
        "host": known.host,
        "name": name_of(data_dir),
        "born": known.born,
        "complete_since": known.complete_since,
    }
    sign(journals, json.dumps(signed))
    return known
