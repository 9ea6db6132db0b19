"""How a newsletter's readers grew in number: sums, which name nobody."""

from __future__ import annotations

from datetime import date

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from newsletter.database.tables.base import Base
from newsletter.database.types import PrimaryKey, Vocabulary
from newsletter.database.vocabulary import GrowthCause


class GrowthRow(Base):
    """How many readers a newsletter got at once, or lost; rows are added and never changed.

    Without a unique key, so that nobody who joins or leaves waits for another. It holds no person,
    so that an erasure leaves it as it is.

    Attributes:
        day: The newsletter's own day.
        count: More than zero of who joined, less of who left.
    """

    __tablename__ = "growth"
    __table_args__ = (Index("ix_growth_newsletter_id_day", "newsletter_id", "day"),)

    id: Mapped[PrimaryKey]
    newsletter_id: Mapped[int] = mapped_column(ForeignKey("newsletter.id"))
    day: Mapped[date]
    cause: Mapped[GrowthCause] = mapped_column(Vocabulary(GrowthCause))
    count: Mapped[int]
