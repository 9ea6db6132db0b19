"""A pool of SMTP connections: as many lanes as a relay allows, each carrying what is ready."""

from __future__ import annotations

import asyncio

from newsletter.mailings.ledger.relay_faults import kept_fault
from workers.transports.base import Courier, Parcel, Result, ResultKind
from workers.transports.connection import (
    ConnectionEndedError,
    SmtpConnection,
    WithdrawnError,
)
from workers.transports.relay import Relay


class SmtpTransport:
    """The connections to one relay, kept from batch to batch."""

    def __init__(self, relay: Relay) -> None:
        self.name = relay.name
        self.ca_file = relay.ca_file
        self._relay = relay
        self._idle: list[SmtpConnection] = []
        #: Two batches may be delivered at once; together they use no more connections than one.
        self._free = asyncio.Semaphore(relay.connections)

    async def deliver(self, courier: Courier) -> str:
        """See `Transport.deliver`."""
        lanes = [
            _Lane(self._relay, self._idle, self._free, courier)
            for _ in range(self._relay.connections)
        ]
        async with asyncio.TaskGroup() as group:
            for lane in lanes:
                group.create_task(lane.run())
        failures = [lane.failure for lane in lanes if lane.failure]
        # Where some connections work, those that do not are more than the relay allows.
        return failures[0] if failures and not any(lane.answered for lane in lanes) else ""

    async def close(self) -> None:
        """See `Transport.close`."""
        idle, self._idle = self._idle, []
        await asyncio.gather(*(connection.quit() for connection in idle))


class _Lane:
    """One connection after another, one at a time."""

    def __init__(
        self,
        relay: Relay,
        idle: list[SmtpConnection],
        free: asyncio.Semaphore,
        courier: Courier,
    ) -> None:
        self._relay = relay
        self._idle = idle
        self._free = free
        self._courier = courier
        self.failure = ""
        self.answered = 0

    async def run(self) -> None:
        """Carry until there is nothing more, or the relay takes nothing."""
        while not self.failure and (parcel := await self._courier.take()) is not None:
            # Not before there is something to carry: a batch that waits for a limit holds up none.
            async with self._free:
                await self._carry_some(parcel)

    async def _carry_some(self, parcel: Parcel) -> None:
        is_fresh = not self._idle
        connection = SmtpConnection(self._relay) if is_fresh else self._idle.pop()
        before = connection.answered
        try:
            await self._carry(connection, parcel, is_fresh=is_fresh)
        except WithdrawnError:
            pass
        except ConnectionEndedError as error:
            # An idle connection may have been closed in the meantime; that is no failure. Nor is
            # the end of one that did its work.
            if is_fresh and connection.answered == before:
                self.failure = kept_fault(error.fault, str(error))
        self.answered += connection.answered - before

    async def _carry(self, connection: SmtpConnection, parcel: Parcel, *, is_fresh: bool) -> None:
        if is_fresh:
            try:
                await connection.open()
            except ConnectionEndedError as error:
                result = Result(kind=ResultKind.NOT_TRIED, reply=str(error))
                self._courier.settle(parcel, result)
                raise
        await connection.carry(self._courier, parcel)
        if connection.is_used_up:
            await connection.quit()
        else:
            self._idle.append(connection)
