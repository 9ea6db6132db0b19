"""The SMTP transport: several connections to one relay, each sending the next ready message."""

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
    """The connections to one relay; idle ones are kept for the next batch."""

    def __init__(self, relay: Relay) -> None:
        self.name = relay.name
        self.ca_file = relay.ca_file
        self._relay = relay
        self._idle: list[SmtpConnection] = []
        #: Limits the connections of all batches that are being delivered at the same time.
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
        # If some connections work, the others failed because the relay limits their number.
        return failures[0] if failures and not any(lane.answered for lane in lanes) else ""

    async def close(self) -> None:
        """See `Transport.close`."""
        idle, self._idle = self._idle, []
        await asyncio.gather(*(connection.quit() for connection in idle))


class _Lane:
    """A sequence of connections, one at a time."""

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
        """Send messages until none is left, or the relay cannot be used."""
        while not self.failure and (parcel := await self._courier.take()) is not None:
            # Acquired only with a message at hand: a batch that waits for a rate limit does not
            # block the connections of other batches.
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
            # It is not a failure if an idle connection was closed meanwhile, or if a connection
            # ends after it has sent messages.
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
