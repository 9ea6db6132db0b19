"""Trials of subjects: which ones part of a mailing's audience gets first, and what was decided."""

from __future__ import annotations

from sqlalchemy import JSON, ForeignKey, Text
from sqlalchemy.orm import Mapped, mapped_column

from newsletter.database.tables.base import Base
from newsletter.database.types import Instant, UtcDateTime, Vocabulary
from newsletter.database.vocabulary import Verdict


class SubjectTrialRow(Base):
    """The trial of one mailing.

    Attributes:
        subjects: Title and preheader of each; the first is the issue's own.
        share: How many in a hundred of the audience are in it.
        decide_at: When the others' subject is decided and their mail is due.
        decided_at: When it was; None before.
        chosen: The others' subject, counted from 0.
        decided_by: Who decided by hand.
        results: Recipients, clicks and the probability of being best of each subject, as they were
            when it was decided.
    """

    __tablename__ = "subject_trial"

    mailing_id: Mapped[int] = mapped_column(ForeignKey("mailing.id"), primary_key=True)
    subjects: Mapped[list[dict[str, str]]] = mapped_column(JSON)
    share: Mapped[int]
    decide_at: Mapped[Instant]
    decided_at: Mapped[Instant | None] = mapped_column(UtcDateTime(), index=True)
    chosen: Mapped[int | None]
    verdict: Mapped[Verdict | None] = mapped_column(Vocabulary(Verdict))
    decided_by: Mapped[str] = mapped_column(Text, default="", server_default="")
    results: Mapped[list[dict[str, float]] | None] = mapped_column(JSON(none_as_null=True))
