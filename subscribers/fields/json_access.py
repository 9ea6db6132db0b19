"""SQL expressions that read one attribute, with the same result on SQLite and PostgreSQL.

The JSON type is checked before each cast, so that an attribute of an unexpected type never makes
the query of an audience fail.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Boolean, ColumnElement, Float, String, func, literal
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from newsletter.database.tables import SubscriptionRow


class AttributeType(FunctionElement[str]):
    """The JSON type of an attribute: string, number, boolean, null or other; NULL when absent."""

    type = String()
    inherit_cache = True


class AttributeText(FunctionElement[str]):
    """An attribute as text; booleans are ``true`` and ``false``."""

    type = String()
    inherit_cache = True


class AttributeNumber(FunctionElement[Any]):
    """An attribute as a number; NULL if it is not a number."""

    type = Float()
    inherit_cache = True


class AttributeHas(FunctionElement[bool]):
    """Whether an attribute equals a text or is a list that contains the text; never NULL."""

    type = Boolean()
    inherit_cache = True


class Position(FunctionElement[int]):
    """The position of one text in another, from 1, or 0; case-sensitive."""

    inherit_cache = True


class Ordered(FunctionElement[str]):
    """A text that sorts by code point, independent of the database's collation."""

    type = String()
    inherit_cache = True


def has_value(key: str) -> ColumnElement[bool]:
    """Return the condition that a subscription has a value of a field."""
    kind = AttributeType(SubscriptionRow.attributes, literal(key))
    return func.coalesce(kind, "null") != "null"


def has_option(key: str, option: str) -> ColumnElement[bool]:
    """Return the condition that a subscription's value of a field is or contains an option."""
    return AttributeHas(SubscriptionRow.attributes, literal(key), literal(option))


def _arguments(element: FunctionElement[Any], compiler: SQLCompiler) -> list[str]:
    return [compiler.process(clause) for clause in element.clauses]


_SQLITE_TYPES = (
    "CASE {0} WHEN 'text' THEN 'string' WHEN 'integer' THEN 'number' WHEN 'real' THEN 'number' "
    "WHEN 'true' THEN 'boolean' WHEN 'false' THEN 'boolean' ELSE {0} END"
)


@compiles(AttributeType, "sqlite")
def _type_sqlite(element: AttributeType, compiler: SQLCompiler, **_: object) -> str:
    column, name = _arguments(element, compiler)
    return "(" + _SQLITE_TYPES.format(f"json_type({column}, {_path(name)})") + ")"


@compiles(AttributeType, "postgresql")
def _type_postgresql(element: AttributeType, compiler: SQLCompiler, **_: object) -> str:
    column, name = _arguments(element, compiler)
    return f"json_typeof({column} -> CAST({name} AS text))"


@compiles(AttributeText, "sqlite")
def _text_sqlite(element: AttributeText, compiler: SQLCompiler, **_: object) -> str:
    column, name = _arguments(element, compiler)
    path = _path(name)
    return (
        f"(CASE json_type({column}, {path}) WHEN 'true' THEN 'true' WHEN 'false' THEN 'false' "
        f"ELSE json_extract({column}, {path}) END)"
    )


@compiles(AttributeText, "postgresql")
def _text_postgresql(element: AttributeText, compiler: SQLCompiler, **_: object) -> str:
    column, name = _arguments(element, compiler)
    return f"({column} ->> CAST({name} AS text))"


@compiles(AttributeNumber, "sqlite")
def _number_sqlite(element: AttributeNumber, compiler: SQLCompiler, **_: object) -> str:
    column, name = _arguments(element, compiler)
    path = _path(name)
    return (
        f"(CASE WHEN json_type({column}, {path}) IN ('integer', 'real') "
        f"THEN json_extract({column}, {path}) END)"
    )


@compiles(AttributeNumber, "postgresql")
def _number_postgresql(element: AttributeNumber, compiler: SQLCompiler, **_: object) -> str:
    column, name = _arguments(element, compiler)
    key = f"CAST({name} AS text)"
    return (
        f"(CASE WHEN json_typeof({column} -> {key}) = 'number' "
        f"THEN CAST({column} ->> {key} AS double precision) END)"
    )


@compiles(AttributeHas, "sqlite")
def _has_sqlite(element: AttributeHas, compiler: SQLCompiler, **_: object) -> str:
    column, name, text = _arguments(element, compiler)
    held = f"json_each({column}, {_path(name)}) AS held"
    return f"EXISTS (SELECT 1 FROM {held} WHERE held.type = 'text' AND held.value = {text})"  # noqa: S608 - compiled SQL


@compiles(AttributeHas, "postgresql")
def _has_postgresql(element: AttributeHas, compiler: SQLCompiler, **_: object) -> str:
    column, name, text = _arguments(element, compiler)
    # In PostgreSQL, an array "contains" a scalar element, and a scalar contains itself.
    return (
        f"coalesce(CAST({column} -> CAST({name} AS text) AS jsonb) "
        f"@> to_jsonb(CAST({text} AS text)), false)"
    )


@compiles(Position, "sqlite")
def _position_sqlite(element: Position, compiler: SQLCompiler, **_: object) -> str:
    return f"instr({', '.join(_arguments(element, compiler))})"


@compiles(Position, "postgresql")
def _position_postgresql(element: Position, compiler: SQLCompiler, **_: object) -> str:
    return f"strpos({', '.join(_arguments(element, compiler))})"


@compiles(Ordered, "sqlite")
def _ordered_sqlite(element: Ordered, compiler: SQLCompiler, **_: object) -> str:
    return _arguments(element, compiler)[0]


@compiles(Ordered, "postgresql")
def _ordered_postgresql(element: Ordered, compiler: SQLCompiler, **_: object) -> str:
    return f'({_arguments(element, compiler)[0]} COLLATE "C")'


def _path(name: str) -> str:
    """Return the SQL of the JSON path to a key; `subscribers.segments.parse` allows no quotes."""
    return f"""('$."' || {name} || '"')"""
