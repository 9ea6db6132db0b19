"""Recording: outcomes are written to the ledger in bulk.

Only the transitions in the state table are made, so recording an outcome twice changes nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache
from itertools import groupby
from typing import Any, NamedTuple

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Connection,
    Engine,
    Integer,
    Text,
    bindparam,
    exists,
    func,
    or_,
    select,
    update,
)
from sqlalchemy.orm import Session
from sqlalchemy.sql.dml import ReturningUpdate
from sqlalchemy.types import TypeEngine

from newsletter.bounces.refusal import Refusal, classify_refusal
from newsletter.database.engine import transaction
from newsletter.database.insert import insert_missing
from newsletter.database.states import (
    BREAKS_LIMIT,
    CLAIMABLE,
    DELIVERY_TRANSITIONS,
    FINAL,
    may_come_to,
    moving_deliveries,
)
from newsletter.database.tables import (
    BatchRow,
    BounceRow,
    DeliveryRow,
    MailingRow,
    NewsletterRow,
    SubscriberRow,
)
from newsletter.database.types import UtcDateTime, now
from newsletter.database.vocabulary import (
    BatchState,
    BounceKind,
    BounceSource,
    DeliveryState,
    MailingState,
)
from newsletter.mailings.ledger.leases import Claim
from newsletter.mailings.ledger.outcomes import Outcome, OwnReason, next_attempt, own_reply
from newsletter.mailings.ledger.standing import take_in_hand
from newsletter.mailings.ledger.tallies import tally
from newsletter.tokens import mark_of

#: Rows in one statement, below the databases' limits on parameters.
_CHUNK = 500
#: The width of the column, in characters.
_TRANSPORT_WIDTH = 128


def record(
    engine: Engine,
    *,
    mailing_id: int,
    identity: str,
    token: str,
    outcomes: Sequence[Outcome],
    retry_hours: int,
    lease_seconds: int,
) -> int | None:
    """Record outcomes and renew the lease; recording them twice changes nothing.

    After the lease is lost, another worker may hold the same deliveries. Then only acceptances are
    recorded: a message that a relay accepted is neither in doubt nor to be sent again.

    Returns:
        How often outcomes were recorded under this lease; None when it is not held. If the worker
        has counted more, the database has lost some of them.
    """
    with transaction(engine) as session:
        records, _ = _record(
            session,
            mailing_id=mailing_id,
            identity=identity,
            token=token,
            outcomes=_of_people_of_today(session, mailing_id, outcomes),
            retry_hours=retry_hours,
            lease_seconds=lease_seconds,
        )
        return records


def record_and_reach(
    engine: Engine,
    claim: Claim,
    outcomes: Sequence[Outcome],
    reach: Sequence[int],
    *,
    retry_hours: int,
    lease_seconds: int,
) -> tuple[int | None, frozenset[int]]:
    """Record outcomes as `record` does, and move ``reach`` to ``sending`` in the same transaction.

    Returns:
        The result of `record`, and the positions in ``reach`` that may be sent now.
    """
    with transaction(engine) as session:
        records, mailing = _record(
            session,
            mailing_id=claim.mailing_id,
            identity=claim.identity,
            token=claim.token,
            outcomes=outcomes,
            retry_hours=retry_hours,
            lease_seconds=lease_seconds,
        )
        # The update locked the batch's row, so the lease cannot end before this is committed.
        may_reach = records is not None and mailing is not None and mailing.flows
        return records, take_in_hand(session, claim, reach) if may_reach else frozenset()


class _Mailing(NamedTuple):
    """The columns of a mailing that recording needs; loading the whole row would cost the most."""

    id: int
    identity: str
    newsletter_id: int
    state: MailingState

    @property
    def flows(self) -> bool:
        return self.state is MailingState.SENDING


# Built once: SQLAlchemy takes longer to build a statement than the databases take to execute it.
_BATCHES, _MAILINGS = BatchRow.__table__, MailingRow.__table__
_RENEW = (
    update(_BATCHES)  # type: ignore[arg-type]
    .where(
        _BATCHES.c.mailing_id == bindparam("mailing"), _BATCHES.c.lease_token == bindparam("token")
    )
    .values(
        lease_expires_at=bindparam("until"),
        records=_BATCHES.c.records + 1,
        answered_at=func.coalesce(
            bindparam("answered", type_=UtcDateTime()), _BATCHES.c.answered_at, type_=UtcDateTime()
        ),
    )
    .returning(_BATCHES.c.records)
)
_OF_MAILING = select(*(_MAILINGS.c[name] for name in _Mailing._fields)).where(
    _MAILINGS.c.id == bindparam("mailing")
)


def _mailing(connection: Connection, mailing_id: int, identity: str) -> _Mailing | None:
    """Return a mailing; None if its number now belongs to another one, or to none."""
    mailing = connection.execute(_OF_MAILING, {"mailing": mailing_id}).one_or_none()
    return _Mailing(*mailing) if mailing is not None and mailing.identity == identity else None


def _record(
    session: Session,
    *,
    mailing_id: int,
    identity: str,
    token: str,
    outcomes: Sequence[Outcome],
    retry_hours: int,
    lease_seconds: int,
) -> tuple[int | None, _Mailing | None]:
    connection = session.connection()
    moment = now()
    renewal = {
        "mailing": mailing_id,
        "token": token,
        "until": moment + timedelta(seconds=lease_seconds),
        "answered": moment if any(each.is_answer for each in outcomes) else None,
    }
    records = connection.scalar(_RENEW, renewal)
    if records is None:
        outcomes = [each for each in outcomes if each.state is DeliveryState.ACCEPTED]
    mailing = _mailing(connection, mailing_id, identity)
    if not outcomes:
        return records, mailing
    if mailing is None:
        # The number now belongs to another mailing, whose recipients these outcomes are not about.
        return None, None
    _write(session, mailing, outcomes, retry_hours)
    return records, mailing


#: The outcomes that are restored from journals. Deliveries with any other outcome are simply tried
#: again, which does no harm.
_PROVEN = {DeliveryState.ACCEPTED, DeliveryState.REJECTED, DeliveryState.UNCERTAIN}


def bring_back(
    session: Session, mailing_id: int, identity: str, outcomes: Sequence[Outcome]
) -> int:
    """Restore outcomes that the database lost; return how many deliveries changed.

    The database no longer has the lease under which they were recorded. Deliveries that wait to be
    sent get their lost outcome; uncertain ones only an acceptance; those of a batch that a worker
    has claimed are left to that worker. Restoring twice changes nothing.
    """
    known = _of_people_of_today(session, mailing_id, outcomes)
    proven = [each for each in known if each.state in _PROVEN]
    session.execute(_OF_MAILING.with_for_update(), {"mailing": mailing_id})
    mailing = _mailing(session.connection(), mailing_id, identity)
    if mailing is None:
        return 0
    return sum(
        _bring_back(session, mailing, proven[first : first + _CHUNK])
        for first in range(0, len(proven), _CHUNK)
    )


def _of_people_of_today(
    session: Session, mailing_id: int, outcomes: Sequence[Outcome]
) -> list[Outcome]:
    """Return the outcomes whose subscriber ids still belong to the same people.

    After a restore, new subscribers get ids that were in use before. Outcomes without a mark, from
    journals of older versions, are not checked.
    """
    newsletter = session.scalar(
        select(NewsletterRow.created_at)
        .join(MailingRow, MailingRow.newsletter_id == NewsletterRow.id)
        .where(MailingRow.id == mailing_id)
    )
    marked = sorted({each.subscriber_id for each in outcomes if each.mark})
    marks: dict[int, int] = {}
    for first in range(0, len(marked), _CHUNK):
        rows = session.execute(
            select(SubscriberRow.id, SubscriberRow.created_at).where(
                SubscriberRow.id.in_(marked[first : first + _CHUNK])
            )
        )
        marks |= {row[0]: mark_of(newsletter, row[1]) for row in rows if newsletter is not None}
    return [
        each for each in outcomes if not each.mark or each.mark == marks.get(each.subscriber_id)
    ]


def _bring_back(session: Session, mailing: _Mailing, proven: Sequence[Outcome]) -> int:
    is_held = exists().where(
        BatchRow.mailing_id == mailing.id,
        BatchRow.state == BatchState.LEASED,
        DeliveryRow.position.between(BatchRow.first_position, BatchRow.last_position),
    )
    # Matched by person: if the mailing was planned again, other people have the same positions.
    by_person = {each.subscriber_id: each for each in proven}
    waiting = session.execute(
        select(DeliveryRow.position, DeliveryRow.subscriber_id, DeliveryRow.state)
        .where(DeliveryRow.mailing_id == mailing.id)
        .where(DeliveryRow.subscriber_id.in_(by_person))
        .where(
            (DeliveryRow.state.in_(CLAIMABLE) & ~is_held)
            | (DeliveryRow.state == DeliveryState.UNCERTAIN)
        )
        .with_for_update()
    ).all()
    lost = {
        place: replace(by_person[person], position=place)
        for place, person, state in waiting
        if state in CLAIMABLE or by_person[person].state is DeliveryState.ACCEPTED
    }
    session.execute(
        moving_deliveries(DeliveryState.SENDING).where(
            DeliveryRow.mailing_id == mailing.id, DeliveryRow.position.in_(lost)
        )
    )
    _write(session, mailing, list(lost.values()), 0)
    return len(lost)


def _write(
    session: Session, mailing: _Mailing, outcomes: Sequence[Outcome], retry_hours: int
) -> None:
    moment = now()
    changes = [_change(mailing.id, outcome, moment, retry_hours) for outcome in outcomes]
    news: list[Outcome] = []
    for state, group in groupby(sorted(changes, key=_state_of), key=_state_of):
        settled_at = moment if state in FINAL else None
        moved = _move(session, state, settled_at, [change for _, change in group])
        news.extend(_moved_to(one, state) for one in outcomes if one.position in moved)
    rejected = [each for each in outcomes if each.state is DeliveryState.REJECTED]
    if rejected:
        _log_bounces(session, mailing, rejected)
    tally(session, news)


def _moved_to(outcome: Outcome, state: DeliveryState) -> Outcome:
    if outcome.state is state and len(outcome.transport) <= _TRANSPORT_WIDTH:
        return outcome
    return replace(outcome, state=state, transport=outcome.transport[:_TRANSPORT_WIDTH])


#: What an outcome sets in its delivery's row, in the order that `_change` gives it.
_COLUMNS: dict[str, TypeEngine[Any]] = {
    "mailing_id": BigInteger(),
    "position": BigInteger(),
    "attempts": Integer(),
    "next_attempt_at": UtcDateTime(),
    "status": Text(),
    "reply": Text(),
    "queue_id": Text(),
    "transport": Text(),
    "subscriber_id": BigInteger(),
}


def _change(
    mailing_id: int, outcome: Outcome, moment: datetime, retry_hours: int
) -> tuple[DeliveryState, tuple[Any, ...]]:
    state, again = outcome.state, None
    if state is DeliveryState.DEFERRED:
        again = next_attempt(outcome.attempts, moment, retry_hours=retry_hours)
        state = DeliveryState.FAILED if again is None else state
    return state, (
        mailing_id,
        outcome.position,
        outcome.attempts,
        again,
        outcome.status or None,
        _storable(outcome.reply),
        outcome.queue_id or None,
        outcome.transport[:_TRANSPORT_WIDTH] or None,
        outcome.subscriber_id,
    )


def _storable(text: str) -> str:
    """Return the text without NUL, which PostgreSQL rejects together with all other outcomes."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}")


def _state_of(change: tuple[DeliveryState, tuple[Any, ...]]) -> DeliveryState:
    return change[0]


def _move(
    session: Session,
    state: DeliveryState,
    settled_at: datetime | None,
    changes: Sequence[tuple[Any, ...]],
) -> frozenset[int]:
    """Move deliveries to one state where the state table permits it; return their positions.

    One statement moves all of them: single statements cost the database and this process three
    times as much. Each row also names its subscriber, since a mailing that was planned again has
    other people at the same positions. Each row also names the mailing: with a constant, SQLite
    would scan the whole mailing for each row.
    """
    connection = session.connection()
    on_postgresql = connection.dialect.name == "postgresql"
    parameters = _arrays(changes) if on_postgresql else _json(connection, changes)
    moved = connection.scalars(
        _movement(state, on_postgresql=on_postgresql), {"settled": settled_at, **parameters}
    )
    return frozenset(moved)


@cache
def _movement(state: DeliveryState, *, on_postgresql: bool) -> ReturningUpdate[int]:
    """Return the statement that moves deliveries to a state; it is built once per process."""
    sources = may_come_to(DELIVERY_TRANSITIONS, state)
    values = _outcomes_from_arrays() if on_postgresql else _outcomes_from_json()
    person = values.pop("subscriber_id")
    return (
        update(DeliveryRow.__table__)  # type: ignore[arg-type]
        .where(
            DeliveryRow.mailing_id == values.pop("mailing_id"),
            DeliveryRow.position == values.pop("position"),
            or_(*(DeliveryRow.state == source for source in sources)),
            or_(DeliveryRow.subscriber_id == person, person == 0),
        )
        .values(state=state, settled_at=bindparam("settled", type_=UtcDateTime()), **values)
        .returning(DeliveryRow.position)
    )


def _outcomes_from_arrays() -> dict[str, ColumnElement[Any]]:
    """Return the columns of the outcomes' table, which PostgreSQL unnests from one array each."""
    arrays = [bindparam(f"told_{name}", type_=ARRAY(kind)) for name, kind in _COLUMNS.items()]
    table = func.unnest(*arrays).table_valued(*_COLUMNS).render_derived(name="told")
    return {name: table.c[name] for name in _COLUMNS}


def _arrays(changes: Sequence[tuple[Any, ...]]) -> dict[str, Any]:
    columns = zip(*changes, strict=True)
    return {f"told_{name}": list(each) for name, each in zip(_COLUMNS, columns, strict=True)}


def _outcomes_from_json() -> dict[str, ColumnElement[Any]]:
    """Return the columns of the outcomes' table, which SQLite reads from one JSON text."""
    table = func.json_each(bindparam("told")).table_valued("value", name="told")
    return {
        name: func.json_extract(table.c.value, f"$[{number}]")
        for number, name in enumerate(_COLUMNS)
    }


def _json(connection: Connection, changes: Sequence[tuple[Any, ...]]) -> dict[str, Any]:
    dialect = connection.dialect
    stored = UtcDateTime().dialect_impl(dialect).bind_processor(dialect)
    return {"told": json.dumps(changes, default=stored)}


def _log_bounces(session: Session, mailing: _Mailing, rejected: Iterable[Outcome]) -> None:
    """Log rejections during SMTP as bounces; each is logged once even if it is recorded again."""
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
    newsletter = session.get_one(NewsletterRow, mailing.newsletter_id)
    ours = frozenset({newsletter.from_address.lower(), newsletter.bounce_address.lower()})
    rows = [
        _bounce(by_position[position], address or "", ours)
        | {
            "event_id": f"smtp:{mailing.identity}:{position}:{by_position[position].attempts}",
            "newsletter_id": mailing.newsletter_id,
            "mailing_id": mailing.id,
            "subscriber_id": subscriber_id,
        }
        for position, subscriber_id, address in people
    ]
    if rows:
        insert_missing(session, BounceRow, rows)


def _bounce(outcome: Outcome, address: str, ours: frozenset[str]) -> dict[str, Any]:
    """Return the bounce of a rejection, classified by the rules for bounce messages."""
    refusal = Refusal(
        address=address,
        words=(outcome.reply,),
        status=outcome.status,
        command=outcome.command,
        ours=ours - {""},
    )
    judged = classify_refusal(refusal)
    return {
        "address": address,
        "kind": BounceKind.HARD if judged.hard else BounceKind.SOFT,
        "source": BounceSource.SMTP,
        "reason": judged.reason.value,
        "status": outcome.status,
        "reply": _storable(outcome.reply),
        "raw": _storable(outcome.reply),
    }


def record_break(engine: Engine, *, mailing_id: int, token: str, position: int) -> None:
    """Count that a worker died while it composed this message; at the limit the delivery fails."""
    with transaction(engine) as session:
        held = session.scalar(
            select(BatchRow.number)
            .where(BatchRow.mailing_id == mailing_id, BatchRow.lease_token == token)
            .with_for_update()
        )
        row = session.get(DeliveryRow, (mailing_id, position), with_for_update=True)
        if held is None or row is None or row.state is not DeliveryState.SENDING:
            return
        row.breaks += 1
        if row.breaks >= BREAKS_LIMIT:
            row.state, row.settled_at = DeliveryState.FAILED, now()
            row.reply = own_reply(OwnReason.ENDED_WORKERS)
