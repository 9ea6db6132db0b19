"""What a test needs tells its tier, and the tier what the test may do.

unit: values and files, in the process of the test. database: SQLite in it, too. servers:
PostgreSQL, brokers, mail and web servers, other processes. browser: Chromium. faults: tests/faults,
where processes are killed.

A test gets to its tier by the fixtures it asks for. What starts a process or opens a socket asks
for ``_servers``, or its tests are marked ``servers``; what makes a database of its own is marked
``database``. A test of the first two tiers that leaves its process fails, and so does one of the
first that opens a database.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path

import pytest
import urllib3.util.connection  # noqa: F401 - binds a socket when it is first imported

#: Tests ask for a database by these; "database_url" becomes one of the others only as they run.
_DATABASES = frozenset({"_sqlite_template", "database_url"})
_FAULTS = Path(__file__).parent.parent / "faults"
#: Folders, files and tests that wait for timeouts more than they work.
_WAITING = (
    "tests/faults/",
    *("tests/cli/test_away_brokers.py::", "tests/cli/test_away_databases.py::"),
    "tests/cli/test_bounces.py::test_a_mail_that_cannot_be_kept_is_given_back_with_the_reason",
    "tests/cli/test_full_disk.py::",
    "tests/database/test_silent_database.py::",
    "tests/web/operations/test_metrics.py::test_probes_say_of_a_database_that_hangs",
    "tests/workers/intake/test_requests.py::test_what_the_pipe_cannot_keep",
    "tests/workers/test_intervals.py::test_beat_goes_on_when_the_clock_is_set",
)
#: Audit events (PEP 578) of what leaves the test's own process.
_LEAVES_THE_PROCESS = frozenset(
    {
        *("subprocess.Popen", "os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.system"),
        *("socket.bind", "socket.connect", "socket.getaddrinfo"),
    }
)
_OPENS_A_DATABASE = frozenset({"sqlite3.connect"})


class Tier(StrEnum):
    """In the order in which they run: the longest tests first, so that no core idles at the end."""

    FAULTS = "faults"
    BROWSER = "browser"
    SERVERS = "servers"
    DATABASE = "database"
    UNIT = "unit"


def tier_of(item: pytest.Item) -> Tier:
    fixtures: list[str] = getattr(item, "fixturenames", [])
    if _FAULTS in item.path.parents or item.get_closest_marker("faults"):
        return Tier.FAULTS
    if "browser" in fixtures:
        return Tier.BROWSER
    parameters = getattr(getattr(item, "callspec", None), "params", {})
    marked = item.get_closest_marker("servers") is not None
    if marked or "_servers" in fixtures or "postgresql" in parameters.values():
        return Tier.SERVERS
    if _DATABASES.intersection(fixtures) or item.get_closest_marker("database"):
        return Tier.DATABASE
    return Tier.UNIT


def waits(test: str) -> bool:
    """Return whether a test, or all of a folder's, leave their core idle most of the time."""
    return test.startswith(_WAITING)


def assign(items: list[pytest.Item]) -> None:
    """Mark each test with its tier; put those that wait first, then the longest tiers."""
    tiers = {item: tier_of(item) for item in items}
    for item, tier in tiers.items():
        item.add_marker(tier.value)
    order = list(Tier)
    items.sort(key=lambda item: (not waits(item.nodeid), order.index(tiers[item])))


class _Guard:
    """Refuses what a test's tier may not do while it runs; audit hooks cannot be removed."""

    def __init__(self) -> None:
        self.refused: frozenset[str] = frozenset()
        self.broken: list[str] = []
        sys.addaudithook(self._look)

    def _look(self, event: str, arguments: tuple[object, ...]) -> None:
        if event in self.refused:
            self.broken.append(f"{event} {arguments!r:.200}")


_guard = _Guard()


@contextmanager
def kept_to(item: pytest.Item) -> Iterator[None]:
    """Fail a test of the first two tiers that does what only later ones may."""
    refused: frozenset[str] = frozenset()
    if item.get_closest_marker(Tier.UNIT.value):
        refused = _LEAVES_THE_PROCESS | _OPENS_A_DATABASE
    elif item.get_closest_marker(Tier.DATABASE.value):
        refused = _LEAVES_THE_PROCESS
    with _refusing(refused):
        yield


@contextmanager
def kept_to_values(item: pytest.Item) -> Iterator[None]:
    """Fail a test of the first tier whose fixtures open a database."""
    is_unit = item.get_closest_marker(Tier.UNIT.value) is not None
    with _refusing(_OPENS_A_DATABASE if is_unit else frozenset()):
        yield


@contextmanager
def _refusing(events: frozenset[str]) -> Iterator[None]:
    _guard.refused = events
    try:
        yield
    finally:
        _guard.refused = frozenset()
        broken, _guard.broken = _guard.broken, []
    if broken:
        pytest.fail(
            f"This is beyond the test's tier: {broken[0]}. Let it ask for `_servers`, or mark it."
        )
