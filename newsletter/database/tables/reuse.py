"""What new issues begin with: patterns that were kept, and the recurrence that opens drafts."""

from __future__ import annotations

from datetime import date

from sqlalchemy import ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from newsletter.database.tables.base import Base
from newsletter.database.types import BigId, Instant, JsonObject, PrimaryKey, Vocabulary, now
from newsletter.database.vocabulary import Every


class IssuePatternRow(Base):
    """An issue kept to begin others with; ``template`` is empty for the newsletter's default."""

    __tablename__ = "issue_pattern"
    __table_args__ = (UniqueConstraint("newsletter_id", "name"),)

    id: Mapped[PrimaryKey]
    newsletter_id: Mapped[int] = mapped_column(BigId, ForeignKey("newsletter.id"))
    name: Mapped[str] = mapped_column(String(200))
    content: Mapped[JsonObject]
    template: Mapped[str] = mapped_column(String(64), default="", server_default="")
    author: Mapped[str] = mapped_column(String(320))
    created_at: Mapped[Instant] = mapped_column(default=now)


class RecurrenceRow(Base):
    """How often a newsletter appears, by which its next draft opens by itself.

    Attributes:
        weekday: 0 for Monday to 6 for Sunday; of what goes by weeks, or by a weekday of the month.
        ordinal: Which of the month's: 1 to 4, -1 for the last; or the day of the month, 1 to 31.
        days_before: So many days before the issue's date its draft opens.
        pattern_id: What the draft begins with; None for the last issue.
        next_on: The date of the next issue, whose draft is not open yet.
        author: The account that set it, by its address.
    """

    __tablename__ = "recurrence"

    newsletter_id: Mapped[int] = mapped_column(
        BigId, ForeignKey("newsletter.id"), primary_key=True, autoincrement=False
    )
    every: Mapped[Every] = mapped_column(Vocabulary(Every))
    weekday: Mapped[int] = mapped_column(default=0, server_default="0")
    ordinal: Mapped[int] = mapped_column(default=1, server_default="1")
    days_before: Mapped[int] = mapped_column(default=7, server_default="7")
    pattern_id: Mapped[int | None] = mapped_column(BigId, ForeignKey("issue_pattern.id"))
    next_on: Mapped[date] = mapped_column(index=True)
    author: Mapped[str] = mapped_column(String(320))
