"""Notes of the staff on people."""

from __future__ import annotations

from sqlalchemy import ForeignKeyConstraint, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from newsletter.database.tables.base import Base
from newsletter.database.types import BigId, Instant, PrimaryKey, UtcDateTime, now


class NoteRow(Base):
    """What somebody of the staff wrote about a person, for one newsletter; it goes with them.

    Attributes:
        author: The name of the account in the audit log.
        revision: Counts its changes, so that of two at once one is refused.
    """

    __tablename__ = "note"
    __table_args__ = (
        ForeignKeyConstraint(
            ["newsletter_id", "subscriber_id"],
            ["subscription.newsletter_id", "subscription.subscriber_id"],
            ondelete="CASCADE",
        ),
        Index("ix_note_subscriber_id", "subscriber_id", "newsletter_id"),
    )

    id: Mapped[PrimaryKey]
    newsletter_id: Mapped[int] = mapped_column(BigId)
    subscriber_id: Mapped[int] = mapped_column(BigId)
    text: Mapped[str] = mapped_column(Text)
    author: Mapped[str] = mapped_column(String(320))
    revision: Mapped[int] = mapped_column(default=1)
    written_at: Mapped[Instant] = mapped_column(default=now)
    changed_at: Mapped[Instant | None] = mapped_column(UtcDateTime())
