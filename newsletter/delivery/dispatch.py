"""Dispatch: which batches are due, which mailings have come to their end. Hints, never truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import Engine, and_, exists, func, or_, select, tuple_, update
from sqlalchemy.orm import Session

from newsletter.database.engine import reading, transaction
from newsletter.database.tables import BatchRow, MailingRow
from newsletter.database.types import now
from newsletter.database.vocabulary import BatchState, MailingState

#: A hint that led to no claim within this time was lost, or waits behind others: it is given again.
_HINT_SECONDS = 20
#: So many hints may wait in the broker at once; the rest stay in the ledger.
_WINDOW = 64


@dataclass(frozen=True, kw_only=True, slots=True)
class Hint:
    """A batch that is due; an urgent one must not wait behind those that are not."""

    mailing_id: int
    number: int
    urgent: bool


def take_due_batches(engine: Engine) -> Sequence[Hint]:
    """Return the batches to hint at, marked so that they are not soon again."""
    with transaction(engine) as session:
        return [*_take(session, urgent=True), *_take(session, urgent=False)]


def _take(session: Session, *, urgent: bool) -> Sequence[Hint]:
    moment = now()
    stale = moment - timedelta(seconds=_HINT_SECONDS)
    due = and_(
        BatchRow.state == BatchState.PENDING,
        exists().where(
            MailingRow.id == BatchRow.mailing_id,
            MailingRow.state == MailingState.SENDING,
            MailingRow.priority > 0 if urgent else MailingRow.priority <= 0,
            # What was due when the mailing began stays due when the clock is set back.
            or_(BatchRow.due_at <= moment, BatchRow.due_at <= MailingRow.started_at),
        ),
    )
    # A hint given in the future was given before the clock was set back.
    is_fresh = BatchRow.hinted_at.between(stale, moment)
    waiting = session.scalar(select(func.count()).select_from(BatchRow).where(due, is_fresh))
    room = _WINDOW - (waiting or 0)
    if room <= 0:
        return []
    rows = session.execute(
        select(BatchRow.mailing_id, BatchRow.number)
        .where(due, or_(BatchRow.hinted_at.is_(None), ~is_fresh))
        .order_by(BatchRow.due_at, BatchRow.mailing_id, BatchRow.number)
        .limit(room)
        .with_for_update(skip_locked=True)
    ).all()
    if rows:
        session.execute(
            update(BatchRow)
            .where(tuple_(BatchRow.mailing_id, BatchRow.number).in_([tuple(row) for row in rows]))
            .values(hinted_at=moment)
        )
    return [Hint(mailing_id=mailing, number=number, urgent=urgent) for mailing, number in rows]


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
    """Return the mailings whose audience is not written down yet."""
    with reading(engine) as session:
        return session.scalars(
            select(MailingRow.id).where(MailingRow.state == MailingState.PLANNING)
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
            update(MailingRow)
            .where(MailingRow.id.in_(found), is_done)
            .values(state=MailingState.FINISHED, finished_at=now())
            .returning(MailingRow.id)
        ).all()
