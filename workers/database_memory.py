"""What a worker host remembers of the database, to tell when it is another one.

One file in ``DATA_DIR``; a host that loses it knows a little less.
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
#: What a file of an earlier version lacks.
_OWN = ("at", "host", "born", "complete_since", "brought_back", "covers", "others")


@dataclass(frozen=True, kw_only=True, slots=True)
class Memory:
    """What is remembered.

    Attributes:
        seen_at: When a round saw it, on the boot's monotonic clock.
        at: The same by the wall clock.
        host: What tells this DATA_DIR from every other.
        born: When it was begun, by the wall clock.
        complete_since: Since when all journals are kept, by the wall clock.
        brought_back: Whether all of them told the database what it forgot, when it last did.
        covers: Whether this host saw what went on until then.
        others: The hosts that the database knew of, by their identities.
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
        """Whether the database was seen within so many seconds, by a clock that nobody can set."""
        return self.boot == boot_id() and time.monotonic() - self.seen_at < seconds

    def is_recent(self, seconds: float) -> bool:
        """Whether it was seen within so many seconds, perhaps before this start of the machine."""
        return self.is_fresh(seconds) or abs(time.time() - self.at) < seconds

    def keeps_all_since(self, moment: float, *, hours: int) -> bool:
        """Whether no journal is gone that was written since then, or since the host began."""
        oldest = time.time() - hours * 3600
        is_whole = self.complete_since <= max(moment, self.born)
        return is_whole and oldest <= max(moment, self.born)


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
        own = {name: kept[name] for name in _OWN if name in kept}
        return Memory(mark=mark, boot=kept["boot"], seen_at=kept["seen_at"], **own)
    return Memory()


def recall_saved(journals: Path) -> tuple[Memory, str]:
    """Return what the host of a saved folder of journals remembered, and its name.

    All of it where its DATA_DIR was saved; else what its journals are signed with.
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
    """Return what operators call a host: its own name, and where its DATA_DIR lies there."""
    return f"{socket.gethostname()}:{data_dir.resolve()}"


def remember(data_dir: Path, mark: HistoryMark) -> None:
    """Write down what the database is like now, seen by a round."""
    _remember(data_dir, lambda known: _now_seen(known, mark))


def remember_claim(data_dir: Path, mark: HistoryMark) -> None:
    """Write down what the database is like once a batch is claimed; that says nothing of rounds."""
    _remember(data_dir, lambda known: replace(known, mark=_latest(mark, known.mark)))


def remember_return(data_dir: Path, mark: HistoryMark, *, brought_back: bool, covers: bool) -> None:
    """Write down that the journals told the database what it forgot, and its new mark.

    Args:
        data_dir: This host's.
        mark: The database's now.
        brought_back: Whether all of them did.
        covers: Whether this host saw what went on until the database was put back.
    """
    _remember(
        data_dir,
        lambda known: replace(_now_seen(known, mark), brought_back=brought_back, covers=covers),
    )


def remember_gap(data_dir: Path) -> None:
    """Write down that a journal of what the database forgot does not tell all of it."""
    _remember(data_dir, lambda known: replace(known, brought_back=False))


def remember_hosts(data_dir: Path, others: Mapping[str, str]) -> None:
    """Write down which hosts the database knows, by their identities."""
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
            kept = change(_with_identity(data_dir, recall(data_dir)))
            words = asdict(kept)
            words |= words.pop("mark")
            with draft.open("w", encoding="ascii") as file:
                file.write(json.dumps(words))
                file.flush()
                # What a power cut leaves is whole: a host without it takes a file for a backup.
                os.fsync(file.fileno())
            draft.replace(path)
            if is_first:
                force_folder(data_dir)


def _with_identity(data_dir: Path, known: Memory) -> Memory:
    """Give a DATA_DIR its identity, and note whether a journal was thrown away."""
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
