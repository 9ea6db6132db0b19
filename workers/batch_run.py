"""One batch on its way: what may leave next, what became of it, and the ledger's word meanwhile.

The transport pulls; this is its `Courier`. Everything that must survive the process is in the
journal before it matters; the ledger hears of it about once a second, in bulk.
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
from workers.refusals import Refusals, put_off
from workers.suspects import Suspects
from workers.throttle import Throttle
from workers.transports.base import Envelope, Parcel, Result, ResultKind

_log = logging.getLogger(__name__)

#: Outcomes reach the ledger in bulk after so many messages or seconds.
_FLUSH_MESSAGES = 500
_FLUSH_SECONDS = 1.0
#: A batch is taken in hand bit by bit, so that little is in doubt when a host is lost for ever:
#: what leaves in about so many seconds, and within these numbers of messages.
_REACH_SECONDS = 0.4
LEAST_REACH, MOST_REACH = 32, 256
#: The pace of a batch that just began is taken over at least so many seconds.
_SHORTEST_LOOK = 0.1
#: Who left must get no message more than 5 seconds later: with an older word, nothing leaves.
_STANDING_SECONDS = 4.0
#: Without a word from the database for so long, the batch is left to recovery.
_PATIENCE_SECONDS = 60.0
#: A batch that could send nothing for so long is given back until it can.
_LONGEST_WAIT = 5.0

_STATES = {
    ResultKind.ACCEPTED: DeliveryState.ACCEPTED,
    ResultKind.DEFERRED: DeliveryState.DEFERRED,
    ResultKind.REJECTED: DeliveryState.REJECTED,
    ResultKind.UNCERTAIN: DeliveryState.UNCERTAIN,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class BatchContext:
    """What a run needs done for it.

    Attributes:
        compose: Makes a delivery's message.
        return_path: Where its bounces go.
        record: Writes outcomes into the ledger, in bulk, and takes positions in hand; returns how
            often it did under this lease, None when the lease is lost, and what may be sent.
        standing: Asks the ledger whether the mailing flows, and who left; takes in hand the
            positions it is given.
        stopping: Whether this worker is told to end.
        forgotten: Takes note that the database lost what it knew of this batch.
        lease_seconds: For how long nobody ends a lease that is silent.
    """

    compose: Callable[[ClaimedDelivery], bytes]
    return_path: Callable[[ClaimedDelivery], str]
    record: Callable[[list[Outcome], Sequence[int]], tuple[int | None, frozenset[int]]]
    standing: Callable[[Sequence[int]], BatchStanding]
    stopping: Callable[[], bool]
    forgotten: Callable[[], None]
    lease_seconds: float


class BatchRun:
    """A claimed batch while it is sent."""

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
        #: Something is to be said to the ledger, or asked; and it answered.
        self._due = asyncio.Event()
        self._heard = asyncio.Event()
        self._unwanted: frozenset[int] = frozenset()
        self._held_domains: frozenset[str] = frozenset()
        self._flowing = True
        #: How often the ledger took outcomes under this lease.
        self.records = 0
        #: Whether the lease is lost.
        self.is_lost = False
        self._recorded_at = ClockReading.now()
        self._standing_at = ClockReading.now()
        #: Messages that a relay answered for, and of these how many were accepted.
        self.answered = 0
        self.accepted = 0
        #: Whether it made way for others.
        self.gave_way = False
        #: Seconds that a limit asks to wait before this batch can go on.
        self.wait_seconds = 0.0

    @property
    def has_more(self) -> bool:
        """Whether there is something that may still be sent."""
        return self.is_flowing and self.waiting > 0

    @property
    def waiting(self) -> int:
        """How many messages are still to be given out."""
        held = sum(map(len, self._held.values()))
        return len(self._queue) + len(self._beyond) + held

    @property
    def is_flowing(self) -> bool:
        """Whether no pause, failure or limit holds it up."""
        return self._flowing and not self.wait_seconds and not self._refusals.words

    @property
    def is_under_way(self) -> bool:
        """Whether messages were given out."""
        return bool(self._out) or self.answered > 0

    @property
    def drips(self) -> bool:
        """Whether all that waits, waits for the rates of its recipients' domains."""
        return (
            self.is_flowing
            and not self._queue
            and any(self._held.values())
            and all(self._held.get(domain) for domain in self._beyond_by_domain)
        )

    def give_way(self, seconds: float) -> None:
        """Send no more of it now; what is left is due again after so many seconds."""
        self.gave_way = True
        self.wait_seconds = self.wait_seconds or seconds

    # What the transport asks: see `Courier`.

    def ready(self) -> Parcel | None:
        """See `Courier.ready`."""
        while self._may_send() and (delivery := self._next_delivery()) is not None:
            if delivery.position in self._unwanted:
                self._note(_skipped(delivery))
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
        # The relay may have let it wait since it was given out.
        if not self._flowing or self._standing_is_old() or parcel.position in self._unwanted:
            return False
        if self._out[parcel.position].domain in self._held_domains:
            return False
        try:
            delivery = self._out[parcel.position]
            self._journal.intent(parcel.position, delivery.subscriber_id, delivery.mark)
        except OSError as error:
            # What cannot be written down must not be sent.
            self._stop(f"The journal cannot be written: {error.strerror}.")
            return False
        return True

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
                answer = _outcome(delivery, result, self.transport_name)
                self._note_answer(delivery, answer, connection=result.connection)

    @property
    def waits_on_suspects(self) -> bool:
        """Whether the few that may still be sent, if any, broke their connections when tried."""
        return self._suspects.are_the_rest(list(self._waiting()))

    def _waiting(self) -> Iterator[int]:
        for line in (self._queue, self._beyond, *self._held.values()):
            yield from (delivery.position for delivery in line)

    def expect_refusals(self) -> None:
        """Take note that the relay whose turn comes is known to refuse all."""
        self._refusals = Refusals(known=True)

    @property
    def has_refusals(self) -> bool:
        """Whether refusals wait for what becomes of the next message."""
        return self._refusals.are_open

    def end_refusals(self, *, known: bool = False) -> str:
        """Take what a relay refused for settled; return what it says to all, if it does.

        ``known``: it was known to refuse all.
        """
        refusals, self._refusals = self._refusals, Refusals()
        for outcome in refusals.end(known=known):
            self._note(outcome)
        return refusals.words

    def _note_answer(self, delivery: ClaimedDelivery, answer: Outcome, *, connection: int) -> None:
        certain = self._refusals.note(answer, address=delivery.address, connection=connection)
        if not certain:
            # Should this process die before it is certain, the message is tried again.
            self._write_down(lambda: self._journal.outcome(put_off(answer)))
        for outcome in certain:
            self._note(outcome)

    def _put_back(self, delivery: ClaimedDelivery) -> None:
        self._write_down(lambda: self._journal.retract(delivery.position))
        # The others first: if they go, it is not the relay.
        self._queue.append(delivery)

    def _note_break(self, delivery: ClaimedDelivery, result: Result) -> None:
        position = delivery.position
        if not self._suspects.is_to_blame(position, waiting=self._waiting()):
            self._put_back(delivery)
            return
        self._write_down(lambda: self._journal.retract(position))
        self._note(
            Outcome(
                position=position,
                subscriber_id=delivery.subscriber_id,
                mark=delivery.mark,
                state=DeliveryState.DEFERRED,
                attempts=delivery.attempts + 1,
                reply=own_reply(OwnReason.CONNECTION_BROKE, result.reply),
                transport=self.transport_name,
                domain=delivery.domain,
            )
        )

    # What may leave next.

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
                # It goes back into the ledger's queue with the rest of the batch.
                continue
            if self.throttle.admit(delivery.domain):
                return delivery
            if not self.throttle.admits_any():
                self._queue.appendleft(delivery)
                return None
            # Only this domain must wait; the others go on.
            self._held.setdefault(delivery.domain, deque()).append(delivery)
        return None

    def _is_low(self) -> bool:
        """Whether what is in hand lasts little longer than the ledger needs to give more."""
        return len(self._queue) < max(LEAST_REACH // 2, self._reach // 3)

    def _within_reach(self) -> list[ClaimedDelivery]:
        """Return what should be taken in hand next: not yet what waits for its domain's rate."""
        room = self._reach - len(self._queue)
        lines = Counter({domain: len(line) for domain, line in self._held.items()})
        chosen: list[ClaimedDelivery] = []
        for delivery in self._beyond:
            if len(chosen) >= room:
                break
            if lines[delivery.domain] < LEAST_REACH:
                chosen.append(delivery)
                # Where some wait already, those that follow will, too.
                lines[delivery.domain] += lines[delivery.domain] > 0
        return chosen

    async def _hear(self) -> None:
        """Wait for the ledger's next word."""
        self._due.set()
        self._heard.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(_FLUSH_SECONDS):
                await self._heard.wait()

    def _parcel(self, delivery: ClaimedDelivery) -> Parcel | None:
        """Make a message; one that cannot be made holds up nobody."""
        self._write_down(lambda: self._journal.begin(delivery.position))
        try:
            message = self._context.compose(delivery)
            sender = self._context.return_path(delivery)
        except Exception as error:  # noqa: BLE001 - whatever breaks one message must not break all
            _log.exception("delivery %s cannot be made", delivery.position)
            self._note(
                Outcome(
                    position=delivery.position,
                    subscriber_id=delivery.subscriber_id,
                    mark=delivery.mark,
                    state=DeliveryState.FAILED,
                    attempts=delivery.attempts,
                    reply=own_reply(OwnReason.NOT_MADE, str(error)[:500]),
                )
            )
            return None
        self._out[delivery.position] = delivery
        envelope = Envelope(sender=sender, recipient=delivery.address)
        return Parcel(position=delivery.position, envelope=envelope, message=message)

    # What became of it.

    def _note(self, outcome: Outcome) -> None:
        self._write_down(lambda: self._journal.outcome(outcome))
        self._unrecorded.append(outcome)
        if len(self._unrecorded) >= _FLUSH_MESSAGES:
            self._due.set()

    def _write_down(self, write: Callable[[], None]) -> None:
        try:
            write()
        except OSError as error:
            # The ledger will hear of it from memory; nothing more must leave.
            self._stop(f"The journal cannot be written: {error.strerror}.")

    def _stop(self, reason: str) -> None:
        if self._flowing:
            _log.error("mailing %s stops here: %s", self._claim.mailing_id, reason)
        self._flowing = False
        self.wait_seconds = self.wait_seconds or _LONGEST_WAIT

    # The ledger's word.

    async def keep_in_touch(self) -> None:
        """Tell the ledger and ask it, about once a second, until cancelled."""
        try:
            while True:
                with suppress(TimeoutError):
                    async with asyncio.timeout(_FLUSH_SECONDS):
                        await self._due.wait()
                if not await self._exchange():
                    # Whoever waits for its word would have it asked again at once.
                    await asyncio.sleep(_FLUSH_SECONDS)
                # What was due meanwhile was done, or is asked for again by whoever hears this.
                self._due.clear()
                self._heard.set()
        finally:
            # Whatever ended it: without the ledger's word nothing leaves.
            self._flowing = False
            self._heard.set()

    async def _exchange(self) -> bool:
        """Return whether the ledger took what was told to it."""
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
        """Return what to take in hand with the next word to the ledger, by the pace so far."""
        pace = self.answered / max(time.monotonic() - self._began, _SHORTEST_LOOK)
        self._reach = max(LEAST_REACH, min(int(pace * _REACH_SECONDS), MOST_REACH))
        return self._within_reach() if self._is_low() else []

    async def flush(self) -> None:
        """Write what is known into the ledger; what fails is kept for the next time.

        Raises:
            SQLAlchemyError: The database did not take it.
        """
        await self._record(())

    async def _record(self, reach: Sequence[int]) -> frozenset[int]:
        """Write what is known into the ledger, and take more in hand by the same transaction."""
        async with self._recording:
            moment = ClockReading.now()
            waiting, self._unrecorded = self._unrecorded, []
            try:
                records, reached = await asyncio.to_thread(self._force_and_record, waiting, reach)
            except BaseException:
                # Also when it is cancelled: nobody knows then whether the ledger took it.
                self._unrecorded = waiting + self._unrecorded
                raise
            if records is not None and records > self.records:
                self.records, self._recorded_at = records, moment
                return reached
            # The journal proves what the ledger does not know: it must outlive this run.
            self.is_lost = True
            self._stop("The lease is lost.")
            # Nobody ends a lease before its time: if it is gone, the database went back.
            if records is not None or self._recorded_at.age() < self._context.lease_seconds:
                await asyncio.to_thread(self._context.forgotten)
            return frozenset()

    def _force_and_record(
        self, outcomes: list[Outcome], reach: Sequence[int]
    ) -> tuple[int | None, frozenset[int]]:
        with suppress(OSError):
            # Not before the ledger has them, but with it: it may lose its last moments.
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
        """Let what was reached be sent; what was not is settled or meant for a held domain."""
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


def _outcome(delivery: ClaimedDelivery, result: Result, transport: str) -> Outcome:
    return Outcome(
        position=delivery.position,
        subscriber_id=delivery.subscriber_id,
        mark=delivery.mark,
        state=_STATES[result.kind],
        attempts=delivery.attempts + (result.code > 0),
        code=result.code,
        status=result.status,
        reply=result.reply,
        queue_id=result.queue_id,
        command=result.command,
        transport=transport,
        domain=delivery.domain,
    )


def _skipped(delivery: ClaimedDelivery) -> Outcome:
    return Outcome(
        position=delivery.position,
        subscriber_id=delivery.subscriber_id,
        mark=delivery.mark,
        state=DeliveryState.SKIPPED,
        attempts=delivery.attempts,
        reply=own_reply(OwnReason.LEFT_MEANWHILE),
    )
