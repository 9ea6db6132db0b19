"""The ledger's leases: a worker claims a batch, renews the lease while it sends, and releases it.

The worker that claims a batch holds its ``lease_token``. It moves the batch's deliveries to
``sending`` a few at a time, and commits that before it sends any of them. When a worker is lost, a
delivery in state ``sending`` returns to ``queued`` only on proof that its message was not handed
over; without proof it becomes ``uncertain``.

Rows are locked in one order: mailing, batch, deliveries. Every transaction that changes which
deliveries of a mailing are waiting locks the mailing's row, shared or exclusively. So an order to
cancel or to send again cannot run between the two halves of a claim or a release.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import (
    ColumnElement,
    Engine,
    Row,
    and_,
    case,
    exists,
    func,
    select,
    update,
)
from sqlalchemy.orm import Session

from newsletter.database.engine import reading, transaction
from newsletter.database.states import CLAIMABLE, moving_batches, moving_deliveries
from newsletter.database.tables import (
    BatchRow,
    DeliveryRow,
    HeldDomainRow,
    MailingRow,
    NewsletterRow,
    SubscriberRow,
    SubscriptionRow,
)
from newsletter.database.types import now
from newsletter.database.vocabulary import (
    BatchState,
    DeliveryState,
    MailingState,
    SubscriptionState,
)
from newsletter.mailings.ledger.database_history import (
    NO_MARK,
    HistoryMark,
    count_claim,
    require_continuity,
)
from newsletter.mailings.ledger.outcomes import OwnReason, own_reply
from newsletter.mailings.planning.content import COMMON
from newsletter.tokens import mark_of
from subscribers.suppression import is_suppressed

#: The reply that is stored with a delivery when it is not known whether its message was sent.
UNPROVEN = own_reply(OwnReason.UNPROVEN)
#: States of the deliveries that the holder of a lease is sending or may begin to send.
HELD = CLAIMABLE | {DeliveryState.SENDING}
#: Seconds until a delivery to a domain on hold becomes due again.
_HELD_SECONDS = 60


@dataclass(frozen=True, kw_only=True, slots=True)
class ClaimedDelivery:
    """The data about one recipient that a worker needs to send a message.

    Attributes:
        mark: The person's mark, as `newsletter.tokens.mark_of` returns it.
        language: The language tag that the subscriber chose; empty when they chose none, or do not
            subscribe.
    """

    position: int
    subscriber_id: int
    mark: int
    address: str
    domain: str
    name: str
    language: str
    html: bool
    attempts: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Claim:
    """A batch under lease.

    Attributes:
        deliveries: The deliveries of the batch that are due, in order of position.
        reached: How many of them, from the first, are in state ``sending`` and may be sent; the
            rest follow by `newsletter.mailings.ledger.standing`.
        variant: The variant of the issue that these readers get.
        dated_at: The Date header of the messages; None for the mailing's own.
        correction: The number of the last correction that the copies contain. Corrections made
            while the batch is being sent do not change it.
        mark: The database's history mark after the claim; the worker stores it before it sends
            anything.
    """

    mailing_id: int
    identity: str
    number: int
    first_position: int
    last_position: int
    token: str
    deliveries: tuple[ClaimedDelivery, ...]
    reached: int
    variant: int = COMMON
    dated_at: datetime | None = None
    correction: int = 0
    mark: HistoryMark = NO_MARK


def claim_batch(
    engine: Engine,
    mailing_id: int,
    number: int,
    *,
    token: str,
    lease_seconds: int,
    identity: str | None = None,
    reach: int | None = None,
    since: HistoryMark = NO_MARK,
) -> Claim | None:
    """Claim a batch that is due; return None if it is leased already or may not be sent now.

    Args:
        engine: The database.
        mailing_id: The mailing's number.
        number: The batch's number.
        token: The token of the new lease.
        lease_seconds: Seconds until the lease expires unless it is renewed.
        identity: The identity that the mailing must have, or None for any: after a restore, another
            mailing may have the same number.
        reach: How many deliveries move to ``sending`` at once; all when None. These are in doubt
            if the worker is lost, so the number should be small.
        since: The database's history as the caller last saw it.

    Raises:
        HistoryBrokenError: The database does not continue that history.
    """
    moment = now()
    with transaction(engine) as session:
        mailing = session.get(MailingRow, mailing_id, with_for_update={"read": True})
        require_continuity(session, since)
        if mailing is None or mailing.state is not MailingState.SENDING:
            return None
        if identity not in {None, mailing.identity}:
            return None
        batch = _lease(
            session, mailing, number, token=token, lease_seconds=lease_seconds, moment=moment
        )
        if batch is None:
            return None
        first, last, variant, dated_at = batch
        within = deliveries_within(mailing_id, first, last)
        _skip_unwanted(session, mailing, within)
        _put_off_held_domains(session, within, moment)
        due = and_(
            within,
            DeliveryRow.state.in_(CLAIMABLE),
            func.coalesce(DeliveryRow.next_attempt_at, moment) <= moment,
        )
        deliveries = _claimed(session, mailing, due)
        last_reached = deliveries[: reach or None][-1].position if deliveries else first
        reached = set(
            session.scalars(
                moving_deliveries(DeliveryState.SENDING)
                .where(due, DeliveryRow.position <= last_reached)
                .values(correction=mailing.correction)
                .returning(DeliveryRow.position)
            )
        )
        return Claim(
            mailing_id=mailing_id,
            identity=mailing.identity,
            number=number,
            first_position=first,
            last_position=last,
            token=token,
            deliveries=tuple(
                each
                for each in deliveries
                # A late report of a lost worker may have settled some in the meantime.
                if each.position in reached or each.position > last_reached
            ),
            reached=len(reached),
            variant=variant,
            dated_at=dated_at,
            correction=mailing.correction,
            # Last, so that this row is locked for the shortest time.
            mark=count_claim(session),
        )


def _lease(
    session: Session,
    mailing: MailingRow,
    number: int,
    *,
    token: str,
    lease_seconds: int,
    moment: datetime,
) -> Row[int, int, int, datetime | None] | None:
    """Lease a batch that is due; return its positions, variant and Date, or None if it is taken."""
    return session.execute(
        moving_batches(BatchState.LEASED)
        .where(
            BatchRow.mailing_id == mailing.id,
            BatchRow.number == number,
            # A batch that was due when the mailing started stays due if the clock is set back.
            BatchRow.due_at <= max(moment, mailing.started_at or moment),
        )
        .values(
            leased_at=moment,
            lease_token=token,
            lease_expires_at=moment + timedelta(seconds=lease_seconds),
            hinted_at=None,
            records=0,
            correction=mailing.correction,
        )
        .returning(
            BatchRow.first_position,
            BatchRow.last_position,
            BatchRow.variant,
            BatchRow.dated_at,
        )
    ).one_or_none()


def _claimed(
    session: Session, mailing: MailingRow, due: ColumnElement[bool]
) -> tuple[ClaimedDelivery, ...]:
    """Return the deliveries that are due, in order of position."""
    newsletter = session.get_one(NewsletterRow, mailing.newsletter_id)
    rows = session.execute(
        select(
            DeliveryRow.position,
            SubscriberRow.id,
            SubscriberRow.created_at,
            SubscriberRow.address,
            SubscriberRow.domain,
            SubscriptionRow.name,
            SubscriptionRow.language,
            SubscriptionRow.format,
            DeliveryRow.attempts,
        )
        .join(SubscriberRow, SubscriberRow.id == DeliveryRow.subscriber_id)
        # Recipients of tests and of account links need not be subscribers.
        .outerjoin(
            SubscriptionRow,
            (SubscriptionRow.subscriber_id == SubscriberRow.id)
            & (SubscriptionRow.newsletter_id == mailing.newsletter_id),
        )
        .where(due)
        .order_by(DeliveryRow.position)
    ).all()
    return tuple(
        ClaimedDelivery(
            position=row.position,
            subscriber_id=row.id,
            mark=mark_of(newsletter.created_at, row.created_at),
            address=row.address or "",
            domain=row.domain,
            name=row.name or "",
            language=row.language or "",
            html=row.format != "text",
            attempts=row.attempts,
        )
        for row in rows
    )


def deliveries_within(mailing_id: int, first: int, last: int) -> ColumnElement[bool]:
    """Return the condition that a delivery lies between two positions of a mailing, inclusive."""
    return and_(DeliveryRow.mailing_id == mailing_id, DeliveryRow.position.between(first, last))


def is_unwanted(mailing: MailingRow) -> ColumnElement[bool]:
    """Return the condition that a delivery's subscriber must not get this mailing now.

    A notice or a test goes to an address that was entered just before, so it needs no confirmed
    subscription; erased and suppressed addresses get neither.
    """
    reachable = and_(
        SubscriberRow.id == DeliveryRow.subscriber_id,
        SubscriberRow.address_key.is_not(None),
        ~is_suppressed(SubscriberRow.address_key, mailing.newsletter_id),
    )
    if mailing.kind.is_to_list:
        # After an import was undone, its people have no subscription.
        wanted = exists().where(
            reachable,
            SubscriptionRow.newsletter_id == mailing.newsletter_id,
            SubscriptionRow.subscriber_id == DeliveryRow.subscriber_id,
            SubscriptionRow.state == SubscriptionState.CONFIRMED,
            func.coalesce(SubscriptionRow.paused_until, now()) <= now(),
        )
    else:
        wanted = exists().where(reachable)
    # Correlated, so that only the batch's deliveries are examined: otherwise the whole list would
    # be searched for unwanted people for every batch.
    return ~wanted.correlate(DeliveryRow)


def _skip_unwanted(session: Session, mailing: MailingRow, within: ColumnElement[bool]) -> None:
    session.execute(
        moving_deliveries(DeliveryState.SKIPPED, sources=CLAIMABLE)
        .where(within, is_unwanted(mailing))
        .values(
            reply=own_reply(OwnReason.LEFT_BEFORE),
            settled_at=now(),
        )
    )


def _put_off_held_domains(session: Session, within: ColumnElement[bool], moment: datetime) -> None:
    held = session.scalars(select(HeldDomainRow.domain)).all()
    if held:
        session.execute(
            update(DeliveryRow)
            .where(
                within,
                DeliveryRow.state.in_(CLAIMABLE),
                DeliveryRow.subscriber_id.in_(
                    select(SubscriberRow.id).where(SubscriberRow.domain.in_(held))
                ),
            )
            .values(next_attempt_at=moment + timedelta(seconds=_HELD_SECONDS))
        )


def close_batch(engine: Engine, claim: Claim, *, records: int = 0, wait_seconds: float = 0) -> bool:
    """Release a claimed batch: it is done, or due again when its earliest delivery is due.

    Args:
        engine: The database.
        claim: The claim.
        records: How often the worker recorded outcomes. If the database has fewer records, it lost
            some: deliveries that look unsent may have been sent, so nothing is released.
        wait_seconds: Seconds until the batch is due again at the earliest.

    Returns:
        Whether the lease was still held and none of its records is missing.
    """
    return release_batch(
        engine,
        mailing_id=claim.mailing_id,
        token=claim.token,
        unproven=DeliveryState.QUEUED,
        records=records,
        wait_seconds=wait_seconds,
    )


def release_batch(
    engine: Engine,
    *,
    mailing_id: int,
    token: str,
    unproven: DeliveryState,
    records: int = 0,
    wait_seconds: float = 0,
) -> bool:
    """End a lease; its deliveries in state ``sending`` move to ``unproven`` (queued or uncertain).

    Returns whether the lease existed and has at least ``records`` records.
    """
    moment = now()
    with transaction(engine) as session:
        mailing = session.get(MailingRow, mailing_id, with_for_update={"read": True})
        batch = session.scalars(
            select(BatchRow)
            .where(BatchRow.mailing_id == mailing_id, BatchRow.lease_token == token)
            .with_for_update()
        ).one_or_none()
        if mailing is None or batch is None or batch.records < records:
            return False
        within = deliveries_within(mailing_id, batch.first_position, batch.last_position)
        in_doubt = {"settled_at": moment, "reply": UNPROVEN}
        session.execute(
            moving_deliveries(unproven, sources={DeliveryState.SENDING})
            .where(within)
            .values(in_doubt if unproven is DeliveryState.UNCERTAIN else {})
        )
        if mailing.state is MailingState.CANCELLED:
            session.execute(
                moving_deliveries(DeliveryState.SKIPPED, sources=CLAIMABLE)
                .where(within)
                .values(
                    reply=own_reply(OwnReason.CANCELLED),
                    settled_at=moment,
                )
            )
        batch.lease_token = batch.lease_expires_at = batch.hinted_at = None
        due_at = _due_at(session, within, batch.due_at, moment)
        batch.state = BatchState.DONE if due_at is None else BatchState.PENDING
        if due_at is not None:
            wait_until = moment + timedelta(seconds=wait_seconds)
            batch.due_at = max(due_at, wait_until) if wait_seconds else due_at
        return True


def _due_at(
    session: Session, within: ColumnElement[bool], since: datetime, moment: datetime
) -> datetime | None:
    """Return when the batch is due next, or None when it has nothing more to send.

    With queued deliveries the batch is due ``since`` it was before. The present time instead would
    delay it if the clock is set back afterwards. Queued deliveries to domains on hold wait longer.
    """
    is_due = (DeliveryRow.state == DeliveryState.QUEUED) & (
        func.coalesce(DeliveryRow.next_attempt_at, moment) <= moment
    )
    queued, first_deferred = session.execute(
        select(
            func.count(case((is_due, 1))),
            func.min(DeliveryRow.next_attempt_at),
        ).where(within, DeliveryRow.state.in_(CLAIMABLE))
    ).one()
    return since if queued else first_deferred


@dataclass(frozen=True, kw_only=True, slots=True)
class Lease:
    """A lease on a batch; ``expires_at`` moves on with each renewal."""

    mailing_id: int
    token: str
    expires_at: datetime


def leases(engine: Engine) -> Sequence[Lease]:
    """Return all leases, including those of workers that died."""
    with reading(engine) as session:
        rows = session.execute(
            select(BatchRow.mailing_id, BatchRow.lease_token, BatchRow.lease_expires_at).where(
                BatchRow.state == BatchState.LEASED
            )
        )
        return [
            Lease(mailing_id=mailing_id, token=token, expires_at=expires_at)
            for mailing_id, token, expires_at in rows
            if token is not None and expires_at is not None
        ]


def mailing_of(engine: Engine, token: str) -> int | None:
    """Return the mailing that a lease's batch belongs to; None when the lease has ended."""
    return next((lease.mailing_id for lease in leases(engine) if lease.token == token), None)


def identity_of(engine: Engine, mailing_id: int) -> str | None:
    """Return the identity of the mailing with this number; None when there is none."""
    with reading(engine) as session:
        return session.scalar(select(MailingRow.identity).where(MailingRow.id == mailing_id))


def mailing_with(engine: Engine, identity: str) -> int | None:
    """Return the number of the mailing with this identity; None when it is not in this database."""
    with reading(engine) as session:
        return session.scalar(select(MailingRow.id).where(MailingRow.identity == identity))


def postpone_batch(engine: Engine, mailing_id: int, number: int, until: datetime) -> None:
    """Set when a batch is due next, if no worker has claimed it."""
    _change_pending(engine, mailing_id, number, due_at=until)


def return_hint(engine: Engine, mailing_id: int, number: int) -> None:
    """Clear a hint that this worker does not act on; the next round publishes it again."""
    _change_pending(engine, mailing_id, number)


def _change_pending(engine: Engine, mailing_id: int, number: int, **values: datetime) -> None:
    with transaction(engine) as session:
        session.execute(
            update(BatchRow)
            .where(
                BatchRow.mailing_id == mailing_id,
                BatchRow.number == number,
                BatchRow.state == BatchState.PENDING,
            )
            .values(hinted_at=None, **values)
        )
