"""The keys that signed links, by their fingerprints; the keys themselves are in no database."""

from __future__ import annotations

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from newsletter.database.tables.base import Base
from newsletter.database.types import Instant, UtcDateTime, now


class SigningKeyRow(Base):
    """A key of SECRET_KEYS that this database was used with.

    Attributes:
        fingerprint: From a hash of the key, in hexadecimal.
        forgotten_at: Since when somebody accepts that its links work no more.
    """

    __tablename__ = "signing_key"

    fingerprint: Mapped[str] = mapped_column(String(32), primary_key=True)
    first_seen_at: Mapped[Instant] = mapped_column(default=now)
    forgotten_at: Mapped[Instant | None] = mapped_column(UtcDateTime())
