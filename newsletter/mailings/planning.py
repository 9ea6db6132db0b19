"""Planning: the audience of a mailing, written down in one transaction and never twice."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count

from sqlalchemy import (
    ColumnElement,
    Engine,
    Select,
    case,
    func,
    insert,
    literal,
    select,
)
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from newsletter.database.engine import reading, transaction
from newsletter.database.tables import (
    BatchRow,
    DeliveryRow,
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
)
from newsletter.errors import NewsletterError
from newsletter.mailings.audience import audience
from newsletter.mailings.schedule import due_in
from newsletter.mailings.states import moving_mailings

#: PostgreSQL's code for it (SQLSTATE class 40).
_SERIALIZATION_FAILURE = "40001"
#: A mailing that is spread over time is cut so finely that one batch is due about every so often.
_SPREAD_STEP_SECONDS = 30
#: A small mailing is cut into so many batches, so that several workers share it.
_SHARES = 8
_SMALLEST_BATCH = 50


def plan_mailing(engine: Engine, mailing_id: int) -> int:
    """Snapshot the audience into the ledger and let the mailing flow; return how many were written.

    Killed before its end it leaves nothing; run again, or twice at once, it changes nothing more.
    It counts people and writes them down by several statements, between which nobody may join or
    leave: who is counted and not written would be in no batch.

    Raises:
        ListError: The segment is none.
    """
    try:
        return _plan(engine, mailing_id, MailingState.PLANNING)
    except DBAPIError as error:
        # Another came first, between our first look and our lock: it planned, held or ended it.
        if getattr(error.orig, "sqlstate", None) != _SERIALIZATION_FAILURE:
            raise
        return 0


def plan_restored(engine: Engine) -> None:
    """Plan what was due when the database lost what it knew, and keep it held.

    It may have been sent: workers' journals tell to whom, once there is somebody to tell of.
    """
    with reading(engine) as session:
        unplanned = session.scalars(
            select(MailingRow.id).where(
                MailingRow.state == MailingState.PAUSED,
                MailingRow.restored,
                MailingRow.started_at.is_(None),
            )
        ).all()
    for mailing_id in unplanned:
        with suppress(NewsletterError):
            _plan(engine, mailing_id, MailingState.PAUSED)


def _plan(engine: Engine, mailing_id: int, state: MailingState) -> int:
    with transaction(engine, of_one_instant=True, long=True) as session:
        mailing = session.scalars(
            select(MailingRow)
            .where(MailingRow.id == mailing_id, MailingRow.state == state)
            .where(MailingRow.started_at.is_(None))
            .with_for_update(skip_locked=True)
        ).one_or_none()
        if mailing is None:
            return 0
        started_at = now()
        newsletter = session.get_one(NewsletterRow, mailing.newsletter_id)
        people = audience(mailing, time_zone=newsletter.time_zone)
        waves = _waves(session, mailing, people, newsletter.time_zone, started_at)
        planned = _snapshot(session, mailing, people, waves)
        _cut_batches(session, mailing, waves)
        mailing.planned = planned
        if state is MailingState.PLANNING:
            session.execute(
                moving_mailings(MailingState.SENDING, sources={state}).where(
                    MailingRow.id == mailing.id
                )
            )
        mailing.started_at = started_at
        return planned


@dataclass(frozen=True, kw_only=True, slots=True)
class _Wave:
    """Those of the audience whose messages are due from the same instant on."""

    zones: tuple[str, ...]
    due_at: datetime
    size: int


def _waves(
    session: Session,
    mailing: MailingRow,
    people: Select[int],
    time_zone: str,
    started_at: datetime,
) -> Sequence[_Wave]:
    """Group the audience by when it is due: all at once, or as each zone's clock says."""
    if not mailing.local_hour:
        size = session.scalar(select(func.count()).select_from(people.subquery())) or 0
        return [_Wave(zones=(), due_at=started_at, size=size)]
    hour = datetime.fromisoformat(mailing.local_hour)
    by_due: dict[datetime, list[tuple[str, int]]] = {}
    zones = people.with_only_columns(SubscriptionRow.time_zone, func.count())
    for zone, size in session.execute(zones.group_by(SubscriptionRow.time_zone)).all():
        # Where the hour has passed already, the message is due at once.
        due_at = max(due_in(zone, hour, fallback=time_zone), started_at)
        by_due.setdefault(due_at, []).append((zone, size))
    return [
        _Wave(
            zones=tuple(zone for zone, _ in members),
            due_at=due_at,
            size=sum(size for _, size in members),
        )
        for due_at, members in sorted(by_due.items())
    ]


def _snapshot(
    session: Session, mailing: MailingRow, people: Select[int], waves: Sequence[_Wave]
) -> int:
    order: list[ColumnElement[int]] = [SubscriberRow.id.expression]
    if len(waves) > 1:
        rank = {zone: number for number, wave in enumerate(waves) for zone in wave.zones}
        order.insert(0, case(rank, value=SubscriptionRow.time_zone, else_=len(waves)))
    numbered = people.with_only_columns(
        literal(mailing.id),
        func.row_number().over(order_by=order),
        SubscriberRow.id,
        literal(DeliveryState.QUEUED.value),
        literal(0),
        literal(0),
    ).order_by(*order)
    columns = ["mailing_id", "position", "subscriber_id", "state", "attempts", "breaks"]
    session.execute(insert(DeliveryRow).from_select(columns, numbered, include_defaults=False))
    return sum(wave.size for wave in waves)


def _cut_batches(session: Session, mailing: MailingRow, waves: Sequence[_Wave]) -> None:
    numbers = count(1)
    first = 1
    batches = []
    for wave in waves:
        ranges = list(_ranges(first, wave.size, _batch_size(mailing, wave.size)))
        step = timedelta(seconds=mailing.spread_seconds) / max(len(ranges), 1)
        batches += [
            {
                "mailing_id": mailing.id,
                "number": next(numbers),
                "first_position": start,
                "last_position": end,
                "state": BatchState.PENDING,
                "due_at": wave.due_at + place * step,
            }
            for place, (start, end) in enumerate(ranges)
        ]
        first += wave.size
    if batches:
        session.execute(insert(BatchRow), batches)


def _batch_size(mailing: MailingRow, people: int) -> int:
    size = min(mailing.batch_size, max(_SMALLEST_BATCH, -(-people // _SHARES)))
    if mailing.spread_seconds:
        steps = max(1, mailing.spread_seconds // _SPREAD_STEP_SECONDS)
        size = min(size, max(1, -(-people // steps)))
    return size


def _ranges(first: int, people: int, size: int) -> Iterator[tuple[int, int]]:
    end = first + people - 1
    for start in range(first, end + 1, size):
        yield start, min(start + size - 1, end)
