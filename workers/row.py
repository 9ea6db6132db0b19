"""Batches in a row: one task claims, sends and closes a batch and those of its mailing after it.

Safe to run twice, or to be killed at any instant: each batch is claimed by one statement, and all
that must survive the process stands in its journal.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Sequence
from contextvars import copy_context
from dataclasses import dataclass

from newsletter.delivery import ledger
from newsletter.logs import bound
from workers import stopping
from workers.batch_run import BatchRun
from workers.composition import Services
from workers.journal import Journal
from workers.sender import Lease, begin, open_routes, send

_log = logging.getLogger(__name__)

#: The next batch is claimed when what waits will be out within about so many seconds.
_CLAIM_SECONDS = 0.5
_LOOK_SECONDS = 0.05
#: So many batches may be under way at once: one whose relay hangs must not pile up others.
_OVERLAP = 3
#: Another process may be faster; then there is another batch.
_TAKE_TRIES = 3
#: After so many seconds other mailings get their turn, by the order of their hints.
_LONGEST_ROW = 30.0
#: A batch that merely drips, for its domains' rates, makes way to others that are due after so many
#: seconds, and is due again itself after so many more.
_DRIP_SECONDS = 0.5
_AGAIN_SECONDS = 5.0


def send_batch(services: Services, mailing_id: int, number: int) -> int:
    """Send what is due of a batch, and of those after it while there are any and time is left.

    Returns how many messages a relay answered for.
    """
    row = _Row(services, mailing_id)
    try:
        first = row.take(number)
        # The runner's own context is that of its first task; logs must name this one's.
        return services.runner.run(row.send(first), context=copy_context()) if first else 0
    except BaseException:
        # Also when the process is told to end at once: what was sent stands in the journals.
        row.abandon()
        raise


@dataclass(frozen=True, slots=True)
class _Batch:
    """A batch under way."""

    run: BatchRun
    task: asyncio.Task[int]


class _Row:
    """Batches of one mailing, the next claimed while the last messages of one are on their way.

    So no connection runs dry between them. Each has its own lease, journal and outcomes, and ends
    by itself, whatever becomes of the others.
    """

    def __init__(self, services: Services, mailing_id: int) -> None:
        self._services = services
        self._mailing_id = mailing_id
        self._open: set[Lease] = set()

    def take(self, number: int) -> Lease | None:
        """Claim one batch; None when another has it, or nothing in it may be sent now."""
        settings = self._services.settings
        routes = open_routes(self._services, self._mailing_id, number)
        if not routes:
            return None
        token = secrets.token_hex(16)
        try:
            journal = Journal(settings.journal_dir, token, mailing_id=self._mailing_id)
        except OSError as error:
            # What cannot be written down must not be sent; the next hint tries again.
            _log.error("mailing %s waits: no journal: %s", self._mailing_id, error.strerror)
            return None
        try:
            claim = ledger.claim_batch(
                self._services.engine,
                self._mailing_id,
                number,
                token=token,
                lease_seconds=settings.lease_seconds,
            )
        except BaseException:
            journal.abandon()
            raise
        if claim is None:
            journal.close()
            return None
        lease = Lease(claim=claim, journal=journal, routes=routes)
        self._open.add(lease)
        return lease

    def _take_next(self) -> Lease | None:
        for _ in range(_TAKE_TRIES):
            number = self._next_number()
            if number is None:
                return None
            if (lease := self.take(number)) is not None:
                return lease
        return None

    def abandon(self) -> None:
        """Leave what is not finished to the sweeper."""
        while self._open:
            self._open.pop().journal.abandon()

    async def send(self, first: Lease) -> int:
        """Send a batch and those after it; return how many messages a relay answered for.

        Raises:
            SQLAlchemyError: The database did not take a batch's end; the others ended all the same.
        """
        ends_at = time.monotonic() + _LONGEST_ROW
        batches: list[_Batch] = []
        lease: Lease | None = first
        try:
            while lease is not None:
                run = begin(self._services, lease)
                batches.append(_Batch(run, asyncio.create_task(self._send_one(lease, run))))
                await _until_nearly_done(batches[-1])
                lease = await self._next(batches, ends_at)
        finally:
            ends = await asyncio.gather(*(each.task for each in batches), return_exceptions=True)
        return sum(_answered(end) for end in ends)

    async def _next(self, batches: Sequence[_Batch], ends_at: float) -> Lease | None:
        """Claim another batch once there is room; None when there is none to go on with."""
        while _go_well(batches) and time.monotonic() < ends_at and not stopping.is_asked():
            open_ones = [each for each in batches if not each.task.done()]
            dripping = [each.run for each in open_ones if each.run.drips]
            if len(open_ones) < _OVERLAP:
                lease = await asyncio.to_thread(self._take_next)
                if lease is not None or not dripping:
                    return lease
            elif dripping and await asyncio.to_thread(self._next_number) is not None:
                dripping[0].give_way(_AGAIN_SECONDS)
            await _until_one_ends(open_ones)
        for each in batches:
            if each.run.drips:
                each.run.give_way(_DRIP_SECONDS)
        return None

    def _next_number(self) -> int | None:
        return ledger.next_due_batch(self._services.engine, self._mailing_id)

    async def _send_one(self, lease: Lease, run: BatchRun) -> int:
        with bound(mailing=lease.claim.mailing_id, batch=lease.claim.number):
            return await self._send_and_close(lease, run)

    async def _send_and_close(self, lease: Lease, run: BatchRun) -> int:
        try:
            await send(self._services, lease, run)
            await asyncio.to_thread(
                ledger.close_batch,
                self._services.engine,
                lease.claim,
                wait_seconds=run.wait_seconds,
            )
        except BaseException:
            self._open.discard(lease)
            lease.journal.abandon()
            raise
        self._open.discard(lease)
        lease.journal.close()
        return run.answered


def _answered(end: int | BaseException) -> int:
    if isinstance(end, BaseException):
        raise end
    return end


def _go_well(batches: Sequence[_Batch]) -> bool:
    """Whether another batch is worth claiming: no limit, pause or failure holds the last one up."""
    tasks = [each.task for each in batches]
    if any(task.done() and (task.cancelled() or task.exception()) for task in tasks):
        return False
    run = batches[-1].run
    # Once all is given out it flows no more of itself, while its last outcomes are written down.
    return not run.waiting or run.is_flowing or run.gave_way


async def _until_one_ends(batches: Sequence[_Batch]) -> None:
    await asyncio.wait(
        [each.task for each in batches],
        timeout=_DRIP_SECONDS,
        return_when=asyncio.FIRST_COMPLETED,
    )


async def _until_nearly_done(batch: _Batch) -> None:
    """Return when what waits will be out about as soon as another can be claimed, or drips."""
    run, began = batch.run, time.monotonic()
    dripping_since: float | None = None
    while not batch.task.done():
        moment = time.monotonic()
        pace = run.answered / max(moment - began, _LOOK_SECONDS)
        if run.waiting <= pace * _CLAIM_SECONDS and run.answered:
            return
        dripping_since = (dripping_since or moment) if run.drips else None
        if dripping_since is not None and moment - dripping_since > _DRIP_SECONDS:
            return
        await asyncio.wait({batch.task}, timeout=_LOOK_SECONDS)
