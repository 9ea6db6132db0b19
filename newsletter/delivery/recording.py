"""Recording: outcomes reach the ledger in bulk, along its state table alone, as often as told."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    DateTime,
    Engine,
    Integer,
    Text,
    bindparam,
    func,
    or_,
    select,
    update,
)
from sqlalchemy.orm import Session
from sqlalchemy.types import TypeEngine

from newsletter.database.engine import transaction
from newsletter.database.insert import insert_missing
from newsletter.database.tables import (
    BatchRow,
    BounceRow,
    DeliveryRow,
    MailingRow,
    SubscriberRow,
)
from newsletter.database.types import now
from newsletter.database.vocabulary import BounceKind, BounceSource, DeliveryState
from newsletter.delivery.outcomes import Outcome, next_attempt
from newsletter.delivery.states import FINAL, TRANSITIONS
from subscribers.bounces.refusal import Refusal, judge

_BREAKS_LIMIT = 3


def record(
    engine: Engine,
    *,
    mailing_id: int,
    token: str,
    outcomes: Sequence[Outcome],
    retry_hours: int,
    lease_seconds: int,
) -> None:
    """Write outcomes down and renew the lease; doing it twice changes nothing more."""
    moment = now()
    with transaction(engine) as session:
        session.execute(
            update(BatchRow)
            .where(BatchRow.mailing_id == mailing_id, BatchRow.lease_token == token)
            .values(lease_expires_at=moment + timedelta(seconds=lease_seconds))
        )
        if not outcomes:
            return
        mailing = session.get_one(MailingRow, mailing_id)
        limit = (mailing.started_at or moment) + timedelta(hours=retry_hours)
        rows = [_row(outcome, moment, limit) for outcome in outcomes]
        for state, group in groupby(sorted(rows, key=_state_of), key=_state_of):
            _move(session, mailing_id, state, list(group))
        rejected = [each for each in outcomes if each.state is DeliveryState.REJECTED]
        if rejected:
            _log_bounces(session, mailing, rejected)


def _row(outcome: Outcome, moment: datetime, limit: datetime) -> Mapping[str, Any]:
    state, again = outcome.state, None
    if state is DeliveryState.DEFERRED:
        again = next_attempt(outcome.attempts, moment)
        if again > limit:
            state, again = DeliveryState.FAILED, None
    return {
        "at": outcome.position,
        "new_state": state,
        "new_attempts": outcome.attempts,
        "again": again,
        "settled": moment if state in FINAL else None,
        "new_status": outcome.status or None,
        "new_reply": outcome.reply,
        "new_queue_id": outcome.queue_id or None,
        "new_transport": outcome.transport or None,
    }


def _state_of(row: Mapping[str, Any]) -> DeliveryState:
    state: DeliveryState = row["new_state"]
    return state


#: The columns that an outcome sets, with the name of its value and PostgreSQL's type for it.
_COLUMNS: dict[str, tuple[str, TypeEngine[Any]]] = {
    "attempts": ("new_attempts", Integer()),
    "next_attempt_at": ("again", DateTime(timezone=True)),
    "settled_at": ("settled", DateTime(timezone=True)),
    "status": ("new_status", Text()),
    "reply": ("new_reply", Text()),
    "queue_id": ("new_queue_id", Text()),
    "transport": ("new_transport", Text()),
}


def _move(
    session: Session, mailing_id: int, state: DeliveryState, rows: Sequence[Mapping[str, Any]]
) -> None:
    """Set one state for many deliveries, where the state table lets them have it."""
    sources = [source for source, targets in TRANSITIONS.items() if state in targets]
    statement = update(DeliveryRow.__table__).where(  # type: ignore[arg-type]
        DeliveryRow.mailing_id == mailing_id,
        or_(*(DeliveryRow.state == source for source in sources)),
    )
    connection = session.connection()
    if connection.dialect.name == "postgresql":
        # One statement for all: a third of the server's work for as many single ones.
        kinds: dict[str, TypeEngine[Any]] = {"at": BigInteger(), **dict(_COLUMNS.values())}
        values = (
            func.unnest(*(bindparam(name, type_=ARRAY(kind)) for name, kind in kinds.items()))
            .table_valued(*kinds)
            .render_derived(name="outcome")
        )
        connection.execute(
            statement.where(DeliveryRow.position == values.c["at"]).values(
                state=state, **{column: values.c[name] for column, (name, _) in _COLUMNS.items()}
            ),
            {name: [row[name] for row in rows] for name in kinds},
        )
    else:
        connection.execute(
            statement.where(DeliveryRow.position == bindparam("at")).values(
                state=state, **{column: bindparam(name) for column, (name, _) in _COLUMNS.items()}
            ),
            [{key: row[key] for key in row if key != "new_state"} for row in rows],
        )


def _log_bounces(session: Session, mailing: MailingRow, rejected: Iterable[Outcome]) -> None:
    """Log refusals while sending as bounces, each once however often it is told."""
    by_position = {outcome.position: outcome for outcome in rejected}
    people = session.execute(
        select(DeliveryRow.position, DeliveryRow.subscriber_id, SubscriberRow.address)
        .join(SubscriberRow, SubscriberRow.id == DeliveryRow.subscriber_id)
        .where(
            DeliveryRow.mailing_id == mailing.id,
            DeliveryRow.position.in_(by_position),
            DeliveryRow.state == DeliveryState.REJECTED,
        )
    )
    rows = [
        _bounce(by_position[position], address or "")
        | {
            "event_id": f"smtp:{mailing.id}:{position}:{by_position[position].attempts}",
            "newsletter_id": mailing.newsletter_id,
            "mailing_id": mailing.id,
            "subscriber_id": subscriber_id,
        }
        for position, subscriber_id, address in people
    ]
    if rows:
        insert_missing(session, BounceRow, rows)


def _bounce(outcome: Outcome, address: str) -> dict[str, Any]:
    """Return what a refusal says of an address, read as a notice of it would be."""
    told = Refusal(address=address, words=(outcome.reply,), status=outcome.status)
    judged = judge(told)
    return {
        "address": address,
        "kind": BounceKind.HARD if judged.hard else BounceKind.SOFT,
        "source": BounceSource.SMTP,
        "reason": judged.reason.value,
        "status": outcome.status,
        "reply": outcome.reply,
        "raw": outcome.reply,
    }


def record_break(engine: Engine, *, mailing_id: int, position: int) -> None:
    """Note that a worker died while it made this message; the third time, set it aside."""
    with transaction(engine) as session:
        row = session.get(DeliveryRow, (mailing_id, position), with_for_update=True)
        if row is None or row.state is not DeliveryState.SENDING:
            return
        row.breaks += 1
        if row.breaks >= _BREAKS_LIMIT:
            row.state, row.settled_at = DeliveryState.FAILED, now()
            row.reply = f"Making this message ended the worker {row.breaks} times."
