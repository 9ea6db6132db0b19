"""Sending one batch: claim, compose, hand over, record; safe to run twice, or to be killed."""

from __future__ import annotations

import asyncio
import random
import secrets
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache

from sqlalchemy.exc import SQLAlchemyError

from newsletter.database.engine import reading
from newsletter.delivery import ledger, recording, relays
from newsletter.delivery.content import MailingContent, load_content
from newsletter.delivery.ledger import Claim, ClaimedDelivery
from newsletter.delivery.links import DeliveryLinks
from newsletter.delivery.outcomes import Outcome
from newsletter.message.frame import MessageFrame, Recipient
from newsletter.message.identifiers import delivery_message_id
from newsletter.message.verp import fits_return_path, return_path
from newsletter.rendering.model import Slot
from newsletter.tokens import DeliveryRef
from workers import stopping
from workers.batch_run import BatchRun, Desk
from workers.composition import Services
from workers.journal import Journal
from workers.throttle import Throttle
from workers.transports import Route

#: The last outcomes of a batch are offered so often, a second apart, before the sweeper gets them.
_LAST_TRIES = 30
#: The next batch is claimed when what waits will be out within about so many seconds.
_CLAIM_SECONDS = 0.5
_LOOK_SECONDS = 0.05
#: So many batches may be under way at once: one whose relay hangs must not pile up others.
_OVERLAP = 3
#: Another process may be faster; then there is another batch.
_TAKE_TRIES = 3
#: After so many seconds other mailings get their turn, by the order of their hints.
_LONGEST_ROW = 30.0


def send_batch(services: Services, mailing_id: int, number: int) -> int:
    """Send what is due of a batch, and of those after it while there are any and time is left.

    Returns how many messages a relay answered for.
    """
    row = _Row(services, mailing_id)
    try:
        first = row.take(number)
        return services.runner.run(row.send(first)) if first else 0
    except BaseException:
        # Also when the process is told to end at once: what was sent stands in the journals.
        row.abandon()
        raise


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class _Lease:
    """A claimed batch, and what is needed to send it."""

    claim: Claim
    journal: Journal
    routes: Sequence[Route]


class _Row:
    """Batches of one mailing, the next claimed while the last messages of one are on their way.

    So no connection runs dry between them. Each has its own lease, journal and outcomes, and ends
    by itself, whatever becomes of the others.
    """

    def __init__(self, services: Services, mailing_id: int) -> None:
        self._services = services
        self._mailing_id = mailing_id
        self._open: set[_Lease] = set()

    def take(self, number: int) -> _Lease | None:
        """Claim one batch; None when another has it, or nothing in it may be sent now."""
        settings = self._services.settings
        routes = _open_routes(self._services, self._mailing_id, number)
        if not routes:
            return None
        token = secrets.token_hex(16)
        journal = Journal(settings.journal_dir, token, mailing_id=self._mailing_id)
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
        lease = _Lease(claim=claim, journal=journal, routes=routes)
        self._open.add(lease)
        return lease

    def _take_next(self) -> _Lease | None:
        for _ in range(_TAKE_TRIES):
            number = ledger.next_due_batch(self._services.engine, self._mailing_id)
            if number is None:
                return None
            if (lease := self.take(number)) is not None:
                return lease
        return None

    def abandon(self) -> None:
        """Leave what is not finished to the sweeper."""
        for lease in self._open:
            lease.journal.abandon()
        self._open.clear()

    async def send(self, first: _Lease) -> int:
        """Send a batch and those after it; return how many messages a relay answered for.

        Raises:
            SQLAlchemyError: The database did not take a batch's end; the others ended all the same.
        """
        ends_at = time.monotonic() + _LONGEST_ROW
        tasks: list[asyncio.Task[int]] = []
        lease: _Lease | None = first
        try:
            while lease is not None:
                run = _begin(self._services, lease)
                tasks.append(asyncio.create_task(self._send_one(lease, run)))
                await _until_nearly_done(run, tasks[-1])
                await _leave_room(tasks)
                if not _went_well(run, tasks) or time.monotonic() > ends_at or stopping.is_asked():
                    break
                lease = await asyncio.to_thread(self._take_next)
        finally:
            ends = await asyncio.gather(*tasks, return_exceptions=True)
        return sum(_answered(end) for end in ends)

    async def _send_one(self, lease: _Lease, run: BatchRun) -> int:
        try:
            await _send(self._services, lease, run)
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


def _went_well(run: BatchRun, tasks: Sequence[asyncio.Task[int]]) -> bool:
    """Whether another batch is worth claiming: no limit, pause or failure holds this one up."""
    if any(task.done() and (task.cancelled() or task.exception()) for task in tasks):
        return False
    return not run.waiting if tasks[-1].done() else run.is_flowing


async def _leave_room(tasks: Sequence[asyncio.Task[int]]) -> None:
    while len(under_way := [task for task in tasks if not task.done()]) >= _OVERLAP:
        await asyncio.wait(under_way, return_when=asyncio.FIRST_COMPLETED)


async def _until_nearly_done(run: BatchRun, task: asyncio.Task[int]) -> None:
    """Return when what waits will be out about as soon as another batch can be claimed."""
    began = time.monotonic()
    while not task.done():
        pace = run.answered / max(time.monotonic() - began, _LOOK_SECONDS)
        if run.waiting <= pace * _CLAIM_SECONDS and run.answered:
            return
        await asyncio.wait({task}, timeout=_LOOK_SECONDS)


def _open_routes(services: Services, mailing_id: int, number: int) -> Sequence[Route]:
    """Return the routes to try, the first drawn by weight; without one the batch waits."""
    resting = {relay.name: relay for relay in relays.resting_relays(services.engine)}
    routes = [route for route in services.routes if route.transport.name not in resting]
    if not routes:
        earliest = min(relay.retry_at for relay in resting.values())
        ledger.postpone_batch(services.engine, mailing_id, number, earliest)
        return []
    shares = [route.weight for route in routes]
    if any(shares):
        first = random.choices(routes, shares)[0]  # noqa: S311 - no secret
        routes.sort(key=lambda route: (route is not first, -route.weight))
    return routes


def _begin(services: Services, lease: _Lease) -> BatchRun:
    content = _content(services, lease.claim.mailing_id)
    return BatchRun(
        lease.claim,
        lease.journal,
        _desk(services, lease.claim, content),
        throttle=_throttle(services, lease.routes[0]),
    )


async def _send(services: Services, lease: _Lease, run: BatchRun) -> None:
    touch = asyncio.create_task(run.keep_in_touch())
    try:
        for route in lease.routes:
            run.transport_name = route.transport.name
            run.throttle = _throttle(services, route)
            await _send_by(services, run, route)
            if not run.has_more:
                break
    finally:
        touch.cancel()
        with suppress(asyncio.CancelledError):
            await touch
    await _flush_the_last(run)


async def _send_by(services: Services, run: BatchRun, route: Route) -> None:
    """Send by one route until all is done or it takes nothing."""
    accepted, reason = run.accepted, ""
    while run.has_more and not reason:
        reason = await route.transport.deliver(run)
    if run.accepted > accepted:
        await asyncio.to_thread(relays.relay_works, services.engine, route.transport.name)
    if reason:
        retry_at = await asyncio.to_thread(
            relays.relay_failed, services.engine, route.transport.name, reason
        )
        del retry_at


async def _flush_the_last(run: BatchRun) -> None:
    for left in reversed(range(_LAST_TRIES)):
        try:
            await run.flush()
        except SQLAlchemyError:
            if not left:
                raise
            await asyncio.sleep(1)
        else:
            return


def _throttle(services: Services, route: Route) -> Throttle:
    return Throttle(
        services.settings.redis_url,
        route.transport.name,
        route.rate,
        services.settings.domain_rates,
    )


def _desk(services: Services, claim: Claim, content: MailingContent) -> Desk:
    frame = _frame(services, claim.mailing_id)

    def compose(delivery: ClaimedDelivery) -> bytes:
        return frame.compose(_recipient(services, claim.mailing_id, delivery, content))

    is_signed = services.settings.signed_return_path and fits_return_path(content.bounce_address)

    def path(delivery: ClaimedDelivery) -> str:
        ref = _ref(claim.mailing_id, delivery, content)
        address = content.bounce_address
        return return_path(services.signer, address, ref) if is_signed else address

    return Desk(
        compose=compose,
        return_path=path,
        record=lambda outcomes: record(services, claim.mailing_id, claim.token, outcomes),
        standing=lambda: ledger.standing(services.engine, claim),
        stopping=stopping.is_asked,
    )


def _recipient(
    services: Services, mailing_id: int, delivery: ClaimedDelivery, content: MailingContent
) -> Recipient:
    ref = _ref(mailing_id, delivery, content)
    links = DeliveryLinks.of(services.settings.public_url, services.signer, ref)
    return Recipient(
        address=delivery.address,
        name=delivery.name,
        message_id=delivery_message_id(
            services.message_id_key,
            ref.mailing_id,
            ref.subscriber_id,
            content.message_id_domain,
        ),
        unsubscribe_url=links.unsubscribe_url,
        unsubscribe_token=links.unsubscribe_token,
        slots={
            **links.slots(),
            Slot.SUBSCRIBER_NAME: delivery.name,
            Slot.SUBSCRIBER_ADDRESS: delivery.address,
        },
        html=delivery.html,
    )


def _ref(mailing_id: int, delivery: ClaimedDelivery, content: MailingContent) -> DeliveryRef:
    return DeliveryRef(
        newsletter_id=content.newsletter_id,
        mailing_id=mailing_id,
        subscriber_id=delivery.subscriber_id,
    )


def record(services: Services, mailing_id: int, token: str, outcomes: list[Outcome]) -> None:
    """Write outcomes into the ledger under the settings' limits."""
    recording.record(
        services.engine,
        mailing_id=mailing_id,
        token=token,
        outcomes=outcomes,
        retry_hours=services.settings.retry_hours,
        lease_seconds=services.settings.lease_seconds,
    )


@lru_cache(maxsize=8)
def _content(services: Services, mailing_id: int) -> MailingContent:
    """Load what a mailing sends; it is frozen, so a process keeps it."""
    with reading(services.engine) as session:
        return load_content(session, mailing_id)


@lru_cache(maxsize=8)
def _frame(services: Services, mailing_id: int) -> MessageFrame:
    content = _content(services, mailing_id)
    return MessageFrame.compile(
        content.rendered, content.identity, date=content.date, keys=services.dkim_keys
    )
