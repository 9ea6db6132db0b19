"""Heartbeats: each worker process and beat regularly records that it is alive, and its activity."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
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

#: Seconds between two heartbeats, and without heartbeats before a process counts as lost.
BEAT_SECONDS = 3.0
LOST_SECONDS = 12.0
#: How long lost processes are shown, and how long their rows are kept.
_SHOWN = timedelta(hours=1)
_KEPT = timedelta(days=1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Process:
    """A process; ``node`` is the worker that it belongs to, such as ``bulk@host``."""

    kind: ProcessKind
    node: str
    host: str
    pid: int
    started_at: datetime = field(default_factory=now)
    version: str = __version__

    @property
    def is_control(self) -> bool:
        """Whether it processes rounds and urgent mail, and not mailings."""
        return self.node.startswith("control@")

    @property
    def name(self) -> str:
        """The name for operators; beat belongs to no worker."""
        return self.node or f"beat@{self.host}"

    @classmethod
    def this(cls, kind: ProcessKind, node: str = "") -> Process:
        """Return the present process."""
        return cls(kind=kind, node=node, host=socket.gethostname(), pid=os.getpid())

    @property
    def key(self) -> str:
        """A unique key, which differs for later processes with the same pid."""
        return f"{self.host}:{self.pid}:{self.started_at.timestamp():.3f}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Activity:
    """The activity of a process: its present batch, and the replies since it started.

    A process that is not alive has no present batch.

    Attributes:
        disk: The disk of its DATA_DIR; None if unknown.
    """

    mailing_id: int | None = None
    batch_number: int | None = None
    answered: int = 0
    disk: DiskHealth | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class ProcessState:
    """The state of a process at its last heartbeat.

    Attributes:
        seen_at: The time of its last heartbeat, on the database's clock.
        taken_at: When this state was read, on the same clock.
        clock_ahead: Seconds by which its host's clock was ahead of the database's, or behind if
            negative.
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
        """The worker that it belongs to, where a later process replaces it."""
        return self.process.kind, self.process.node, self.process.host

    @property
    def started_at(self) -> datetime:
        """When it started, on the database's clock."""
        return self.process.started_at - timedelta(seconds=self.clock_ahead)

    @property
    def alive(self) -> bool:
        """Whether its last heartbeat is recent, and it has not stopped."""
        return self.stopped_at is None and _is_recent(self.seen_at, self.taken_at)

    @property
    def lost(self) -> bool:
        """Whether its heartbeats ended although it has not stopped regularly."""
        return self.stopped_at is None and not self.alive


def _is_recent(seen_at: datetime, moment: datetime) -> bool:
    """Return whether a heartbeat is recent.

    A heartbeat in the future is from before the clock was set back; a process that is alive has
    sent another one since.
    """
    return abs((moment - seen_at).total_seconds()) <= LOST_SECONDS


def read_clocks(session: Session, clock: Callable[[], datetime] = now) -> tuple[datetime, float]:
    """Return the database's time, and the seconds by which this host's clock is certainly ahead.

    The server's time is from some moment between query and reply. A difference within this
    interval counts as none.
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
    """Record a heartbeat; return whether the process's worker is being drained.

    Args:
        engine: The database.
        process: The process.
        activity: Its activity.
        clock: The host's clock.
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
    """Record that a process stops regularly."""
    with transaction(engine) as session:
        session.execute(
            update(WorkerHeartbeatRow)
            .where(WorkerHeartbeatRow.process == process.key)
            .values(stopped_at=server_now(session), mailing_id=None, batch_number=None)
        )


def list_processes(session: Session) -> Sequence[ProcessState]:
    """Return the running processes, and those lost within the last hour, since the last restore.

    A lost process is left out if another one replaced it and has stopped regularly since.
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
    # A backup has the processes that were running when it was made; their end is not known.
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
    """Return the keys of lost processes that were replaced; each other process replaces one.

    The replacing process may itself have been lost later.
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
    # If the last heartbeat is in the future, the clock was set back, and the order is unknown.
    is_to_come = lost.seen_at > lost.taken_at
    return other.alive if is_to_come else other.started_at > lost.seen_at


def _state(row: WorkerHeartbeatRow, moment: datetime, drained: frozenset[str]) -> ProcessState:
    state = ProcessState(
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
    if state.alive:
        return state
    return replace(state, activity=replace(state.activity, mailing_id=None, batch_number=None))


def _disk(row: WorkerHeartbeatRow) -> DiskHealth | None:
    if row.disk_free is None:
        return None
    fault = DiskFault(row.disk_fault) if row.disk_fault in set(DiskFault) else None
    return DiskHealth(free=row.disk_free, fault=fault)


def lives_here(engine: Engine, kind: ProcessKind) -> bool:
    """Return whether a process of this kind is running on this host."""
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
    """Return the number of running processes of a worker, such as ``bulk``, on all hosts."""
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
    """Delete the rows of processes without heartbeats for a day."""
    with transaction(engine) as session:
        session.execute(
            delete(WorkerHeartbeatRow).where(
                WorkerHeartbeatRow.seen_at < server_now(session) - _KEPT
            )
        )


def drain_worker(session: Session, node: str, *, reason: str) -> None:
    """Drain a worker: it finishes the messages in flight and takes no new batch.

    Raises:
        NotFoundError: No worker with that name has reported recently.
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
    """Let a drained worker take batches again.

    Raises:
        ConflictError: The worker is not drained.
    """
    undrained = session.scalar(
        delete(DrainedWorkerRow)
        .where(DrainedWorkerRow.node == node)
        .returning(DrainedWorkerRow.node)
    )
    if undrained is None:
        raise ConflictError(msg("The worker {node} is not draining.", node=node))
