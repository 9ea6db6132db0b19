"""What operations know of the whole: relays, held domains, tallies, processes, and signing keys."""

from __future__ import annotations

from sqlalchemy import BigInteger, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from newsletter.database.tables.base import Base
from newsletter.database.types import Instant, UtcDateTime, Vocabulary, now
from newsletter.database.vocabulary import DeliveryState, ProcessKind, TallyScope


class RelayRow(Base):
    """A relay that takes nothing, or that an operator holds; without a row, all is well.

    Attributes:
        failures: How often in a row it took nothing.
        reason: What it said, or why it is held.
        retry_at: When it is tried again.
        held: Whether an operator holds it until further notice.
    """

    __tablename__ = "relay"

    name: Mapped[str] = mapped_column(String(255), primary_key=True)
    failures: Mapped[int] = mapped_column(default=0)
    reason: Mapped[str] = mapped_column(Text, default="")
    retry_at: Mapped[Instant | None] = mapped_column(UtcDateTime())
    held: Mapped[bool] = mapped_column(default=False)


class DatabaseHistoryRow(Base):
    """One row that every round moves on: it shows a long silence or a restored backup.

    Attributes:
        rounds: Counts up for ever; lower than a worker host remembers means that the database
            went back in time.
        epoch: Random; a new one whenever the database was found to have lost what it knew.
        claims: Counts the batches that were claimed, where no server tells its own timeline.
        server: The server and timeline that the last round found; another one's means that these
            rows come from a backup, or a replica was promoted. Empty where it cannot tell.
        lost_since: The last round that the database knew of when the present epoch began.
        noticed_at: When that was.
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
    """A host that sends: it may hold journals of what the database forgot.

    Attributes:
        identity: Random, kept in its DATA_DIR: a new DATA_DIR is another host.
        name: What operators call it.
        epoch: Up to which epoch of the database its journals are brought back.
        whole: Whether all of them were there, and could be read.
        covers: Whether it saw what went on until the database was put back.
    """

    __tablename__ = "worker_host"

    identity: Mapped[str] = mapped_column(String(32), primary_key=True)
    name: Mapped[str] = mapped_column(String(600))
    epoch: Mapped[str] = mapped_column(String(32), default="")
    whole: Mapped[bool] = mapped_column(default=False)
    covers: Mapped[bool] = mapped_column(default=False)
    seen_at: Mapped[Instant]


class UnknownJournalRow(Base):
    """A worker's journal about a mailing that this database does not know, set aside on its host.

    Attributes:
        accepted: How many messages it says a relay accepted.
    """

    __tablename__ = "unknown_journal"

    host: Mapped[str] = mapped_column(String(255), primary_key=True)
    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    accepted: Mapped[int]
    found_at: Mapped[Instant]


class HeldDomainRow(Base):
    """A recipient domain that gets nothing until an operator lets it go."""

    __tablename__ = "held_domain"

    domain: Mapped[str] = mapped_column(String(255), primary_key=True)
    reason: Mapped[str] = mapped_column(Text, default="")
    since: Mapped[Instant]


class TallyRow(Base):
    """How many attempts ended in one state, counted up with the ledger in one transaction.

    The ledger alone would have to be counted anew each time somebody looks.

    Attributes:
        at: When the minute (of a relay) or hour (of a domain) began; 1970 holds the sum of all
            that is too old to be told apart.
        name: The relay or the domain.
    """

    __tablename__ = "tally"

    scope: Mapped[TallyScope] = mapped_column(Vocabulary(TallyScope), primary_key=True)
    at: Mapped[Instant] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(255), primary_key=True)
    state: Mapped[DeliveryState] = mapped_column(Vocabulary(DeliveryState), primary_key=True)
    count: Mapped[int]


class WorkerHeartbeatRow(Base):
    """One process: what it is, since when, what it sends, when it was last heard of.

    Attributes:
        process: ``host:pid:start``, so that a pid used again is another process.
        node: The worker that it belongs to, such as ``bulk@host``; empty for beat.
        mailing_id: The mailing whose batch it sends; None when it waits.
        answered: How many messages a relay answered for since the process started.
        seen_at: When it last gave a sign of life, on the database's clock.
        clock_ahead: Seconds that its host's clock was ahead of the database's then.
        stopped_at: When it said goodbye; one that is silent without it was lost.
        disk_free: Octets that its DATA_DIR has left; None where it did not tell.
        disk_fault: Why nothing can be written there; empty while something can.
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
    """An alarm that somebody looks after, by its kind and place; it is removed once that ended.

    Attributes:
        severity: How grave it was when somebody took it up; ``size`` is what it counted.
        actor: Who; see `Actor.name`.
        missing_since: When it was first found away; None while it is there.
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
    """A worker that is to take no new batch; it goes on when its row is gone."""

    __tablename__ = "drained_worker"

    node: Mapped[str] = mapped_column(String(255), primary_key=True)
    reason: Mapped[str] = mapped_column(Text, default="")
    since: Mapped[Instant]


class SigningKeyRow(Base):
    """A key of SECRET_KEYS that this database was used with.

    Attributes:
        fingerprint: From a hash of the key, in hexadecimal.
        forgotten_at: Since when somebody accepts that its links work no more.
    """

    __tablename__ = "signing_key"

    fingerprint: Mapped[str] = mapped_column(String(32), primary_key=True)
    first_seen_at: Mapped[Instant] = mapped_column(default=now)
    forgotten_at: Mapped[Instant | None] = mapped_column(UtcDateTime())
