"""What the operation of the whole is known by: relays, held domains, tallies, and a pulse."""

from __future__ import annotations

from sqlalchemy import String, Text
from sqlalchemy.orm import Mapped, mapped_column

from newsletter.database.tables.base import Base
from newsletter.database.types import Instant, UtcDateTime, Vocabulary
from newsletter.database.vocabulary import DeliveryState, TallyScope


class RelayRow(Base):
    """A relay that takes nothing, or that an operator holds; without a row, all is well.

    Attributes:
        failures: How often in a row it took nothing.
        reason: What it said, or why it is held.
        retry_at: When it is tried again.
        held: Whether an operator holds it until further notice.
    """

    __tablename__ = "relay"

    name: Mapped[str] = mapped_column(String(255), primary_key=True)
    failures: Mapped[int] = mapped_column(default=0)
    reason: Mapped[str] = mapped_column(Text, default="")
    retry_at: Mapped[Instant | None] = mapped_column(UtcDateTime())
    held: Mapped[bool] = mapped_column(default=False)


class PulseRow(Base):
    """One row that every round moves on: from it a long silence or a restored backup is told.

    Attributes:
        rounds: Counts up for ever; lower than a worker host remembers means that the database
            went back in time.
        epoch: Random; a new one whenever the database was found to have lost what it knew.
        claims: Counts the batches that were claimed, where no server tells its own timeline.
    """

    __tablename__ = "pulse"

    id: Mapped[int] = mapped_column(primary_key=True)
    rounds: Mapped[int] = mapped_column(default=0)
    beat_at: Mapped[Instant]
    epoch: Mapped[str] = mapped_column(String(32), default="", server_default="")
    claims: Mapped[int] = mapped_column(default=0, server_default="0")


class UnknownJournalRow(Base):
    """A worker's journal about a mailing that this database does not know, set aside on its host.

    Attributes:
        accepted: How many messages it says a relay accepted.
    """

    __tablename__ = "unknown_journal"

    host: Mapped[str] = mapped_column(String(255), primary_key=True)
    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    accepted: Mapped[int]
    found_at: Mapped[Instant]


class HeldDomainRow(Base):
    """A recipient domain that gets nothing until an operator lets it go."""

    __tablename__ = "held_domain"

    domain: Mapped[str] = mapped_column(String(255), primary_key=True)
    reason: Mapped[str] = mapped_column(Text, default="")
    since: Mapped[Instant]


class TallyRow(Base):
    """How many attempts ended in one state, counted up with the ledger in one transaction.

    The ledger alone would have to be counted anew each time somebody looks.

    Attributes:
        at: When the minute (of a relay) or hour (of a domain) began; 1970 holds the sum of all
            that is too old to be told apart.
        name: The relay or the domain.
    """

    __tablename__ = "tally"

    scope: Mapped[TallyScope] = mapped_column(Vocabulary(TallyScope), primary_key=True)
    at: Mapped[Instant] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(255), primary_key=True)
    state: Mapped[DeliveryState] = mapped_column(Vocabulary(DeliveryState), primary_key=True)
    count: Mapped[int]
