"""Fields of people, as tests define them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from newsletter.accounts.audit import COMMAND_LINE
from newsletter.database.engine import transaction
from newsletter.database.vocabulary import FieldType
from subscribers.fields.actions import add_field
from subscribers.fields.model import Field, Option


def a_field(key: str, kind: str = "text", options: Sequence[str] = (), **more: Any) -> Field:
    """A field with options that are called by their values."""
    chosen = tuple(Option(value=value) for value in options)
    return Field(key=key, type=FieldType(kind), options=chosen, **more)


CITY = a_field("city", labels={"ja": "市区町村", "en": "City"})
AGE = a_field("age", "number")
BIRTHDAY = a_field("birthday", "date")
MEMBER = a_field("member", "yes_no")
PLAN = Field(
    key="plan",
    type=FieldType.CHOICE,
    options=(
        Option(value="free", labels={"ja": "無料", "en": "Free of charge"}),
        Option(value="paid", labels={"ja": "有料", "en": "Paid"}),
    ),
)
TOPIC = a_field("topic", "choices", ["子育て", "防災", "文化"], ask_on_joining=True)
ALL = (CITY, AGE, BIRTHDAY, MEMBER, PLAN, TOPIC)


def add_fields(session: Session, newsletter_id: int, *fields: Field) -> None:
    for field in fields:
        add_field(session, COMMAND_LINE, newsletter_id, field)


def set_fields(engine: Engine, newsletter_id: int, *fields: Field) -> None:
    with transaction(engine) as session:
        add_fields(session, newsletter_id, *fields)
