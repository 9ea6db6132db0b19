"""Signs of life of the engine's processes."""

from __future__ import annotations

from sqlalchemy import Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from newsletter.database.tables.base import Base
from newsletter.database.types import Instant, UtcDateTime, Vocabulary
from newsletter.database.vocabulary import ProcessKind


class WorkerHeartbeatRow(Base):
    """One process: what it is, since when, what it sends, when it was last heard of.

    Attributes:
        process: ``host:pid:start``, so that a pid used again is another process.
        node: The worker that it belongs to, such as ``bulk@host``; empty for beat.
        mailing_id: The mailing whose batch it sends; None when it waits.
        answered: How many messages a relay answered for since the process started.
        stopped_at: When it said goodbye; one that is silent without it was lost.
    """

    __tablename__ = "worker_heartbeat"
    __table_args__ = (Index("ix_worker_heartbeat_seen_at", "seen_at"),)

    process: Mapped[str] = mapped_column(String(255), primary_key=True)
    node: Mapped[str] = mapped_column(String(255), default="", server_default="")
    kind: Mapped[ProcessKind] = mapped_column(Vocabulary(ProcessKind))
    host: Mapped[str] = mapped_column(String(255))
    pid: Mapped[int]
    version: Mapped[str] = mapped_column(String(32))
    started_at: Mapped[Instant]
    seen_at: Mapped[Instant]
    stopped_at: Mapped[Instant | None] = mapped_column(UtcDateTime())
    mailing_id: Mapped[int | None]
    batch_number: Mapped[int | None]
    answered: Mapped[int] = mapped_column(default=0)


class DrainedWorkerRow(Base):
    """A worker that is to take no new batch; it goes on when its row is gone."""

    __tablename__ = "drained_worker"

    node: Mapped[str] = mapped_column(String(255), primary_key=True)
    reason: Mapped[str] = mapped_column(Text, default="")
    since: Mapped[Instant]
