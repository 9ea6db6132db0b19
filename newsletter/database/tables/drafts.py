"""Drafts: issues being written, with every revision that was kept of them."""

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
        issue_id: The issue it was published as, or opened from.
        corrects: The sent issue of which it is a correction.
        archived: Where its issue is to stand in the archive; None for the archive's rule.
        revision: Counts saves; whoever saves names the one they began with.
        words: All that it says, folded for searching; see `newsletter.issues.search`.
        author: Who saved last.
        import_report: How its text was read; None once an editor has seen to it.
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
    """A draft as it was; what one author saves by itself within minutes stays one revision.

    Attributes:
        began_at: When the first of the saves that this revision stands for was made.
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
    """A translation of a draft as it was; what one author saves within minutes is one revision.

    Attributes:
        began_at: When the first of the saves that this revision stands for was made.
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
    """A draft's links, opened for real because an editor asked for it.

    Attributes:
        urls: What was in the draft then.
        started_at: When a worker was last told to; None while it waits for one.
        results: By URL what became of it; see `newsletter.issues.checks.opened_links`.
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
