"""Events with damage in any place are read without a crash, and quickly."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from newsletter.bounces.model import PERMANENT
from newsletter.bounces.webhooks import Call, adapters
from newsletter.database.types import now
from tests.bounces.webhook_cases import PROVIDERS, certificate
from tests.bounces.webhook_model import Provider
from tests.support.examples import examples

_ADAPTERS = adapters(lambda _url: certificate())
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=40),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4)
    ),
    max_leaves=8,
)


def _places(value: Any, here: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the path to every value inside a value."""
    if isinstance(value, dict):
        inner = [place for key in value for place in _places(value[key], (*here, key))]
    elif isinstance(value, list):
        inner = [place for at, one in enumerate(value) for place in _places(one, (*here, at))]
    else:
        inner = []
    return [here, *inner]


def _damaged(value: Any, place: tuple[Any, ...], by: object) -> Any:
    if not place:
        return by
    whole = copy.deepcopy(value)
    at = whole
    for key in place[:-1]:
        at = at[key]
    at[place[-1]] = by
    return whole


@pytest.mark.parametrize("provider", PROVIDERS, ids=lambda one: one.name)
@settings(max_examples=examples(25), suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_damaged_events_are_read(provider: Provider, data: st.DataObject) -> None:
    case = data.draw(st.sampled_from(provider.cases))
    event = _damaged(case.event, data.draw(st.sampled_from(_places(case.event))), data.draw(_JSON))
    body, headers = provider.call(event)
    lower = {name.lower(): value for name, value in headers.items()}
    told = _ADAPTERS[provider.name].read(Call(body=body, headers=lower, received_at=now()))
    for one in told:
        json.loads(one.raw)
        for recipient in one.report.recipients:
            assert recipient.hard <= (recipient.reason in PERMANENT)


@pytest.mark.parametrize("provider", PROVIDERS, ids=lambda one: one.name)
@settings(max_examples=examples(15))
@given(body=st.binary(max_size=200) | _JSON.map(lambda value: json.dumps(value).encode()))
def test_any_octets_are_read(provider: Provider, body: bytes) -> None:
    for told in _ADAPTERS[provider.name].read(Call(body=body, headers={}, received_at=now())):
        assert not any(one.hard for one in told.report.recipients)
