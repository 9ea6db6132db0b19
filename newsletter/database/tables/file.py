"""Files that mails lead to, calendars of events among them, under the digest of their octets."""

from __future__ import annotations

from sqlalchemy import ForeignKey, LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from newsletter.database.tables.base import Base
from newsletter.database.types import Instant, now


class FileRow(Base):
    """A file as it was brought in; mails of years ago lead to it, so it is never changed.

    Attributes:
        digest: The first half of the SHA-256 of ``content``, in hexadecimal digits.
        name: What it is called when it is saved.
    """

    __tablename__ = "file"

    digest: Mapped[str] = mapped_column(String(32), primary_key=True)
    newsletter_id: Mapped[int] = mapped_column(
        ForeignKey("newsletter.id"), primary_key=True, index=True
    )
    media_type: Mapped[str] = mapped_column(String(100))
    name: Mapped[str] = mapped_column(Text)
    size: Mapped[int]
    content: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[Instant] = mapped_column(default=now)
