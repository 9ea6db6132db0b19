"""Digests: their rules, the entries that wait for them, and the digests that were created."""

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
        offered: Whether readers may choose it. While it is not offered, readers who have chosen it
            get each issue.
        day: The day of the week, 0 for Monday to 6 for Sunday; or of the month, 1 to 31.
        hour: The time, such as ``08:00``, in the newsletter's time zone, or each reader's
            (``everywhere``).
        paused: Whether no digest is sent until it is resumed; ``halt_reason`` has the reason.
        introduction: The text at its beginning; may be empty.
        template: Its template; empty for the newsletter's.
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
    """A digest that was created: at most one per newsletter, frequency and date."""

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
    """An issue that waits for one reader of digests.

    Attributes:
        mailing_id: The mailing of the issue, in which the reader has no delivery.
        frequency: The frequency that the reader had chosen when the mailing was planned.
        digest_mailing_id: The digest that will contain it; None before that is created. The row is
            deleted when the digest is planned.
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
