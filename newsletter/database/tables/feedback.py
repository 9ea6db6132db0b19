"""What follows from bounces: a policy per newsletter, decisions with their evidence, incidents."""

from __future__ import annotations

from sqlalchemy import JSON, ForeignKey, Index, String, Text, text
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
from newsletter.database.vocabulary import FeedbackAction, IncidentKind, IncidentResolution


class FeedbackPolicyRow(Base):
    """When a newsletter stops writing to an address; a newsletter without a row has the defaults.

    Attributes:
        soft_limit: Mailings in a row that must come back softly before an address is suppressed.
        soft_days: Days within which they must.
        complaint_everywhere: Whether a complaint ends mail of every newsletter.
    """

    __tablename__ = "feedback_policy"

    newsletter_id: Mapped[int] = mapped_column(ForeignKey("newsletter.id"), primary_key=True)
    soft_limit: Mapped[int]
    soft_days: Mapped[int]
    complaint_everywhere: Mapped[bool]


class CallTokenRow(Base):
    """A token of a webhook's signature that may stand for one content only.

    Attributes:
        token: SHA-256 of the provider's name and the token.
        content: SHA-256 of what it came with.
    """

    __tablename__ = "call_token"

    token: Mapped[str] = mapped_column(String(64), primary_key=True)
    content: Mapped[str] = mapped_column(String(64))
    seen_at: Mapped[Instant] = mapped_column(default=now, index=True)


class IncidentRow(Base):
    """A wave of bounces that speaks of a domain or a mailing, not of the people in it.

    Attributes:
        subject: ``domain:example.jp`` or ``mailing:12``; one incident of a subject is open.
        bounced: How many addresses had come back when it was last looked at.
        mailed: How many of the same subject were mailed in the same time.
        usual_rate: The share that came back in the time before.
        words: What one of the reports said.
        last_seen_at: When the newest of its bounces occurred.
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


class BounceDecisionRow(Base):
    """What was decided about a bounce, and why; the newest of a bounce is the one that holds.

    Attributes:
        evidence: What led to it: how the delivery was found, what was counted.
        suppression_id: The suppression it made, while that stands.
        unsubscribed: Whether it ended a subscription.
        incident_id: The wave that it was held for.
    """

    __tablename__ = "bounce_decision"

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
