"""Sending one claimed batch: compose, hand over, record; safe to be killed at any instant."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache

from sqlalchemy.exc import SQLAlchemyError

from newsletter.database.engine import reading
from newsletter.i18n.language import Language, language_for
from newsletter.mailings.ledger import leases as ledger
from newsletter.mailings.ledger import recording, relays
from newsletter.mailings.ledger.leases import Claim, ClaimedDelivery
from newsletter.mailings.ledger.outcomes import Outcome
from newsletter.mailings.ledger.standing import standing
from newsletter.mailings.planning.content import MailingContent, load_content
from newsletter.mailings.planning.links import DeliveryLinks, fields_of_readers
from newsletter.mailings.planning.variants import subject_in
from newsletter.mailings.reports.clicks import first_link, with_counted_links
from newsletter.message.frame import MessageFrame, Recipient
from newsletter.message.identifiers import delivery_message_id, fits_return_path, return_path
from newsletter.rendering.slots import worded_for
from newsletter.tokens import DeliveryRef, mark_of_mailing
from workers import stopping
from workers.batch_run import BatchContext, BatchRun
from workers.composition import WorkerServices
from workers.journal import Journal
from workers.throttle import Throttle
from workers.transports import Route

_log = logging.getLogger(__name__)

#: Seconds before the next attempt if all remaining messages broke their connections.
_SECOND_LOOK = 0.5
#: Seconds until a relay that rejects every message is tried again, with other messages.
_REFUSED_SECONDS = 60.0
#: How often, at intervals of a second, recording the last outcomes of a batch is tried before they
#: are left to recovery.
_LAST_TRIES = 30


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class LeasedBatch:
    """A claimed batch with its journal and the routes for sending it."""

    claim: Claim
    journal: Journal
    routes: Sequence[Route]


def open_routes(services: WorkerServices, mailing_id: int, number: int) -> Sequence[Route]:
    """Return the usable routes, the first drawn by weight; without any, postpone the batch."""
    resting = {relay.name: relay for relay in relays.resting_relays(services.engine)}
    routes = [route for route in services.routes if route.transport.name not in resting]
    if not routes:
        earliest = min(relay.retry_at for relay in resting.values())
        ledger.postpone_batch(services.engine, mailing_id, number, earliest)
        return []
    shares = [route.weight for route in routes]
    if any(shares):
        first = random.choices(routes, shares)[0]  # noqa: S311 - load balancing, not cryptography
        routes.sort(key=lambda route: (route is not first, -route.weight))
    return routes


def begin(
    services: WorkerServices, lease: LeasedBatch, forgotten: Callable[[str], None]
) -> BatchRun:
    """Return the run of a claimed batch; nothing is sent yet.

    ``forgotten`` is called with the database's epoch at the claim if the database has lost records
    of the batch.
    """
    claim = lease.claim
    content = _content(services, claim.mailing_id, claim.identity, claim.variant, claim.correction)
    return BatchRun(
        lease.claim,
        lease.journal,
        _context(services, lease, content, forgotten),
        throttle=_throttle(services, lease.routes[0]),
    )


async def send(services: WorkerServices, lease: LeasedBatch, run: BatchRun) -> None:
    """Send a batch by its routes in turn until nothing is left, and record the outcomes.

    Raises:
        SQLAlchemyError: The last outcomes could not be recorded; they are in the journal.
    """
    touch = asyncio.create_task(run.keep_in_touch())
    refused = ""
    try:
        for route in lease.routes:
            run.transport_name = route.transport.name
            run.throttle = _throttle(services, route)
            if await _refuses_all(services, route):
                run.expect_refusals()
            await _send_by(services, run, route)
            known = run.has_refusals and await _refuses_all(services, route)
            refused = run.end_refusals(known=known)
            if refused:
                _log.warning(
                    "%s refuses one message after the other: %s", route.transport.name, refused
                )
                await asyncio.to_thread(
                    relays.relay_refuses,
                    services.engine,
                    route.transport.name,
                    refused,
                    again=timedelta(seconds=_REFUSED_SECONDS),
                )
            if not run.has_more:
                break
        if refused and run.has_more:
            run.wait_seconds = _REFUSED_SECONDS
    finally:
        touch.cancel()
        with suppress(asyncio.CancelledError):
            await touch
    await _flush_the_last(run)


async def _refuses_all(services: WorkerServices, route: Route) -> bool:
    return await asyncio.to_thread(relays.refuses_all, services.engine, route.transport.name)


async def _send_by(services: WorkerServices, run: BatchRun, route: Route) -> None:
    """Send by one route until nothing is left or the route cannot be used."""
    accepted, reason = run.accepted, ""
    while run.has_more and not reason:
        reason = await route.transport.deliver(run)
        if reason and run.waits_on_suspects:
            # Nothing proves that the relay would reject other messages as well, so these are tried
            # again until they are deferred.
            reason = ""
            await asyncio.sleep(_SECOND_LOOK)
    if run.accepted > accepted:
        await asyncio.to_thread(relays.relay_works, services.engine, route.transport.name)
    if reason:
        retry_at = await asyncio.to_thread(
            relays.relay_failed, services.engine, route.transport.name, reason
        )
        _log.warning(
            "%s takes nothing until %s: %s",
            route.transport.name,
            retry_at.isoformat(timespec="seconds"),
            reason,
        )


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


def _throttle(services: WorkerServices, route: Route) -> Throttle:
    return Throttle(
        services.settings.redis_url,
        route.transport.name,
        route.rate,
        services.settings.domain_rates,
    )


def _context(
    services: WorkerServices,
    lease: LeasedBatch,
    content: MailingContent,
    forgotten: Callable[[str], None],
) -> BatchContext:
    claim = lease.claim
    own = content.rendered.language
    frames = {
        tag: _frame(
            services,
            claim.mailing_id,
            claim.identity,
            claim.variant,
            claim.correction,
            language_for(tag, own),
            date=claim.dated_at or content.date,
        )
        for tag in {delivery.language for delivery in claim.deliveries}
    }

    with reading(services.engine) as session:
        people = [delivery.subscriber_id for delivery in claim.deliveries]
        fields = fields_of_readers(session, content, people)

    def compose(delivery: ClaimedDelivery) -> bytes:
        own_fields = fields.get(delivery.subscriber_id, {})
        recipient = _recipient(services, claim, delivery, content, own_fields)
        return frames[delivery.language].compose(recipient)

    is_signed = services.settings.signed_return_path and fits_return_path(content.bounce_address)

    def path(delivery: ClaimedDelivery) -> str:
        ref = _ref(claim, delivery, content)
        address = content.bounce_address
        return return_path(services.signer, address, ref) if address and is_signed else address

    return BatchContext(
        compose=compose,
        return_path=path,
        record=lambda outcomes, reach: recording.record_and_reach(
            services.engine,
            claim,
            outcomes,
            reach,
            retry_hours=services.settings.retry_hours,
            lease_seconds=services.settings.lease_seconds,
        ),
        standing=lambda reach: standing(services.engine, claim, reach),
        stopping=stopping.stop_requested,
        forgotten=lambda: forgotten(lease.journal.epoch),
        lease_seconds=services.settings.lease_seconds,
    )


def _recipient(
    services: WorkerServices,
    claim: Claim,
    delivery: ClaimedDelivery,
    content: MailingContent,
    fields: Mapping[str, str],
) -> Recipient:
    ref = _ref(claim, delivery, content)
    public_url, signer = services.settings.public_url, services.signer
    links = DeliveryLinks.of(public_url, signer, ref)
    action = content.action.url(public_url, signer) if content.action else ""
    # Anybody can trigger a notice by a form, with any name in it: notices contain no names.
    name = "" if content.identity.transactional else delivery.name
    return Recipient(
        address=delivery.address,
        name=name,
        message_id=delivery_message_id(
            services.message_id_key,
            claim.mailing_id,
            claim.identity,
            ref.subscriber_id,
            delivery.mark,
            content.message_id_domain,
        ),
        unsubscribe_url=links.unsubscribe_url,
        unsubscribe_token=links.unsubscribe_token,
        slots=links.slots(name=name, address=delivery.address, action=action, fields=fields),
        html=delivery.html,
    )


def _ref(claim: Claim, delivery: ClaimedDelivery, content: MailingContent) -> DeliveryRef:
    return DeliveryRef(
        newsletter_id=content.newsletter_id,
        mailing_id=claim.mailing_id,
        subscriber_id=delivery.subscriber_id,
        subscriber_mark=delivery.mark,
        mailing_mark=mark_of_mailing(claim.identity),
    )


def record(
    services: WorkerServices, mailing_id: int, identity: str, token: str, outcomes: list[Outcome]
) -> int | None:
    """Record outcomes in the ledger, with the limits of the settings."""
    return recording.record(
        services.engine,
        mailing_id=mailing_id,
        identity=identity,
        token=token,
        outcomes=outcomes,
        retry_hours=services.settings.retry_hours,
        lease_seconds=services.settings.lease_seconds,
    )


@lru_cache(maxsize=16)
def _content(
    services: WorkerServices, mailing_id: int, identity: str, variant: int, correction: int
) -> MailingContent:
    """Return the content of a mailing's variant; it never changes, so it is cached.

    The identity is part of the key: after a restore, another mailing may have the same number.
    """
    del identity
    with reading(services.engine) as session:
        return load_content(session, mailing_id, variant, correction=correction)


@lru_cache(maxsize=16)
def _frame(
    services: WorkerServices,
    mailing_id: int,
    identity: str,
    variant: int,
    correction: int,
    language: Language,
    *,
    date: datetime,
) -> MessageFrame:
    """Return the message frame of a variant; only our own texts depend on the language."""
    content = _content(services, mailing_id, identity, variant, correction)
    rendered = worded_for(content.rendered, language)
    if content.counts_clicks:
        rendered = with_counted_links(
            rendered,
            urls=content.links,
            first=first_link(content.links, subject_in(variant)),
            mailing_id=mailing_id,
            identity=identity,
            public_url=services.settings.public_url,
            signer=services.signer,
        )
    return MessageFrame.compile(rendered, content.identity, date=date, keys=services.dkim_keys)
