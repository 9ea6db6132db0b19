"""Series: steps that each reader gets with delays after an event; enrolments, and sent steps."""

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
    """A series of a newsletter, with its start event and condition.

    Attributes:
        subject: The tag, or the key of the date field, that begins it; empty if joining does.
        yearly: Whether the date recurs each year.
        offset_days: The number of days between the date and the start; negative for before.
        condition: The query that readers must meet to continue; empty for all.
        halt_reason: The reason if it was paused automatically.
        revision: Counts changes; a change is refused unless it names the present revision.
        activated_on: The day of activation in the newsletter's time zone; earlier dates begin
            nothing.
        looked_at: When dates were last checked.
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
    """An issue of a series, with its timing.

    Attributes:
        position: The position in the series; numbers may have gaps.
        delay_days: Days after the step before, or after the start event for the first step.
        hour: The time of day, such as ``08:00``; empty for at once.
        own_clock: Whether ``hour`` is in each reader's time zone instead of the newsletter's.
        version: Counts how often its issue was put into effect; 0 before the first time.
        draft_revision: The revision of the draft that is in effect.
        removed_at: When it was removed; the row is kept for its history.
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
    """A mailing of one version of a step, to which readers are added when they are due.

    Attributes:
        part: Counts from 0. A subscriber has one delivery per mailing, so a reader who gets the
            step again for another event, such as next year's date, is added to another part.
    """

    __tablename__ = "series_mailing"

    step_id: Mapped[int] = mapped_column(ForeignKey("series_step.id"), primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    part: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    mailing_id: Mapped[int] = mapped_column(ForeignKey("mailing.id"), unique=True)


_UNDER_WAY = "state = 'active'"


class SeriesEnrolmentRow(Base):
    """The enrolment of a reader in a series by one event; it ends with the subscription.

    Attributes:
        event: The event: the time of joining or of getting the tag, or the day of the date.
        member_since: When the subscription was confirmed; joining again is another membership.
        since: The time from which the next step's delay counts.
        from_day: The day from which it counts instead, if a date began the series.
        step_id: The next step; None at the end.
        planned_for: When that step was first due.
        due_at: When to process it next; None if not computed yet.
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
    """A step that an enrolled reader was sent, or that was skipped; each at most once.

    Attributes:
        mailing_id: The mailing; None if the step was skipped.
        day: The day in the newsletter's time zone, on which a reader gets at most one mail of
            series.
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
