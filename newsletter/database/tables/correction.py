"""Corrections of issues that were sent."""

from __future__ import annotations

from sqlalchemy import JSON, ForeignKey, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from newsletter.database.tables.base import Base
from newsletter.database.types import BigId, Instant, JsonObject, PrimaryKey, UtcDateTime, now


class CorrectionRow(Base):
    """A correction of an issue, in effect or still written.

    Attributes:
        number: Counts an issue's corrections from 1. Copies of the issue name the last one that
            they contain, 0 for none.
        note: For readers: what was wrong, and what is right.
        before: What the issue said until then; None while the correction is written.
        before_template: The template it had until then.
        effective_at: When it took effect; None while it is written.
        corrector: The account's address at that time, or the command line's user.
        mailing_id: Of the mail about it to those whose copy has the fault.
    """

    __tablename__ = "correction"
    __table_args__ = (UniqueConstraint("issue_id", "number"),)

    id: Mapped[PrimaryKey]
    issue_id: Mapped[int] = mapped_column(BigId, ForeignKey("issue.id"))
    number: Mapped[int]
    note: Mapped[str] = mapped_column(Text, default="", server_default="")
    before: Mapped[JsonObject | None] = mapped_column(JSON(none_as_null=True))
    before_template: Mapped[str] = mapped_column(String(64), default="", server_default="")
    begun_at: Mapped[Instant] = mapped_column(default=now)
    effective_at: Mapped[Instant | None] = mapped_column(UtcDateTime())
    corrected_by: Mapped[int | None] = mapped_column(BigId, ForeignKey("account.id"))
    corrector: Mapped[str] = mapped_column(String(320), default="", server_default="")
    mailing_id: Mapped[int | None] = mapped_column(BigId, ForeignKey("mailing.id"))
