"""Issues and their corrections, patterns, recurrence, and the library of pictures and files."""

from __future__ import annotations

from datetime import date
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, LargeBinary, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from newsletter.database.tables.base import Base
from newsletter.database.types import (
    BigId,
    Instant,
    JsonObject,
    PrimaryKey,
    UtcDateTime,
    Vocabulary,
    now,
)
from newsletter.database.vocabulary import Archived, ContentUser, Every, LibraryKind
from newsletter.i18n.language import Language


class IssueRow(Base):
    """One edition of a newsletter.

    Attributes:
        template: Its template; empty for the newsletter's.
        words: Its whole text, folded for searching; see `newsletter.issues.search`.
        archived: How the archive shows it; None for the default of `newsletter.mailings.archive`.
        corrects: The issue that it corrects, if any. Such a row is the corrected content before it
            takes effect; it is never sent by itself.
    """

    __tablename__ = "issue"
    __table_args__ = (UniqueConstraint("newsletter_id", "slug"),)

    id: Mapped[PrimaryKey]
    newsletter_id: Mapped[int] = mapped_column(ForeignKey("newsletter.id"))
    slug: Mapped[str] = mapped_column(String(120))
    title: Mapped[str] = mapped_column(Text)
    issue_date: Mapped[date]
    language: Mapped[Language] = mapped_column(Vocabulary(Language))
    template: Mapped[str] = mapped_column(String(64), default="")
    words: Mapped[str] = mapped_column(Text, default="", server_default="")
    archived: Mapped[Archived | None] = mapped_column(Vocabulary(Archived), default=None)
    corrects: Mapped[int | None] = mapped_column(BigId, ForeignKey("issue.id"))
    content: Mapped[JsonObject]
    source: Mapped[str] = mapped_column(Text)
    source_format: Mapped[str] = mapped_column(String(16))
    version: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[Instant] = mapped_column(default=now)
    updated_at: Mapped[Instant] = mapped_column(default=now)

    __mapper_args__: dict[str, Any] = {"version_id_col": version}  # noqa: RUF012 - declared so by SQLAlchemy


class CorrectionRow(Base):
    """A correction of an issue, in effect or still written.

    Attributes:
        number: Counts an issue's corrections from 1. Deliveries store the number of the last one
            that their copy includes, 0 for none.
        note: A note for readers about what was wrong, in the issue's own language.
        note_translations: The note in other languages, by tag; readers of further languages are
            shown ``note``.
        before: The issue's content before the correction; None while that is being written.
        before_template: The issue's template before the correction.
        effective_at: When it took effect; None before.
        corrector: The account's address at that time, or the command line's user.
        mailing_id: The mailing about it to readers of faulty copies.
        readied_as: The id of the issue row that held the corrected content until it took effect;
            mails about its approval link to it.
    """

    __tablename__ = "correction"
    __table_args__ = (UniqueConstraint("issue_id", "number"),)

    id: Mapped[PrimaryKey]
    issue_id: Mapped[int] = mapped_column(BigId, ForeignKey("issue.id"))
    number: Mapped[int]
    note: Mapped[str] = mapped_column(Text, default="", server_default="")
    note_translations: Mapped[dict[str, str]] = mapped_column(
        JSON(), default=dict, server_default="{}"
    )
    before: Mapped[JsonObject | None] = mapped_column(JSON(none_as_null=True))
    before_template: Mapped[str] = mapped_column(String(64), default="", server_default="")
    begun_at: Mapped[Instant] = mapped_column(default=now)
    effective_at: Mapped[Instant | None] = mapped_column(UtcDateTime())
    corrected_by: Mapped[int | None] = mapped_column(BigId, ForeignKey("account.id"))
    corrector: Mapped[str] = mapped_column(String(320), default="", server_default="")
    mailing_id: Mapped[int | None] = mapped_column(BigId, ForeignKey("mailing.id"))
    readied_as: Mapped[int | None] = mapped_column(BigId)


class IssuePatternRow(Base):
    """A saved issue that new ones can start from; ``template`` is empty for the newsletter's."""

    __tablename__ = "issue_pattern"
    __table_args__ = (UniqueConstraint("newsletter_id", "name"),)

    id: Mapped[PrimaryKey]
    newsletter_id: Mapped[int] = mapped_column(BigId, ForeignKey("newsletter.id"))
    name: Mapped[str] = mapped_column(String(200))
    content: Mapped[JsonObject]
    template: Mapped[str] = mapped_column(String(64), default="", server_default="")
    author: Mapped[str] = mapped_column(String(320))
    created_at: Mapped[Instant] = mapped_column(default=now)


class RecurrenceRow(Base):
    """The dates on which a newsletter appears, by which its next draft is created automatically.

    Attributes:
        weekday: 0 for Monday to 6 for Sunday; for weekly dates, or a weekday of the month.
        ordinal: Which weekday of the month, 1 to 4, or -1 for the last; or the day of the month, 1
            to 31.
        days_before: The number of days between the draft's creation and the issue's date.
        pattern_id: The pattern that the draft starts from; None for the last issue.
        next_on: The date of the next issue, whose draft does not exist yet.
        author: The address of the account that set it.
    """

    __tablename__ = "recurrence"

    newsletter_id: Mapped[int] = mapped_column(
        BigId, ForeignKey("newsletter.id"), primary_key=True, autoincrement=False
    )
    every: Mapped[Every] = mapped_column(Vocabulary(Every))
    weekday: Mapped[int] = mapped_column(default=0, server_default="0")
    ordinal: Mapped[int] = mapped_column(default=1, server_default="1")
    days_before: Mapped[int] = mapped_column(default=7, server_default="7")
    pattern_id: Mapped[int | None] = mapped_column(BigId, ForeignKey("issue_pattern.id"))
    next_on: Mapped[date] = mapped_column(index=True)
    author: Mapped[str] = mapped_column(String(320))


class LibraryItemRow(Base):
    """A picture or file of one newsletter; several newsletters may share its content.

    Attributes:
        digest: The digest of the content, as in the tables ``image`` and ``file``.
        path: The path under which the web application serves it.
        alt: The latest alternative text of a picture; empty if it has none yet.
        size: The size in bytes.
        width: The width in pixels; 0 for a file, as is ``height``.
        words: Name and alternative text, folded; see `newsletter.issues.search`.
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
    """A use of a picture or file by a draft, an issue, a mailing or something else.

    Attributes:
        used_by: The kind of user.
        number: The user's id; for a look and for notices, the newsletter's.
    """

    __tablename__ = "content_use"
    __table_args__ = (Index("ix_content_use_used_by", "used_by", "number"),)

    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    used_by: Mapped[ContentUser] = mapped_column(Vocabulary(ContentUser), primary_key=True)
    number: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=False)
    newsletter_id: Mapped[int] = mapped_column(ForeignKey("newsletter.id"), index=True)


class ImageRow(Base):
    """A re-encoded picture; old mails link to it, so it never changes.

    Attributes:
        digest: SHA-256 of ``content`` in hexadecimal. The same picture is stored once for all
            newsletters; each has its own entry in its library.
    """

    __tablename__ = "image"

    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    media_type: Mapped[str] = mapped_column(String(32))
    width: Mapped[int]
    height: Mapped[int]
    content: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[Instant] = mapped_column(default=now)


class FileRow(Base):
    """An uploaded file; old mails link to it, so it never changes.

    Attributes:
        digest: The first half of the SHA-256 of ``content`` in hexadecimal.
        name: The file name for downloads.
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
