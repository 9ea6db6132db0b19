"""People who turned out to be one, as the staff said."""

from __future__ import annotations

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from newsletter.database.tables.base import Base
from newsletter.database.types import BigId, Instant, PrimaryKey, now


class PersonMergeRow(Base):
    """Somebody with one address became one with whoever has another, for a group of newsletters.

    Attributes:
        group_id: Whose people they are; newsletters of other groups know nothing of it.
        kept_id: Whose address is written to from then on.
        merged_id: Who went into them; their subscriptions ended.
        merged_by: Who said so, as the audit log names them.
    """

    __tablename__ = "person_merge"

    id: Mapped[PrimaryKey]
    group_id: Mapped[int] = mapped_column(BigId, ForeignKey("people_group.id"))
    kept_id: Mapped[int] = mapped_column(BigId, ForeignKey("subscriber.id"), index=True)
    merged_id: Mapped[int] = mapped_column(BigId, ForeignKey("subscriber.id"), index=True)
    merged_by: Mapped[str] = mapped_column(String(320))
    merged_at: Mapped[Instant] = mapped_column(default=now)
