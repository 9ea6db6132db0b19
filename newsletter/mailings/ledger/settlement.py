"""Settling: decide what becomes of uncertain and failed deliveries."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import ColumnElement, Engine, case, exists, func, or_, select
from sqlalchemy.orm import Session

from newsletter.database.engine import reading, transaction
from newsletter.database.states import moving_batches, moving_deliveries, moving_mailings
from newsletter.database.tables import BatchRow, DeliveryRow, MailingRow, SubscriberRow
from newsletter.database.types import now
from newsletter.database.vocabulary import (
    BatchState,
    DeliveryState,
    MailingState,
    UncertainPolicy,
)
from newsletter.errors import ConflictError
from newsletter.i18n.messages import msg
from newsletter.mailings.ledger.leases import UNPROVEN
from newsletter.mailings.ledger.outcomes import OwnReason, own_reply
from newsletter.mailings.planning.content import no_such_mailing

#: The number of attempts, replied to or in doubt, after which no policy sends again by itself.
_ATTEMPTS_BY_POLICY = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class UnsettledDelivery:
    """A delivery that an operator has to decide about."""

    mailing_id: int
    position: int
    address: str
    reply: str
    queue_id: str = ""
    transport: str = ""


def list_deliveries(
    engine: Engine, state: DeliveryState, *, mailing_id: int | None = None, limit: int = 1000
) -> Sequence[UnsettledDelivery]:
    """Return the deliveries in one state, with the reason, by mailing and position."""
    query = (
        select(
            DeliveryRow.mailing_id,
            DeliveryRow.position,
            SubscriberRow.address,
            DeliveryRow.reply,
            DeliveryRow.queue_id,
            DeliveryRow.transport,
        )
        .join(SubscriberRow, SubscriberRow.id == DeliveryRow.subscriber_id)
        .where(DeliveryRow.state == state)
        .order_by(DeliveryRow.mailing_id, DeliveryRow.position)
        .limit(limit)
    )
    if mailing_id is not None:
        query = query.where(DeliveryRow.mailing_id == mailing_id)
    with reading(engine) as session:
        return [
            UnsettledDelivery(
                mailing_id=mailing,
                position=position,
                address=address or "",
                reply=reply or "",
                queue_id=queue_id or "",
                transport=transport or "",
            )
            for mailing, position, address, reply, queue_id, transport in session.execute(query)
        ]


def settle_uncertain(
    session: Session, mailing_id: int, *, resend: bool, positions: Collection[int] | None = None
) -> int:
    """Send uncertain deliveries again, or treat them as received; return how many there were.

    A message that is sent again has the same Message-ID, so that a mail program that receives both
    can recognise the duplicate.

    Raises:
        NotFoundError: There is no such mailing.
        ConflictError: The mailing was cancelled; none of it can be sent again.
    """
    chosen = _chosen(mailing_id, DeliveryState.UNCERTAIN, positions)
    return _requeue(session, mailing_id, chosen) if resend else _take_as_arrived(session, chosen)


def retry_failed(
    session: Session, mailing_id: int, *, positions: Collection[int] | None = None
) -> int:
    """Queue failed deliveries once more; return how many there were.

    Raises:
        NotFoundError: There is no such mailing.
        ConflictError: The mailing was cancelled.
    """
    return _requeue(session, mailing_id, _chosen(mailing_id, DeliveryState.FAILED, positions))


def settle_by_policy(engine: Engine, *, patience: timedelta) -> None:
    """Settle uncertain deliveries by their mailing's policy, where no operator is needed.

    The number of attempts is limited, and a message that may never have been sent is not treated as
    received. A worker that was considered lost may return and report its outcomes; its deliveries
    are not sent again before ``patience`` has passed.

    Args:
        engine: The database.
        patience: How long to wait for the report of a lost worker.
    """
    is_proven = func.coalesce(DeliveryRow.reply, "") != UNPROVEN
    is_given_up = DeliveryRow.settled_at < now() - patience
    for policy, may_settle in (
        (
            UncertainPolicy.RESEND,
            (DeliveryRow.attempts < _ATTEMPTS_BY_POLICY) & (is_proven | is_given_up),
        ),
        (UncertainPolicy.LEAVE, is_proven),
    ):
        for mailing_id in _in_doubt(engine, policy, may_settle):
            chosen = _chosen(mailing_id, DeliveryState.UNCERTAIN, None) & may_settle
            with transaction(engine) as session, suppress(ConflictError):
                if policy is UncertainPolicy.RESEND:
                    _requeue(session, mailing_id, chosen, attempts=DeliveryRow.attempts + 1)
                else:
                    _take_as_arrived(session, chosen)


def _in_doubt(
    engine: Engine, policy: UncertainPolicy, may_settle: ColumnElement[bool]
) -> Sequence[int]:
    with reading(engine) as session:
        return session.scalars(
            select(MailingRow.id).where(
                MailingRow.uncertain_policy == policy,
                MailingRow.state.in_([MailingState.SENDING, MailingState.FINISHED]),
                exists().where(
                    DeliveryRow.mailing_id == MailingRow.id,
                    DeliveryRow.state == DeliveryState.UNCERTAIN,
                    may_settle,
                ),
            )
        ).all()


def _chosen(
    mailing_id: int, state: DeliveryState, positions: Collection[int] | None
) -> ColumnElement[bool]:
    chosen = (DeliveryRow.mailing_id == mailing_id) & (DeliveryRow.state == state)
    return chosen if positions is None else chosen & DeliveryRow.position.in_(positions)


def _take_as_arrived(session: Session, chosen: ColumnElement[bool]) -> int:
    taken = session.connection().execute(
        moving_deliveries(DeliveryState.ACCEPTED)
        .where(chosen)
        .values(
            settled_at=now(),
            reply=own_reply(OwnReason.TAKEN_AS_ARRIVED)
            + func.coalesce(" " + DeliveryRow.reply, ""),
        )
    )
    return taken.rowcount


def _requeue(
    session: Session,
    mailing_id: int,
    chosen: ColumnElement[bool],
    *,
    attempts: ColumnElement[int] | int = 0,
) -> int:
    mailing = session.get(MailingRow, mailing_id, with_for_update=True)
    if mailing is None:
        raise no_such_mailing(mailing_id)
    if mailing.state is MailingState.CANCELLED:
        raise ConflictError(
            msg("Mailing {mailing} was cancelled; it cannot be sent again.", mailing=mailing_id)
        )
    # Before the deliveries change: afterwards they look like those that wait for their time.
    _reopen(session, mailing_id, chosen)
    requeued = session.connection().execute(
        moving_deliveries(DeliveryState.QUEUED)
        .where(chosen)
        .values(
            settled_at=None,
            next_attempt_at=None,
            attempts=attempts,
            breaks=0,
            # The earlier copy may have been received, and may lack a correction.
            doubted=case(
                (
                    DeliveryRow.state == DeliveryState.UNCERTAIN,
                    func.coalesce(DeliveryRow.doubted, DeliveryRow.correction),
                ),
                else_=DeliveryRow.doubted,
            ),
        )
    )
    return requeued.rowcount


def _reopen(session: Session, mailing_id: int, chosen: ColumnElement[bool]) -> None:
    """Make the batches of these deliveries due, and reopen the mailing if it was finished."""
    holds_one = exists().where(
        chosen, DeliveryRow.position.between(BatchRow.first_position, BatchRow.last_position)
    )
    moment = now()
    session.execute(
        # Batches on hold become due when the mailing's subject is decided.
        moving_batches(BatchState.PENDING, sources={BatchState.PENDING, BatchState.DONE})
        .where(BatchRow.mailing_id == mailing_id, holds_one)
        .values(
            # A finished batch is due from now on: an alarm reports how long batches have been due.
            due_at=case(
                (or_(BatchRow.state == BatchState.DONE, BatchRow.due_at > moment), moment),
                else_=BatchRow.due_at,
            ),
            hinted_at=None,
        )
    )
    session.execute(
        moving_mailings(MailingState.SENDING, sources={MailingState.FINISHED})
        .where(MailingRow.id == mailing_id, exists().where(chosen))
        .values(finished_at=None)
    )
