"""SQL expressions that read one attribute, with the same result on SQLite and PostgreSQL.

The JSON type is checked before each cast, so that an attribute of an unexpected type never makes
the query of an audience fail.
"""

from __future__ import annotations

from typing import Any, ClassVar, TypeVar

from sqlalchemy import Boolean, ColumnElement, Float, String, func, literal
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from newsletter.database.tables import SubscriptionRow

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
