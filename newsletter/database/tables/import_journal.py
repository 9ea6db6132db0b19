"""What an import changed, kept for a while so that it can be undone as a whole."""

from __future__ import annotations

from sqlalchemy import JSON, BigInteger, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from newsletter.database.tables.base import Base
from newsletter.database.types import BigId, Instant, JsonObject, UtcDateTime, Vocabulary
from newsletter.database.vocabulary import ImportedKind, SubscriptionState


class ImportAddedRow(Base):
    """Rows that an import added, as a range of numbers: a million take some hundred ranges.

    Attributes:
        first: The number of the first subscriber or suppression; every number up to ``last`` is
            one that this import added.
    """

    __tablename__ = "import_added"

    import_id: Mapped[int] = mapped_column(ForeignKey("list_import.id"), primary_key=True)
    kind: Mapped[ImportedKind] = mapped_column(Vocabulary(ImportedKind), primary_key=True)
    first: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    last: Mapped[int] = mapped_column(BigInteger)


class ImportChangeRow(Base):
    """A subscription as it was before an import changed it.

    Attributes:
        written_at: The subscription's ``changed_at`` by the import: another one says that somebody
            changed it since.
        changed_at: The one of before.
    """

    __tablename__ = "import_change"
    __table_args__ = (Index("ix_import_change_subscriber_id", "subscriber_id"),)

    import_id: Mapped[int] = mapped_column(ForeignKey("list_import.id"), primary_key=True)
    subscriber_id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=False)
    written_at: Mapped[Instant] = mapped_column(UtcDateTime())
    state: Mapped[SubscriptionState] = mapped_column(Vocabulary(SubscriptionState))
    consent_basis: Mapped[str] = mapped_column(String(64))
    consent_source: Mapped[str] = mapped_column(Text)
    consent_wording: Mapped[str] = mapped_column(Text)
    consented_at: Mapped[Instant | None] = mapped_column(UtcDateTime())
    confirmed_at: Mapped[Instant | None] = mapped_column(UtcDateTime())
    unsubscribed_at: Mapped[Instant | None] = mapped_column(UtcDateTime())
    name: Mapped[str] = mapped_column(String(200))
    language: Mapped[str] = mapped_column(String(64))
    format: Mapped[str] = mapped_column(String(8))
    time_zone: Mapped[str] = mapped_column(String(64))
    frequency: Mapped[str] = mapped_column(String(32))
    attributes: Mapped[JsonObject] = mapped_column(JSON())
    changed_at: Mapped[Instant | None] = mapped_column(UtcDateTime())


class ImportSpreadRow(Base):
    """The values of somebody's fields in another newsletter of the group, before an import's.

    Attributes:
        newsletter_id: The other newsletter.
        attributes: The values of before.
        written: Those that the import spread: others say that somebody changed them since.
    """

    __tablename__ = "import_spread"
    __table_args__ = (Index("ix_import_spread_subscriber_id", "subscriber_id"),)

    import_id: Mapped[int] = mapped_column(ForeignKey("list_import.id"), primary_key=True)
    newsletter_id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=False)
    subscriber_id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=False)
    attributes: Mapped[JsonObject] = mapped_column(JSON())
    written: Mapped[JsonObject] = mapped_column(JSON())


class ImportTagRow(Base):
    """A tag that an import gave to somebody who was on the list before."""

    __tablename__ = "import_tag"

    import_id: Mapped[int] = mapped_column(ForeignKey("list_import.id"), primary_key=True)
    subscriber_id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=False)
    tag: Mapped[str] = mapped_column(String(64), primary_key=True)
    given_at: Mapped[Instant] = mapped_column(UtcDateTime())
