"""The audit log: who did what, when, to what, and why. Triggers refuse to change or delete rows."""

from __future__ import annotations

from sqlalchemy import JSON, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from newsletter.database.tables.base import Base
from newsletter.database.types import Instant, JsonObject, PrimaryKey, now


class AuditEventRow(Base):
    """One deed.

    Attributes:
        actor_id: The account; None for the command line and for what happens by itself. No foreign
            key: the log outlives what it speaks of.
        actor: The account's address at that time, or ``command line`` and its user.
        action: Noun and verb, such as ``mailing.pause``.
        object: Kind and number or slug, such as ``mailing 12``.
        door: ``page`` or ``command``; empty for what happens by itself, and for old entries.
    """

    __tablename__ = "audit_event"
    __table_args__ = (
        Index("ix_audit_event_action", "action"),
        Index("ix_audit_event_object", "object"),
    )

    id: Mapped[PrimaryKey]
    occurred_at: Mapped[Instant] = mapped_column(default=now)
    actor_id: Mapped[int | None]
    actor: Mapped[str] = mapped_column(String(320))
    action: Mapped[str] = mapped_column(String(64))
    object: Mapped[str] = mapped_column(String(255), default="")
    newsletter_id: Mapped[int | None]
    reason: Mapped[str] = mapped_column(Text, default="")
    details: Mapped[JsonObject] = mapped_column(JSON(), default=dict)
    network: Mapped[str] = mapped_column(String(64), default="")
    door: Mapped[str] = mapped_column(String(16), default="", server_default="")
