"""The consent record, and the tallies that keep joining from bombing a mailbox."""

from __future__ import annotations

from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from newsletter.database.tables.base import Base
from newsletter.database.types import BigId, Instant, PrimaryKey, Vocabulary, now
from newsletter.database.vocabulary import ConsentStep
from newsletter.i18n.language import Language


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
