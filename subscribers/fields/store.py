"""The fields of a group of newsletters in the database, and SQL expressions that read their values.

The expressions have the same result on SQLite and PostgreSQL. The JSON type is checked before each
cast, so that a value of an unexpected type never makes the query of an audience fail.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, TypeVar

from sqlalchemy import Boolean, ColumnElement, Float, String, func, literal, select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import Session
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from newsletter.database.tables import FieldRow, NewsletterRow, PeopleGroupRow, SubscriptionRow
from newsletter.errors import NotFoundError
from newsletter.i18n.messages import msg
from newsletter.i18n.values import Listing
from subscribers.fields.model import Field, field_of, options_from_json


def list_fields(session: Session, newsletter_id: int) -> tuple[Field, ...]:
    """Return the fields of a newsletter's people in their order."""
    return tuple(map(field_of_row, list_field_rows(session, newsletter_id)))


def find_field(session: Session, newsletter_id: int, key: str) -> Field:
    """Return a field of a newsletter's people.

    Raises:
        NotFoundError: There is no field with this key.
    """
    known = list_fields(session, newsletter_id)
    field = field_of(known, key)
    if field is None:
        raise no_such_field(known, key)
    return field


def no_such_field(known: Sequence[Field], key: str) -> NotFoundError:
    """Return the error that none of these fields has this key."""
    return NotFoundError(
        msg("There is no field “{name}”.", name=key[:60]),
        remedy=msg("The fields are: {names}.", names=Listing(tuple(each.key for each in known))),
    )


def list_field_rows(session: Session, newsletter_id: int) -> Sequence[FieldRow]:
    """Return the rows of a newsletter's fields in their order, without deleted fields."""
    return session.scalars(
        select(FieldRow)
        .join(NewsletterRow, NewsletterRow.group_id == FieldRow.group_id)
        .where(NewsletterRow.id == newsletter_id, FieldRow.deleted_at.is_(None))
        .order_by(FieldRow.position, FieldRow.id)
    ).all()


def field_of_row(row: FieldRow) -> Field:
    """Return the field of a row."""
    return Field(
        key=row.key,
        type=row.type,
        labels=row.labels,
        options=tuple(
            options_from_json(option for option in row.options if not option.get("removed"))
        ),
        required=row.required,
        ask_on_joining=row.ask_on_joining,
        reader_may_change=row.reader_may_change,
        purpose=row.purpose,
        retention_days=row.retention_days,
    )


def hold_group(session: Session, newsletter_id: int, *, alone: bool = False) -> int:
    """Lock a group's fields until this transaction ends; return the id of the group.

    Code that writes values takes a shared lock, code that changes fields an exclusive one
    (``alone``). Therefore no value is written for a field that is deleted at the same time.
    """
    return session.scalars(
        select(PeopleGroupRow.id)
        .join(NewsletterRow, NewsletterRow.group_id == PeopleGroupRow.id)
        .where(NewsletterRow.id == newsletter_id)
        .with_for_update(read=not alone, key_share=alone, of=PeopleGroupRow)
    ).one()


def newsletters_of_group(session: Session, newsletter_id: int) -> Sequence[int]:
    """Return the ids of the newsletters that share the fields of one, including itself."""
    return session.scalars(
        select(NewsletterRow.id)
        .where(
            NewsletterRow.group_id
            == select(NewsletterRow.group_id)
            .where(NewsletterRow.id == newsletter_id)
            .scalar_subquery()
        )
        .order_by(NewsletterRow.id)
    ).all()


_Value = TypeVar("_Value")

#: The JSON path to a key; `subscribers.segments.parse` allows no quotes in keys.
_PATH = """('$."' || {1} || '"')"""
_TYPE = f"json_type({{0}}, {_PATH})"
_VALUE = f"json_extract({{0}}, {_PATH})"
_KEY = "CAST({1} AS text)"


class _Expression(FunctionElement[_Value]):
    """An expression, with its SQL for each database; {0} stands for the first argument."""

    inherit_cache = True
    sqlite: ClassVar[str]
    postgresql: ClassVar[str]


@compiles(_Expression)
def _compile(element: _Expression[Any], compiler: SQLCompiler, **_: object) -> str:
    template: str = getattr(element, compiler.dialect.name)
    return template.format(*(compiler.process(clause) for clause in element.clauses))


class AttributeType(_Expression[str]):
    """The JSON type of an attribute: string, number, boolean, null or other; NULL when absent."""

    type = String()
    inherit_cache = True
    sqlite = (
        f"(CASE {_TYPE} WHEN 'text' THEN 'string' WHEN 'integer' THEN 'number' "
        "WHEN 'real' THEN 'number' WHEN 'true' THEN 'boolean' WHEN 'false' THEN 'boolean' "
        f"ELSE {_TYPE} END)"
    )
    postgresql = f"json_typeof({{0}} -> {_KEY})"


class AttributeText(_Expression[str]):
    """An attribute as text; booleans are ``true`` and ``false``."""

    type = String()
    inherit_cache = True
    sqlite = f"(CASE {_TYPE} WHEN 'true' THEN 'true' WHEN 'false' THEN 'false' ELSE {_VALUE} END)"
    postgresql = f"({{0}} ->> {_KEY})"


class AttributeNumber(_Expression[Any]):
    """An attribute as a number; NULL if it is not a number."""

    type = Float()
    inherit_cache = True
    sqlite = f"(CASE WHEN {_TYPE} IN ('integer', 'real') THEN {_VALUE} END)"
    postgresql = (
        f"(CASE WHEN json_typeof({{0}} -> {_KEY}) = 'number' "
        f"THEN CAST({{0}} ->> {_KEY} AS double precision) END)"
    )


class AttributeHas(_Expression[bool]):
    """Whether an attribute equals a text or is a list that contains the text; never NULL."""

    type = Boolean()
    inherit_cache = True
    sqlite = (
        f"EXISTS (SELECT 1 FROM json_each({{0}}, {_PATH}) AS held "  # noqa: S608 - compiled SQL
        "WHERE held.type = 'text' AND held.value = {2})"
    )
    # In PostgreSQL, an array "contains" a scalar element, and a scalar contains itself.
    postgresql = f"coalesce(CAST({{0}} -> {_KEY} AS jsonb) @> to_jsonb(CAST({{2}} AS text)), false)"


class Position(_Expression[int]):
    """The position of one text in another, from 1, or 0; case-sensitive."""

    inherit_cache = True
    sqlite = "instr({0}, {1})"
    postgresql = "strpos({0}, {1})"


class Ordered(_Expression[str]):
    """A text that sorts by code point, independent of the database's collation."""

    type = String()
    inherit_cache = True
    sqlite = "{0}"
    postgresql = '({0} COLLATE "C")'


def has_value(key: str) -> ColumnElement[bool]:
    """Return the condition that a subscription has a value of a field."""
    kind = AttributeType(SubscriptionRow.attributes, literal(key))
    return func.coalesce(kind, "null") != "null"


def has_option(key: str, option: str) -> ColumnElement[bool]:
    """Return the condition that a subscription's value of a field is or contains an option."""
    return AttributeHas(SubscriptionRow.attributes, literal(key), literal(option))
