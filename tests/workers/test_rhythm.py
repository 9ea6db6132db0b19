"""The rhythm of rounds does not look at the wall clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from workers.rhythm import Steadily


@pytest.mark.parametrize("hours", [-2, 0, 2])
def test_when_it_last_ran_by_the_wall_clock_changes_nothing(hours: int) -> None:
    rhythm = Steadily(60.0)
    last_run = datetime.now(UTC) + timedelta(hours=hours)
    first, again = rhythm.is_due(last_run), rhythm.is_due(last_run)
    assert (first.is_due, again.is_due) == (True, False)
    assert 0 < again.next <= 60
