"""The batch task: claim, send and close one batch after another.

Mailings take turns at each batch. A batch is released early if another mailing is waiting: right
after its first messages if that mailing was never served, otherwise after some seconds.

The task may run twice and be killed at any moment: each batch is claimed by one statement, and
everything that must survive the process is in its journal.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Sequence
from contextvars import copy_context
from dataclasses import dataclass

from sqlalchemy.exc import SQLAlchemyError

from newsletter.logs import bound
from newsletter.mailings.ledger import dispatch
from newsletter.mailings.ledger import leases as ledger
from newsletter.mailings.ledger.database_history import HistoryBrokenError
from newsletter.mailings.ledger.dispatch import Turn
from workers import database_memory, periodic, stopping
from workers.batch_run import LEAST_REACH, BatchRun
from workers.composition import WorkerServices
from workers.journal import Journal
from workers.sender import LeasedBatch, begin, open_routes, send

_log = logging.getLogger(__name__)

#: The next batch is claimed when the present one will last about this many seconds more.
_CLAIM_SECONDS = 0.5
#: Seconds between two checks of a running batch, and before its first messages have been sent.
_LOOK_SECONDS = 0.05
_FIRST_LOOK_SECONDS = 0.01
#: The maximum number of open batches, so that they do not pile up behind a hanging relay.
_OVERLAP = 3
#: How often claiming is tried: another process may have claimed the same batch just before.
_TAKE_TRIES = 3
#: Seconds after which the task ends and Celery takes the next one. Urgent batches run in the same
#: processes as rounds, which must not wait long.
_LONGEST_ROW = 30.0
_LONGEST_URGENT_ROW = 1.0
#: Seconds between two checks whether another mailing is waiting.
_ASK_SECONDS = 0.25
#: Seconds after which a batch is released for a mailing that was never served, even if none of the
#: batch's own messages could be sent yet.
_SILENT_TURN = 1.0
#: Seconds after which a batch is released for any other mailing.
_TURN_SECONDS = 2.0
#: Seconds after which a batch that was released early is due again.
_BACK_SECONDS = 0.1
#: A batch whose remaining messages all wait for the rate limits of their domains is released after
#: this many seconds if others are due, and is itself due again after the second number.
_DRIP_SECONDS = 0.5
_AGAIN_SECONDS = 5.0


def send_batch(
    services: WorkerServices, mailing_id: int, number: int, *, urgent: bool = False
) -> int:
    """Send the due messages of a batch, then further batches as long as time is left.

    Returns the number of messages for which a relay replied.
    """
    row = _Row(services, urgent=urgent)
    try:
        # The hint may be old, and the batch sent by another process already.
        first = row.take(mailing_id, number) or row.take_next()
        # The runner keeps the context of its first task; log lines need the present task's.
        return services.runner.run(row.send(first), context=copy_context()) if first else 0
    except BaseException:
        # This includes a cold shutdown. The outcomes are in the journals.
        row.abandon()
        raise


@dataclass(frozen=True, slots=True)
class _Batch:
    """A batch that is being sent."""

    mailing_id: int
    run: BatchRun
    task: asyncio.Task[int]


class _Row:
    """A sequence of batches; each is claimed while the last messages of the one before are sent.

    So connections are never idle between batches. Each batch has its own lease, journal and
    outcomes, and fails or succeeds independently of the others.
    """

    def __init__(self, services: WorkerServices, *, urgent: bool) -> None:
        self._services = services
        self._urgent = urgent
        self._open: set[LeasedBatch] = set()

    def take(self, mailing_id: int, number: int) -> LeasedBatch | None:
        """Claim one batch; None if it is claimed already, or nothing in it may be sent now."""
        settings = self._services.settings
        routes = open_routes(self._services, mailing_id, number)
        if not routes:
            return None
        identity = ledger.identity_of(self._services.engine, mailing_id)
        if identity is None:
            return None
        if not self._urgent:
            dispatch.note_turn(self._services.engine, mailing_id)
        token = secrets.token_hex(16)
        known = database_memory.recall(settings.data_dir)
        try:
            journal = Journal(
                settings.journal_dir, token, identity=identity, epoch=known.mark.epoch
            )
        except OSError as error:
            # Without a journal nothing may be sent; the next hint leads to another attempt.
            _log.error(
                "mailing %s waits: no journal can be written in %s: %s",
                mailing_id,
                settings.journal_dir,
                error.strerror,
            )
            return None
        try:
            claim = ledger.claim_batch(
                self._services.engine,
                mailing_id,
                number,
                token=token,
                lease_seconds=settings.lease_seconds,
                identity=identity,
                reach=LEAST_REACH,
                since=known.mark,
            )
        except HistoryBrokenError:
            journal.discard()
            periodic.look_back(self._services)
            return None
        except BaseException:
            journal.abandon()
            raise
        if claim is None:
            journal.discard()
            return None
        database_memory.remember_claim(settings.data_dir, claim.mark)
        lease = LeasedBatch(claim=claim, journal=journal, routes=routes)
        self._open.add(lease)
        return lease

    def take_next(self) -> LeasedBatch | None:
        """Claim a batch of the mailing that is next in turn; None if there is none."""
        for _ in range(_TAKE_TRIES):
            turn = self._turn()
            if turn is None:
                return None
            if (lease := self.take(turn.mailing_id, turn.number)) is not None:
                return lease
        return None

    def _hold_what_was_forgotten(self, epoch: str) -> None:
        periodic.hold_what_was_forgotten(self._services, epoch)

    def abandon(self) -> None:
        """Leave unfinished batches to recovery."""
        while self._open:
            self._open.pop().journal.abandon()

    async def send(self, first: LeasedBatch) -> int:
        """Send a batch and further ones; return the number of messages for which a relay replied.

        Raises:
            SQLAlchemyError: A batch could not be closed in the database; the others were finished.
        """
        ends_at = time.monotonic() + (_LONGEST_URGENT_ROW if self._urgent else _LONGEST_ROW)
        batches: list[_Batch] = []
        lease: LeasedBatch | None = first
        try:
            while lease is not None:
                run = begin(self._services, lease, self._hold_what_was_forgotten)
                task = asyncio.create_task(self._send_one(lease, run))
                batches.append(_Batch(lease.claim.mailing_id, run, task))
                await self._until_nearly_done(batches[-1])
                lease = await self._next(batches, ends_at)
        finally:
            ends = await asyncio.gather(*(each.task for each in batches), return_exceptions=True)
        return sum(_answered(end) for end in ends)

    async def _next(self, batches: Sequence[_Batch], ends_at: float) -> LeasedBatch | None:
        """Wait until another batch may be opened, and claim one; None if the sequence ends."""
        while _go_well(batches) and time.monotonic() < ends_at and not stopping.stop_requested():
            open_ones = [each for each in batches if not each.task.done()]
            dripping = [each.run for each in open_ones if each.run.drips]
            if len(open_ones) < _OVERLAP:
                lease = await asyncio.to_thread(self.take_next)
                if lease is not None or not dripping:
                    return lease
            elif dripping and await asyncio.to_thread(self._turn) is not None:
                dripping[0].give_way(_AGAIN_SECONDS)
            await _until_one_ends(open_ones)
        for each in batches:
            if each.run.drips:
                each.run.give_way(_DRIP_SECONDS)
        return None

    def _turn(self) -> Turn | None:
        return dispatch.whose_turn(self._services.engine, urgent=self._urgent)

    async def _until_nearly_done(self, batch: _Batch) -> None:
        """Wait until the batch is nearly sent, so that the next one should be claimed.

        Also returns if the batch is only waiting for domains' rate limits, or was released early.
        """
        run, began = batch.run, time.monotonic()
        dripping_since: float | None = None
        ask_at = began
        while not batch.task.done():
            moment = time.monotonic()
            has_begun = run.is_under_way or moment - began >= _SILENT_TURN
            if not self._urgent and run.waiting and has_begun and moment >= ask_at:
                ask_at = moment + _ASK_SECONDS
                if await self._is_others_turn(batch, moment - began):
                    run.give_way(_BACK_SECONDS)
                    return
            pace = run.answered / max(moment - began, _LOOK_SECONDS)
            if run.waiting <= pace * _CLAIM_SECONDS and run.answered:
                return
            dripping_since = (dripping_since or moment) if run.drips else None
            if dripping_since is not None and moment - dripping_since > _DRIP_SECONDS:
                return
            look_in = _LOOK_SECONDS if has_begun else _FIRST_LOOK_SECONDS
            await asyncio.wait({batch.task}, timeout=look_in)

    async def _is_others_turn(self, batch: _Batch, seconds: float) -> bool:
        """Return whether a batch that has run for ``seconds`` should yield to another mailing."""
        try:
            turn = await asyncio.to_thread(self._turn)
        except SQLAlchemyError:
            # The batch itself stops if the database stays away.
            return False
        if turn is None or turn.mailing_id == batch.mailing_id:
            return False
        return turn.served_at is None or seconds >= _TURN_SECONDS

    async def _send_one(self, lease: LeasedBatch, run: BatchRun) -> int:
        with bound(mailing=lease.claim.mailing_id, batch=lease.claim.number):
            return await self._send_and_close(lease, run)

    async def _send_and_close(self, lease: LeasedBatch, run: BatchRun) -> int:
        try:
            await send(self._services, lease, run)
            is_closed = not run.is_lost and await asyncio.to_thread(
                ledger.close_batch,
                self._services.engine,
                lease.claim,
                records=run.records,
                wait_seconds=run.wait_seconds,
            )
        except BaseException:
            self._open.discard(lease)
            lease.journal.abandon()
            raise
        self._open.discard(lease)
        if is_closed:
            lease.journal.close()
        else:
            lease.journal.abandon()
        return run.answered


def _answered(end: int | BaseException) -> int:
    if isinstance(end, BaseException):
        raise end
    return end


def _go_well(batches: Sequence[_Batch]) -> bool:
    """Return whether another batch should be claimed: the last one is not stopped by any fault."""
    tasks = [each.task for each in batches]
    if any(task.done() and (task.cancelled() or task.exception()) for task in tasks):
        return False
    run = batches[-1].run
    # A batch without waiting messages is not flowing any more, but is fine.
    return not run.waiting or run.is_flowing or run.gave_way


async def _until_one_ends(batches: Sequence[_Batch]) -> None:
    await asyncio.wait(
        [each.task for each in batches],
        timeout=_DRIP_SECONDS,
        return_when=asyncio.FIRST_COMPLETED,
    )
