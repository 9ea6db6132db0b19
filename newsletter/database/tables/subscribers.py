"""People: addresses, subscriptions, fields, consent, notes, and suppressed addresses."""

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
    """Return a text type that is ordered by bytes, so that an index can search for prefixes."""
    return String(length).with_variant(String(length, collation="C"), "postgresql")


class SubscriberRow(Base):
    """An email address, shared by all newsletters; data about its owner are in subscriptions.

    Attributes:
        address: The address as entered; None once erased.
        address_key: The normal form, by which different spellings are the same address; None once
            erased.
    """

    __tablename__ = "subscriber"

    id: Mapped[PrimaryKey]
    address: Mapped[str | None] = mapped_column(String(320))
    address_key: Mapped[str | None] = mapped_column(_by_octets(320), unique=True)
    domain: Mapped[str] = mapped_column(String(255), default="")
    created_at: Mapped[Instant] = mapped_column(default=now)


class SubscriptionRow(Base):
    """A subscriber's relation to a newsletter, with the newsletter's data about them.

    Attributes:
        name: The person's name.
        language: A language tag (BCP 47), even of a language without translations; empty for the
            newsletter's.
        format: ``html`` (both parts) or ``text`` (the text part only).
        time_zone: An IANA name; empty for the newsletter's.
        frequency: Whether they get each issue, or a digest if the newsletter offers it.
        changed_at: When the row last changed; None if it never changed since it was added.
    """

    __tablename__ = "subscription"
    __table_args__ = (
        Index("ix_subscription_name", "newsletter_id", "name", "subscriber_id"),
        Index("ix_subscription_confirmed_at", "newsletter_id", "confirmed_at", "subscriber_id"),
        # Partial: rows that never changed, such as those of a new import, are not in the index.
        Index(
            "ix_subscription_changed_at",
            "newsletter_id",
            "changed_at",
            "subscriber_id",
            postgresql_where=text("changed_at IS NOT NULL"),
            sqlite_where=text("changed_at IS NOT NULL"),
        ),
        # For the search for unconfirmed requests, every ten minutes.
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
    """An address that gets no mail any more, from one newsletter or (None) from all.

    Exactly one of ``address_key`` and ``address_hash`` is set, the hash for erased people. The key
    has the same collation as a subscriber's, without which PostgreSQL would not use the index.
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
    """An unsubscription: time, way, and the mailing whose link was used, if any.

    Attributes:
        reason: The reason that the person chose afterwards, if any.
        remark: Their own words, if any.
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
    """A group of newsletters that share their people's fields; most groups have one newsletter."""

    __tablename__ = "people_group"

    id: Mapped[PrimaryKey]
    name: Mapped[str] = mapped_column(String(200))
    created_at: Mapped[Instant] = mapped_column(default=now)


class FieldRow(Base):
    """A named, typed value that a group keeps of each of its people (`subscribers.fields.model`).

    The values are in `SubscriptionRow.attributes`, under the field's key.

    Attributes:
        labels: The field's labels, by language tag.
        options: The options of a choice: objects with ``value``, ``labels``, ``descriptions``, and
            ``removed`` for an option that was removed but that people still have.
        purpose: The purpose of the data, which is shown to readers.
        retention_days: The number of days after unsubscribing when values are deleted; None for
            never.
        deleted_at: When the field was deleted; its key can be used again once all values are
            deleted.
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
        source: The page or form, such as ``/subscribe/digest``.
        network: The network address, as precise as the settings permit; empty if not stored.
        wording: The exact text that the person agreed to.
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
    """The number of requests of one address, network or newsletter in a time window.

    Attributes:
        scope: A keyed hash of the counted item, so that the table has no personal data.
        window: The number of the window since 1970.
    """

    __tablename__ = "join_tally"

    scope: Mapped[str] = mapped_column(String(64), primary_key=True)
    window: Mapped[int] = mapped_column(BigId, primary_key=True)
    count: Mapped[int] = mapped_column(default=0)
    started_at: Mapped[Instant] = mapped_column(default=now, index=True)


class GrowthRow(Base):
    """A change of a newsletter's number of readers; rows are added and never changed.

    There is no unique key, so that concurrent changes do not wait for each other. It has no
    personal data, so that erasures do not change it.

    Attributes:
        day: The date in the newsletter's time zone.
        count: Positive for new readers, negative for lost ones.
    """

    __tablename__ = "growth"
    __table_args__ = (Index("ix_growth_newsletter_id_day", "newsletter_id", "day"),)

    id: Mapped[PrimaryKey]
    newsletter_id: Mapped[int] = mapped_column(ForeignKey("newsletter.id"))
    day: Mapped[date]
    cause: Mapped[GrowthCause] = mapped_column(Vocabulary(GrowthCause))
    count: Mapped[int]


class NoteRow(Base):
    """A note of the staff about a person, in one newsletter; it is deleted with the person.

    Attributes:
        author: The author, as named in the audit log.
        revision: Counts changes, so that one of two concurrent changes is refused.
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
    """The columns of a newsletter's list that an account chose; the default ones without a row.

    Attributes:
        columns: The names of the columns (`subscribers.listing`), in order.
    """

    __tablename__ = "people_view"

    account_id: Mapped[int] = mapped_column(BigId, ForeignKey("account.id"), primary_key=True)
    newsletter_id: Mapped[int] = mapped_column(BigId, ForeignKey("newsletter.id"), primary_key=True)
    columns: Mapped[list[str]] = mapped_column(JSON())


class AddressChangeRow(Base):
    """A reader's request to change their address; it takes effect once the new one is confirmed.

    Attributes:
        subscriber_id: The subscriber row of the old address.
        successor_id: The subscriber row of the new address; a row's address never changes.
        newsletter_id: The newsletter whose page was used, and which sends the mails about it.
        newsletter_ids: The newsletters whose subscriptions were moved.
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
    """The merging of two subscribers who are the same person, in a group of newsletters.

    Attributes:
        group_id: The group; newsletters of other groups are not affected.
        kept_id: The subscriber whose address is used from then on.
        merged_id: The subscriber whose subscriptions ended.
        merged_by: The author, as named in the audit log.
    """

    __tablename__ = "person_merge"

    id: Mapped[PrimaryKey]
    group_id: Mapped[int] = mapped_column(BigId, ForeignKey("people_group.id"))
    kept_id: Mapped[int] = mapped_column(BigId, ForeignKey("subscriber.id"), index=True)
    merged_id: Mapped[int] = mapped_column(BigId, ForeignKey("subscriber.id"), index=True)
    merged_by: Mapped[str] = mapped_column(String(320))
    merged_at: Mapped[Instant] = mapped_column(default=now)
