"""The ledger: batches are claimed under a lease, outcomes recorded, what stalled put back.

Whoever claims holds the batch's ``lease_token``; the claim is committed before anything is sent.
A delivery in state ``sending`` whose worker is lost goes back to ``queued`` only on proof that its
message was not handed over; without proof it becomes ``uncertain``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Engine, Select, and_, case, func, select, update
from sqlalchemy.orm import Session

from newsletter.database.engine import reading, transaction
from newsletter.database.tables import (
    BatchRow,
    BounceRow,
    DeliveryRow,
    MailingRow,
    SubscriberRow,
    SubscriptionRow,
)
from newsletter.database.types import now
from newsletter.database.vocabulary import (
    BatchState,
    BounceKind,
    BounceSource,
    DeliveryState,
    MailingState,
    SubscriptionState,
)
from newsletter.delivery.outcomes import Outcome, next_attempt
from newsletter.delivery.states import CLAIMABLE, TRANSITIONS
from subscribers.suppression import is_suppressed


@dataclass(frozen=True, kw_only=True, slots=True)
class ClaimedDelivery:
    """One recipient as a worker needs it."""

    position: int
    subscriber_id: int
    address: str
    name: str
    html: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Claim:
    """A batch under lease."""

    mailing_id: int
    number: int
    first_position: int
    last_position: int
    token: str
    deliveries: tuple[ClaimedDelivery, ...]


def claim_batch(
    engine: Engine, mailing_id: int, number: int, *, token: str, lease_seconds: int
) -> Claim | None:
    """Take a batch that is due; None when another has it, or nothing in it may be sent now."""
    moment = now()
    with transaction(engine) as session:
        mailing = session.get(MailingRow, mailing_id)
        if mailing is None or mailing.state is not MailingState.SENDING:
            return None
        batch = session.execute(
            update(BatchRow)
            .where(
                BatchRow.mailing_id == mailing_id,
                BatchRow.number == number,
                BatchRow.state == BatchState.PENDING,
                BatchRow.due_at <= moment,
            )
            .values(
                state=BatchState.LEASED,
                lease_token=token,
                lease_expires_at=moment + timedelta(seconds=lease_seconds),
                hinted_at=None,
            )
            .returning(BatchRow.first_position, BatchRow.last_position)
        ).one_or_none()
        if batch is None:
            return None
        first, last = batch
        within = _within(mailing_id, first, last)
        _skip_unwanted(session, mailing, within)
        session.execute(
            update(DeliveryRow)
            .where(
                within,
                DeliveryRow.state.in_(CLAIMABLE),
                func.coalesce(DeliveryRow.next_attempt_at, moment) <= moment,
            )
            .values(state=DeliveryState.SENDING)
        )
        rows = session.execute(
            select(
                DeliveryRow.position,
                SubscriberRow.id,
                SubscriberRow.address,
                SubscriberRow.name,
                SubscriberRow.format,
            )
            .join(SubscriberRow, SubscriberRow.id == DeliveryRow.subscriber_id)
            .where(within, DeliveryRow.state == DeliveryState.SENDING)
            .order_by(DeliveryRow.position)
        )
        return Claim(
            mailing_id=mailing_id,
            number=number,
            first_position=first,
            last_position=last,
            token=token,
            deliveries=tuple(
                ClaimedDelivery(
                    position=position,
                    subscriber_id=subscriber_id,
                    address=address or "",
                    name=name,
                    html=form != "text",
                )
                for position, subscriber_id, address, name, form in rows
            ),
        )


def _within(mailing_id: int, first: int, last: int) -> ColumnElement[bool]:
    return and_(DeliveryRow.mailing_id == mailing_id, DeliveryRow.position.between(first, last))


def _unwanted(newsletter_id: int) -> Select[int]:
    """Select subscribers who must not get mail of this newsletter now."""
    return (
        select(SubscriberRow.id)
        .join(SubscriptionRow, SubscriptionRow.subscriber_id == SubscriberRow.id)
        .where(SubscriptionRow.newsletter_id == newsletter_id)
        .where(
            (SubscriptionRow.state != SubscriptionState.CONFIRMED)
            | (func.coalesce(SubscriptionRow.paused_until, now()) > now())
            | SubscriberRow.address_key.is_(None)
            | is_suppressed(SubscriberRow.address_key, newsletter_id)
        )
    )


def _skip_unwanted(session: Session, mailing: MailingRow, within: ColumnElement[bool]) -> None:
    session.execute(
        update(DeliveryRow)
        .where(
            within,
            DeliveryRow.state.in_(CLAIMABLE),
            DeliveryRow.subscriber_id.in_(_unwanted(mailing.newsletter_id)),
        )
        .values(
            state=DeliveryState.SKIPPED,
            reply="left or suppressed since the mailing was planned",
            settled_at=now(),
        )
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """What changed while a batch is being sent."""

    flowing: bool
    unwanted: frozenset[int]


def standing(engine: Engine, claim: Claim) -> Standing:
    """Ask whether the mailing still flows, and who of the batch has left since."""
    with reading(engine) as session:
        mailing = session.get(MailingRow, claim.mailing_id)
        if mailing is None or mailing.state is not MailingState.SENDING:
            return Standing(flowing=False, unwanted=frozenset())
        left = session.scalars(
            select(DeliveryRow.position).where(
                _within(claim.mailing_id, claim.first_position, claim.last_position),
                DeliveryRow.state == DeliveryState.SENDING,
                DeliveryRow.subscriber_id.in_(_unwanted(mailing.newsletter_id)),
            )
        )
        return Standing(flowing=True, unwanted=frozenset(left))


def record(
    engine: Engine,
    *,
    mailing_id: int,
    token: str,
    outcomes: Sequence[Outcome],
    retry_hours: int,
    lease_seconds: int,
) -> None:
    """Write outcomes down in bulk and renew the lease; doing it twice changes nothing more."""
    moment = now()
    with transaction(engine) as session:
        session.execute(
            update(BatchRow)
            .where(BatchRow.mailing_id == mailing_id, BatchRow.lease_token == token)
            .values(lease_expires_at=moment + timedelta(seconds=lease_seconds))
        )
        mailing = session.get_one(MailingRow, mailing_id)
        limit = (mailing.started_at or moment) + timedelta(hours=retry_hours)
        for outcome in outcomes:
            _record_one(session, mailing, outcome, moment, limit)


def _record_one(
    session: Session, mailing: MailingRow, outcome: Outcome, moment: datetime, limit: datetime
) -> None:
    row = session.get(DeliveryRow, (mailing.id, outcome.position))
    if row is None or outcome.state not in TRANSITIONS[row.state]:
        return
    answered = outcome.code > 0
    row.attempts += answered
    row.state, row.next_attempt_at = outcome.state, None
    if outcome.state is DeliveryState.DEFERRED:
        row.next_attempt_at = next_attempt(row.attempts, moment)
        if row.next_attempt_at > limit:
            row.state, row.next_attempt_at = DeliveryState.FAILED, None
    row.status, row.reply = outcome.status or None, outcome.reply
    row.queue_id, row.transport = outcome.queue_id or None, outcome.transport
    if row.state not in {DeliveryState.QUEUED, DeliveryState.DEFERRED}:
        row.settled_at = moment
    if outcome.state is DeliveryState.REJECTED:
        _log_bounce(session, mailing, row, outcome)


def _log_bounce(session: Session, mailing: MailingRow, row: DeliveryRow, outcome: Outcome) -> None:
    event_id = f"smtp:{mailing.id}:{row.position}:{row.attempts}"
    if session.scalar(select(BounceRow.id).where(BounceRow.event_id == event_id)) is not None:
        return
    address = session.scalar(
        select(SubscriberRow.address).where(SubscriberRow.id == row.subscriber_id)
    )
    hard = outcome.status.startswith(("5.1.", "5.2.1")) and outcome.status not in _NOT_THE_PERSON
    session.add(
        BounceRow(
            event_id=event_id,
            newsletter_id=mailing.newsletter_id,
            mailing_id=mailing.id,
            subscriber_id=row.subscriber_id,
            address=address or "",
            kind=BounceKind.HARD if hard else BounceKind.SOFT,
            source=BounceSource.SMTP,
            status=outcome.status,
            reply=outcome.reply,
            raw=outcome.reply,
        )
    )


#: RFC 3463: 5.1.7 and 5.1.8 speak of the sender's address.
_NOT_THE_PERSON = frozenset({"5.1.7", "5.1.8"})


def close_batch(engine: Engine, claim: Claim, *, wait_seconds: int = 0) -> None:
    """Give a batch back: done, or due again when its earliest delivery is."""
    release_batch(
        engine,
        mailing_id=claim.mailing_id,
        token=claim.token,
        unproven=DeliveryState.QUEUED,
        wait_seconds=wait_seconds,
    )


def release_batch(
    engine: Engine, *, mailing_id: int, token: str, unproven: DeliveryState, wait_seconds: int = 0
) -> None:
    """End a lease; deliveries still ``sending`` become ``unproven`` (queued or uncertain)."""
    moment = now()
    with transaction(engine) as session:
        batch = session.scalars(
            select(BatchRow)
            .where(BatchRow.mailing_id == mailing_id, BatchRow.lease_token == token)
            .with_for_update()
        ).one_or_none()
        if batch is None:
            return
        within = _within(mailing_id, batch.first_position, batch.last_position)
        settled_at = moment if unproven is DeliveryState.UNCERTAIN else None
        session.execute(
            update(DeliveryRow)
            .where(within, DeliveryRow.state == DeliveryState.SENDING)
            .values(state=unproven, settled_at=settled_at)
        )
        mailing = session.get_one(MailingRow, mailing_id)
        if mailing.state is MailingState.CANCELLED:
            session.execute(
                update(DeliveryRow)
                .where(within, DeliveryRow.state.in_(CLAIMABLE))
                .values(state=DeliveryState.SKIPPED, reply="mailing cancelled", settled_at=moment)
            )
        due = session.scalar(
            select(
                func.min(
                    case(
                        (DeliveryRow.state == DeliveryState.QUEUED, moment),
                        else_=DeliveryRow.next_attempt_at,
                    )
                )
            ).where(within, DeliveryRow.state.in_(CLAIMABLE))
        )
        waiting = session.scalar(
            select(func.count())
            .select_from(DeliveryRow)
            .where(within, DeliveryRow.state.in_(CLAIMABLE))
        )
        batch.lease_token = batch.lease_expires_at = batch.hinted_at = None
        batch.state = BatchState.PENDING if waiting else BatchState.DONE
        if waiting:
            earliest = _as_instant(due, moment)
            batch.due_at = max(earliest, moment + timedelta(seconds=wait_seconds))


def _as_instant(value: object, fallback: datetime) -> datetime:
    """SQLite forgets the type of a computed column and answers text."""
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=fallback.tzinfo)
    if isinstance(value, str):
        return datetime.fromisoformat(value).replace(tzinfo=fallback.tzinfo)
    return fallback


def expired_leases(engine: Engine) -> Sequence[tuple[int, str]]:
    """Return mailing and token of leases whose worker gave no sign of life in time."""
    with reading(engine) as session:
        rows = session.execute(
            select(BatchRow.mailing_id, BatchRow.lease_token).where(
                BatchRow.state == BatchState.LEASED, BatchRow.lease_expires_at < now()
            )
        )
        return [(mailing_id, token) for mailing_id, token in rows if token is not None]
