"""Figures that are dear to count are shown as last counted, cheap ones as they are."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from sqlalchemy.orm import Session

from newsletter.database.engine import reading
from newsletter.mailings.reports.cached_figures import Figures
from tests.support.ports import await_condition
from tests.support.stage import Stage


class _Counter:
    """Counts its own calls, each of which takes so many seconds."""

    def __init__(self, seconds: float) -> None:
        self.calls = 0
        self._seconds = seconds

    def __call__(self, session: Session) -> int:
        del session
        began = time.monotonic()
        while time.monotonic() - began < self._seconds:
            pass
        self.calls += 1
        return self.calls


@pytest.fixture
def session(stage: Stage) -> Iterator[Session]:
    with reading(stage.engine) as opened:
        yield opened


def test_what_is_cheap_is_counted_again_while_its_reader_waits(
    stage: Stage, session: Session
) -> None:
    figures, count = Figures(stage.engine), _Counter(0.001)
    assert figures.of(session, "cheap", count).value == 1
    await_condition(
        lambda: figures.of(session, "cheap", count).value == 2, what="a new count", seconds=5
    )


def test_what_is_dear_is_shown_as_counted_last_and_counted_again_behind(
    stage: Stage, session: Session
) -> None:
    figures, count = Figures(stage.engine), _Counter(0.06)
    first = figures.of(session, "dear", count)
    began = time.monotonic()
    while (shown := figures.of(session, "dear", count)).value == 1:
        assert shown.counted_at == first.counted_at
        assert time.monotonic() - began < 10
        time.sleep(0.01)
    assert shown.value == 2
    assert shown.counted_at > first.counted_at


def test_two_figures_are_counted_each_for_itself(stage: Stage, session: Session) -> None:
    figures, one, other = Figures(stage.engine), _Counter(0.0), _Counter(0.0)
    figures.of(session, "one", one)
    figures.of(session, "other", other)
    assert (one.calls, other.calls) == (1, 1)
