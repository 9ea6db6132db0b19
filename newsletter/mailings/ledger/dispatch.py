"""Dispatch: which batch is sent next, which mailings are finished, and which make no progress.

The ledger is the queue. A task in the broker is only a hint that a batch is due, and there are
never more hints than worker processes can take; each process asks here which batch to send next.
Mailings take turns: first those that were never served, then the one that was served longest ago.

A hanging relay is detected by its timeout only after minutes. The ledger shows earlier that no
relay replies for a mailing: see `silent_mailings`.
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

#: Seconds until a hint that led to no claim is published again: it was lost, or is still queued.
_HINT_SECONDS = 20
#: Minimum interval, in seconds, between two updates of a mailing's ``served_at``: with more
#: updates, workers would wait for each other's row locks.
_TURN_SECONDS = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Hint:
    """A batch that is due. Urgent ones, of notices and tests, have a queue of their own."""

    mailing_id: int
    number: int
    urgent: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Turn:
    """The mailing that is served next, with one of its batches that is due.

    Attributes:
        served_at: When one of its batches was last claimed; None if none ever was.
    """

    mailing_id: int
    number: int
    served_at: datetime | None


def take_due_batches(engine: Engine, *, urgent: bool, room: int) -> Sequence[Hint]:
    """Return the batches to publish hints for, and mark them, so that they are not repeated soon.

    Args:
        engine: The database.
        urgent: True for batches of notices and tests, False for those of mailings.
        room: The maximum number of hints.
    """
    if room <= 0:
        return []
    with transaction(engine) as session:
        return _take(session, urgent=urgent, room=room)


def _take(session: Session, *, urgent: bool, room: int) -> Sequence[Hint]:
    moment = now()
    stale = moment - timedelta(seconds=_HINT_SECONDS)
    # A hint dated in the future was published before the clock was set back.
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
    # When two rounds run at once, each skips the rows that the other has locked.
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
        # A batch that was due when the mailing started stays due if the clock is set back.
        or_(BatchRow.due_at <= moment, BatchRow.due_at <= MailingRow.started_at),
    )


def whose_turn(engine: Engine, *, urgent: bool) -> Turn | None:
    """Return the mailing that has waited longest; None when nothing is due."""
    moment = {"moment": now()}
    with reading(engine) as session:
        mailing = session.connection().execute(_waits_longest(urgent=urgent), moment).one_or_none()
        if mailing is None:
            return None
        number = session.connection().scalar(_FIRST_DUE, {"mailing": mailing.id, **moment})
    if number is None:
        return None
    return Turn(mailing_id=mailing.id, number=number, served_at=mailing.served_at)


# These statements run several times a second, and are built once: SQLAlchemy takes longer to build
# them than the databases take to execute them.
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
    """Record that a mailing is being served now, so that another mailing is served next."""
    moment = now()
    lately = moment - timedelta(seconds=_TURN_SECONDS)
    # A turn dated in the future was recorded before the clock was set back.
    is_noted = MailingRow.served_at.between(lately, moment)
    with transaction(engine) as session:
        session.execute(
            update(MailingRow)
            .where(MailingRow.id == mailing_id, or_(MailingRow.served_at.is_(None), ~is_noted))
            .values(served_at=moment)
        )


def unplanned_mailings(engine: Engine) -> Sequence[int]:
    """Return the mailings that have no deliveries yet, the oldest first."""
    with reading(engine) as session:
        return session.scalars(
            select(MailingRow.id)
            .where(MailingRow.state == MailingState.PLANNING)
            .order_by(MailingRow.id)
        ).all()


def finish_mailings(engine: Engine) -> Sequence[int]:
    """Mark the mailings whose batches are all done as finished, and return them."""
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
        # The condition is checked again under the lock: a batch may just have become due again.
        return session.scalars(
            moving_mailings(MailingState.FINISHED)
            .where(MailingRow.id.in_(found), is_done)
            .values(finished_at=now())
            .returning(MailingRow.id)
        ).all()


#: Outcomes are normally recorded within a few seconds; a longer silence is reported.
_SILENT = timedelta(seconds=10)
#: The maximum number of batches to examine: as many as a large installation sends at once.
_BATCHES = 200


@dataclass(frozen=True, kw_only=True, slots=True)
class Silence:
    """A mailing for which no relay replies.

    Attributes:
        since: The time of the last reply, or of the first attempt if there was none.
    """

    mailing_id: int
    newsletter_id: int
    subject: str
    since: datetime


def silent_mailings(
    session: Session, moment: datetime, *, mailing_id: int | None = None
) -> Sequence[Silence]:
    """Return the mailings being sent whose claimed batches have all had no reply for a while.

    It is judged at ``moment``, when the look began. The look itself may have waited for a minute
    in a locked database, where nothing could be sent either; no relay is blamed for that.
    """
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
    return [each for each in silences.values() if moment - each.since >= _SILENT]
