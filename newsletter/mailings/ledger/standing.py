"""The standing of a batch: what the worker that holds its lease may still send."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from sqlalchemy import ARRAY, BigInteger, Engine, bindparam, func, select, update
from sqlalchemy.orm import Session
from sqlalchemy.sql.dml import ReturningUpdate

from newsletter.database.engine import reading, transaction
from newsletter.database.tables import BatchRow, DeliveryRow, HeldDomainRow, MailingRow, RelayRow
from newsletter.database.vocabulary import DeliveryState, MailingState
from newsletter.mailings.ledger.leases import HELD, Claim, deliveries_within, is_unwanted


@dataclass(frozen=True, kw_only=True, slots=True)
class BatchStanding:
    """What changed while a batch is being sent.

    Attributes:
        flowing: Whether the mailing is being sent and the lease is still held.
        unwanted: Positions whose recipients must not get the mailing any more.
        held_domains: Recipient domains on hold.
        held_relays: Relays on hold.
        reached: The requested positions that may be sent now.
        ordered: The state that the mailing was put into by an order, such as a pause; None while
            it is being sent.
    """

    flowing: bool
    unwanted: frozenset[int]
    held_domains: frozenset[str] = frozenset()
    held_relays: frozenset[str] = frozenset()
    reached: frozenset[int] = frozenset()
    ordered: MailingState | None = None


def standing(engine: Engine, claim: Claim, reach: Sequence[int] = ()) -> BatchStanding:
    """Read whether the mailing is still being sent under this lease, and who has unsubscribed.

    Args:
        engine: The database.
        claim: The claimed batch.
        reach: Further positions to move to ``sending``; this is committed before they are sent.
    """
    with (transaction if reach else reading)(engine) as session:
        mailing = session.get(MailingRow, claim.mailing_id)
        lease = select(BatchRow.lease_token).where(
            BatchRow.mailing_id == claim.mailing_id, BatchRow.number == claim.number
        )
        # Locked, so that the lease cannot end between this check and the change below.
        token = session.scalar(lease.with_for_update() if reach else lease)
        if mailing is not None and mailing.state is not MailingState.SENDING:
            return BatchStanding(flowing=False, unwanted=frozenset(), ordered=mailing.state)
        if mailing is None or token != claim.token:
            return BatchStanding(flowing=False, unwanted=frozenset())
        left = session.scalars(
            select(DeliveryRow.position).where(
                deliveries_within(claim.mailing_id, claim.first_position, claim.last_position),
                DeliveryRow.state.in_(HELD),
                is_unwanted(mailing),
            )
        )
        return BatchStanding(
            flowing=True,
            unwanted=frozenset(left),
            reached=take_in_hand(session, claim, reach),
            held_domains=frozenset(session.scalars(select(HeldDomainRow.domain))),
            held_relays=frozenset(session.scalars(select(RelayRow.name).where(RelayRow.held))),
        )


# Built once: SQLAlchemy takes longer to build a statement than the databases take to execute it.
_DELIVERIES = DeliveryRow.__table__


@cache
def _reaching(*, on_postgresql: bool) -> ReturningUpdate[int]:
    if on_postgresql:
        array = bindparam("positions", type_=ARRAY(BigInteger()))
        given = func.unnest(array).table_valued("value").render_derived(name="given")
    else:
        given = func.json_each(bindparam("positions")).table_valued("value", name="given")
    return (
        update(_DELIVERIES)  # type: ignore[arg-type]
        .where(
            _DELIVERIES.c.mailing_id == bindparam("mailing"),
            _DELIVERIES.c.position == given.c.value,
            # PostgreSQL has no statistics yet about a mailing that was just planned. Without this
            # range it expects ten rows in the whole mailing, and reads all of them each time.
            _DELIVERIES.c.position.between(bindparam("first"), bindparam("last")),
            # Some may be ``sending`` already, if the reply to an earlier request was lost.
            _DELIVERIES.c.state.in_(HELD),
        )
        .values(state=DeliveryState.SENDING, correction=bindparam("correction"))
        .returning(_DELIVERIES.c.position)
    )


def take_in_hand(session: Session, claim: Claim, positions: Sequence[int]) -> frozenset[int]:
    """Move more deliveries of a leased batch to ``sending``; return the positions that moved.

    They may be sent once this is committed. The caller must have locked or updated the batch's row
    under its lease, so that the lease cannot end meanwhile, and have checked after that that the
    mailing is being sent.
    """
    if not positions:
        return frozenset()
    connection = session.connection()
    on_postgresql = connection.dialect.name == "postgresql"
    given = list(positions) if on_postgresql else json.dumps(list(positions))
    return frozenset(
        connection.scalars(
            _reaching(on_postgresql=on_postgresql),
            {
                "mailing": claim.mailing_id,
                "positions": given,
                "first": min(positions),
                "last": max(positions),
                "correction": claim.correction,
            },
        )
    )
