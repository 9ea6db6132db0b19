"""The types that the editor is checked with are those of the content model."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest
from pydantic.fields import FieldInfo

from newsletter.issues import model

_TYPES = (Path(__file__).parents[2] / "frontend/src/types.ts").read_text(encoding="utf-8")
_BY_NAME = (model.Link, model.Item, model.Section, model.Chapter, model.ContentsLine)


def _typed_fields() -> dict[str, list[set[str]]]:
    """Return the fields of each type by its kind, else its name; an optional one ends in ``?``."""
    found: dict[str, list[set[str]]] = {}
    shapes = re.compile(r"^export type (\w+) = (\{[^\n]*|\{\n.*?^)\};$", re.MULTILINE | re.DOTALL)
    for name, body in shapes.findall(_TYPES):
        kind = re.search(r'kind: "([\w-]+)"', body)
        fields = {field + mark for field, mark in re.findall(r"(\w+)(\??): ", body)}
        found.setdefault(kind[1] if kind else name, []).append(fields)
    return found


def _model_fields(shape: type[Any]) -> set[str]:
    hints = get_type_hints(shape, include_extras=True)
    return {
        field.name + ("?" if _may_be_left_out(hints[field.name]) else "")
        for field in dataclasses.fields(shape)
    }


def _may_be_left_out(hint: object) -> bool:
    return any(isinstance(each, FieldInfo) and each.exclude_if for each in get_args(hint)[1:])


def _kinds() -> list[type[Any]]:
    unions = (model.Block, model.Inline)
    return list(dict.fromkeys(each for union in unions for each in get_args(get_args(union)[0])))


@pytest.mark.parametrize("shape", [*_kinds(), *_BY_NAME], ids=lambda each: each.__name__)
def test_the_editor_knows_the_fields_of_each_shape_of_an_issue(shape: type[Any]) -> None:
    kinds = [str(field.default) for field in dataclasses.fields(shape) if field.name == "kind"]
    name = kinds[0] if kinds else shape.__name__
    assert _model_fields(shape) in _typed_fields().get(name, [])
