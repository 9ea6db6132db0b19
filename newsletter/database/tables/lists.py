"""Lists at scale: tags, saved segments, and how far an import has come."""

from __future__ import annotations

from sqlalchemy import ForeignKey, ForeignKeyConstraint, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from newsletter.database.tables.base import Base
from newsletter.database.types import BigId, Instant, JsonObject, PrimaryKey, UtcDateTime, now


class TagRow(Base):
    """A word by which one newsletter marks a subscriber."""

    __tablename__ = "subscription_tag"
    __table_args__ = (
        ForeignKeyConstraint(
            ["newsletter_id", "subscriber_id"],
            ["subscription.newsletter_id", "subscription.subscriber_id"],
            ondelete="CASCADE",
        ),
        Index("ix_subscription_tag_tag", "newsletter_id", "tag", "subscriber_id"),
    )

    newsletter_id: Mapped[int] = mapped_column(BigId, primary_key=True)
    subscriber_id: Mapped[int] = mapped_column(BigId, primary_key=True)
    tag: Mapped[str] = mapped_column(String(64), primary_key=True)


class SegmentRow(Base):
    """A saved query over a newsletter's subscribers, in the language of docs/lists.md."""

    __tablename__ = "segment"
    __table_args__ = (UniqueConstraint("newsletter_id", "name"),)

    id: Mapped[PrimaryKey]
    newsletter_id: Mapped[int] = mapped_column(ForeignKey("newsletter.id"))
    name: Mapped[str] = mapped_column(String(64))
    query: Mapped[str] = mapped_column(Text)
    created_at: Mapped[Instant] = mapped_column(default=now)


class ListImportRow(Base):
    """How far one file's import has come; written in the transaction of the rows it counts.

    Attributes:
        digest: SHA-256 of the file's octets and of how it is to be read.
        records: How many records of the file are done.
        counts: What became of them.
    """

    __tablename__ = "list_import"
    __table_args__ = (UniqueConstraint("newsletter_id", "digest"),)

    id: Mapped[PrimaryKey]
    newsletter_id: Mapped[int] = mapped_column(ForeignKey("newsletter.id"))
    digest: Mapped[str] = mapped_column(String(64))
    source: Mapped[str] = mapped_column(Text)
    records: Mapped[int] = mapped_column(BigId, default=0)
    counts: Mapped[JsonObject]
    started_at: Mapped[Instant] = mapped_column(default=now)
    finished_at: Mapped[Instant | None] = mapped_column(UtcDateTime())
