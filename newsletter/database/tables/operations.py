"""Operations: relays, domains on hold, tallies, processes, worker hosts, alarms, signing keys."""

from __future__ import annotations

from sqlalchemy import BigInteger, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from newsletter.database.tables.base import Base
from newsletter.database.types import Instant, UtcDateTime, Vocabulary, now
from newsletter.database.vocabulary import DeliveryState, ProcessKind, TallyScope


class RelayRow(Base):
    """A relay that cannot be used, or is on hold; relays that work have no row.

    Attributes:
        failures: The number of consecutive failures.
        reason: Its reply, or the operator's reason.
        retry_at: When it is tried again.
        held: Whether an operator put it on hold.
    """

    __tablename__ = "relay"

    name: Mapped[str] = mapped_column(String(255), primary_key=True)
    failures: Mapped[int] = mapped_column(default=0)
    reason: Mapped[str] = mapped_column(Text, default="")
    retry_at: Mapped[Instant | None] = mapped_column(UtcDateTime())
    held: Mapped[bool] = mapped_column(default=False)


class DatabaseHistoryRow(Base):
    """A single row, updated by every round, that reveals a standstill or a restored backup.

    Attributes:
        rounds: Counts rounds for ever. If it is lower than the value stored by a worker host, the
            database was set back.
        epoch: A random value, replaced whenever the database was found to have lost changes.
        claims: Counts claimed batches, if the server's timeline is unknown.
        server: The server and timeline at the last round. If the present server differs, the rows
            come from a backup, or a replica was promoted. Empty if unknown.
        lost_since: The time of the last round before the present epoch began.
        noticed_at: When the present epoch began.
    """

    __tablename__ = "database_history"

    id: Mapped[int] = mapped_column(primary_key=True)
    rounds: Mapped[int] = mapped_column(default=0)
    beat_at: Mapped[Instant]
    epoch: Mapped[str] = mapped_column(String(32), default="", server_default="")
    claims: Mapped[int] = mapped_column(default=0, server_default="0")
    server: Mapped[str] = mapped_column(String(64), default="", server_default="")
    lost_since: Mapped[Instant | None] = mapped_column(UtcDateTime())
    noticed_at: Mapped[Instant | None] = mapped_column(UtcDateTime())


class WorkerHostRow(Base):
    """A host with workers, which may have journals of outcomes that the database lost.

    Attributes:
        identity: A random value in its DATA_DIR; a new DATA_DIR counts as another host.
        name: The name for operators.
        epoch: The database epoch into which its journals were last restored.
        whole: Whether all its journals were present and readable.
        covers: Whether the host was running at the last round before the database was set back.
        met_at: When this database first heard of it.
    """

    __tablename__ = "worker_host"

    identity: Mapped[str] = mapped_column(String(32), primary_key=True)
    name: Mapped[str] = mapped_column(String(600))
    epoch: Mapped[str] = mapped_column(String(32), default="")
    whole: Mapped[bool] = mapped_column(default=False)
    covers: Mapped[bool] = mapped_column(default=False)
    met_at: Mapped[Instant] = mapped_column(default=now)
    seen_at: Mapped[Instant]


class UnknownJournalRow(Base):
    """A worker's journal about a mailing that is not in this database; its file is set aside.

    Attributes:
        accepted: The number of accepted messages in the journal.
    """

    __tablename__ = "unknown_journal"

    host: Mapped[str] = mapped_column(String(255), primary_key=True)
    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    accepted: Mapped[int]
    found_at: Mapped[Instant]


class HeldDomainRow(Base):
    """A recipient domain on hold."""

    __tablename__ = "held_domain"

    domain: Mapped[str] = mapped_column(String(255), primary_key=True)
    reason: Mapped[str] = mapped_column(Text, default="")
    since: Mapped[Instant]


class TallyRow(Base):
    """The number of attempts that ended in a state, updated in the ledger's transactions.

    Without these rows, the whole ledger would have to be counted each time.

    Attributes:
        at: The beginning of the minute (for a relay) or hour (for a domain); 1970 for the sum of
            all older ones.
        name: The relay or the domain.
    """

    __tablename__ = "tally"

    scope: Mapped[TallyScope] = mapped_column(Vocabulary(TallyScope), primary_key=True)
    at: Mapped[Instant] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(255), primary_key=True)
    state: Mapped[DeliveryState] = mapped_column(Vocabulary(DeliveryState), primary_key=True)
    count: Mapped[int]


class WorkerHeartbeatRow(Base):
    """A process of a worker or of beat.

    Attributes:
        process: ``host:pid:start``, so that a pid that is used again is another process.
        node: The worker that it belongs to, such as ``bulk@host``; empty for beat.
        mailing_id: The mailing whose batch it is sending; None if it is idle.
        answered: The number of messages with a reply since the process started.
        seen_at: The time of its last heartbeat, on the database's clock.
        clock_ahead: How many seconds its host's clock was ahead of the database's at that time.
        stopped_at: When it stopped regularly. A process without this and without heartbeats was
            lost.
        disk_free: The free bytes in its DATA_DIR; None if unknown.
        disk_fault: Why nothing can be written there; empty if writing works.
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
    clock_ahead: Mapped[float] = mapped_column(default=0.0, server_default="0")
    stopped_at: Mapped[Instant | None] = mapped_column(UtcDateTime())
    mailing_id: Mapped[int | None]
    batch_number: Mapped[int | None]
    answered: Mapped[int] = mapped_column(default=0)
    disk_free: Mapped[int | None] = mapped_column(BigInteger)
    disk_fault: Mapped[str] = mapped_column(String(16), default="", server_default="")


class AcknowledgedAlarmRow(Base):
    """An acknowledged alarm, by its kind and place; the row is deleted when the alarm has ended.

    Attributes:
        severity: The severity when it was acknowledged.
        size: The alarm's count at that time.
        actor: The person who acknowledged it; see `Actor.name`.
        missing_since: When the alarm was first found cleared; None while it is active.
    """

    __tablename__ = "acknowledged_alarm"

    kind: Mapped[str] = mapped_column(String(64), primary_key=True)
    place: Mapped[str] = mapped_column(String(255), primary_key=True)
    severity: Mapped[str] = mapped_column(String(32))
    size: Mapped[int]
    actor: Mapped[str] = mapped_column(String(320))
    reason: Mapped[str] = mapped_column(Text)
    since: Mapped[Instant]
    missing_since: Mapped[Instant | None]


class DrainedWorkerRow(Base):
    """A worker that is being drained: it takes no new batch until the row is deleted."""

    __tablename__ = "drained_worker"

    node: Mapped[str] = mapped_column(String(255), primary_key=True)
    reason: Mapped[str] = mapped_column(Text, default="")
    since: Mapped[Instant]


class SigningKeyRow(Base):
    """A key of SECRET_KEYS that this database was used with.

    Attributes:
        fingerprint: From a hash of the key, in hexadecimal.
        forgotten_at: When an operator accepted that links signed with it do not work any more.
    """

    __tablename__ = "signing_key"

    fingerprint: Mapped[str] = mapped_column(String(32), primary_key=True)
    first_seen_at: Mapped[Instant] = mapped_column(default=now)
    forgotten_at: Mapped[Instant | None] = mapped_column(UtcDateTime())
