"""Snippets: blocks that a newsletter keeps under a name."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from newsletter.database.tables.base import Base
from newsletter.database.types import Instant, JsonObject, PrimaryKey, now


class SnippetRow(Base):
    """One snippet; ``content`` is its blocks as those of a lead."""

    __tablename__ = "snippet"
    __table_args__ = (UniqueConstraint("newsletter_id", "name"),)

    id: Mapped[PrimaryKey]
    newsletter_id: Mapped[int] = mapped_column(ForeignKey("newsletter.id"))
    name: Mapped[str] = mapped_column(String(80))
    content: Mapped[JsonObject]
    version: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[Instant] = mapped_column(default=now)
    updated_at: Mapped[Instant] = mapped_column(default=now)

    __mapper_args__: dict[str, Any] = {"version_id_col": version}  # noqa: RUF012 - as the base has it
