"""The ledger as workers use it, step by step, where a test decides what happens in between."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Engine, select

from newsletter.database.engine import reading
from newsletter.database.tables import BatchRow, DeliveryRow
from newsletter.database.vocabulary import BatchState, DeliveryState
from newsletter.mailings.ledger import leases as ledger
from newsletter.mailings.ledger import recording
from newsletter.mailings.ledger.outcomes import Outcome

LEASE_SECONDS = 60


def claim(engine: Engine, mailing: int, token: str, number: int = 1) -> ledger.Claim:
    taken = ledger.claim_batch(engine, mailing, number, token=token, lease_seconds=LEASE_SECONDS)
    assert taken is not None, "nobody gave the batch"
    return taken


def record(engine: Engine, mailing: int, token: str, *outcomes: Outcome) -> None:
    recording.record(
        engine,
        mailing_id=mailing,
        identity=ledger.identity_of(engine, mailing) or "",
        token=token,
        outcomes=outcomes,
        retry_hours=48,
        lease_seconds=LEASE_SECONDS,
    )


def all_of(claimed: ledger.Claim, state: DeliveryState) -> Iterable[Outcome]:
    return (
        Outcome(position=one.position, state=state, attempts=one.attempts + 1)
        for one in claimed.deliveries
    )


def delivery_states(engine: Engine, mailing: int) -> dict[int, DeliveryState]:
    with reading(engine) as session:
        rows = session.execute(
            select(DeliveryRow.position, DeliveryRow.state).where(DeliveryRow.mailing_id == mailing)
        )
        return dict(rows.all())


def batch_states(engine: Engine, mailing: int) -> list[BatchState]:
    with reading(engine) as session:
        query = select(BatchRow.state).where(BatchRow.mailing_id == mailing)
        return list(session.scalars(query.order_by(BatchRow.number)))
