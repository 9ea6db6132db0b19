"""The journal: what a worker process did, on disk before it matters, so that SIGKILL loses nothing.

One file a batch, named by the lease's token; its head says of which mailing, by the identity that
no restored backup repeats. A line ``b POSITION`` stands in it before a message is made,
``i POSITION SUBSCRIBER MARK`` before its first octet leaves, ``o […]`` after the relay's reply, and
``n POSITION`` when the relay said that it did not take it. The file is locked while its writer
lives; the kernel drops the lock with the process, so a lock that can be had proves a death. Writes
reach the page cache, which outlives the process, and the disk whenever the ledger is told: of an
earlier boot, a journal proves only what it says, never what it does not say.
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
#: No column keeps a number from here on; nor does a mail have more attempts, whose waits are
#: summed up, or a reply a longer code.
_BEYOND = 2**63
_MOST = {"attempts": 1_000_000, "code": 1_000}
_PLACE_NUMBERS = 3
#: Below the journals' folder: those that are in the ledger, by the hour, and those about mailings
#: that the database does not know.
_CLOSED, _ASIDE = "closed", "unknown"
#: Lies beside them while none of those that were put away is missing.
_COMPLETE = "complete"
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def boot_id() -> str:
    """Return what tells this start of the machine from every other."""
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
            # Only now may recovery see it: it is locked.
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
            # A disk that is all but full takes a part and says nothing. The part must not stay:
            # "i 12" of "i 123" tells of another delivery, and the next line would join it.
            os.ftruncate(self._file, self._size)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self._size += written

    def begin(self, position: int) -> None:
        """Note that a message is about to be made."""
        self._write(f"b {position}")

    def intent(self, position: int, subscriber_id: int, mark: int) -> None:
        """Note that a message is about to be handed over."""
        self._write(f"i {position} {subscriber_id} {mark}")

    def retract(self, position: int) -> None:
        """Note that a message was not taken after all."""
        self._write(f"n {position}")

    def outcome(self, outcome: Outcome) -> None:
        """Note what became of it."""
        self._write(f"o {json.dumps(_values_of(outcome))}")

    def force(self) -> None:
        """Force what is written to the disk, so that it outlives the machine's power."""
        os.fdatasync(self._file)

    def close(self) -> None:
        """Put the journal away: all of it is in the ledger."""
        put_away(self._path)
        os.close(self._file)

    def discard(self) -> None:
        """Remove a journal of which nothing came."""
        self._path.unlink(missing_ok=True)
        os.close(self._file)

    def abandon(self) -> None:
        """Leave the journal to recovery, as if its writer had died."""
        os.close(self._file)


@dataclass(frozen=True, kw_only=True, slots=True)
class JournalReading:
    """What a dead worker's journal tells.

    Attributes:
        identity: The mailing's; None when not even that can be read.
        epoch: The database's when it was begun; empty when it was not known.
        trusted: Whether its silence is proof, too.
        in_doubt: Handed over without a reply; each position with its subscriber and the mark of
            that, 0 if unknown.
        in_making: What was being made at the moment of death.
        unreadable: The first line that is none of a journal's; None where there is none.
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
        """Return what became of each message, what was handed over without a reply in doubt."""
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
    """Yield the journals whose writers are dead; each is locked while the caller works on it."""
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
    """Keep a journal that is in the ledger for as long as the ledger may yet lose it again."""
    hour = path.parent / _CLOSED / time.strftime("%Y-%m-%dT%H", time.gmtime())
    try:
        hour.mkdir(parents=True, exist_ok=True)
        path.rename(hour / path.name)
    except FileNotFoundError:
        return
    except OSError:
        # A full disk: what is needed to go on comes first.
        path.unlink(missing_ok=True)
        (path.parent / _COMPLETE).unlink(missing_ok=True)


def keeps_all(folder: Path) -> bool:
    """Return whether every journal that was put away is kept, since this was asked first.

    A mark that lies there goes with the first that has no room: to remove a file needs none.
    """
    mark = folder / _COMPLETE
    if mark.exists():
        return True
    make_folder(folder)
    mark.touch(mode=0o600)
    return False


def note_gap(folder: Path) -> None:
    """Note that a journal of today lacks something, so that not all is kept before this moment."""
    (folder / _COMPLETE).unlink(missing_ok=True)


def sign(folder: Path, words: str) -> None:
    """Write into the mark of completeness whose journals these are, so that a copy of them tells.

    Into the file that lies there: one that went with a journal must not come back.
    """
    with suppress(OSError), (folder / _COMPLETE).open("r+", encoding="utf-8") as mark:
        if mark.read() != words:
            mark.seek(0)
            mark.truncate()
            mark.write(words)


def signature(folder: Path) -> str | None:
    """Return what is written there; None where a journal is missing, or nobody knows of any."""
    try:
        return (folder / _COMPLETE).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None


def epochs_under_way(folder: Path) -> frozenset[str]:
    """Return the database's epochs of the journals that are not put away yet."""
    epochs = set()
    for path in _journals(folder, "*.journal"):
        with suppress(FileNotFoundError), path.open(encoding="utf-8", errors="replace") as file:
            epochs.add(_read_head(file.readline().removesuffix("\n"))[2])
    return frozenset(epochs)


def read_closed(folder: Path) -> Iterator[JournalReading]:
    """Yield the journals that were put away, the oldest first."""
    for path in _journals(folder / _CLOSED, "*/*.journal"):
        with suppress(FileNotFoundError):
            yield _read(path)


def outcomes_below(folder: Path, identity: str) -> Iterator[Sequence[Outcome]]:
    """Yield what each journal below a folder, such as a former host's, says of one mailing.

    A journal names its mailing by the identity that no other has.

    Raises:
        OrderError: Something there is no file that can be read, or a line is none of a journal's.
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
    """Yield the files of a pattern in order; a pipe or a folder of such a name is no journal."""
    yield from filter(Path.is_file, sorted(folder.glob(pattern)) if folder.is_dir() else ())


@contextmanager
def alone(folder: Path) -> Iterator[bool]:
    """Hold a lock of this host for the block; yields whether no other process has it."""
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
    """Yield the journals of a folder that was saved from a host, and whether each was put away.

    Raises:
        OSError: One cannot be read.
    """
    for path in _journals(folder, "*.journal"):
        yield _read(path), False
    for path in _journals(folder / _CLOSED, "*/*.journal"):
        yield _read(path), True


def is_written(path: Path) -> bool:
    """Return whether a journal's writer lives, on this machine."""
    file = os.open(path, os.O_RDONLY)
    try:
        return not _can_lock(file)
    finally:
        os.close(file)


def forget_closed(folder: Path, *, hours: int) -> None:
    """Remove the journals that were put away longer ago."""
    oldest = time.strftime("%Y-%m-%dT%H", time.gmtime(time.time() - hours * 3600))
    closed = folder / _CLOSED
    for hour in closed.iterdir() if closed.is_dir() else ():
        if hour.name < oldest:
            shutil.rmtree(hour, ignore_errors=True)


def set_aside(folder: Path, reading: JournalReading) -> None:
    """Keep a journal out of the way of recovery, for an operator to look at."""
    aside = folder / _ASIDE
    aside.mkdir(exist_ok=True)
    reading.path.rename(aside / reading.path.name)


def read_set_aside(folder: Path) -> Iterator[JournalReading]:
    """Yield what was set aside."""
    for path in _journals(folder / _ASIDE, "*.journal"):
        with suppress(FileNotFoundError):
            yield _read(path)


def _read(path: Path) -> JournalReading:
    """Read what can be read: after a power cut, a file may be empty or hold anything."""
    head, *lines = path.read_text(encoding="utf-8", errors="replace").split("\n")
    identity, boot, epoch = _read_head(head)
    intents: dict[int, tuple[int, int]] = {}
    outcomes: dict[int, Outcome] = {}
    in_making: int | None = None
    unreadable: int | None = None
    # What follows the last line feed was torn by the death and never happened.
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
        # Of mailings from before they had an identity, it is the number.
        identity = str(header.get("mailing") or int(header["mailing_id"]))
        return identity, str(header["boot"]), str(header.get("epoch", ""))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None, "", ""


def _read_place(words: str) -> tuple[int, tuple[int, int]]:
    """Return a position, with the person and the mark that an earlier version did not keep."""
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
    """Return a field of an outcome as the ledger can keep it.

    Raises:
        ValueError: It is of another type, or a number that no column holds.
    """
    if name not in _NUMBERS and isinstance(value, str):
        # A relay's reply may hold what no database keeps; what it proves stays true.
        return value.replace("\0", "").encode("utf-8", "replace").decode()
    if name in _NUMBERS and type(value) is int and 0 <= value < _MOST.get(name, _BEYOND):
        return value
    raise ValueError(name)
