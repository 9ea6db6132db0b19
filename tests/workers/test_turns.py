"""Turns between mailings, by the order in which a relay gets their messages."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import Engine

from newsletter.mailings.planning.planning import plan_mailing
from newsletter.mailings.reports.progress import progress
from tests.support.relay import counting_relay
from tests.support.stage import Stage, set_stage
from tests.support.worker import work, worker

pytestmark = pytest.mark.servers

_CONNECTIONS = 2
_READERS = 16
_DOMAINS = tuple(f"m{number}.example.com" for number in range(4))


@pytest.fixture
def stage(engine: Engine) -> Stage:
    stage = set_stage(engine)
    stage.subscribe(*(f"r{number}@{name}" for name in _DOMAINS for number in range(_READERS)))
    return stage


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_of_mailings_that_wait_each_begins_before_any_goes_on(
    stage: Stage, database_url: str, tmp_path: Path
) -> None:
    mailings = [stage.mail(segment=f'domain = "{name}"') for name in _DOMAINS]
    for mailing in mailings:
        plan_mailing(stage.engine, mailing)
    with (
        # Each answer takes long enough to ask meanwhile who waits.
        counting_relay(tmp_path, options=f"connections={_CONNECTIONS}", delay=0.1) as relay,
        worker(database_url, relay.url, tmp_path) as services,
    ):
        while any(progress(stage.engine, each).waiting for each in mailings):
            work(services, mailings[0])
        taken = [address.partition("@")[2] for address in relay.in_order()]
    firsts = [taken.index(name) for name in _DOMAINS]
    # Over each connection goes one message of a mailing, or two where the next was offered early.
    assert max(firsts) <= (len(_DOMAINS) - 1) * 2 * _CONNECTIONS
    assert len(taken) == len(_DOMAINS) * _READERS
