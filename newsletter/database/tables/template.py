"""Mail templates of newsletters' own, with every version that was kept of them."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ForeignKey, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from newsletter.database.tables.base import Base
from newsletter.database.types import BigId, Instant, PrimaryKey, now


class TemplateRow(Base):
    """A template as it is used now; ``version`` counts what was kept of it."""

    __tablename__ = "template"
    __table_args__ = (UniqueConstraint("newsletter_id", "name"),)

    id: Mapped[PrimaryKey]
    newsletter_id: Mapped[int] = mapped_column(ForeignKey("newsletter.id"))
    name: Mapped[str] = mapped_column(String(40))
    body: Mapped[str] = mapped_column(Text)
    text: Mapped[str] = mapped_column(Text)
    subject: Mapped[str] = mapped_column(Text)
    author: Mapped[str] = mapped_column(String(320))
    version: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[Instant] = mapped_column(default=now)
    updated_at: Mapped[Instant] = mapped_column(default=now)

    __mapper_args__: dict[str, Any] = {"version_id_col": version}  # noqa: RUF012 - as the base has it


class TemplateVersionRow(Base):
    """A template as it was."""

    __tablename__ = "template_version"

    template_id: Mapped[int] = mapped_column(
        BigId, ForeignKey("template.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    body: Mapped[str] = mapped_column(Text)
    text: Mapped[str] = mapped_column(Text)
    subject: Mapped[str] = mapped_column(Text)
    author: Mapped[str] = mapped_column(String(320))
    saved_at: Mapped[Instant] = mapped_column(default=now)
