"""Heartbeats: each worker process and beat writes down that it lives, and what it does."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import Engine, delete, select, update
from sqlalchemy.orm import Session

from newsletter import __version__
from newsletter.database.engine import reading, server_now, transaction
from newsletter.database.insert import insert_missing
from newsletter.database.tables import (
    DatabaseHistoryRow,
    DrainedWorkerRow,
    WorkerHeartbeatRow,
)
from newsletter.database.types import now
from newsletter.database.vocabulary import ProcessKind
from newsletter.disk import DiskFault, DiskHealth
from newsletter.errors import ConflictError, NotFoundError
from newsletter.i18n.messages import msg

#: Seconds between two signs of life, and after how many without one a process counts as lost.
BEAT_SECONDS = 3.0
LOST_SECONDS = 12.0
#: What is gone is shown for so long, and kept for a day.
_SHOWN = timedelta(hours=1)
_KEPT = timedelta(days=1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Process:
    """One process of ours; ``node`` is the worker that it belongs to, such as ``bulk@host``."""

    kind: ProcessKind
    node: str
    host: str
    pid: int
    started_at: datetime = field(default_factory=now)
    version: str = __version__

    @property
    def is_control(self) -> bool:
        """Whether it works on rounds and urgent mail, and sends no mailings."""
        return self.node.startswith("control@")

    @property
    def name(self) -> str:
        """What operators call it: beat belongs to no worker."""
        return self.node or f"beat@{self.host}"

    @classmethod
    def this(cls, kind: ProcessKind, node: str = "") -> Process:
        """Return the process that calls."""
        return cls(kind=kind, node=node, host=socket.gethostname(), pid=os.getpid())

    @property
    def key(self) -> str:
        """What tells it from every other, also from one that gets the same pid."""
        return f"{self.host}:{self.pid}:{self.started_at.timestamp():.3f}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Activity:
    """What a process does: the batch it sends, and what it got answers for since it started.

    Attributes:
        disk: Of its DATA_DIR; None where it did not tell.
    """

    mailing_id: int | None = None
    batch_number: int | None = None
    answered: int = 0
    disk: DiskHealth | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class ProcessState:
    """A process as its last sign of life left it.

    Attributes:
        seen_at: When that was, on the database's clock.
        taken_at: When it was looked at, on the same clock.
        clock_ahead: Seconds that its host's clock was ahead of the database's; negative: behind.
    """

    process: Process
    activity: Activity
    seen_at: datetime
    taken_at: datetime
    stopped_at: datetime | None
    draining: bool
    clock_ahead: float = 0.0

    @property
    def place(self) -> tuple[ProcessKind, str, str]:
        """The worker that it is of: whoever comes after it there takes its place."""
        return self.process.kind, self.process.node, self.process.host

    @property
    def started_at(self) -> datetime:
        """When it started, on the database's clock."""
        return self.process.started_at - timedelta(seconds=self.clock_ahead)

    @property
    def alive(self) -> bool:
        """Whether it gave a sign of life lately, and did not say goodbye."""
        return self.stopped_at is None and _is_recent(self.seen_at, self.taken_at)

    @property
    def lost(self) -> bool:
        """Whether it fell silent without a goodbye."""
        return self.stopped_at is None and not self.alive


def _is_recent(seen_at: datetime, moment: datetime) -> bool:
    """Return whether a sign of life is of these seconds.

    One that is to come is from before the clock was set back: whoever lives gave another since.
    """
    return abs((moment - seen_at).total_seconds()) <= LOST_SECONDS


def read_clocks(session: Session, clock: Callable[[], datetime] = now) -> tuple[datetime, float]:
    """Return the database's time, and the seconds that this host's clock is ahead for certain.

    The server's answer is of a moment between asking and hearing it: what may be due to that counts
    for nothing.
    """
    asked = clock()
    server = server_now(session)
    heard = clock()
    if asked <= server <= heard:
        return server, 0.0
    return server, ((asked if asked > server else heard) - server).total_seconds()


def beat(
    engine: Engine, process: Process, activity: Activity, *, clock: Callable[[], datetime] = now
) -> bool:
    """Give a sign of life; return whether the process' worker is to take no new batch.

    Args:
        engine: The database.
        process: The process that lives.
        activity: What it does.
        clock: Its host's.
    """
    with transaction(engine) as session:
        seen_at, clock_ahead = read_clocks(session, clock)
        values = {
            "seen_at": seen_at,
            "clock_ahead": clock_ahead,
            "mailing_id": activity.mailing_id,
            "batch_number": activity.batch_number,
            "answered": activity.answered,
            "disk_free": activity.disk.free if activity.disk else None,
            "disk_fault": (activity.disk.fault or "") if activity.disk else "",
        }
        known = session.scalar(
            update(WorkerHeartbeatRow)
            .where(WorkerHeartbeatRow.process == process.key)
            .values(**values)
            .returning(WorkerHeartbeatRow.process)
        )
        if known is None:
            identity = {
                "process": process.key,
                "kind": process.kind,
                "node": process.node,
                "host": process.host,
                "pid": process.pid,
                "version": process.version,
                "started_at": process.started_at,
            }
            insert_missing(session, WorkerHeartbeatRow, [identity | values])
        return session.get(DrainedWorkerRow, process.node) is not None


def record_stop(engine: Engine, process: Process) -> None:
    """Note that a process ends as it should."""
    with transaction(engine) as session:
        session.execute(
            update(WorkerHeartbeatRow)
            .where(WorkerHeartbeatRow.process == process.key)
            .values(stopped_at=server_now(session), mailing_id=None, batch_number=None)
        )


def list_processes(session: Session) -> Sequence[ProcessState]:
    """Return the processes that live, and those lost within the hour, since the last restore.

    One that another took the place of, which said goodbye since, is left out: a worker that is
    stopped as it should be does not bring back a loss that was made good.
    """
    moment = server_now(session)
    drained = frozenset(session.scalars(select(DrainedWorkerRow.node)))
    rows = session.scalars(
        select(WorkerHeartbeatRow)
        .where(
            WorkerHeartbeatRow.seen_at > moment - _SHOWN, WorkerHeartbeatRow.stopped_at.is_(None)
        )
        .order_by(WorkerHeartbeatRow.kind, WorkerHeartbeatRow.node, WorkerHeartbeatRow.started_at)
        .limit(1000)
    )
    noticed_at = session.scalar(select(DatabaseHistoryRow.noticed_at))
    seen = [_state(row, moment, drained) for row in rows]
    # A backup tells of processes that lived when it was made; what became of them it cannot know.
    states = [each for each in seen if not _is_of_a_backup(each, noticed_at)]
    lost = [each for each in states if each.lost]
    if not lost:
        return states
    stopped = session.scalars(
        select(WorkerHeartbeatRow)
        .where(
            WorkerHeartbeatRow.seen_at > moment - _SHOWN, WorkerHeartbeatRow.stopped_at.is_not(None)
        )
        .order_by(WorkerHeartbeatRow.started_at.desc())
        .limit(1000)
    )
    repaired = made_good(lost, [_state(row, moment, drained) for row in stopped])
    return [each for each in states if each.process.key not in repaired]


def _is_of_a_backup(state: ProcessState, noticed_at: datetime | None) -> bool:
    return state.lost and noticed_at is not None and state.seen_at < noticed_at


def made_good(lost: Sequence[ProcessState], others: Sequence[ProcessState]) -> Collection[str]:
    """Return which of the lost had one of the others in their place; each makes good one loss.

    One that was lost itself is among them: what counts is whether anything took its place.
    """
    repaired = set()
    free = sorted(others, key=lambda one: one.started_at)
    for each in sorted(lost, key=lambda one: one.seen_at):
        for other in free:
            if other.place == each.place and _came_after(other, each):
                free.remove(other)
                repaired.add(each.process.key)
                break
    return repaired


def _came_after(other: ProcessState, lost: ProcessState) -> bool:
    if other.process == lost.process:
        return False
    # Of one that fell silent before the clock was set back nobody knows what came after it.
    is_to_come = lost.seen_at > lost.taken_at
    return other.alive if is_to_come else other.started_at > lost.seen_at


def _state(row: WorkerHeartbeatRow, moment: datetime, drained: frozenset[str]) -> ProcessState:
    return ProcessState(
        process=Process(
            kind=row.kind,
            node=row.node,
            host=row.host,
            pid=row.pid,
            started_at=row.started_at,
            version=row.version,
        ),
        activity=Activity(
            mailing_id=row.mailing_id,
            batch_number=row.batch_number,
            answered=row.answered,
            disk=_disk(row),
        ),
        seen_at=row.seen_at,
        taken_at=moment,
        stopped_at=row.stopped_at,
        draining=row.node in drained,
        clock_ahead=row.clock_ahead,
    )


def _disk(row: WorkerHeartbeatRow) -> DiskHealth | None:
    if row.disk_free is None:
        return None
    fault = DiskFault(row.disk_fault) if row.disk_fault in set(DiskFault) else None
    return DiskHealth(free=row.disk_free, fault=fault)


def lives_here(engine: Engine, kind: ProcessKind) -> bool:
    """Return whether a process of a kind on this host gave a sign of life lately."""
    with reading(engine) as session:
        seen = session.scalars(
            select(WorkerHeartbeatRow.seen_at).where(
                WorkerHeartbeatRow.kind == kind,
                WorkerHeartbeatRow.host == socket.gethostname(),
                WorkerHeartbeatRow.stopped_at.is_(None),
            )
        ).all()
        moment = server_now(session)
    return any(_is_recent(each, moment) for each in seen)


def count_processes(engine: Engine, worker: str) -> int:
    """Return how many processes of a worker, such as ``bulk``, live on all hosts together."""
    with reading(engine) as session:
        moment = server_now(session)
        seen = session.scalars(
            select(WorkerHeartbeatRow.seen_at).where(
                WorkerHeartbeatRow.node.startswith(f"{worker}@", autoescape=True),
                WorkerHeartbeatRow.stopped_at.is_(None),
                WorkerHeartbeatRow.seen_at > moment - timedelta(seconds=LOST_SECONDS),
            )
        ).all()
    return sum(_is_recent(each, moment) for each in seen)


def forget_the_gone(engine: Engine) -> None:
    """Remove what has been silent for a day."""
    with transaction(engine) as session:
        session.execute(
            delete(WorkerHeartbeatRow).where(
                WorkerHeartbeatRow.seen_at < server_now(session) - _KEPT
            )
        )


def drain_worker(session: Session, node: str, *, reason: str) -> None:
    """Let a worker finish its messages in flight and take no new batch.

    Raises:
        NotFoundError: No worker of that name was heard of lately.
    """
    known = select(WorkerHeartbeatRow.node).where(
        WorkerHeartbeatRow.node == node,
        WorkerHeartbeatRow.seen_at > server_now(session) - _SHOWN,
    )
    if not node or session.scalar(known.limit(1)) is None:
        raise NotFoundError(
            msg("There is no worker “{node}”.", node=node),
            command=msg("The active workers are shown by: newsletter status."),
        )
    session.merge(DrainedWorkerRow(node=node, reason=reason, since=now()))


def undrain_worker(session: Session, node: str) -> None:
    """Let a worker take batches again.

    Raises:
        ConflictError: It was not drained.
    """
    undrained = session.scalar(
        delete(DrainedWorkerRow)
        .where(DrainedWorkerRow.node == node)
        .returning(DrainedWorkerRow.node)
    )
    if undrained is None:
        raise ConflictError(msg("The worker {node} is not draining.", node=node))
