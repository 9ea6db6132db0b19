"""People, their consent, and suppressed addresses."""

from __future__ import annotations

from sqlalchemy import JSON, ForeignKey, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import TypeEngine

from newsletter.database.tables.base import Base
from newsletter.database.types import (
    BigId,
    Instant,
    JsonObject,
    PrimaryKey,
    UtcDateTime,
    Vocabulary,
    now,
)
from newsletter.database.vocabulary import (
    Frequency,
    LeaveReason,
    SubscriptionState,
    SuppressionReason,
    UnsubscribeWay,
)


def _by_octets(length: int) -> TypeEngine[str]:
    """Return a text that is ordered by its octets, so that an index finds how it begins."""
    return String(length).with_variant(String(length, collation="C"), "postgresql")


class SubscriberRow(Base):
    """An address, which all newsletters share; what is known of its owner each keeps for itself.

    Attributes:
        address: As the person wrote it; None once erased.
        address_key: The form by which two spellings count as one address; None once erased.
    """

    __tablename__ = "subscriber"

    id: Mapped[PrimaryKey]
    address: Mapped[str | None] = mapped_column(String(320))
    address_key: Mapped[str | None] = mapped_column(_by_octets(320), unique=True)
    domain: Mapped[str] = mapped_column(String(255), default="")
    created_at: Mapped[Instant] = mapped_column(default=now)


class SubscriptionRow(Base):
    """A subscriber's relation to a newsletter, with its consent and all that the newsletter knows.

    Attributes:
        name: How the newsletter addresses them.
        language: A language tag (BCP 47), also one that nothing here is written in; empty for the
            newsletter's.
        format: ``html`` (both parts) or ``text`` (the plain part alone).
        time_zone: IANA name; empty for the newsletter's.
        frequency: Whether they get each issue, or a digest where the newsletter offers it.
        changed_at: When any of it last changed; None since it was added.
    """

    __tablename__ = "subscription"
    __table_args__ = (
        Index("ix_subscription_name", "newsletter_id", "name", "subscriber_id"),
        # Whoever never confirmed is looked for every ten minutes.
        Index(
            "ix_subscription_pending",
            "consented_at",
            postgresql_where=text("state = 'pending'"),
            sqlite_where=text("state = 'pending'"),
        ),
    )

    newsletter_id: Mapped[int] = mapped_column(ForeignKey("newsletter.id"), primary_key=True)
    subscriber_id: Mapped[int] = mapped_column(
        BigId, ForeignKey("subscriber.id"), primary_key=True, index=True
    )
    state: Mapped[SubscriptionState] = mapped_column(Vocabulary(SubscriptionState))
    consent_basis: Mapped[str] = mapped_column(String(64))
    consent_source: Mapped[str] = mapped_column(Text, default="")
    consent_wording: Mapped[str] = mapped_column(Text, default="")
    consented_at: Mapped[Instant | None] = mapped_column(UtcDateTime())
    confirmed_at: Mapped[Instant | None] = mapped_column(UtcDateTime())
    unsubscribed_at: Mapped[Instant | None] = mapped_column(UtcDateTime())
    paused_until: Mapped[Instant | None] = mapped_column(UtcDateTime())
    name: Mapped[str] = mapped_column(_by_octets(200), default="", server_default="")
    language: Mapped[str] = mapped_column(String(64), default="", server_default="")
    format: Mapped[str] = mapped_column(String(8), default="html", server_default="html")
    time_zone: Mapped[str] = mapped_column(String(64), default="", server_default="")
    frequency: Mapped[Frequency] = mapped_column(
        Vocabulary(Frequency), default=Frequency.EACH, server_default=Frequency.EACH.value
    )
    attributes: Mapped[JsonObject] = mapped_column(JSON(), default=dict, server_default="{}")
    changed_at: Mapped[Instant | None] = mapped_column(UtcDateTime(), onupdate=now)


class SuppressionRow(Base):
    """An address that never gets mail again, from one newsletter or (None) from all.

    Exactly one of ``address_key`` and ``address_hash`` is set; the hash once the person was erased.
    """

    __tablename__ = "suppression"
    __table_args__ = (
        Index(
            "uq_suppression_address_key",
            "address_key",
            text("coalesce(newsletter_id, 0)"),
            unique=True,
        ),
        Index("ix_suppression_address_hash", "address_hash"),
    )

    id: Mapped[PrimaryKey]
    newsletter_id: Mapped[int | None] = mapped_column(ForeignKey("newsletter.id"))
    address_key: Mapped[str | None] = mapped_column(String(320))
    address_hash: Mapped[str | None] = mapped_column(String(64))
    reason: Mapped[SuppressionReason] = mapped_column(Vocabulary(SuppressionReason))
    evidence: Mapped[str] = mapped_column(Text, default="")
    created_at: Mapped[Instant] = mapped_column(default=now)


class UnsubscribeEventRow(Base):
    """Somebody left: when, by which way, and from which mailing's link if from one.

    Attributes:
        reason: Why, if they said so afterwards; ``remark`` in their own words.
    """

    __tablename__ = "unsubscribe_event"

    id: Mapped[PrimaryKey]
    newsletter_id: Mapped[int] = mapped_column(ForeignKey("newsletter.id"))
    subscriber_id: Mapped[int] = mapped_column(BigId, ForeignKey("subscriber.id"), index=True)
    mailing_id: Mapped[int | None] = mapped_column(ForeignKey("mailing.id"), index=True)
    way: Mapped[UnsubscribeWay] = mapped_column(Vocabulary(UnsubscribeWay))
    reason: Mapped[LeaveReason | None] = mapped_column(Vocabulary(LeaveReason))
    remark: Mapped[str] = mapped_column(Text, default="", server_default="")
    occurred_at: Mapped[Instant] = mapped_column(default=now)
