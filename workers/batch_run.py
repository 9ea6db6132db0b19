"""A batch while it is sent: which message is next, its outcome, and contact with the ledger.

`BatchRun` is the transport's `Courier`: the transport asks for messages and reports results. The
journal is written before each step; the ledger gets the outcomes in bulk, about once a second.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

from sqlalchemy.exc import SQLAlchemyError

from newsletter.database.engine import AWAY, reason_of
from newsletter.database.vocabulary import DeliveryState
from newsletter.mailings.ledger.leases import Claim, ClaimedDelivery
from newsletter.mailings.ledger.outcomes import Outcome, OwnReason, own_reply
from newsletter.mailings.ledger.standing import BatchStanding
from workers.clocks import ClockReading
from workers.journal import Journal
from workers.refusals import Refusals, Suspects, put_off
from workers.throttle import Throttle
from workers.transports.base import Envelope, Parcel, Result, ResultKind

_log = logging.getLogger(__name__)

#: Outcomes are recorded in the ledger after this many messages or seconds.
_FLUSH_MESSAGES = 500
_FLUSH_SECONDS = 1.0
#: The deliveries of a batch move to ``sending`` in small portions, so that few are in doubt if the
#: host is lost. A portion is what is sent in this many seconds, within these limits of messages.
_REACH_SECONDS = 0.4
LEAST_REACH, MOST_REACH = 32, 256
#: The minimum time, in seconds, over which the pace of a batch is computed.
_SHORTEST_LOOK = 0.1
#: Seconds after which nothing is sent until the standing was read again: nobody may get a message
#: more than 5 seconds after unsubscribing.
_STANDING_SECONDS = 4.0
#: Seconds without contact to the database after which the batch is left to recovery.
_PATIENCE_SECONDS = 60.0
#: If a rate limit requires a longer wait than this, in seconds, the batch is released.
_LONGEST_WAIT = 5.0


@dataclass(frozen=True, kw_only=True, slots=True)
class BatchContext:
    """The functions that a run calls.

    Attributes:
        compose: Returns a delivery's message.
        return_path: Returns the address for a delivery's bounces.
        record: Records outcomes in the ledger and moves further positions to ``sending``; see
            `newsletter.mailings.ledger.recording.record_and_reach`.
        standing: Reads whether the mailing is being sent and who unsubscribed, and moves further
            positions to ``sending``; see `newsletter.mailings.ledger.standing.standing`.
        stopping: Returns whether this worker is shutting down.
        forgotten: Reports that the database lost records of this batch.
        lease_seconds: Seconds before which no other worker ends a lease that is not renewed.
    """

    compose: Callable[[ClaimedDelivery], bytes]
    return_path: Callable[[ClaimedDelivery], str]
    record: Callable[[list[Outcome], Sequence[int]], tuple[int | None, frozenset[int]]]
    standing: Callable[[Sequence[int]], BatchStanding]
    stopping: Callable[[], bool]
    forgotten: Callable[[], None]
    lease_seconds: float


class BatchRun:
    """A claimed batch while it is sent.

    Attributes:
        throttle: The rate limits of the present route.
        transport_name: The name of the present route's transport.
        records: How often the ledger recorded outcomes under this lease.
        is_lost: Whether the lease is lost.
        answered: The number of messages for which a relay replied.
        accepted: How many of these were accepted.
        gave_way: Whether the batch was released early for another mailing.
        wait_seconds: Seconds until the batch is due again, if it stopped with messages left.
    """

    def __init__(
        self, claim: Claim, journal: Journal, context: BatchContext, *, throttle: Throttle
    ) -> None:
        self._claim = claim
        self._journal = journal
        self._context = context
        self.throttle = throttle
        self.transport_name = ""
        self._queue = deque(claim.deliveries[: claim.reached])
        self._beyond = deque(claim.deliveries[claim.reached :])
        self._beyond_by_domain = Counter(each.domain for each in self._beyond)
        self._reach = LEAST_REACH
        self._began = time.monotonic()
        self._held: dict[str, deque[ClaimedDelivery]] = {}
        self._out: dict[int, ClaimedDelivery] = {}
        self._suspects = Suspects(len(claim.deliveries))
        self._refusals = Refusals()
        self._unrecorded: list[Outcome] = []
        self._recording = asyncio.Lock()
        #: Set to request contact with the ledger; and set after it.
        self._due = asyncio.Event()
        self._heard = asyncio.Event()
        self._unwanted: frozenset[int] = frozenset()
        self._held_domains: frozenset[str] = frozenset()
        self._flowing = True
        self.records = 0
        self.is_lost = False
        self._recorded_at = ClockReading.now()
        self._standing_at = ClockReading.now()
        self.answered = 0
        self.accepted = 0
        self.gave_way = False
        self.wait_seconds = 0.0

    @property
    def has_more(self) -> bool:
        """Whether there are messages that may still be sent."""
        return self.is_flowing and self.waiting > 0

    @property
    def waiting(self) -> int:
        """The number of messages that have not been handed to the transport yet."""
        held = sum(map(len, self._held.values()))
        return len(self._queue) + len(self._beyond) + held

    @property
    def is_flowing(self) -> bool:
        """Whether no pause, failure or rate limit stops the batch."""
        return self._flowing and not self.wait_seconds and not self._refusals.words

    @property
    def is_under_way(self) -> bool:
        """Whether any message was handed to the transport."""
        return bool(self._out) or self.answered > 0

    @property
    def drips(self) -> bool:
        """Whether all waiting messages wait for the rate limits of their domains."""
        return (
            self.is_flowing
            and not self._queue
            and any(self._held.values())
            and all(self._held.get(domain) for domain in self._beyond_by_domain)
        )

    def give_way(self, seconds: float) -> None:
        """Release the batch early; the rest is due again after ``seconds``."""
        self.gave_way = True
        self.wait_seconds = self.wait_seconds or seconds

    # The interface of `Courier`.

    def ready(self) -> Parcel | None:
        """See `Courier.ready`."""
        while self._may_send() and (delivery := self._next_delivery()) is not None:
            if delivery.position in self._unwanted:
                self._note_untried(delivery, DeliveryState.SKIPPED, OwnReason.LEFT_MEANWHILE)
            elif (parcel := self._parcel(delivery)) is not None:
                return parcel
        return None

    async def take(self) -> Parcel | None:
        """See `Courier.take`."""
        while True:
            parcel = self.ready()
            if parcel is not None or not self.has_more:
                return parcel
            if self._standing_is_old():
                await asyncio.sleep(0.1)
                continue
            if not self._queue and self._within_reach():
                await self._hear()
                continue
            wait = await self.throttle.refill(frozenset(filter(self._held.get, self._held)))
            if wait > _LONGEST_WAIT:
                self.wait_seconds = wait
            else:
                await asyncio.sleep(min(wait, 0.5))

    def commit(self, parcel: Parcel) -> bool:
        """See `Courier.commit`."""
        # The message may have waited for the relay since `ready` returned it.
        if not self._flowing or self._standing_is_old() or parcel.position in self._unwanted:
            return False
        delivery = self._out[parcel.position]
        if delivery.domain in self._held_domains:
            return False
        intent = (delivery.position, delivery.subscriber_id, delivery.mark)
        # Without its line in the journal the message must not be sent.
        return self._write_down(lambda: self._journal.intent(*intent))

    def settle(self, parcel: Parcel, result: Result) -> None:
        """See `Courier.settle`."""
        delivery = self._out.pop(parcel.position)
        match result.kind:
            case ResultKind.NOT_TRIED:
                self._suspects.clear(parcel.position)
                self._put_back(delivery)
            case ResultKind.BROKEN:
                self._note_break(delivery, result)
            case _:
                if result.kind is not ResultKind.UNCERTAIN:
                    self._suspects.note_answer(parcel.position)
                    self.answered += 1
                self.accepted += result.kind is ResultKind.ACCEPTED
                self._note_answer(delivery, result)

    @property
    def waits_on_suspects(self) -> bool:
        """Whether the few remaining messages, if any, broke their connections when last tried."""
        return self._suspects.are_the_rest(list(self._waiting()))

    def _waiting(self) -> Iterator[int]:
        for line in (self._queue, self._beyond, *self._held.values()):
            yield from (delivery.position for delivery in line)

    def expect_refusals(self) -> None:
        """Record that the next relay is known to reject every message."""
        self._refusals = Refusals(known=True)

    @property
    def has_refusals(self) -> bool:
        """Whether some refusals are undecided until the next message is replied to."""
        return self._refusals.are_open

    def end_refusals(self, *, known: bool = False) -> str:
        """Decide the undecided refusals of a relay; return its reply if it rejects every message.

        ``known``: whether the relay was known to reject every message.
        """
        refusals, self._refusals = self._refusals, Refusals()
        for outcome in refusals.end(known=known):
            self._note(outcome)
        return refusals.words

    def _note_answer(self, delivery: ClaimedDelivery, result: Result) -> None:
        answer = Outcome(
            position=delivery.position,
            subscriber_id=delivery.subscriber_id,
            mark=delivery.mark,
            state=DeliveryState(result.kind),
            attempts=delivery.attempts + (result.code > 0),
            code=result.code,
            status=result.status,
            reply=result.reply,
            queue_id=result.queue_id,
            command=result.command,
            transport=self.transport_name,
            domain=delivery.domain,
        )
        address, connection = delivery.address, result.connection
        certain = self._refusals.note(answer, address=address, connection=connection)
        if not certain:
            # If this process dies before the refusal is decided, the message is tried again.
            self._write_down(lambda: self._journal.outcome(put_off(answer)))
        for outcome in certain:
            self._note(outcome)

    def _put_back(self, delivery: ClaimedDelivery) -> None:
        self._write_down(lambda: self._journal.retract(delivery.position))
        # Behind the others: if these are accepted, the fault is not the relay's.
        self._queue.append(delivery)

    def _note_break(self, delivery: ClaimedDelivery, result: Result) -> None:
        if not self._suspects.is_to_blame(delivery.position, waiting=self._waiting()):
            self._put_back(delivery)
            return
        self._write_down(lambda: self._journal.retract(delivery.position))
        broken = Outcome(
            position=delivery.position,
            subscriber_id=delivery.subscriber_id,
            mark=delivery.mark,
            state=DeliveryState.DEFERRED,
            attempts=delivery.attempts + 1,
            reply=own_reply(OwnReason.CONNECTION_BROKE, result.reply),
            transport=self.transport_name,
            domain=delivery.domain,
        )
        self._note(broken)

    # The next message.

    def _may_send(self) -> bool:
        return self.is_flowing and not self._standing_is_old() and self.throttle.admits_any()

    def _standing_is_old(self) -> bool:
        return self._standing_at.age() > _STANDING_SECONDS

    def _next_delivery(self) -> ClaimedDelivery | None:
        for domain, line in self._held.items():
            if line and self.throttle.admit(domain):
                if self._beyond_by_domain[domain] and len(line) < LEAST_REACH // 2:
                    self._due.set()
                return line.popleft()
        while self._queue:
            delivery = self._queue.popleft()
            if self._beyond and self._is_low():
                self._due.set()
            if delivery.domain in self._held_domains:
                # It is queued again in the ledger when the batch is closed.
                continue
            if self.throttle.admit(delivery.domain):
                return delivery
            if not self.throttle.admits_any():
                self._queue.appendleft(delivery)
                return None
            # Only messages to this domain must wait.
            self._held.setdefault(delivery.domain, deque()).append(delivery)
        return None

    def _is_low(self) -> bool:
        """Whether the messages that may be sent will soon run out, so that more are needed."""
        return len(self._queue) < max(LEAST_REACH // 2, self._reach // 3)

    def _within_reach(self) -> list[ClaimedDelivery]:
        """Return the deliveries to move to ``sending`` next, few of domains at their rate limit."""
        room = self._reach - len(self._queue)
        lines = Counter({domain: len(line) for domain, line in self._held.items()})
        chosen: list[ClaimedDelivery] = []
        for delivery in self._beyond:
            if len(chosen) >= room:
                break
            if lines[delivery.domain] < LEAST_REACH:
                chosen.append(delivery)
                # If messages to this domain wait already, further ones will wait as well.
                lines[delivery.domain] += lines[delivery.domain] > 0
        return chosen

    async def _hear(self) -> None:
        """Request contact with the ledger and wait for it."""
        self._due.set()
        self._heard.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(_FLUSH_SECONDS):
                await self._heard.wait()

    def _parcel(self, delivery: ClaimedDelivery) -> Parcel | None:
        """Compose a message; if that fails, only this delivery fails."""
        self._write_down(lambda: self._journal.begin(delivery.position))
        try:
            message = self._context.compose(delivery)
            sender = self._context.return_path(delivery)
        except Exception as error:  # noqa: BLE001 - whatever breaks one message must not break all
            _log.exception("delivery %s cannot be made", delivery.position)
            self._note_untried(delivery, DeliveryState.FAILED, OwnReason.NOT_MADE, str(error)[:500])
            return None
        self._out[delivery.position] = delivery
        envelope = Envelope(sender=sender, recipient=delivery.address)
        return Parcel(position=delivery.position, envelope=envelope, message=message)

    # Outcomes.

    def _note_untried(
        self, delivery: ClaimedDelivery, state: DeliveryState, reason: OwnReason, detail: str = ""
    ) -> None:
        """Record the outcome of a delivery that was handed to no relay."""
        outcome = Outcome(
            position=delivery.position,
            subscriber_id=delivery.subscriber_id,
            mark=delivery.mark,
            state=state,
            attempts=delivery.attempts,
            reply=own_reply(reason, detail),
        )
        self._note(outcome)

    def _note(self, outcome: Outcome) -> None:
        self._write_down(lambda: self._journal.outcome(outcome))
        self._unrecorded.append(outcome)
        if len(self._unrecorded) >= _FLUSH_MESSAGES:
            self._due.set()

    def _write_down(self, write: Callable[[], None]) -> bool:
        """Write to the journal; if that fails, nothing more is sent, but the ledger is told."""
        try:
            write()
        except OSError as error:
            self._stop(f"The journal cannot be written: {error.strerror}.")
            return False
        return True

    def _stop(self, reason: str) -> None:
        if self._flowing:
            _log.error("mailing %s stops here: %s", self._claim.mailing_id, reason)
        self._flowing = False
        self.wait_seconds = self.wait_seconds or _LONGEST_WAIT

    # Contact with the ledger.

    async def keep_in_touch(self) -> None:
        """Record outcomes and read the standing about once a second, until cancelled."""
        try:
            while True:
                with suppress(TimeoutError):
                    async with asyncio.timeout(_FLUSH_SECONDS):
                        await self._due.wait()
                if not await self._exchange():
                    # Callers of `_hear` would otherwise request contact again at once.
                    await asyncio.sleep(_FLUSH_SECONDS)
                # Requests made meanwhile were served, or are repeated by callers of `_hear`.
                self._due.clear()
                self._heard.set()
        finally:
            # However this ended: without contact to the ledger nothing may be sent.
            self._flowing = False
            self._heard.set()

    async def _exchange(self) -> bool:
        """Record outcomes and read the standing once; return whether that succeeded."""
        chosen = self._choose()
        try:
            if self._standing_at.age() < _FLUSH_SECONDS:
                reached = await self._record([delivery.position for delivery in chosen])
                self._take_in_hand(chosen, reached)
            else:
                await self.flush()
                await self._ask(chosen)
        except SQLAlchemyError as error:
            if isinstance(error, AWAY):
                _log.warning("outcomes wait: the database does not take them: %s", reason_of(error))
            else:
                _log.exception("the ledger does not take the outcomes of a batch")
            if self._standing_at.age() > _PATIENCE_SECONDS:
                self._stop(f"The database is away: {reason_of(error)}")
            return False
        return True

    def _choose(self) -> list[ClaimedDelivery]:
        """Return the deliveries to move to ``sending`` next; their number follows the pace."""
        pace = self.answered / max(time.monotonic() - self._began, _SHORTEST_LOOK)
        self._reach = max(LEAST_REACH, min(int(pace * _REACH_SECONDS), MOST_REACH))
        return self._within_reach() if self._is_low() else []

    async def flush(self) -> None:
        """Record all outcomes in the ledger; if that fails, they are kept for the next time.

        Raises:
            SQLAlchemyError: The outcomes could not be recorded.
        """
        await self._record(())

    async def _record(self, reach: Sequence[int]) -> frozenset[int]:
        """Record all outcomes, and move ``reach`` to ``sending`` in the same transaction."""
        async with self._recording:
            moment = ClockReading.now()
            waiting, self._unrecorded = self._unrecorded, []
            try:
                records, reached = await asyncio.to_thread(self._force_and_record, waiting, reach)
            except BaseException:
                # Also after a cancellation, when it is not known whether they were recorded.
                self._unrecorded = waiting + self._unrecorded
                raise
            if records is not None and records > self.records:
                self.records, self._recorded_at = records, moment
                return reached
            # The journal has outcomes that are not in the ledger, and must be kept.
            self.is_lost = True
            self._stop("The lease is lost.")
            # No worker ends a lease before it expires: if it is gone, the database was set back.
            if records is not None or self._recorded_at.age() < self._context.lease_seconds:
                await asyncio.to_thread(self._context.forgotten)
            return frozenset()

    def _force_and_record(
        self, outcomes: list[Outcome], reach: Sequence[int]
    ) -> tuple[int | None, frozenset[int]]:
        with suppress(OSError):
            # The ledger may lose its latest changes in a power cut; then the journal has them.
            self._journal.force()
        return self._context.record(outcomes, reach)

    async def _ask(self, chosen: Sequence[ClaimedDelivery]) -> None:
        asked_at = ClockReading.now()
        positions = [delivery.position for delivery in chosen]
        standing = await asyncio.to_thread(self._context.standing, positions)
        self._standing_at = asked_at
        self._unwanted = standing.unwanted
        self._held_domains = standing.held_domains
        if standing.flowing:
            self._take_in_hand(chosen, standing.reached)
        if standing.ordered is not None and self._flowing:
            _log.info(
                "mailing %d was %s: batch %d stops with %d left",
                self._claim.mailing_id,
                standing.ordered.value,
                self._claim.number,
                self.waiting,
            )
        for domain in standing.held_domains:
            self._held.pop(domain, None)
        may_go_on = standing.flowing and self.transport_name not in standing.held_relays
        self._flowing = self._flowing and may_go_on and not self._context.stopping()

    def _take_in_hand(self, chosen: Sequence[ClaimedDelivery], reached: frozenset[int]) -> None:
        """Queue the deliveries that may be sent; the others are settled, or to a domain on hold."""
        if not chosen:
            return
        positions = {delivery.position for delivery in chosen}
        kept = [
            delivery
            for delivery in self._beyond
            if delivery.position not in positions and delivery.domain not in self._held_domains
        ]
        self._beyond = deque(kept)
        self._beyond_by_domain = Counter(delivery.domain for delivery in kept)
        self._queue.extend(each for each in chosen if each.position in reached)
