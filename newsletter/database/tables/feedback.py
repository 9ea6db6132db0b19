"""Feedback: bounces, the policy of each newsletter, decisions, and incidents.

Processes that read mail only append to the log of bounces. Decisions are made afterwards, and mark
the bounces that have been judged.
"""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import JSON, ForeignKey, Index, String, Text, false, text
from sqlalchemy.engine.default import DefaultExecutionContext
from sqlalchemy.orm import Mapped, mapped_column

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
    BounceKind,
    BounceSource,
    FeedbackAction,
    IncidentKind,
    IncidentResolution,
)


def _domain_of_address(context: DefaultExecutionContext) -> str:
    values: Mapping[str, str] = context.get_current_parameters()  # type: ignore[no-untyped-call]
    address = values["address"]
    return address.rpartition("@")[2].lower()[:255]


class BounceRow(Base):
    """A report that mail to an address was undeliverable or unwanted.

    Attributes:
        event_id: A unique key, so that the same event is logged once.
        reader: The parser that read it, or the provider that reported it.
        raw: The original report, up to a maximum size; deleted after the retention period.
        return_path: The address that the report was sent to.
        message_id: The Message-ID of the reported mail, with its angle brackets.
        proven: Whether there is proof that it is about a delivery of ours. A mere address does not
            count, since anybody can write such a mail. Reports without proof have no consequences.
        judged_at: When its consequences were decided; None before.
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


class FeedbackPolicyRow(Base):
    """When a newsletter suppresses an address; newsletters without a row use the defaults.

    Attributes:
        soft_limit: The number of consecutive mailings with soft bounces before suppression.
        soft_days: The number of days within which these must occur.
        complaint_everywhere: Whether a complaint suppresses the address for all newsletters.
    """

    __tablename__ = "feedback_policy"

    newsletter_id: Mapped[int] = mapped_column(ForeignKey("newsletter.id"), primary_key=True)
    soft_limit: Mapped[int]
    soft_days: Mapped[int]
    complaint_everywhere: Mapped[bool]


class CallTokenRow(Base):
    """A token of a webhook's signature, which is accepted with one content only.

    Attributes:
        token: SHA-256 of the provider's name and the token.
        content: SHA-256 of the content.
    """

    __tablename__ = "call_token"

    token: Mapped[str] = mapped_column(String(64), primary_key=True)
    content: Mapped[str] = mapped_column(String(64))
    seen_at: Mapped[Instant] = mapped_column(default=now, index=True)


class IncidentRow(Base):
    """Many bounces at once whose cause is a domain or a mailing, and not the recipients.

    Attributes:
        subject: ``domain:example.jp`` or ``mailing:12``; a subject has at most one open incident.
        bounced: The number of bounced addresses at the last check.
        mailed: The number of messages to the same subject in the same period.
        usual_rate: The share of bounces in the period before.
        words: The text of one of the reports.
        last_seen_at: The time of its newest bounce.
        part_of_id: The incident of the same wave that an operator sees instead of this one.
    """

    __tablename__ = "incident"
    __table_args__ = (
        Index(
            "uq_incident_subject_open",
            "subject",
            unique=True,
            sqlite_where=text("closed_at IS NULL"),
            postgresql_where=text("closed_at IS NULL"),
        ),
    )

    id: Mapped[PrimaryKey]
    kind: Mapped[IncidentKind] = mapped_column(Vocabulary(IncidentKind))
    subject: Mapped[str] = mapped_column(String(300))
    bounced: Mapped[int]
    mailed: Mapped[int]
    usual_rate: Mapped[float]
    words: Mapped[str] = mapped_column(Text, default="")
    opened_at: Mapped[Instant] = mapped_column(default=now)
    last_seen_at: Mapped[Instant]
    closed_at: Mapped[Instant | None] = mapped_column(UtcDateTime())
    resolution: Mapped[IncidentResolution | None] = mapped_column(Vocabulary(IncidentResolution))
    closed_because: Mapped[str] = mapped_column(Text, default="")
    part_of_id: Mapped[int | None] = mapped_column(BigId, ForeignKey("incident.id"))


#: The condition for readers' letters that wait for an operator; used by a partial index.
WAITS = "bounce_decision.action = 'asked'"


class BounceDecisionRow(Base):
    """A decision about a bounce; the newest one of a bounce is valid.

    Attributes:
        evidence: The reasons: how the delivery was identified, and what was counted.
        suppression_id: The suppression that it caused, while that exists.
        unsubscribed: Whether it ended a subscription.
        incident_id: The incident for which the consequences were held back.
    """

    __tablename__ = "bounce_decision"
    __table_args__ = (
        Index(
            "ix_bounce_decision_asked",
            "id",
            sqlite_where=text("action = 'asked'"),
            postgresql_where=text("action = 'asked'"),
        ),
    )

    id: Mapped[PrimaryKey]
    bounce_id: Mapped[int] = mapped_column(BigId, ForeignKey("bounce.id"), index=True)
    action: Mapped[FeedbackAction] = mapped_column(Vocabulary(FeedbackAction))
    evidence: Mapped[JsonObject] = mapped_column(JSON())
    suppression_id: Mapped[int | None] = mapped_column(
        BigId, ForeignKey("suppression.id", ondelete="SET NULL"), index=True
    )
    unsubscribed: Mapped[bool] = mapped_column(default=False)
    incident_id: Mapped[int | None] = mapped_column(BigId, ForeignKey("incident.id"), index=True)
    decided_at: Mapped[Instant] = mapped_column(default=now)
    undone_at: Mapped[Instant | None] = mapped_column(UtcDateTime())
    undone_because: Mapped[str] = mapped_column(Text, default="")
