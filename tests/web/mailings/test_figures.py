"""Figures that are dear to count are shown as last counted, cheap ones as they are."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from sqlalchemy.orm import Session

from newsletter.database.engine import reading
from newsletter.mailings.reports.cached_figures import Figures
from tests.support.databases import each_database
from tests.support.ports import await_condition
from tests.support.stage import Stage


class _Clock:
    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


class _Counter:
    """Counts its own calls, each of which takes so many seconds, and ends once it may."""

    def __init__(self, clock: _Clock, seconds: float) -> None:
        self.calls = 0
        self.may_end = threading.Event()
        self.may_end.set()
        self._clock, self._seconds = clock, seconds

    def __call__(self, session: Session) -> int:
        del session
        assert self.may_end.wait(60)
        self._clock.seconds += self._seconds
        self.calls += 1
        return self.calls


@pytest.fixture
def clock() -> _Clock:
    return _Clock()


@pytest.fixture
def figures(stage: Stage, clock: _Clock) -> Figures:
    return Figures(stage.engine, clock)


@pytest.fixture
def session(stage: Stage) -> Iterator[Session]:
    with reading(stage.engine) as opened:
        yield opened


def test_what_is_cheap_is_counted_again_while_its_reader_waits(
    figures: Figures, clock: _Clock, session: Session
) -> None:
    count = _Counter(clock, 0.001)
    assert figures.of(session, "cheap", count).value == 1
    assert figures.of(session, "cheap", count).value == 1
    clock.seconds += 0.03
    assert figures.of(session, "cheap", count).value == 2


@each_database
def test_what_is_dear_is_shown_as_counted_last_and_counted_again_behind(
    figures: Figures, clock: _Clock, session: Session
) -> None:
    count = _Counter(clock, 0.06)
    first = figures.of(session, "dear", count)
    count.may_end.clear()
    clock.seconds += 2
    for _ in range(3):
        assert figures.of(session, "dear", count) == first
    count.may_end.set()
    await_condition(
        lambda: figures.of(session, "dear", count).value == 2, seconds=60, what="a new count"
    )
    assert count.calls == 2
    assert figures.of(session, "dear", count).counted_at > first.counted_at


def test_what_is_too_old_is_counted_again_while_its_reader_waits(
    figures: Figures, clock: _Clock, session: Session
) -> None:
    count = _Counter(clock, 0.06)
    figures.of(session, "dear", count)
    clock.seconds += 400
    assert figures.of(session, "dear", count).value == 2


def test_two_figures_are_counted_each_for_itself(
    figures: Figures, clock: _Clock, session: Session
) -> None:
    one, other = _Counter(clock, 0.0), _Counter(clock, 0.0)
    figures.of(session, "one", one)
    figures.of(session, "other", other)
    assert (one.calls, other.calls) == (1, 1)
