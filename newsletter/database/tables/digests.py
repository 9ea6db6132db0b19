"""Digests: when they go out, what is set aside for their readers, and which went out."""

from __future__ import annotations

from datetime import date

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint, false
from sqlalchemy.orm import Mapped, mapped_column

from newsletter.database.tables.base import Base
from newsletter.database.types import (
    BigId,
    Instant,
    MessageText,
    UtcDateTime,
    Vocabulary,
    now,
)
from newsletter.database.vocabulary import DigestDetail, Frequency
from newsletter.i18n.messages import Message


class DigestRuleRow(Base):
    """When and how a newsletter sends its weekly or its monthly digest.

    Attributes:
        offered: Whether readers may choose it; where it is not, who chose it gets each issue.
        day: Of the week, 0 for Monday to 6 for Sunday; or of the month, 1 to 31.
        hour: ``08:00``, on the newsletter's clock or each reader's (``everywhere``).
        paused: Whether none goes out until it is resumed; ``halt_reason`` says why.
        introduction: What it begins with; empty for nothing.
        template: In which it is rendered; empty for the newsletter's.
        next_on: The date of the next one, which is due at ``due_at``.
        author: The account that set it, by its address.
    """

    __tablename__ = "digest_rule"

    newsletter_id: Mapped[int] = mapped_column(
        BigId, ForeignKey("newsletter.id"), primary_key=True, autoincrement=False
    )
    frequency: Mapped[Frequency] = mapped_column(Vocabulary(Frequency), primary_key=True)
    offered: Mapped[bool] = mapped_column(default=False, server_default=false())
    day: Mapped[int]
    hour: Mapped[str] = mapped_column(String(5))
    everywhere: Mapped[bool] = mapped_column(default=False, server_default=false())
    paused: Mapped[bool] = mapped_column(default=False, server_default=false())
    halt_reason: Mapped[Message | None] = mapped_column(MessageText, nullable=False)
    introduction: Mapped[str] = mapped_column(Text, default="", server_default="")
    detail: Mapped[DigestDetail] = mapped_column(Vocabulary(DigestDetail))
    template: Mapped[str] = mapped_column(String(64), default="", server_default="")
    next_on: Mapped[date]
    due_at: Mapped[Instant] = mapped_column(UtcDateTime(), index=True)
    author: Mapped[str] = mapped_column(String(320))


class DigestRow(Base):
    """A digest that was opened: at most one for a newsletter, frequency and date."""

    __tablename__ = "digest"
    __table_args__ = (UniqueConstraint("newsletter_id", "frequency", "period"),)

    mailing_id: Mapped[int] = mapped_column(
        BigId, ForeignKey("mailing.id"), primary_key=True, autoincrement=False
    )
    newsletter_id: Mapped[int] = mapped_column(BigId, ForeignKey("newsletter.id"))
    frequency: Mapped[Frequency] = mapped_column(Vocabulary(Frequency))
    period: Mapped[date]
    opened_at: Mapped[Instant] = mapped_column(default=now)


class DigestEntryRow(Base):
    """An issue that was set aside for one reader, who chose a digest when it was planned.

    Attributes:
        mailing_id: The mailing of the issue, in which the reader has no delivery.
        frequency: What the reader had chosen.
        digest_mailing_id: The digest that takes it; None before one is opened. The row is deleted
            when that digest's deliveries are written down.
    """

    __tablename__ = "digest_entry"
    __table_args__ = (
        Index(
            "ix_digest_entry_waiting",
            "newsletter_id",
            "frequency",
            "digest_mailing_id",
            "mailing_id",
        ),
        Index("ix_digest_entry_digest", "digest_mailing_id", "subscriber_id"),
    )

    mailing_id: Mapped[int] = mapped_column(
        BigId, ForeignKey("mailing.id"), primary_key=True, autoincrement=False
    )
    subscriber_id: Mapped[int] = mapped_column(
        BigId, ForeignKey("subscriber.id"), primary_key=True, autoincrement=False, index=True
    )
    newsletter_id: Mapped[int] = mapped_column(BigId, ForeignKey("newsletter.id"))
    frequency: Mapped[Frequency] = mapped_column(Vocabulary(Frequency))
    digest_mailing_id: Mapped[int | None] = mapped_column(BigId, ForeignKey("mailing.id"))
