"""Changes of address that readers ask for."""

from __future__ import annotations

from sqlalchemy import JSON, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from newsletter.database.tables.base import Base
from newsletter.database.types import BigId, Instant, PrimaryKey, UtcDateTime, now


class AddressChangeRow(Base):
    """A reader's wish to be written to at another address; it comes true once confirmed there.

    Attributes:
        subscriber_id: Who has the present address.
        successor_id: Who has the new one: a subscriber is an address for good.
        newsletter_id: The newsletter by whose page it was asked for, and which writes about it.
        newsletter_ids: Whose subscriptions moved.
    """

    __tablename__ = "address_change"

    id: Mapped[PrimaryKey]
    subscriber_id: Mapped[int] = mapped_column(BigId, ForeignKey("subscriber.id"), index=True)
    successor_id: Mapped[int] = mapped_column(BigId, ForeignKey("subscriber.id"), index=True)
    newsletter_id: Mapped[int] = mapped_column(ForeignKey("newsletter.id"))
    newsletter_ids: Mapped[list[int]] = mapped_column(JSON(), default=list)
    requested_at: Mapped[Instant] = mapped_column(default=now, index=True)
    changed_at: Mapped[Instant | None] = mapped_column(UtcDateTime())
    undone_at: Mapped[Instant | None] = mapped_column(UtcDateTime())
