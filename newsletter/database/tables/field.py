"""What newsletters know of their people: groups of newsletters, and the fields of each group."""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON, ForeignKey, String, Text, UniqueConstraint, false
from sqlalchemy.orm import Mapped, mapped_column

from newsletter.database.tables.base import Base
from newsletter.database.types import (
    Instant,
    JsonObject,
    PrimaryKey,
    UtcDateTime,
    Vocabulary,
    now,
)
from newsletter.database.vocabulary import FieldType


class PeopleGroupRow(Base):
    """Newsletters that share the fields of their people; most groups have one newsletter."""

    __tablename__ = "people_group"

    id: Mapped[PrimaryKey]
    name: Mapped[str] = mapped_column(String(200))
    created_at: Mapped[Instant] = mapped_column(default=now)


class FieldRow(Base):
    """A named, typed value that a group keeps of each of its people (`subscribers.fields.model`).

    The values are in `SubscriptionRow.attributes`, under the field's key.

    Attributes:
        labels: What people call it, by language tag.
        options: Of a choice: objects with ``value``, ``labels``, ``descriptions``; and ``removed``
            while people still have what they chose.
        purpose: What it is kept for, as readers are told.
        retention_days: After how many days without a subscription values go; None for never.
        deleted_at: Since when it is gone for everybody; its key is free once its values are.
    """

    __tablename__ = "field"
    __table_args__ = (UniqueConstraint("group_id", "key"),)

    id: Mapped[PrimaryKey]
    group_id: Mapped[int] = mapped_column(ForeignKey("people_group.id"))
    key: Mapped[str] = mapped_column(String(40))
    type: Mapped[FieldType] = mapped_column(Vocabulary(FieldType))
    labels: Mapped[JsonObject]
    position: Mapped[int]
    required: Mapped[bool] = mapped_column(default=False, server_default=false())
    ask_on_joining: Mapped[bool] = mapped_column(default=False, server_default=false())
    reader_may_change: Mapped[bool] = mapped_column(default=False, server_default=false())
    purpose: Mapped[str] = mapped_column(Text, default="", server_default="")
    retention_days: Mapped[int | None]
    options: Mapped[list[dict[str, Any]]] = mapped_column(JSON(), default=list, server_default="[]")
    deleted_at: Mapped[Instant | None] = mapped_column(UtcDateTime())
