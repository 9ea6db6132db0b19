"""Issues to JSON and back."""

from __future__ import annotations

from typing import Any

from pydantic import TypeAdapter

from newsletter.issues.model import Issue

_ADAPTER: TypeAdapter[Issue] = TypeAdapter(Issue)


def issue_to_json(issue: Issue) -> dict[str, Any]:
    """Return an issue as JSON-ready values."""
    value: dict[str, Any] = _ADAPTER.dump_python(issue, mode="json")
    return value


def issue_from_json(value: dict[str, Any]) -> Issue:
    """Return the issue that `issue_to_json` wrote."""
    return _ADAPTER.validate_python(value)
