"""What a lease's holder may still send, asked while the batch is being sent."""

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
        held_domains: Recipient domains that get nothing now.
        held_relays: Relays that are to be used no more.
        reached: Of the deliveries that were reached for, those that may be sent now.
        ordered: The state that somebody put the mailing into; None while it is being sent.
    """

    flowing: bool
    unwanted: frozenset[int]
    held_domains: frozenset[str] = frozenset()
    held_relays: frozenset[str] = frozenset()
    reached: frozenset[int] = frozenset()
    ordered: MailingState | None = None


def standing(engine: Engine, claim: Claim, reach: Sequence[int] = ()) -> BatchStanding:
    """Ask whether the mailing still flows under this lease, and who of the batch left since.

    Args:
        engine: The database.
        claim: The batch.
        reach: Positions to take in hand; committed before any of them is sent.
    """
    with (transaction if reach else reading)(engine) as session:
        mailing = session.get(MailingRow, claim.mailing_id)
        lease = select(BatchRow.lease_token).where(
            BatchRow.mailing_id == claim.mailing_id, BatchRow.number == claim.number
        )
        # Nobody may end the lease between this look and what is reached for under it.
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


# Built once: SQLAlchemy takes longer to build a statement than the databases take to follow it.
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
            # Of a mailing that was planned just now PostgreSQL has no statistics; without a range
            # it takes the whole mailing for ten rows, and reads all of it each time.
            _DELIVERIES.c.position.between(bindparam("first"), bindparam("last")),
            # In hand already where the answer to the same question was lost.
            _DELIVERIES.c.state.in_(HELD),
        )
        .values(state=DeliveryState.SENDING, correction=bindparam("correction"))
        .returning(_DELIVERIES.c.position)
    )


def take_in_hand(session: Session, claim: Claim, positions: Sequence[int]) -> frozenset[int]:
    """Take more of a held batch in hand; return what may be sent once this is committed.

    The caller has locked or changed the batch's row under its lease, so that nobody may end it
    meanwhile, and has seen since that the mailing flows.
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
