"""Recording: outcomes reach the ledger in bulk, along its state table alone, as often as told."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
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
from newsletter.delivery.tallying import tally

#: RFC 3463: 5.1.7 and 5.1.8 speak of the sender's address.
_NOT_THE_PERSON = frozenset({"5.1.7", "5.1.8"})
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
        news: list[Outcome] = []
        for state, group in groupby(sorted(rows, key=_state_of), key=_state_of):
            told = list(group)
            moved = _move(session, mailing_id, state, told)
            # They are told in their order, so what the ledger knew already stands first.
            fresh = {row["at"] for row in told[len(told) - moved :]}
            news.extend(replace(one, state=state) for one in outcomes if one.position in fresh)
        rejected = [each for each in outcomes if each.state is DeliveryState.REJECTED]
        if rejected:
            _log_bounces(session, mailing, rejected)
        tally(session, news)


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
) -> int:
    """Set one state for many deliveries where the state table lets them; return for how many."""
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
        result = connection.execute(
            statement.where(DeliveryRow.position == values.c["at"]).values(
                state=state, **{column: values.c[name] for column, (name, _) in _COLUMNS.items()}
            ),
            {name: [row[name] for row in rows] for name in kinds},
        )
    else:
        result = connection.execute(
            statement.where(DeliveryRow.position == bindparam("at")).values(
                state=state, **{column: bindparam(name) for column, (name, _) in _COLUMNS.items()}
            ),
            [{key: row[key] for key in row if key != "new_state"} for row in rows],
        )
    return result.rowcount


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
        {
            "event_id": f"smtp:{mailing.id}:{position}:{by_position[position].attempts}",
            "newsletter_id": mailing.newsletter_id,
            "mailing_id": mailing.id,
            "subscriber_id": subscriber_id,
            "address": address or "",
            "kind": _kind(by_position[position].status),
            "source": BounceSource.SMTP,
            "status": by_position[position].status,
            "reply": by_position[position].reply,
            "raw": by_position[position].reply,
        }
        for position, subscriber_id, address in people
    ]
    if rows:
        insert_missing(session, BounceRow, rows)


def _kind(status: str) -> BounceKind:
    speaks_of_the_address = status.startswith(("5.1.", "5.2.1"))
    is_hard = speaks_of_the_address and status not in _NOT_THE_PERSON
    return BounceKind.HARD if is_hard else BounceKind.SOFT


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
