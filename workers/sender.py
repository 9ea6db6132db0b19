"""Sending one batch: claim, compose, hand over, record; safe to run twice, or to be killed."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass, field
from functools import lru_cache

from newsletter.database.engine import reading
from newsletter.database.vocabulary import DeliveryState
from newsletter.delivery import ledger
from newsletter.delivery.content import MailingContent, load_content
from newsletter.delivery.ledger import Claim, ClaimedDelivery
from newsletter.delivery.links import DeliveryLinks
from newsletter.delivery.outcomes import Outcome
from newsletter.errors import MessageError
from newsletter.message.frame import MessageFrame, Recipient
from newsletter.message.identifiers import delivery_message_id
from newsletter.rendering.model import Slot
from newsletter.tokens import DeliveryRef
from workers.composition import Services
from workers.journal import Journal
from workers.transports.base import Envelope, Result, ResultKind

#: Outcomes reach the ledger in bulk after so many messages or seconds.
_FLUSH_MESSAGES = 200
_FLUSH_SECONDS = 1.0
#: A relay that takes nothing is left alone for so long.
_RELAY_PAUSE_SECONDS = 10

_STATES = {
    ResultKind.ACCEPTED: DeliveryState.ACCEPTED,
    ResultKind.DEFERRED: DeliveryState.DEFERRED,
    ResultKind.REJECTED: DeliveryState.REJECTED,
    ResultKind.UNCERTAIN: DeliveryState.UNCERTAIN,
}


def send_batch(services: Services, mailing_id: int, number: int) -> int:
    """Send what is due of a batch; return how many messages a relay answered for."""
    token = secrets.token_hex(16)
    journal = Journal(services.settings.journal_dir, token, mailing_id=mailing_id)
    claim = ledger.claim_batch(
        services.engine,
        mailing_id,
        number,
        token=token,
        lease_seconds=services.settings.lease_seconds,
    )
    if claim is None:
        journal.close()
        return 0
    run = _BatchRun(services=services, claim=claim, journal=journal)
    run.send()
    return run.answered


@dataclass(slots=True)
class _BatchRun:
    services: Services
    claim: Claim
    journal: Journal
    answered: int = 0
    _waiting: list[Outcome] = field(default_factory=list)
    _unwanted: frozenset[int] = frozenset()
    _flowing: bool = True
    _flushed_at: float = field(default_factory=time.monotonic)
    _relay_is_down: bool = False

    def send(self) -> None:
        """Send until done, held, or refused by the relay itself."""
        content = _content(self.services, self.claim.mailing_id)
        frame = _frame(self.services, self.claim.mailing_id)
        for delivery in self.claim.deliveries:
            self._flush_when_due()
            if not self._flowing or self._relay_is_down:
                break
            if delivery.position in self._unwanted:
                self._settle(delivery, _skipped(delivery.position))
            else:
                self._send_one(delivery, content, frame)
        self._flush()
        wait = _RELAY_PAUSE_SECONDS if self._relay_is_down else 0
        ledger.close_batch(self.services.engine, self.claim, wait_seconds=wait)
        self.journal.close()

    def _send_one(
        self, delivery: ClaimedDelivery, content: MailingContent, frame: MessageFrame
    ) -> None:
        try:
            message = frame.compose(self._recipient(delivery, content))
        except MessageError as error:
            # One recipient whose message cannot be made must hold up nobody.
            self._settle(delivery, _failed(delivery.position, str(error)))
            return
        transport = self.services.transport
        result = transport.send(
            Envelope(sender=content.bounce_address, recipient=delivery.address),
            message,
            lambda: self.journal.intent(delivery.position),
        )
        if result.kind is ResultKind.NOT_TRIED:
            self._relay_is_down = True
            return
        self.answered += 1
        self._settle(delivery, _outcome(delivery.position, result, transport.name))

    def _settle(self, delivery: ClaimedDelivery, outcome: Outcome) -> None:
        assert outcome.position == delivery.position  # noqa: S101 - what the journal relies on
        self.journal.outcome(outcome)
        self._waiting.append(outcome)

    def _flush_when_due(self) -> None:
        late = time.monotonic() - self._flushed_at >= _FLUSH_SECONDS
        if late or len(self._waiting) >= _FLUSH_MESSAGES:
            self._flush()
            standing = ledger.standing(self.services.engine, self.claim)
            self._flowing, self._unwanted = standing.flowing, standing.unwanted

    def _flush(self) -> None:
        record(self.services, self.claim.mailing_id, self.claim.token, self._waiting)
        self._waiting.clear()
        self._flushed_at = time.monotonic()

    def _recipient(self, delivery: ClaimedDelivery, content: MailingContent) -> Recipient:
        ref = DeliveryRef(
            newsletter_id=content.newsletter_id,
            mailing_id=self.claim.mailing_id,
            subscriber_id=delivery.subscriber_id,
        )
        services = self.services
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


def record(services: Services, mailing_id: int, token: str, outcomes: list[Outcome]) -> None:
    """Write outcomes into the ledger under the settings' limits."""
    ledger.record(
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
    return MessageFrame.compile(content.rendered, content.identity, date=content.date)


def _outcome(position: int, result: Result, transport: str) -> Outcome:
    return Outcome(
        position=position,
        state=_STATES[result.kind],
        code=result.code,
        status=result.status,
        reply=result.reply,
        queue_id=result.queue_id,
        transport=transport,
    )


def _skipped(position: int) -> Outcome:
    reply = "left or suppressed while the mailing was under way"
    return Outcome(position=position, state=DeliveryState.SKIPPED, reply=reply)


def _failed(position: int, reason: str) -> Outcome:
    return Outcome(position=position, state=DeliveryState.FAILED, reply=reason)
