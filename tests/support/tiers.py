"""What a test needs tells its tier, and the tier what the test may do.

unit: values and files, in the process of the test. database: SQLite in it, too. servers:
PostgreSQL, brokers, mail and web servers, other processes. browser: Chromium. faults: tests/faults,
where processes are killed.

A test gets to its tier by the fixtures it asks for. What starts a process or opens a socket asks
for ``_servers``, or its tests are marked ``servers``; a test of the first two tiers that leaves its
process fails.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path

import pytest

#: Tests ask for a database by these; "database_url" becomes one of the others only as they run.
_DATABASES = frozenset({"_sqlite_template", "database_url"})
_FAULTS = Path(__file__).parent.parent / "faults"
#: Audit events (PEP 578) of what leaves the test's own process.
_LEAVES_THE_PROCESS = frozenset(
    {
        *("subprocess.Popen", "os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.system"),
        *("socket.bind", "socket.connect", "socket.getaddrinfo"),
    }
)


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
    return Tier.DATABASE if _DATABASES.intersection(fixtures) else Tier.UNIT


def assign(items: list[pytest.Item]) -> None:
    """Mark each test with its tier, and put the longest tiers first."""
    tiers = {item: tier_of(item) for item in items}
    for item, tier in tiers.items():
        item.add_marker(tier.value)
    order = list(Tier)
    items.sort(key=lambda item: order.index(tiers[item]))


class _Guard:
    """Refuses processes and connections while a test runs; audit hooks cannot be removed."""

    def __init__(self) -> None:
        self.test = ""
        self.broken: list[str] = []
        sys.addaudithook(self._look)

    def _look(self, event: str, arguments: tuple[object, ...]) -> None:
        if self.test and event in _LEAVES_THE_PROCESS:
            self.broken.append(f"{event} {arguments!r:.200}")


_guard = _Guard()


@contextmanager
def kept_to(item: pytest.Item) -> Iterator[None]:
    """Fail a test of the first two tiers that started a process or opened a connection."""
    if not any(map(item.get_closest_marker, (Tier.UNIT.value, Tier.DATABASE.value))):
        yield
        return
    _guard.test = item.nodeid
    try:
        yield
    finally:
        _guard.test = ""
        broken, _guard.broken = _guard.broken, []
    if broken:
        pytest.fail(
            f"The test left its process: {broken[0]}. Let it ask for `_servers`, or mark it.",
        )
