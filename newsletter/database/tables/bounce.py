"""The bounce log."""

from __future__ import annotations

from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from newsletter.database.tables.base import Base
from newsletter.database.types import BigId, Instant, PrimaryKey, Vocabulary, now
from newsletter.database.vocabulary import BounceKind, BounceSource


class BounceRow(Base):
    """A report that mail to an address was undeliverable or unwanted.

    Attributes:
        event_id: Makes logging idempotent: the same event is logged once.
        raw: The report as it came.
    """

    __tablename__ = "bounce"
    __table_args__ = (
        Index("ix_bounce_mailing_id", "mailing_id"),
        Index("ix_bounce_address", "address"),
    )

    id: Mapped[PrimaryKey]
    event_id: Mapped[str] = mapped_column(String(255), unique=True)
    newsletter_id: Mapped[int | None] = mapped_column(ForeignKey("newsletter.id"))
    mailing_id: Mapped[int | None] = mapped_column(ForeignKey("mailing.id"))
    subscriber_id: Mapped[int | None] = mapped_column(BigId, ForeignKey("subscriber.id"))
    address: Mapped[str] = mapped_column(String(320))
    kind: Mapped[BounceKind] = mapped_column(Vocabulary(BounceKind))
    source: Mapped[BounceSource] = mapped_column(Vocabulary(BounceSource))
    reason: Mapped[str] = mapped_column(String(64), default="")
    status: Mapped[str] = mapped_column(String(16), default="")
    reply: Mapped[str] = mapped_column(Text, default="")
    raw: Mapped[str] = mapped_column(Text, default="")
    occurred_at: Mapped[Instant] = mapped_column(default=now)
