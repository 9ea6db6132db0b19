"""What a batch under way may still hand over."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from newsletter.mailings.ledger.leases import Claim, ClaimedDelivery
from newsletter.mailings.ledger.standing import BatchStanding
from workers.batch_run import BatchContext, BatchRun
from workers.journal import Journal
from workers.throttle import Throttle

_PEOPLE = 3


@pytest.fixture
def run(tmp_path: Path) -> Iterator[BatchRun]:
    deliveries = tuple(
        ClaimedDelivery(
            position=number,
            subscriber_id=number,
            mark=0,
            address=f"r{number}@example.jp",
            domain="example.jp",
            name="",
            html=True,
            attempts=0,
        )
        for number in range(_PEOPLE)
    )
    claim = Claim(
        mailing_id=1,
        identity="one",
        number=1,
        first_position=0,
        last_position=_PEOPLE - 1,
        token="token",
        deliveries=deliveries,
        reached=_PEOPLE,
    )
    context = BatchContext(
        compose=lambda _: b"Subject: x\r\n\r\nx\r\n",
        return_path=lambda _: "bounces@example.jp",
        record=lambda _outcomes, _reach: (1, frozenset()),
        standing=lambda _: BatchStanding(flowing=True, unwanted=frozenset()),
        stopping=lambda: False,
        forgotten=lambda: None,
        lease_seconds=30,
    )
    journal = Journal(tmp_path, "token", identity="one")
    yield BatchRun(claim, journal, context, throttle=Throttle("", "relay", 0, {}))
    journal.abandon()


def test_after_a_pause_of_its_process_nothing_is_handed_over_without_the_ledger_s_word(
    run: BatchRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = run.ready(), run.ready()
    assert first is not None
    assert second is not None
    assert run.commit(first)
    # As a process that was stopped finds the clock when it goes on, amid a message.
    present = time.time()
    monkeypatch.setattr(time, "time", lambda: present + 120)
    assert not run.commit(second)
    assert run.ready() is None
