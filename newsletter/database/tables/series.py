"""Series: issues that each reader gets one after the other once something happened to them."""

from __future__ import annotations

from datetime import date

from sqlalchemy import ForeignKey, ForeignKeyConstraint, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from newsletter.database.tables.base import Base
from newsletter.database.types import (
    BigId,
    Instant,
    MessageText,
    PrimaryKey,
    UtcDateTime,
    Vocabulary,
    now,
)
from newsletter.database.vocabulary import (
    EnrolmentEnd,
    EnrolmentState,
    SeriesState,
    SeriesTrigger,
)
from newsletter.i18n.messages import Message


class SeriesRow(Base):
    """A series of a newsletter: what begins it, and for whom.

    Attributes:
        subject: The tag, or the key of the date field, that begins it; empty where joining does.
        yearly: Whether a date comes back each year.
        offset_days: By how many days it begins after the date; before it where negative.
        condition: Who goes on with it, as a query; empty for everybody.
        halt_reason: Why it is paused, where it was by itself.
        revision: Counts changes; whoever changes it names the one they saw.
        activated_on: The newsletter's day on which it was activated: dates before it begin nothing.
        looked_at: When dates were last looked for.
    """

    __tablename__ = "series"
    __table_args__ = (UniqueConstraint("newsletter_id", "name"),)

    id: Mapped[PrimaryKey]
    newsletter_id: Mapped[int] = mapped_column(ForeignKey("newsletter.id"))
    name: Mapped[str] = mapped_column(String(120))
    trigger: Mapped[SeriesTrigger] = mapped_column(Vocabulary(SeriesTrigger))
    subject: Mapped[str] = mapped_column(String(64), default="")
    yearly: Mapped[bool] = mapped_column(default=False)
    offset_days: Mapped[int] = mapped_column(default=0)
    condition: Mapped[str] = mapped_column(Text, default="")
    state: Mapped[SeriesState] = mapped_column(Vocabulary(SeriesState), default=SeriesState.DRAFT)
    halt_reason: Mapped[Message | None] = mapped_column(MessageText, nullable=False)
    revision: Mapped[int] = mapped_column(default=1)
    activated_on: Mapped[date | None]
    looked_at: Mapped[Instant | None] = mapped_column(UtcDateTime())
    created_at: Mapped[Instant] = mapped_column(default=now)


class SeriesStepRow(Base):
    """An issue of a series, with when it follows what comes before.

    Attributes:
        position: Its place; gaps do not matter.
        delay_days: Days after the step before; of the first, after what begins the series.
        hour: The time of day, such as ``08:00``; empty for at once.
        own_clock: Whether each reader's own clock counts, not the newsletter's.
        version: Counts what was put into effect of its issue; 0 while nothing was.
        draft_revision: The draft's that is in effect.
        removed_at: When it was taken out; what was sent of it stays known.
    """

    __tablename__ = "series_step"

    id: Mapped[PrimaryKey]
    series_id: Mapped[int] = mapped_column(ForeignKey("series.id"), index=True)
    position: Mapped[int]
    draft_id: Mapped[int | None] = mapped_column(
        ForeignKey("draft.id", ondelete="SET NULL"), index=True
    )
    delay_days: Mapped[int] = mapped_column(default=0)
    hour: Mapped[str] = mapped_column(String(5), default="")
    own_clock: Mapped[bool] = mapped_column(default=False)
    version: Mapped[int] = mapped_column(default=0)
    draft_revision: Mapped[int] = mapped_column(default=0)
    removed_at: Mapped[Instant | None] = mapped_column(UtcDateTime())


class SeriesMailingRow(Base):
    """A mailing that stays open for a version of a step: whoever is due is added to it.

    Attributes:
        part: Counts from 0. Nobody is in one mailing twice, so who gets the step for another event,
            such as the next year's date, is in another part.
    """

    __tablename__ = "series_mailing"

    step_id: Mapped[int] = mapped_column(ForeignKey("series_step.id"), primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    part: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    mailing_id: Mapped[int] = mapped_column(ForeignKey("mailing.id"), unique=True)


_UNDER_WAY = "state = 'active'"


class SeriesEnrolmentRow(Base):
    """A reader in a series, because of one event; it ends with the subscription.

    Attributes:
        event: Which event it was: when they joined or got the tag, or on which day the date fell.
        member_since: When their subscription was confirmed: who joins anew is another member.
        since: What the next step's delay counts from.
        from_day: The day it counts from instead, where a date began the series.
        step_id: The step they get next; None at the end.
        planned_for: When that step was due first.
        due_at: When to look at it; None while that is not worked out.
    """

    __tablename__ = "series_enrolment"
    __table_args__ = (
        UniqueConstraint("series_id", "subscriber_id", "event"),
        ForeignKeyConstraint(
            ["newsletter_id", "subscriber_id"],
            ["subscription.newsletter_id", "subscription.subscriber_id"],
            ondelete="CASCADE",
        ),
        Index("ix_series_enrolment_reader", "subscriber_id", "newsletter_id"),
        Index(
            "ix_series_enrolment_due",
            "step_id",
            "due_at",
            sqlite_where=text(_UNDER_WAY),
            postgresql_where=text(_UNDER_WAY),
        ),
    )

    id: Mapped[PrimaryKey]
    series_id: Mapped[int] = mapped_column(ForeignKey("series.id"))
    newsletter_id: Mapped[int] = mapped_column(BigId)
    subscriber_id: Mapped[int] = mapped_column(BigId)
    event: Mapped[str] = mapped_column(String(32))
    member_since: Mapped[Instant | None] = mapped_column(UtcDateTime())
    state: Mapped[EnrolmentState] = mapped_column(
        Vocabulary(EnrolmentState), default=EnrolmentState.ACTIVE
    )
    ended_because: Mapped[EnrolmentEnd | None] = mapped_column(Vocabulary(EnrolmentEnd))
    enrolled_at: Mapped[Instant] = mapped_column(default=now)
    ended_at: Mapped[Instant | None] = mapped_column(UtcDateTime())
    since: Mapped[Instant]
    from_day: Mapped[date | None]
    step_id: Mapped[int | None] = mapped_column(ForeignKey("series_step.id"))
    planned_for: Mapped[Instant | None] = mapped_column(UtcDateTime())
    due_at: Mapped[Instant | None] = mapped_column(UtcDateTime())


class SeriesCopyRow(Base):
    """A step that an enrolled reader was sent, or that was passed over: each at most once.

    Attributes:
        mailing_id: The mailing it went with; None where it was passed over.
        day: The newsletter's day; at most one mail of a series goes to a reader on it.
    """

    __tablename__ = "series_copy"
    __table_args__ = (Index("ix_series_copy_day", "newsletter_id", "subscriber_id", "day"),)

    enrolment_id: Mapped[int] = mapped_column(
        BigId,
        ForeignKey("series_enrolment.id", ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
    )
    step_id: Mapped[int] = mapped_column(ForeignKey("series_step.id"), primary_key=True)
    newsletter_id: Mapped[int] = mapped_column(BigId)
    subscriber_id: Mapped[int] = mapped_column(BigId)
    mailing_id: Mapped[int | None] = mapped_column(ForeignKey("mailing.id"))
    day: Mapped[date]
    decided_at: Mapped[Instant] = mapped_column(default=now)
