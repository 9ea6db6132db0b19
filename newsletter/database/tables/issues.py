"""Issues as readied and corrected, what new ones begin with, and the library of their files."""

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
    """One edition of a newsletter; ``template`` is empty for the newsletter's default.

    ``words`` is all that it says, folded for searching; see
    `newsletter.issues.search`. Without ``archived`` it stands in the archive by the rule
    of `newsletter.mailings.archive`. What ``corrects`` another issue is that issue as it will be;
    nobody receives it by itself.
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

    __mapper_args__: dict[str, Any] = {"version_id_col": version}  # noqa: RUF012 - as the base has it


class CorrectionRow(Base):
    """A correction of an issue, in effect or still written.

    Attributes:
        number: Counts an issue's corrections from 1. Copies of the issue name the last one that
            they contain, 0 for none.
        note: For readers: what was wrong, and what is right; in the issue's own language.
        note_translations: The same in others, by their tags; who reads one that is not among them
            is shown ``note``.
        before: What the issue said until then; None while the correction is written.
        before_template: The template it had until then.
        effective_at: When it took effect; None while it is written.
        corrector: The account's address at that time, or the command line's user.
        mailing_id: Of the mail about it to those whose copy has the fault.
        readied_as: The number of the issue that it was readied as, which is no more since it took
            effect: mails about its approval lead there.
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
    """An issue kept to begin others with; ``template`` is empty for the newsletter's default."""

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
    """How often a newsletter appears, by which its next draft opens by itself.

    Attributes:
        weekday: 0 for Monday to 6 for Sunday; of what goes by weeks, or by a weekday of the month.
        ordinal: Which of the month's: 1 to 4, -1 for the last; or the day of the month, 1 to 31.
        days_before: So many days before the issue's date its draft opens.
        pattern_id: What the draft begins with; None for the last issue.
        next_on: The date of the next issue, whose draft is not open yet.
        author: The account that set it, by its address.
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
    """A picture or file of one newsletter; the content itself may be kept for several at once.

    Attributes:
        digest: Of the content, as the tables ``image`` and ``file`` have it.
        path: Where the web application serves it.
        alt: What a picture shows, as it was described last; empty where nobody has yet.
        size: Octets.
        width: Pixels; 0 for a file. So is ``height``.
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
