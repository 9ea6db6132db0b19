"""The audit log's actions have names for people, every one of them."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from newsletter.web.deeds import DEEDS

_ROOT = Path(__file__).resolve().parents[2]
_RECORDERS = {"record_event", "record", "_record", "_log", "order", "_one", "_acting"}
_ACTION = re.compile(r"[a-z-]+\.[a-z-]+")


def _recorded() -> set[str]:
    """Return what the code gives to the audit log."""
    found: set[str] = set()
    for package in ("newsletter", "subscribers"):
        for path in (_ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                found |= _actions(node)
    return found


def _actions(node: ast.AST) -> set[str]:
    match node:
        case ast.Call(func=ast.Name(id=name), args=args) if name in _RECORDERS:
            given = list(args)
        case ast.Assign(targets=[ast.Name(id="action")], value=value):
            given = [value]
        case _:
            return set()
    parts = [part for one in given for part in ast.walk(one)]
    texts = {part.value for part in parts if isinstance(part, ast.Constant)}
    exact = {text for text in texts if isinstance(text, str) and _ACTION.fullmatch(text)}
    # Of f"subscriber.{verb}", the table says which there are.
    begun = tuple(text for text in texts if isinstance(text, str) and text.endswith("."))
    return exact | {action for action in DEEDS if begun and action.startswith(begun)}


def test_every_action_of_the_audit_log_has_a_name() -> None:
    assert _recorded() - set(DEEDS) == set()


def test_the_names_are_those_of_actions() -> None:
    assert set(DEEDS) - _recorded() == set()
