"""Drafts: issues that are being written, with their revisions and link checks."""

from __future__ import annotations

from sqlalchemy import JSON, ForeignKey, String, Text, UniqueConstraint
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
from newsletter.database.vocabulary import Archived, RevisionKind


class DraftRow(Base):
    """An issue while it is edited; readers see it only once it is published.

    Attributes:
        issue_id: The issue that it was stored as, or opened from.
        corrects: The sent issue that it corrects.
        archived: How the archive is to show its issue; None for the default.
        revision: Counts saves; a save is refused unless it names the present revision.
        words: Its whole text, folded for searching; see `newsletter.issues.search`.
        author: The account that saved it last.
        import_report: The report on reading an imported text; None once an editor has checked it.
    """

    __tablename__ = "draft"
    __table_args__ = (UniqueConstraint("issue_id"), UniqueConstraint("corrects"))

    id: Mapped[PrimaryKey]
    newsletter_id: Mapped[int] = mapped_column(ForeignKey("newsletter.id"), index=True)
    issue_id: Mapped[int | None] = mapped_column(ForeignKey("issue.id"))
    corrects: Mapped[int | None] = mapped_column(BigId, ForeignKey("issue.id"))
    archived: Mapped[Archived | None] = mapped_column(Vocabulary(Archived), default=None)
    revision: Mapped[int] = mapped_column(default=1)
    content: Mapped[JsonObject]
    words: Mapped[str] = mapped_column(Text, default="", server_default="")
    template: Mapped[str] = mapped_column(String(64), default="")
    author: Mapped[str] = mapped_column(String(320))
    import_report: Mapped[JsonObject | None] = mapped_column(JSON(none_as_null=True))
    created_at: Mapped[Instant] = mapped_column(default=now)
    updated_at: Mapped[Instant] = mapped_column(default=now)


class DraftRevisionRow(Base):
    """An earlier state of a draft; automatic saves of one author within minutes share a revision.

    Attributes:
        began_at: The time of the first save in this revision.
    """

    __tablename__ = "draft_revision"

    draft_id: Mapped[int] = mapped_column(
        BigId, ForeignKey("draft.id", ondelete="CASCADE"), primary_key=True
    )
    number: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[RevisionKind] = mapped_column(Vocabulary(RevisionKind))
    content: Mapped[JsonObject]
    template: Mapped[str] = mapped_column(String(64), default="")
    author: Mapped[str] = mapped_column(String(320))
    began_at: Mapped[Instant] = mapped_column(default=now)
    saved_at: Mapped[Instant] = mapped_column(default=now)


class TranslationRevisionRow(Base):
    """An earlier state of a draft's translation; saves within minutes share a revision.

    Attributes:
        began_at: The time of the first save in this revision.
    """

    __tablename__ = "translation_revision"

    draft_id: Mapped[int] = mapped_column(
        BigId, ForeignKey("draft.id", ondelete="CASCADE"), primary_key=True
    )
    language: Mapped[str] = mapped_column(String(64), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[RevisionKind] = mapped_column(Vocabulary(RevisionKind))
    content: Mapped[JsonObject]
    author: Mapped[str] = mapped_column(String(320))
    began_at: Mapped[Instant] = mapped_column(default=now)
    saved_at: Mapped[Instant] = mapped_column(default=now)


class LinkCheckRow(Base):
    """A check of a draft's links by opening them, requested by an editor.

    Attributes:
        urls: The links in the draft at that time.
        started_at: When a worker last began; None while the check is waiting.
        results: The results by URL; see `newsletter.issues.checks.opened_links`.
    """

    __tablename__ = "link_check"

    draft_id: Mapped[int] = mapped_column(
        BigId, ForeignKey("draft.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    urls: Mapped[list[str]] = mapped_column(JSON())
    asked_at: Mapped[Instant] = mapped_column(default=now)
    started_at: Mapped[Instant | None] = mapped_column(UtcDateTime())
    finished_at: Mapped[Instant | None] = mapped_column(UtcDateTime())
    results: Mapped[JsonObject | None] = mapped_column(JSON(none_as_null=True))
