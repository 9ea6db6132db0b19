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
AGE = a_field("age", "number", labels={"ja": "年齢", "en": "Age"})
BIRTHDAY = a_field("birthday", "date", labels={"ja": "生年月日", "en": "Birthday"})
MEMBER = a_field("member", "yes_no", labels={"ja": "会員", "en": "Member"})
PLAN = Field(
    key="plan",
    type=FieldType.CHOICE,
    labels={"ja": "プラン", "en": "Plan"},
    options=(
        Option(value="free", labels={"ja": "無料", "en": "Free of charge"}),
        Option(value="paid", labels={"ja": "有料", "en": "Paid"}),
    ),
)
TOPIC = Field(
    key="topic",
    type=FieldType.CHOICES,
    labels={"ja": "関心のある話題", "en": "Topics of interest"},
    options=(
        Option(value="子育て", labels={"en": "Children"}),
        Option(
            value="防災",
            labels={"en": "Disasters"},
            descriptions={"ja": "避難情報と訓練のお知らせ", "en": "Warnings and drills"},
        ),
        Option(value="文化", labels={"en": "Culture"}),
    ),
    ask_on_joining=True,
    reader_may_change=True,
)
ALL = (CITY, AGE, BIRTHDAY, MEMBER, PLAN, TOPIC)


def add_fields(session: Session, newsletter_id: int, *fields: Field) -> None:
    for field in fields:
        add_field(session, COMMAND_LINE, newsletter_id, field)


def set_fields(engine: Engine, newsletter_id: int, *fields: Field) -> None:
    with transaction(engine) as session:
        add_fields(session, newsletter_id, *fields)
