"""People: what is known of them, their consent, notes of the staff, and suppressed addresses."""

from __future__ import annotations

from datetime import date
from typing import Any

from sqlalchemy import (
    JSON,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    String,
    Text,
    UniqueConstraint,
    false,
    text,
)
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
    ConsentStep,
    FieldType,
    Frequency,
    GrowthCause,
    LeaveReason,
    SubscriptionState,
    SuppressionReason,
    UnsubscribeWay,
)
from newsletter.i18n.language import Language


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
        Index("ix_subscription_confirmed_at", "newsletter_id", "confirmed_at", "subscriber_id"),
        # Who was not changed since being added, as a whole list may be, costs nothing.
        Index(
            "ix_subscription_changed_at",
            "newsletter_id",
            "changed_at",
            "subscriber_id",
            postgresql_where=text("changed_at IS NOT NULL"),
            sqlite_where=text("changed_at IS NOT NULL"),
        ),
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
    A key is ordered as a subscriber's is: PostgreSQL asks no index of another order.
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
    address_key: Mapped[str | None] = mapped_column(_by_octets(320))
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


class PeopleGroupRow(Base):
    """Newsletters that share the fields of their people; most groups have one newsletter."""

    __tablename__ = "people_group"

    id: Mapped[PrimaryKey]
    name: Mapped[str] = mapped_column(String(200))
    created_at: Mapped[Instant] = mapped_column(default=now)


class FieldRow(Base):
    """A named, typed value that a group keeps of each of its people (`subscribers.fields.model`).

    The values are in `SubscriptionRow.attributes`, under the field's key.

    Attributes:
        labels: What people call it, by language tag.
        options: Of a choice: objects with ``value``, ``labels``, ``descriptions``; and ``removed``
            while people still have what they chose.
        purpose: What it is kept for, as readers are told.
        retention_days: After how many days without a subscription values go; None for never.
        deleted_at: Since when it is gone for everybody; its key is free once its values are.
    """

    __tablename__ = "field"
    __table_args__ = (UniqueConstraint("group_id", "key"),)

    id: Mapped[PrimaryKey]
    group_id: Mapped[int] = mapped_column(ForeignKey("people_group.id"))
    key: Mapped[str] = mapped_column(String(40))
    type: Mapped[FieldType] = mapped_column(Vocabulary(FieldType))
    labels: Mapped[JsonObject]
    position: Mapped[int]
    required: Mapped[bool] = mapped_column(default=False, server_default=false())
    ask_on_joining: Mapped[bool] = mapped_column(default=False, server_default=false())
    reader_may_change: Mapped[bool] = mapped_column(default=False, server_default=false())
    purpose: Mapped[str] = mapped_column(Text, default="", server_default="")
    retention_days: Mapped[int | None]
    options: Mapped[list[dict[str, Any]]] = mapped_column(JSON(), default=list, server_default="[]")
    deleted_at: Mapped[Instant | None] = mapped_column(UtcDateTime())


class ConsentRow(Base):
    """One step of a consent: rows are added, never changed, until the person is erased.

    Attributes:
        source: The page or form it came by, such as ``/subscribe/digest``.
        network: From where, as exactly as the settings allow; empty when not kept.
        wording: What the person read and agreed to, word by word.
    """

    __tablename__ = "consent"
    __table_args__ = (
        Index("ix_consent_subscriber_id_newsletter_id", "subscriber_id", "newsletter_id"),
    )

    id: Mapped[PrimaryKey]
    newsletter_id: Mapped[int] = mapped_column(ForeignKey("newsletter.id"))
    subscriber_id: Mapped[int] = mapped_column(BigId, ForeignKey("subscriber.id"))
    step: Mapped[ConsentStep] = mapped_column(Vocabulary(ConsentStep))
    source: Mapped[str] = mapped_column(String(255), default="")
    network: Mapped[str] = mapped_column(String(64), default="")
    wording: Mapped[str] = mapped_column(Text, default="")
    language: Mapped[Language] = mapped_column(Vocabulary(Language))
    occurred_at: Mapped[Instant] = mapped_column(default=now)


class JoinTallyRow(Base):
    """How many requests one address, network or newsletter had in one window of time.

    Attributes:
        scope: A keyed hash of what is counted: the table names nobody.
        window: Number of the window since 1970.
    """

    __tablename__ = "join_tally"

    scope: Mapped[str] = mapped_column(String(64), primary_key=True)
    window: Mapped[int] = mapped_column(BigId, primary_key=True)
    count: Mapped[int] = mapped_column(default=0)
    started_at: Mapped[Instant] = mapped_column(default=now, index=True)


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


class NoteRow(Base):
    """What somebody of the staff wrote about a person, for one newsletter; it goes with them.

    Attributes:
        author: The name of the account in the audit log.
        revision: Counts its changes, so that of two at once one is refused.
    """

    __tablename__ = "note"
    __table_args__ = (
        ForeignKeyConstraint(
            ["newsletter_id", "subscriber_id"],
            ["subscription.newsletter_id", "subscription.subscriber_id"],
            ondelete="CASCADE",
        ),
        Index("ix_note_subscriber_id", "subscriber_id", "newsletter_id"),
    )

    id: Mapped[PrimaryKey]
    newsletter_id: Mapped[int] = mapped_column(BigId)
    subscriber_id: Mapped[int] = mapped_column(BigId)
    text: Mapped[str] = mapped_column(Text)
    author: Mapped[str] = mapped_column(String(320))
    revision: Mapped[int] = mapped_column(default=1)
    written_at: Mapped[Instant] = mapped_column(default=now)
    changed_at: Mapped[Instant | None] = mapped_column(UtcDateTime())


class PeopleViewRow(Base):
    """Which columns one account chose for one newsletter's list; without a row, the usual ones.

    Attributes:
        columns: Their names (`subscribers.listing`), in the order of the list.
    """

    __tablename__ = "people_view"

    account_id: Mapped[int] = mapped_column(BigId, ForeignKey("account.id"), primary_key=True)
    newsletter_id: Mapped[int] = mapped_column(BigId, ForeignKey("newsletter.id"), primary_key=True)
    columns: Mapped[list[str]] = mapped_column(JSON())


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
