"""Links by which people join a newsletter that is joined by invitation alone."""

from __future__ import annotations

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from newsletter.database.tables.base import Base
from newsletter.database.types import BigId, Instant, PrimaryKey, UtcDateTime, now


class JoinInvitationRow(Base):
    """A link that lets so many people ask to join, until a day.

    Attributes:
        token_hash: The link's secret is shown once, when it is made, and kept as a hash alone.
        note: For whom it is meant, as its maker wrote it.
        uses: How many requests may be made by it; ``used`` counts them.
        revoked_at: When somebody ended it; None while it holds.
        author: The account that made it, by its address.
    """

    __tablename__ = "join_invitation"

    id: Mapped[PrimaryKey]
    newsletter_id: Mapped[int] = mapped_column(BigId, ForeignKey("newsletter.id"), index=True)
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    note: Mapped[str] = mapped_column(String(200), default="", server_default="")
    uses: Mapped[int]
    used: Mapped[int] = mapped_column(default=0, server_default="0")
    expires_at: Mapped[Instant] = mapped_column(UtcDateTime())
    revoked_at: Mapped[Instant | None] = mapped_column(UtcDateTime())
    author: Mapped[str] = mapped_column(String(320))
    created_at: Mapped[Instant] = mapped_column(default=now)
