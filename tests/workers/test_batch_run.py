"""What a batch under way may still hand over."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from newsletter.database.vocabulary import DeliveryState, MailingState
from newsletter.mailings.ledger.leases import Claim, ClaimedDelivery
from newsletter.mailings.ledger.outcomes import Outcome
from newsletter.mailings.ledger.standing import BatchStanding
from tests.support.loops import run_apart
from workers.batch_run import BatchContext, BatchRun
from workers.journal import Journal
from workers.throttle import Throttle
from workers.transports.base import Result, ResultKind

_PEOPLE = 3
_FLOWING = BatchStanding(flowing=True, unwanted=frozenset())


def _record(_outcomes: list[Outcome], _reach: Sequence[int]) -> tuple[int | None, frozenset[int]]:
    return 1, frozenset()


@pytest.fixture
def run(tmp_path: Path) -> Iterator[BatchRun]:
    with _run(tmp_path) as run:
        yield run


@contextmanager
def _run(
    tmp_path: Path,
    record: Callable[..., Any] = _record,
    *,
    reached: int = _PEOPLE,
    standing: BatchStanding = _FLOWING,
) -> Iterator[BatchRun]:
    deliveries = tuple(
        ClaimedDelivery(
            position=number,
            subscriber_id=number,
            mark=0,
            address=f"r{number}@example.jp",
            domain="example.jp",
            name="",
            language="",
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
        reached=reached,
    )
    context = BatchContext(
        compose=lambda _: b"Subject: x\r\n\r\nx\r\n",
        return_path=lambda _: "bounces@example.jp",
        record=record,
        standing=lambda _: standing,
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


def test_a_database_that_is_away_is_logged_with_its_reason_and_with_nothing_of_people(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = "server closed the connection unexpectedly\nDETAIL: of reader@example.jp"
    asked: list[int] = []
    again = threading.Event()

    def record(_outcomes: list[Outcome], _reach: Sequence[int]) -> tuple[int, frozenset[int]]:
        asked.append(1)
        if len(asked) > 1:
            again.set()
            return len(asked), frozenset()
        raise OperationalError("UPDATE", {"reply": "of a reader"}, Exception(words))

    async def keep(run: BatchRun) -> None:
        touch = asyncio.create_task(run.keep_in_touch())
        assert await asyncio.to_thread(again.wait, 60)
        touch.cancel()

    monkeypatch.setattr("workers.batch_run._FLUSH_SECONDS", 0.05)
    with _run(tmp_path, record) as run:
        run_apart(lambda: keep(run))
    [line] = caplog.messages
    assert line.endswith("does not take them: server closed the connection unexpectedly")


def test_the_log_says_by_what_order_a_batch_stops(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    ordered = BatchStanding(flowing=False, unwanted=frozenset(), ordered=MailingState.PAUSED)

    async def keep(run: BatchRun) -> None:
        touch = asyncio.create_task(run.keep_in_touch())
        # It hands nothing out once it knows.
        assert await run.take() is None
        touch.cancel()

    caplog.set_level(logging.INFO)
    monkeypatch.setattr("workers.batch_run._FLUSH_SECONDS", 0)
    with _run(tmp_path, reached=0, standing=ordered) as run:
        run_apart(lambda: keep(run))
    assert caplog.messages == [f"mailing 1 was paused: batch 1 stops with {_PEOPLE} left"]


def test_a_refusal_is_put_off_where_the_batch_makes_way_before_the_next_message(
    tmp_path: Path,
) -> None:
    told: list[Outcome] = []

    def record(outcomes: list[Outcome], _reach: Sequence[int]) -> tuple[int, frozenset[int]]:
        told.extend(outcomes)
        return 1, frozenset()

    denied = Result(
        kind=ResultKind.REJECTED,
        code=554,
        status="5.7.1",
        reply="554 5.7.1 Relay access denied",
        command="DATA",
    )
    with _run(tmp_path, record) as run:
        for result in (Result(kind=ResultKind.ACCEPTED, code=250), denied):
            parcel = run.ready()
            assert parcel is not None
            assert run.commit(parcel)
            run.settle(parcel, result)
        run.give_way(1)
        run.end_refusals()
        run_apart(run.flush)
    assert [one.state for one in told] == [DeliveryState.ACCEPTED, DeliveryState.DEFERRED]


def test_a_database_that_refuses_is_not_asked_again_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pause, times = 0.2, 4
    asked: list[float] = []
    enough = threading.Event()

    def record(_outcomes: list[Outcome], _reach: Sequence[int]) -> tuple[int, frozenset[int]]:
        asked.append(time.monotonic())
        if len(asked) == times:
            enough.set()
        raise OperationalError("UPDATE", {}, Exception("could not extend file: no space left"))

    async def keep(run: BatchRun) -> None:
        # A connection that has nothing in hand waits for the ledger's word.
        tasks = [asyncio.create_task(run.keep_in_touch()), asyncio.create_task(run.take())]
        assert await asyncio.to_thread(enough.wait, 60)
        for task in tasks:
            task.cancel()

    monkeypatch.setattr("workers.batch_run._FLUSH_SECONDS", pause)
    with _run(tmp_path, record, reached=0) as run:
        run_apart(lambda: keep(run))
    assert asked[times - 1] - asked[0] >= pause * (times - 2)
