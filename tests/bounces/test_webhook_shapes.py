"""Events in shapes that providers or their libraries convert them to are read the same."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from newsletter.bounces.webhooks import Call, adapters
from newsletter.bounces.webhooks.payload import Foreign
from newsletter.database.types import now
from tests.bounces.webhook_cases import PROVIDERS, certificate
from tests.bounces.webhook_model import READER, Provider

_ADAPTERS = adapters(lambda _url: certificate())


def _each(value: Any, change: Callable[[Any], Any]) -> Any:
    """Change every value inside a value, the innermost first."""
    if isinstance(value, dict):
        value = {key: _each(inner, change) for key, inner in value.items()}
    elif isinstance(value, list):
        value = [_each(inner, change) for inner in value]
    return change(value)


def _address(written: str) -> Callable[[Any], Any]:
    return lambda value: written.replace("@", READER) if value == READER else value


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


_SHAPES: dict[str, Callable[[Any], Any]] = {
    "address in capitals": lambda value: READER.upper() if value == READER else value,
    "address with a name": _address("R. Eader <@>"),
    "address in brackets": _address("<@>"),
    "address among blanks": _address(" @\n"),
    "numbers as texts": lambda value: str(value) if _is_number(value) else value,
    "texts as numbers": lambda value: (
        int(value) if isinstance(value, str) and value.isdecimal() else value
    ),
    "flags as texts": lambda value: str(value).lower() if isinstance(value, bool) else value,
    "flags as numbers": lambda value: int(value) if isinstance(value, bool) else value,
    "one without its list": lambda value: (
        value[0] if isinstance(value, list) and len(value) == 1 else value
    ),
    "words in capitals": lambda value: (
        value.upper() if isinstance(value, str) and value.isalpha() else value
    ),
    "further fields": lambda value: (
        value | {"new": {"in": [None]}} if isinstance(value, dict) and value else value
    ),
}


def _read(provider: Provider, event: Any) -> list[tuple[str, bool, bool, datetime | None]]:
    body, headers = provider.call(event)
    lower = {name.lower(): value for name, value in headers.items()}
    return [
        (person.address.lower(), person.hard, one.unsubscribed, one.occurred_at)
        for one in _ADAPTERS[provider.name].read(Call(body=body, headers=lower, received_at=now()))
        for person in one.report.recipients
    ]


@pytest.mark.parametrize("provider", PROVIDERS, ids=lambda one: one.name)
def test_an_event_in_another_shape_says_the_same(provider: Provider) -> None:
    for case in provider.cases:
        for name, shape in _SHAPES.items():
            changed = _each(case.event, shape)
            assert _read(provider, changed) == _read(provider, case.event), (case.name, name)


@pytest.mark.parametrize(
    "written",
    [
        1795136523,
        "1795136523",
        1795136523.0,
        1795136523000,
        "1795136523000",
        1795136523000000,
        1795136523000000000,
        "2026-11-20T01:02:03Z",
        "2026-11-20 01:02:03",
        "2026-11-20T10:02:03+09:00",
        "Fri, 20 Nov 2026 01:02:03 +0000",
        "Fri, 20 Nov 2026 10:02:03 +0900",
    ],
)
def test_a_time_is_read_in_whatever_unit_it_is(written: object) -> None:
    assert Foreign(written).instant == datetime(2026, 11, 20, 1, 2, 3, tzinfo=UTC)


@pytest.mark.parametrize(
    "written", [0, "0", -1, "", None, True, "NaN", "-inf", 1e400, "20261120", "soon", [], "1" * 400]
)
def test_a_value_that_is_not_a_time_gives_none(written: object) -> None:
    assert Foreign(written).instant is None
