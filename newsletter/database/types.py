"""Column types that behave alike on SQLite and PostgreSQL."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any
from uuid import uuid4

from sqlalchemy import JSON, BigInteger, DateTime, Dialect, Integer, String, Text, TypeDecorator
from sqlalchemy.orm import mapped_column

from newsletter.i18n.messages import Message, dump_message, load_message

#: SQLite increments only INTEGER primary keys automatically. Migrations set
#: ``sqlite_autoincrement``, so that ids are never used again, as on PostgreSQL: links and the audit
#: log contain ids.
BigId = BigInteger().with_variant(Integer, "sqlite")

PrimaryKey = Annotated[int, mapped_column(BigId, primary_key=True, autoincrement=True)]


class UtcDateTime(TypeDecorator[datetime]):
    """A time: aware datetimes are stored and returned in UTC; naive ones are refused."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002, D102
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("an instant needs a time zone")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002, D102
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Vocabulary(TypeDecorator[Any]):
    """A `StrEnum` stored as its value, so that a new member needs no migration."""

    impl = String(32)
    cache_ok = True

    def __init__(self, words: type[StrEnum]) -> None:
        super().__init__()
        self.words = words

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:  # noqa: ANN401, ARG002, D102
        return None if value is None else self.words(value).value

    def process_result_value(self, value: str | None, dialect: Dialect) -> StrEnum | None:  # noqa: ARG002, D102
        return None if value is None else self.words(value)


class MessageText(TypeDecorator[Message]):
    """A message, which is translated when it is shown; None is stored as empty text."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Message | None, dialect: Dialect) -> str:  # noqa: ARG002, D102
        return "" if value is None else dump_message(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Message | None:  # noqa: ARG002, D102
        return load_message(value) if value else None


Instant = Annotated[datetime, mapped_column(UtcDateTime())]
JsonObject = Annotated[dict[str, Any], mapped_column(JSON())]


def new_identity() -> str:
    """Return a random identifier, which stays unique even after a restored backup."""
    return uuid4().hex


def now() -> datetime:
    """Return the present time in UTC."""
    return datetime.now(UTC)
