"""Images that editors brought in, under the digest of what is served."""

from __future__ import annotations

from sqlalchemy import LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from newsletter.database.tables.base import Base
from newsletter.database.types import Instant, now


class ImageRow(Base):
    """A picture as re-encoded; mails of years ago lead to it, so it is never changed.

    Attributes:
        digest: SHA-256 of ``content`` in hexadecimal digits. The same picture is kept once for all
            newsletters; whose it is, and what it shows, is in the library of each.
    """

    __tablename__ = "image"

    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    media_type: Mapped[str] = mapped_column(String(32))
    width: Mapped[int]
    height: Mapped[int]
    content: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[Instant] = mapped_column(default=now)
