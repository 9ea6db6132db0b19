"""The bounce log: what came back, as it came; readers only append, the judge marks what it saw."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import ForeignKey, Index, String, Text, false, text
from sqlalchemy.engine.default import DefaultExecutionContext
from sqlalchemy.orm import Mapped, mapped_column

from newsletter.database.tables.base import Base
from newsletter.database.types import (
    BigId,
    Instant,
    PrimaryKey,
    UtcDateTime,
    Vocabulary,
    now,
)
from newsletter.database.vocabulary import BounceKind, BounceSource


def _domain_of_address(context: DefaultExecutionContext) -> str:
    values: Mapping[str, str] = context.get_current_parameters()  # type: ignore[no-untyped-call]
    address = values["address"]
    return address.rpartition("@")[2].lower()[:255]


class BounceRow(Base):
    """A report that mail to an address was undeliverable or unwanted.

    Attributes:
        event_id: Makes logging idempotent: the same event is logged once.
        reader: Which way of reading found it, or which provider told.
        raw: The report as it came, up to a bound; emptied when its time is over.
        return_path: The address that the report was sent to.
        message_id: The Message-ID of the mail that it is about, with its angle brackets.
        proven: Whether more than an address in a mail that anybody could have written shows that it
            is about a delivery of ours; nothing follows from what is not.
        judged_at: When it was decided what follows from it; None while nobody has.
    """

    __tablename__ = "bounce"
    __table_args__ = (
        Index("ix_bounce_mailing_id", "mailing_id"),
        Index("ix_bounce_address", "address"),
        Index("ix_bounce_domain_occurred_at", "domain", "occurred_at"),
        Index("ix_bounce_subscriber_id_occurred_at", "subscriber_id", "occurred_at"),
        Index("ix_bounce_occurred_at", "occurred_at"),
        Index(
            "ix_bounce_raw_kept",
            "occurred_at",
            sqlite_where=text("raw <> ''"),
            postgresql_where=text("raw <> ''"),
        ),
        Index(
            "ix_bounce_unjudged",
            "id",
            sqlite_where=text("judged_at IS NULL"),
            postgresql_where=text("judged_at IS NULL"),
        ),
    )

    id: Mapped[PrimaryKey]
    event_id: Mapped[str] = mapped_column(String(255), unique=True)
    newsletter_id: Mapped[int | None] = mapped_column(ForeignKey("newsletter.id"))
    mailing_id: Mapped[int | None] = mapped_column(ForeignKey("mailing.id"))
    subscriber_id: Mapped[int | None] = mapped_column(BigId, ForeignKey("subscriber.id"))
    address: Mapped[str] = mapped_column(String(320))
    domain: Mapped[str] = mapped_column(String(255), default=_domain_of_address, server_default="")
    kind: Mapped[BounceKind] = mapped_column(Vocabulary(BounceKind))
    source: Mapped[BounceSource] = mapped_column(Vocabulary(BounceSource))
    reader: Mapped[str] = mapped_column(String(64), default="", server_default="")
    reason: Mapped[str] = mapped_column(String(64), default="")
    status: Mapped[str] = mapped_column(String(16), default="")
    reply: Mapped[str] = mapped_column(Text, default="")
    raw: Mapped[str] = mapped_column(Text, default="")
    return_path: Mapped[str] = mapped_column(String(320), default="", server_default="")
    message_id: Mapped[str] = mapped_column(String(255), default="", server_default="")
    feedback_id: Mapped[str] = mapped_column(String(255), default="", server_default="")
    occurred_at: Mapped[Instant] = mapped_column(default=now)
    proven: Mapped[bool] = mapped_column(default=False, server_default=false())
    judged_at: Mapped[Instant | None] = mapped_column(UtcDateTime())
