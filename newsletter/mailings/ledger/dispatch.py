"""Dispatch: whose turn it is, which batches are due, which mailings ended, and which stand still.

The ledger is the queue. A task in the broker is a hint at a batch, and there are never more of them
than processes can take; which batch a process sends next, it asks here. Mailings take turns: first
whoever was never served, then whoever was served longest ago.

A relay that hangs is called out by its timeout only after minutes; the ledger shows it earlier.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache

from sqlalchemy import (
    ColumnElement,
    Engine,
    Select,
    and_,
    bindparam,
    exists,
    func,
    or_,
    select,
    tuple_,
    update,
)
from sqlalchemy.orm import Session

from newsletter.database.engine import reading, transaction
from newsletter.database.states import moving_mailings
from newsletter.database.tables import BatchRow, MailingRow
from newsletter.database.types import UtcDateTime, now
from newsletter.database.vocabulary import BatchState, MailingState

#: A hint that led to no claim within this time was lost, or waits behind others: it is given again.
_HINT_SECONDS = 20
#: Turns are written down about this exactly; more often, workers would wait for each other.
_TURN_SECONDS = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Hint:
    """A batch that is due; an urgent one must not wait behind those that are not."""

    mailing_id: int
    number: int
    urgent: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Turn:
    """The mailing whose turn it is, with a batch of it that is due.

    Attributes:
        served_at: When a batch of it was last taken; None for a mailing that never was served.
    """

    mailing_id: int
    number: int
    served_at: datetime | None


def take_due_batches(engine: Engine, *, urgent: bool, room: int) -> Sequence[Hint]:
    """Return the batches to hint at, marked so that they are not soon again.

    Args:
        engine: The database.
        urgent: Whether of notices and tests, or of mailings.
        room: How many hints at most.
    """
    if room <= 0:
        return []
    with transaction(engine) as session:
        return _take(session, urgent=urgent, room=room)


def _take(session: Session, *, urgent: bool, room: int) -> Sequence[Hint]:
    moment = now()
    stale = moment - timedelta(seconds=_HINT_SECONDS)
    # A hint given in the future was given before the clock was set back.
    is_fresh = BatchRow.hinted_at.between(stale, moment)
    place = func.row_number().over(
        partition_by=BatchRow.mailing_id, order_by=(BatchRow.due_at, BatchRow.number)
    )
    due = (
        select(BatchRow.mailing_id, BatchRow.number, place.label("place"), MailingRow.served_at)
        .join(MailingRow, MailingRow.id == BatchRow.mailing_id)
        .where(
            _flows(urgent=urgent),
            _is_due(moment),
            or_(BatchRow.hinted_at.is_(None), ~is_fresh),
        )
        .subquery()
    )
    rows = session.execute(
        select(due.c.mailing_id, due.c.number)
        .order_by(due.c.place, due.c.served_at.is_not(None), due.c.served_at, due.c.mailing_id)
        .limit(room)
    ).all()
    if not rows:
        return []
    # Of two rounds at once, each takes what the other did not.
    chosen = session.execute(
        select(BatchRow.mailing_id, BatchRow.number)
        .where(
            tuple_(BatchRow.mailing_id, BatchRow.number).in_([tuple(row) for row in rows]),
            BatchRow.state == BatchState.PENDING,
            or_(BatchRow.hinted_at.is_(None), ~is_fresh),
        )
        .with_for_update(skip_locked=True)
    ).all()
    if not chosen:
        return []
    marked = {tuple(row) for row in chosen}
    session.execute(
        update(BatchRow)
        .where(tuple_(BatchRow.mailing_id, BatchRow.number).in_(list(marked)))
        .values(hinted_at=moment)
    )
    return [
        Hint(mailing_id=mailing, number=number, urgent=urgent)
        for mailing, number in rows
        if (mailing, number) in marked
    ]


def _flows(*, urgent: bool) -> ColumnElement[bool]:
    return and_(
        MailingRow.state == MailingState.SENDING,
        MailingRow.priority > 0 if urgent else MailingRow.priority <= 0,
    )


def _is_due(moment: datetime | ColumnElement[datetime]) -> ColumnElement[bool]:
    return and_(
        BatchRow.state == BatchState.PENDING,
        # What was due when the mailing began stays due when the clock is set back.
        or_(BatchRow.due_at <= moment, BatchRow.due_at <= MailingRow.started_at),
    )


def whose_turn(engine: Engine, *, urgent: bool) -> Turn | None:
    """Return the mailing that waits longest for its turn; None when nothing is due."""
    moment = {"moment": now()}
    with reading(engine) as session:
        mailing = session.connection().execute(_waits_longest(urgent=urgent), moment).one_or_none()
        if mailing is None:
            return None
        number = session.connection().scalar(_FIRST_DUE, {"mailing": mailing.id, **moment})
    if number is None:
        return None
    return Turn(mailing_id=mailing.id, number=number, served_at=mailing.served_at)


# Asked several times a second: SQLAlchemy takes longer to build a statement than the databases take
# to follow it.
_NOW = bindparam("moment", type_=UtcDateTime())


@cache
def _waits_longest(*, urgent: bool) -> Select[int, datetime | None]:
    due = exists().where(BatchRow.mailing_id == MailingRow.id, _is_due(_NOW))
    return (
        select(MailingRow.id, MailingRow.served_at)
        .where(_flows(urgent=urgent), due)
        .order_by(MailingRow.served_at.is_not(None), MailingRow.served_at, MailingRow.id)
        .limit(1)
    )


_FIRST_DUE = (
    select(BatchRow.number)
    .join(MailingRow, MailingRow.id == BatchRow.mailing_id)
    .where(BatchRow.mailing_id == bindparam("mailing"), _is_due(_NOW))
    .order_by(BatchRow.due_at, BatchRow.number)
    .limit(1)
)


def note_turn(engine: Engine, mailing_id: int) -> None:
    """Write down that a mailing is served now, so that the next turn is another's."""
    moment = now()
    lately = moment - timedelta(seconds=_TURN_SECONDS)
    # A turn in the future was taken before the clock was set back.
    is_noted = MailingRow.served_at.between(lately, moment)
    with transaction(engine) as session:
        session.execute(
            update(MailingRow)
            .where(MailingRow.id == mailing_id, or_(MailingRow.served_at.is_(None), ~is_noted))
            .values(served_at=moment)
        )


def return_hint(engine: Engine, mailing_id: int, number: int) -> None:
    """Give back a hint that is not followed, so that another worker gets it at the next round."""
    with transaction(engine) as session:
        session.execute(
            update(BatchRow)
            .where(
                BatchRow.mailing_id == mailing_id,
                BatchRow.number == number,
                BatchRow.state == BatchState.PENDING,
            )
            .values(hinted_at=None)
        )


def unplanned_mailings(engine: Engine) -> Sequence[int]:
    """Return the mailings whose audience is not written down yet, the oldest first."""
    with reading(engine) as session:
        return session.scalars(
            select(MailingRow.id)
            .where(MailingRow.state == MailingState.PLANNING)
            .order_by(MailingRow.id)
        ).all()


def finish_mailings(engine: Engine) -> Sequence[int]:
    """End the mailings of which every batch is done; return those that ended."""
    is_done = and_(
        MailingRow.state == MailingState.SENDING,
        ~exists().where(BatchRow.mailing_id == MailingRow.id, BatchRow.state != BatchState.DONE),
    )
    with transaction(engine) as session:
        found = session.scalars(
            select(MailingRow.id).where(is_done).with_for_update(skip_locked=True)
        ).all()
        if not found:
            return []
        # Asked again under the lock: a batch may have been made due again just before.
        return session.scalars(
            moving_mailings(MailingState.FINISHED)
            .where(MailingRow.id.in_(found), is_done)
            .values(finished_at=now())
            .returning(MailingRow.id)
        ).all()


#: Outcomes reach the ledger within a few seconds; what takes longer is worth a word.
_SILENT = timedelta(seconds=10)
#: Batches that are looked at: as many as a large installation sends at once.
_BATCHES = 200


@dataclass(frozen=True, kw_only=True, slots=True)
class Silence:
    """A mailing that no relay answers for; ``since`` is the last answer, or when it was tried."""

    mailing_id: int
    newsletter_id: int
    subject: str
    since: datetime


def silent_mailings(session: Session, *, mailing_id: int | None = None) -> Sequence[Silence]:
    """Return the mailings under way of which every batch in hand has been silent for a while."""
    leased = (
        select(BatchRow, MailingRow)
        .join(MailingRow, MailingRow.id == BatchRow.mailing_id)
        .where(
            BatchRow.state == BatchState.LEASED,
            BatchRow.leased_at.is_not(None),
            MailingRow.state == MailingState.SENDING,
        )
        .limit(_BATCHES)
    )
    if mailing_id is not None:
        leased = leased.where(BatchRow.mailing_id == mailing_id)
    silences: dict[int, Silence] = {}
    for batch, mailing in session.execute(leased):
        heard_at = max(filter(None, (batch.leased_at, batch.answered_at)))
        known = silences.get(mailing.id)
        silences[mailing.id] = Silence(
            mailing_id=mailing.id,
            newsletter_id=mailing.newsletter_id,
            subject=mailing.title,
            since=max(heard_at, known.since) if known else heard_at,
        )
    return [each for each in silences.values() if now() - each.since >= _SILENT]
