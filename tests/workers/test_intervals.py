"""The interval of rounds does not look at the wall clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from workers.intervals import Steadily


@pytest.mark.parametrize("hours", [-2, 0, 2])
def test_when_it_last_ran_by_the_wall_clock_changes_nothing(hours: int) -> None:
    interval = Steadily(60.0)
    last_run = datetime.now(UTC) + timedelta(hours=hours)
    first, again = interval.is_due(last_run), interval.is_due(last_run)
    assert (first.is_due, again.is_due) == (True, False)
    assert 0 < again.next <= 60
