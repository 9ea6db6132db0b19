"""Issues as kept: the value as JSON, its source, and a version against lost updates."""

from __future__ import annotations

from datetime import date
from typing import Any

from sqlalchemy import ForeignKey, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from newsletter.database.tables.base import Base
from newsletter.database.types import BigId, Instant, JsonObject, PrimaryKey, Vocabulary, now
from newsletter.database.vocabulary import Archived
from newsletter.i18n.language import Language


class IssueRow(Base):
    """One edition of a newsletter; ``template`` is empty for the newsletter's default.

    ``words`` is all that it says, folded for searching; see
    `newsletter.issues.search.query`. Without ``archived`` it stands in the archive by the rule
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
