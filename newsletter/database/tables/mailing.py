"""Mailings and their ledger.

A batch is a range of positions; its lease is what one worker holds while it sends. Deliveries carry
no lease of their own: one in state ``sending`` belongs to whoever holds its batch.
"""

from __future__ import annotations

from datetime import date

from sqlalchemy import (
    JSON,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    SmallInteger,
    String,
    Text,
    UniqueConstraint,
    false,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from newsletter.database.tables.base import Base
from newsletter.database.types import (
    BigId,
    Instant,
    MessageText,
    PrimaryKey,
    UtcDateTime,
    Vocabulary,
    new_identity,
    now,
)
from newsletter.database.vocabulary import (
    BatchState,
    DeliveryState,
    MailingKind,
    MailingState,
    UncertainPolicy,
)
from newsletter.i18n.messages import Message


class MailingRow(Base):
    """One sending of one issue to one audience.

    Attributes:
        identity: Random, so that no mailing of a restored database is taken for another that had
            the same number; Message-IDs and workers' journals name it.
        priority: Higher goes first; a mailing has 0, a confirmation mail 9.
        halt_reason: Why it is paused, or flows no further by itself.
        restored: Whether it is held because the database lost what it knew of it.
        planned: How many deliveries its snapshot holds.
        served_at: When a batch of it was last taken, to about a second; None before its first turn.
        scheduled_at: When it is due; the first of all zones' hours when ``local_hour`` is set.
        local_hour: ``2026-12-01T08:00``, the time on each subscriber's own clock; empty for one
            instant for all.
        spread_seconds: Over how long its batches are spread; 0 sends as fast as can be.
        title: What its issue was called when it was made, as lists and the archive show it; the
            date, number and summary likewise. Here, not with the content, as lists read them by
            the dozen, and a row's later columns lie behind its long ones.
        urgent: Whether it goes at once to those, too, who chose a digest.
        correction: The number of the last correction of its issue that copies contain which are
            made from now on; 0 for none. Of a mail about a correction, that correction's.
        segment: The query that its audience is chosen by; empty for everybody.
        conditions: The queries of the conditions that parts of its issue carry, in their order;
            None where all parts are for everybody.
        notice: What a notice is about, such as ``approval-request``; empty of an issue.
        started_at: When it began; None too once it is cancelled before anything left.
    """

    __tablename__ = "mailing"
    __table_args__ = (Index("ix_mailing_turn", "state", "priority", "served_at"),)

    id: Mapped[PrimaryKey]
    identity: Mapped[str] = mapped_column(
        String(32), default=new_identity, server_default="", index=True, unique=True
    )
    newsletter_id: Mapped[int] = mapped_column(ForeignKey("newsletter.id"), index=True)
    issue_id: Mapped[int | None] = mapped_column(ForeignKey("issue.id"))
    kind: Mapped[MailingKind] = mapped_column(
        Vocabulary(MailingKind), default=MailingKind.ISSUE, server_default=MailingKind.ISSUE.value
    )
    state: Mapped[MailingState] = mapped_column(Vocabulary(MailingState), index=True)
    priority: Mapped[int] = mapped_column(default=0)
    title: Mapped[str] = mapped_column(Text, default="", server_default="")
    issue_date: Mapped[date | None]
    issue_number: Mapped[str] = mapped_column(Text, default="", server_default="")
    summary: Mapped[str] = mapped_column(Text, default="", server_default="")
    urgent: Mapped[bool] = mapped_column(default=False, server_default=false())
    correction: Mapped[int] = mapped_column(default=0, server_default="0")
    segment: Mapped[str] = mapped_column(Text, default="")
    conditions: Mapped[list[str] | None] = mapped_column(JSON(none_as_null=True))
    notice: Mapped[str] = mapped_column(String(64), default="", server_default="")
    uncertain_policy: Mapped[UncertainPolicy] = mapped_column(
        Vocabulary(UncertainPolicy), default=UncertainPolicy.ASK
    )
    halt_reason: Mapped[Message | None] = mapped_column(MessageText, nullable=False)
    restored: Mapped[bool] = mapped_column(default=False, server_default=false())
    planned: Mapped[int] = mapped_column(default=0)
    batch_size: Mapped[int]
    scheduled_at: Mapped[Instant | None] = mapped_column(UtcDateTime())
    local_hour: Mapped[str] = mapped_column(String(32), default="", server_default="")
    spread_seconds: Mapped[int] = mapped_column(default=0, server_default="0")
    started_at: Mapped[Instant | None] = mapped_column(UtcDateTime())
    served_at: Mapped[Instant | None] = mapped_column(UtcDateTime())
    finished_at: Mapped[Instant | None] = mapped_column(UtcDateTime())
    created_at: Mapped[Instant] = mapped_column(default=now)


class MailingContentRow(Base):
    """What a mailing sends, frozen when it was approved: rendered once, with its slots.

    A correction of its issue adds a row, and changes none of which a copy may have been made.
    ``recipe`` is what variants of it are rendered from; None where parts are for everybody.
    """

    __tablename__ = "mailing_content"

    mailing_id: Mapped[int] = mapped_column(ForeignKey("mailing.id"), primary_key=True)
    correction: Mapped[int] = mapped_column(
        primary_key=True, autoincrement=False, default=0, server_default="0"
    )
    payload: Mapped[str] = mapped_column(Text)
    recipe: Mapped[str | None] = mapped_column(Text)


class MailingVariantRow(Base):
    """What those of a mailing's audience get who meet the same conditions and get the same subject.

    Attributes:
        variant: Of which conditions and subject; see `newsletter.mailings.planning.variants`.
            Variant 0 has no row here: it is the mailing's content.
    """

    __tablename__ = "mailing_variant"

    mailing_id: Mapped[int] = mapped_column(ForeignKey("mailing.id"), primary_key=True)
    correction: Mapped[int] = mapped_column(
        primary_key=True, autoincrement=False, default=0, server_default="0"
    )
    variant: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=False)
    payload: Mapped[str] = mapped_column(Text)


class BatchRow(Base):
    """A range of deliveries; ``lease_token`` fences whoever lost the lease.

    Attributes:
        due_at: When it may be sent next.
        leased_at: Since when its holder sends it; of one at rest, the last time.
        hinted_at: When a task for it was last published; None when none is under way.
        variant: Which parts its readers are shown, with which subject; see `MailingVariantRow`. A
            batch holds readers of one variant. One that is held has no subject yet.
        dated_at: The Date of its messages; None for the mailing's own.
        correction: The last correction of the issue that its copies contain, as of the last lease.
        records: How often the holder of the present lease wrote outcomes down. A holder that finds
            fewer than it made knows that the database lost some.
    """

    __tablename__ = "batch"
    __table_args__ = (Index("ix_batch_state_due_at", "state", "due_at"),)

    mailing_id: Mapped[int] = mapped_column(ForeignKey("mailing.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    first_position: Mapped[int] = mapped_column(BigId)
    last_position: Mapped[int] = mapped_column(BigId)
    state: Mapped[BatchState] = mapped_column(Vocabulary(BatchState), default=BatchState.PENDING)
    due_at: Mapped[Instant]
    hinted_at: Mapped[Instant | None] = mapped_column(UtcDateTime())
    leased_at: Mapped[Instant | None] = mapped_column(UtcDateTime())
    lease_token: Mapped[str | None] = mapped_column(String(32))
    lease_expires_at: Mapped[Instant | None] = mapped_column(UtcDateTime())
    records: Mapped[int] = mapped_column(default=0, server_default="0")
    variant: Mapped[int] = mapped_column(BigId, default=0, server_default="0")
    dated_at: Mapped[Instant | None] = mapped_column(UtcDateTime())
    correction: Mapped[int] = mapped_column(default=0, server_default="0")


#: States of which there are few, when all goes well.
ATTENTION = "state IN ('deferred', 'failed', 'rejected', 'uncertain')"


class DeliveryRow(Base):
    """One subscriber in one mailing.

    Attributes:
        attempts: How often the relay was asked and answered for this recipient.
        breaks: How often a worker died while it made this message.
        correction: The last correction of the issue that the copy contains which was taken in hand
            last; 0 for none.
        doubted: The same of an earlier copy that may have arrived; None where there was none.
        status: Enhanced status code (RFC 3463) of the last reply.
        reply: The relay's last words, or why it was skipped or failed.
        queue_id: What the relay calls the message, when its reply says.
    """

    __tablename__ = "delivery"
    __table_args__ = (
        UniqueConstraint("mailing_id", "subscriber_id"),
        ForeignKeyConstraint(["mailing_id"], ["mailing.id"]),
        # What operators watch: what did not go well. It holds few rows, so it costs little.
        Index(
            "ix_delivery_attention",
            "state",
            "mailing_id",
            sqlite_where=text(ATTENTION),
            postgresql_where=text(ATTENTION),
        ),
    )

    mailing_id: Mapped[int] = mapped_column(primary_key=True)
    position: Mapped[int] = mapped_column(BigId, primary_key=True)
    subscriber_id: Mapped[int] = mapped_column(BigId, ForeignKey("subscriber.id"), index=True)
    state: Mapped[DeliveryState] = mapped_column(Vocabulary(DeliveryState))
    attempts: Mapped[int] = mapped_column(default=0)
    breaks: Mapped[int] = mapped_column(default=0, server_default="0")
    correction: Mapped[int] = mapped_column(SmallInteger, default=0, server_default="0")
    doubted: Mapped[int | None] = mapped_column(SmallInteger)
    next_attempt_at: Mapped[Instant | None] = mapped_column(UtcDateTime())
    settled_at: Mapped[Instant | None] = mapped_column(UtcDateTime())
    status: Mapped[str | None] = mapped_column(String(16))
    reply: Mapped[str | None] = mapped_column(Text)
    queue_id: Mapped[str | None] = mapped_column(String(128))
    transport: Mapped[str | None] = mapped_column(String(128))
