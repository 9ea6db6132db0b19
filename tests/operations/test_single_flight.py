"""One flight of a question: who waits for it, and what that costs."""

from __future__ import annotations

import asyncio
import threading

import pytest

from newsletter.operations.metrics import SingleFlight
from tests.support.loops import run_apart


def test_however_many_await_an_answer_one_thread_asks() -> None:
    landed = threading.Event()

    def ask() -> str:
        landed.wait(60)
        return "down"

    async def crowd() -> tuple[int, list[str]]:
        flight = SingleFlight(ask, seconds=60)
        before = threading.active_count()
        waiting = [asyncio.create_task(flight.answer_awaited()) for _ in range(100)]
        await asyncio.sleep(0)
        more = threading.active_count() - before
        landed.set()
        return more, await asyncio.gather(*waiting)

    assert run_apart(crowd) == (1, ["down"] * 100)


def test_who_waits_no_longer_ends_the_flight_for_nobody_else() -> None:
    landed = threading.Event()

    def ask() -> str:
        landed.wait(60)
        return "down"

    async def crowd() -> str:
        flight = SingleFlight(ask, seconds=60)
        staying = asyncio.create_task(flight.answer_awaited())
        leaving = asyncio.create_task(flight.answer_awaited())
        await asyncio.sleep(0)
        leaving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await leaving
        landed.set()
        return await staying

    assert run_apart(crowd) == "down"


def test_who_awaits_an_answer_that_does_not_come_is_told_in_time() -> None:
    landed = threading.Event()
    flight = SingleFlight(landed.wait, seconds=0.05)
    try:
        with pytest.raises(TimeoutError):
            run_apart(flight.answer_awaited)
    finally:
        landed.set()
