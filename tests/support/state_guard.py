"""Lets a database refuse what the state tables do not allow, whoever asks for it."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import TypeVar

from sqlalchemy import Engine, text

from newsletter.database.engine import transaction
from newsletter.database.states import (
    BATCH_TRANSITIONS,
    DELIVERY_TRANSITIONS,
    MAILING_TRANSITIONS,
    SERIES_TRANSITIONS,
)

_State = TypeVar("_State", bound=StrEnum)


def _moves(transitions: Mapping[_State, frozenset[_State]]) -> str:
    pairs = [(source, target) for source, targets in transitions.items() for target in targets]
    return ", ".join(f"'{source} {target}'" for source, target in pairs)


_TABLES: Mapping[str, str] = {
    "delivery": _moves(DELIVERY_TRANSITIONS),
    "batch": _moves(BATCH_TRANSITIONS),
    "mailing": _moves(MAILING_TRANSITIONS),
    "series": _moves(SERIES_TRANSITIONS),
}


def refuse_other_moves(engine: Engine) -> None:
    """Let each UPDATE fail that moves a row to a state to which its table knows no way."""
    on_postgresql = engine.dialect.name == "postgresql"
    with transaction(engine) as session:
        if on_postgresql:
            session.execute(
                text(
                    "CREATE FUNCTION refuse_move() RETURNS trigger LANGUAGE plpgsql AS"
                    " $$ BEGIN RAISE EXCEPTION 'no such move: % %', OLD.state, NEW.state; END $$"
                )
            )
        for table, known in _TABLES.items():
            other = f"OLD.state <> NEW.state AND OLD.state || ' ' || NEW.state NOT IN ({known})"
            then = (
                f"FOR EACH ROW WHEN ({other}) EXECUTE FUNCTION refuse_move()"
                if on_postgresql
                else f"WHEN {other} BEGIN SELECT RAISE(ABORT, 'no such move'); END"
            )
            session.execute(
                text(f"CREATE TRIGGER {table}_moves BEFORE UPDATE OF state ON {table} {then}")
            )
