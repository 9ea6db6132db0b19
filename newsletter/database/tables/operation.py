"""What the operation of the whole is known by: the state of each relay, and a pulse."""

from __future__ import annotations

from sqlalchemy import String, Text
from sqlalchemy.orm import Mapped, mapped_column

from newsletter.database.tables.base import Base
from newsletter.database.types import Instant, UtcDateTime


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


class PulseRow(Base):
    """One row that every round moves on: from it a long silence or a restored backup is told.

    Attributes:
        rounds: Counts up for ever; lower than a worker host remembers means that the database
            went back in time.
    """

    __tablename__ = "pulse"

    id: Mapped[int] = mapped_column(primary_key=True)
    rounds: Mapped[int] = mapped_column(default=0)
    beat_at: Mapped[Instant]
