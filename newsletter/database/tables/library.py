"""A newsletter's library: its pictures and files, and what uses each."""

from __future__ import annotations

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from newsletter.database.tables.base import Base
from newsletter.database.types import BigId, Instant, PrimaryKey, Vocabulary, now
from newsletter.database.vocabulary import ContentUser, LibraryKind


class LibraryItemRow(Base):
    """A picture or file of one newsletter; the content itself may be kept for several at once.

    Attributes:
        digest: Of the content, as the tables ``image`` and ``file`` have it.
        path: Where the web application serves it.
        alt: What a picture shows, as it was described last; empty where nobody has yet.
        size: Octets.
        width: Pixels; 0 for a file. So is ``height``.
        words: Name and alternative text, folded; see `newsletter.issues.search.query`.
    """

    __tablename__ = "library_item"
    __table_args__ = (
        UniqueConstraint("newsletter_id", "digest"),
        Index("ix_library_item_digest", "digest"),
    )

    id: Mapped[PrimaryKey]
    newsletter_id: Mapped[int] = mapped_column(ForeignKey("newsletter.id"))
    kind: Mapped[LibraryKind] = mapped_column(Vocabulary(LibraryKind))
    digest: Mapped[str] = mapped_column(String(64))
    path: Mapped[str] = mapped_column(String(120))
    name: Mapped[str] = mapped_column(Text)
    alt: Mapped[str] = mapped_column(Text, default="", server_default="")
    media_type: Mapped[str] = mapped_column(String(100))
    size: Mapped[int]
    width: Mapped[int] = mapped_column(default=0, server_default="0")
    height: Mapped[int] = mapped_column(default=0, server_default="0")
    words: Mapped[str] = mapped_column(Text)
    created_at: Mapped[Instant] = mapped_column(default=now)


class ContentUseRow(Base):
    """A draft, an issue, a mailing or something else leads to a picture or file.

    Attributes:
        used_by: What kind of thing does.
        number: Its number; of a look and of notices the newsletter's.
    """

    __tablename__ = "content_use"
    __table_args__ = (Index("ix_content_use_used_by", "used_by", "number"),)

    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    used_by: Mapped[ContentUser] = mapped_column(Vocabulary(ContentUser), primary_key=True)
    number: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=False)
    newsletter_id: Mapped[int] = mapped_column(ForeignKey("newsletter.id"), index=True)
