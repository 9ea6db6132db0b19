"""The journal: a worker process's write-ahead log of the messages it sends.

A journal is one file per batch, named by the lease's token. Its first line names the mailing by its
identity, which is never used twice, even after a restore. The other lines are:

- ``b POSITION`` before a message is composed,
- ``i POSITION SUBSCRIBER MARK`` before its first byte is sent,
- ``o […]`` after the relay's reply,
- ``n POSITION`` when the relay did not accept the message after all.

The writer holds a lock on the file. The kernel releases the lock when the process ends, so a
journal that can be locked belongs to a dead process. Each line is written to the page cache, which
survives SIGKILL, and is forced to the disk together with each record in the ledger. After a power
cut the last lines may therefore be missing: what a journal of an earlier boot says is true, but
what it lacks proves nothing.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, fields
from operator import attrgetter
from pathlib import Path
from typing import Any

from newsletter.database.vocabulary import DeliveryState
from newsletter.disk import force_folder, make_folder
from newsletter.errors import OrderError, Place, system_reason
from newsletter.i18n.messages import Message, msg
from newsletter.mailings.ledger.outcomes import Outcome, OwnReason, own_reply

_FIELDS = tuple(field.name for field in fields(Outcome))
_values_of = attrgetter(*_FIELDS)
_NUMBERS = frozenset({"position", "attempts", "code", "subscriber_id", "mark"})
#: Exclusive upper bounds of numbers: `_BEYOND` is that of the database's columns. Attempts are
#: limited because their waits are summed, and reply codes have three digits.
_BEYOND = 2**63
_MOST = {"attempts": 1_000_000, "code": 1_000}
_PLACE_NUMBERS = 3
#: Subfolders: journals that are recorded in the ledger, by hour, and journals of mailings that are
#: not in the database.
_CLOSED, _ASIDE = "closed", "unknown"
#: A marker file that exists as long as no recorded journal has been lost.
_COMPLETE = "complete"
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def boot_id() -> str:
    """Return the kernel's identifier of this boot of the machine."""
    try:
        return _BOOT_ID.read_text(encoding="ascii").strip()
    except OSError:
        return "unknown"


class Journal:
    """A journal being written."""

    def __init__(self, folder: Path, token: str, *, identity: str, epoch: str = "") -> None:
        make_folder(folder)
        self.epoch = epoch
        self._path = folder / f"{token}.journal"
        draft = folder / f"{token}.draft"
        self._file = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
        self._size = 0
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX)
            header = {"boot": boot_id(), "mailing": identity, "epoch": epoch}
            self._write(json.dumps(header))
            # Recovery looks for this name, so the file gets it only once it is locked.
            draft.rename(self._path)
            self.force()
            force_folder(folder)
        except OSError:
            os.close(self._file)
            draft.unlink(missing_ok=True)
            raise

    def _write(self, line: str) -> None:
        octets = f"{line}\n".encode()
        written = os.write(self._file, octets)
        if written < len(octets):
            # On a nearly full disk only a part was written, without an error. The part must not
            # stay: "i 12" of "i 123" is another delivery, and the next line would follow it.
            os.ftruncate(self._file, self._size)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self._size += written

    def begin(self, position: int) -> None:
        """Record that a message is about to be composed."""
        self._write(f"b {position}")

    def intent(self, position: int, subscriber_id: int, mark: int) -> None:
        """Record that a message is about to be sent."""
        self._write(f"i {position} {subscriber_id} {mark}")

    def retract(self, position: int) -> None:
        """Record that the relay did not accept a message after all."""
        self._write(f"n {position}")

    def outcome(self, outcome: Outcome) -> None:
        """Record the outcome of a message."""
        self._write(f"o {json.dumps(_values_of(outcome))}")

    def force(self) -> None:
        """Force the written lines to the disk, so that they survive a power cut."""
        os.fdatasync(self._file)

    def close(self) -> None:
        """Put the journal away, after all of it has been recorded in the ledger."""
        put_away(self._path)
        os.close(self._file)

    def discard(self) -> None:
        """Delete the journal of a batch of which nothing was sent."""
        self._path.unlink(missing_ok=True)
        os.close(self._file)

    def abandon(self) -> None:
        """Leave the journal to recovery, as if its writer had died."""
        os.close(self._file)


@dataclass(frozen=True, kw_only=True, slots=True)
class JournalReading:
    """The content of a dead worker's journal.

    Attributes:
        identity: The mailing's identity; None if it cannot be read.
        epoch: The database's epoch when the journal was begun; empty if it was not known.
        trusted: Whether a message that the journal does not mention was certainly not sent.
        in_doubt: Messages that were sent and got no reply: the subscriber's id and mark by
            position, each 0 if unknown.
        in_making: The position that was being composed when the worker died.
        unreadable: The number of the first malformed line; None if all are valid.
    """

    path: Path
    identity: str | None
    epoch: str
    token: str
    trusted: bool
    outcomes: tuple[Outcome, ...]
    in_doubt: Mapping[int, tuple[int, int]]
    in_making: int | None
    unreadable: int | None

    def all_outcomes(self) -> list[Outcome]:
        """Return all outcomes; a message that was sent and got no reply is uncertain."""
        doubts = [
            Outcome(
                position=position,
                subscriber_id=subscriber_id,
                mark=mark,
                state=DeliveryState.UNCERTAIN,
                reply=own_reply(OwnReason.WORKER_DIED),
            )
            for position, (subscriber_id, mark) in sorted(self.in_doubt.items())
        ]
        return [*self.outcomes, *doubts]


def read_orphans(folder: Path) -> Iterator[JournalReading]:
    """Yield the journals of dead writers; each stays locked while the caller processes it."""
    for path in _journals(folder, "*.journal"):
        try:
            file = os.open(path, os.O_RDONLY)
        except FileNotFoundError:
            continue
        if not _can_lock(file):
            os.close(file)
            continue
        try:
            if path.exists():
                yield _read(path)
        finally:
            os.close(file)


def put_away(path: Path) -> None:
    """Keep a recorded journal, since the database may still be set back to before it."""
    hour = path.parent / _CLOSED / time.strftime("%Y-%m-%dT%H", time.gmtime())
    try:
        hour.mkdir(parents=True, exist_ok=True)
        path.rename(hour / path.name)
    except FileNotFoundError:
        return
    except OSError:
        # The disk is full: sending needs the space more than the recorded journals do.
        path.unlink(missing_ok=True)
        (path.parent / _COMPLETE).unlink(missing_ok=True)


def keeps_all(folder: Path) -> bool:
    """Return whether no recorded journal has been lost since the first call in this folder.

    The marker file is deleted together with the first journal for which there is no space;
    deleting a file needs no space.
    """
    mark = folder / _COMPLETE
    if mark.exists():
        return True
    make_folder(folder)
    mark.touch(mode=0o600)
    return False


def note_gap(folder: Path) -> None:
    """Record that a journal is incomplete: `keeps_all` is False at its next call."""
    (folder / _COMPLETE).unlink(missing_ok=True)


def sign(folder: Path, words: str) -> None:
    """Write the host's data into the marker file, so that a copy of the folder identifies its host.

    Only an existing file is written: one that was deleted with a journal must not be created again.
    """
    with suppress(OSError), (folder / _COMPLETE).open("r+", encoding="utf-8") as mark:
        if mark.read() != words:
            mark.seek(0)
            mark.truncate()
            mark.write(words)


def signature(folder: Path) -> str | None:
    """Return the content of the marker file; None if a journal was lost, or none ever existed."""
    try:
        return (folder / _COMPLETE).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None


def epochs_under_way(folder: Path) -> frozenset[str]:
    """Return the database epochs of the journals that are not recorded completely yet."""
    epochs = set()
    for path in _journals(folder, "*.journal"):
        with suppress(FileNotFoundError), path.open(encoding="utf-8", errors="replace") as file:
            epochs.add(_read_head(file.readline().removesuffix("\n"))[2])
    return frozenset(epochs)


def read_closed(folder: Path) -> Iterator[JournalReading]:
    """Yield the recorded journals, the oldest first."""
    for path in _journals(folder / _CLOSED, "*/*.journal"):
        with suppress(FileNotFoundError):
            yield _read(path)


def outcomes_below(folder: Path, identity: str) -> Iterator[Sequence[Outcome]]:
    """Yield the outcomes of one mailing from each journal below a folder, such as a former host's.

    Raises:
        OrderError: A file cannot be read, or has a line that is not part of a journal.
    """
    for path in sorted(folder.rglob("*.journal")):
        if not path.is_file():
            raise _no_journal(path, msg("This is not a file."))
        try:
            reading = _read(path)
        except OSError as error:
            raise _no_journal(
                path, msg("The file cannot be read: {reason}.", reason=system_reason(error))
            ) from None
        if reading.identity != identity:
            continue
        if reading.unreadable is not None:
            raise _no_journal(path, msg("This line is not part of a journal."), reading.unreadable)
        yield reading.all_outcomes()


def _no_journal(path: Path, what: Message, line: int | None = None) -> OrderError:
    return OrderError(
        what,
        place=Place(source=str(path), line=line),
        remedy=msg("Copy the journals again, or remove the file that is not a journal."),
    )


def _journals(folder: Path, pattern: str) -> Iterator[Path]:
    """Yield the regular files that match a pattern, sorted; pipes and folders are left out."""
    yield from filter(Path.is_file, sorted(folder.glob(pattern)) if folder.is_dir() else ())


@contextmanager
def alone(folder: Path) -> Iterator[bool]:
    """Hold a lock of this host inside the block; yield False if another process holds it."""
    make_folder(folder)
    file = os.open(folder / "lock", os.O_WRONLY | os.O_CREAT, 0o600)
    try:
        yield _can_lock(file)
    finally:
        os.close(file)


def _can_lock(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def read_saved(folder: Path) -> Iterator[tuple[JournalReading, bool]]:
    """Yield the journals of a folder that was copied from a host, and whether each was recorded.

    Raises:
        OSError: A journal cannot be read.
    """
    for path in _journals(folder, "*.journal"):
        yield _read(path), False
    for path in _journals(folder / _CLOSED, "*/*.journal"):
        yield _read(path), True


def is_written(path: Path) -> bool:
    """Return whether a process on this machine is writing the journal."""
    file = os.open(path, os.O_RDONLY)
    try:
        return not _can_lock(file)
    finally:
        os.close(file)


def forget_closed(folder: Path, *, hours: int) -> None:
    """Delete the journals that were put away more than this many hours ago."""
    oldest = time.strftime("%Y-%m-%dT%H", time.gmtime(time.time() - hours * 3600))
    closed = folder / _CLOSED
    for hour in closed.iterdir() if closed.is_dir() else ():
        if hour.name < oldest:
            shutil.rmtree(hour, ignore_errors=True)


def set_aside(folder: Path, reading: JournalReading) -> None:
    """Move a journal to a folder that recovery does not read, for an operator to look at."""
    aside = folder / _ASIDE
    aside.mkdir(exist_ok=True)
    reading.path.rename(aside / reading.path.name)


def read_set_aside(folder: Path) -> Iterator[JournalReading]:
    """Yield the journals that were set aside."""
    for path in _journals(folder / _ASIDE, "*.journal"):
        with suppress(FileNotFoundError):
            yield _read(path)


def _read(path: Path) -> JournalReading:
    """Read a journal as far as possible: after a power cut, it may be empty or corrupt."""
    head, *lines = path.read_text(encoding="utf-8", errors="replace").split("\n")
    identity, boot, epoch = _read_head(head)
    intents: dict[int, tuple[int, int]] = {}
    outcomes: dict[int, Outcome] = {}
    in_making: int | None = None
    unreadable: int | None = None
    # A last line without a line feed is incomplete: the process died before it acted on it.
    for number, line in enumerate(lines[:-1], start=2):
        kind, _, rest = line.partition(" ")
        try:
            position, person = _read_outcome(rest, outcomes) if kind == "o" else _read_place(rest)
        except (ValueError, TypeError, IndexError, KeyError, RecursionError):
            unreadable = unreadable or number
            continue
        in_making = position if kind == "b" else None
        if kind == "i":
            intents[position] = person
            outcomes.pop(position, None)
        elif kind == "n":
            intents.pop(position, None)
    return JournalReading(
        path=path,
        identity=identity,
        epoch=epoch,
        token=path.stem,
        trusted=identity is not None and unreadable is None and boot == boot_id(),
        outcomes=tuple(outcomes.values()),
        in_doubt={place: person for place, person in intents.items() if place not in outcomes},
        in_making=in_making,
        unreadable=unreadable,
    )


def _read_head(line: str) -> tuple[str | None, str, str]:
    try:
        header = json.loads(line)
        # Versions without identities wrote the mailing's number.
        identity = str(header.get("mailing") or int(header["mailing_id"]))
        return identity, str(header["boot"]), str(header.get("epoch", ""))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None, "", ""


def _read_place(words: str) -> tuple[int, tuple[int, int]]:
    """Return a line's position, subscriber id and mark; older versions wrote the first only."""
    place, person, mark = [*map(int, words.split(" ")), 0, 0][:_PLACE_NUMBERS]
    if not all(0 <= number < _BEYOND for number in (place, person, mark)):
        raise ValueError(words)
    return place, (person, mark)


def _read_outcome(words: str, outcomes: dict[int, Outcome]) -> tuple[int, tuple[int, int]]:
    # A journal of an earlier version lacks the newest fields.
    values = dict(zip(_FIELDS, json.loads(words), strict=False))
    kept: dict[str, Any] = {name: _storable(name, value) for name, value in values.items()}
    outcome = Outcome(**kept | {"state": DeliveryState(values["state"])})
    outcomes[outcome.position] = outcome
    return outcome.position, (outcome.subscriber_id, outcome.mark)


def _storable(name: str, value: object) -> object:
    """Return a field of an outcome in a form that the ledger can store.

    Raises:
        ValueError: The value has the wrong type, or the number is out of range.
    """
    if name not in _NUMBERS and isinstance(value, str):
        # Characters of a relay's reply that no database stores are dropped; the outcome is valid.
        return value.replace("\0", "").encode("utf-8", "replace").decode()
    if name in _NUMBERS and type(value) is int and 0 <= value < _MOST.get(name, _BEYOND):
        return value
    raise ValueError(name)
