"""A satchel of messages that a transport is asked to carry."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable

from tests.support.loops import run_apart
from workers.transports import open_route
from workers.transports.base import Parcel, Result, ResultKind


class Satchel:
    """A courier that offers each message once and keeps every result."""

    def __init__(
        self, parcels: Iterable[Parcel], on_commit: Callable[[], None] = lambda: None
    ) -> None:
        self._waiting = deque(parcels)
        self._on_commit = on_commit
        self.committed: list[int] = []
        self.results: dict[int, Result] = {}
        self.withdrawn: set[int] = set()

    def ready(self) -> Parcel | None:
        return self._waiting.popleft() if self._waiting else None

    async def take(self) -> Parcel | None:
        return self.ready()

    def commit(self, parcel: Parcel) -> bool:
        if parcel.position in self.withdrawn:
            return False
        self._on_commit()
        self.committed.append(parcel.position)
        return True

    def settle(self, parcel: Parcel, result: Result) -> None:
        earlier = self.results.get(parcel.position)
        assert earlier is None or earlier.kind is ResultKind.NOT_TRIED
        self.results[parcel.position] = result


def carry(url: str, courier: Satchel) -> str:
    """Let the transport that ``url`` names carry all; return why it takes nothing, or nothing."""

    async def run() -> str:
        route = open_route(url)
        try:
            return await route.transport.deliver(courier)
        finally:
            await route.transport.close()

    return run_apart(run)
