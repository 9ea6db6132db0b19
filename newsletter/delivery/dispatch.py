"""Dispatch: which batches are due, which mailings have come to their end. Hints, never truth."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import Engine, and_, exists, func, or_, select, update

from newsletter.database.engine import reading, transaction
from newsletter.database.tables import BatchRow, MailingRow
from newsletter.database.types import now
from newsletter.database.vocabulary import BatchState, MailingState

#: A hint that led to no claim within this time was lost, or waits behind others: it is given again.
_HINT_SECONDS = 20
#: So many hints may wait in the broker at once; the rest stay in the ledger.
_WINDOW = 64


def take_due_batches(engine: Engine) -> Sequence[tuple[int, int]]:
    """Return mailing and number of batches to hint at, marked so that they are not soon again."""
    moment = now()
    stale = moment - timedelta(seconds=_HINT_SECONDS)
    due = and_(
        BatchRow.state == BatchState.PENDING,
        BatchRow.due_at <= moment,
        exists().where(
            MailingRow.id == BatchRow.mailing_id, MailingRow.state == MailingState.SENDING
        ),
    )
    with transaction(engine) as session:
        waiting = session.scalar(
            select(func.count()).select_from(BatchRow).where(due, BatchRow.hinted_at > stale)
        )
        room = _WINDOW - (waiting or 0)
        if room <= 0:
            return []
        rows = session.execute(
            select(BatchRow.mailing_id, BatchRow.number)
            .where(due, or_(BatchRow.hinted_at.is_(None), BatchRow.hinted_at <= stale))
            .order_by(BatchRow.due_at, BatchRow.mailing_id, BatchRow.number)
            .limit(room)
        )
        found = list(rows)
        for mailing_id, number in found:
            session.execute(
                update(BatchRow)
                .where(BatchRow.mailing_id == mailing_id, BatchRow.number == number)
                .values(hinted_at=moment)
            )
        return found


def unplanned_mailings(engine: Engine) -> Sequence[int]:
    """Return the mailings whose audience is not written down yet."""
    with reading(engine) as session:
        return session.scalars(
            select(MailingRow.id).where(MailingRow.state == MailingState.PLANNING)
        ).all()


def finish_mailings(engine: Engine) -> Sequence[int]:
    """End the mailings of which every batch is done; return those that ended."""
    with transaction(engine) as session:
        return session.scalars(
            update(MailingRow)
            .where(
                MailingRow.state == MailingState.SENDING,
                ~exists().where(
                    BatchRow.mailing_id == MailingRow.id, BatchRow.state != BatchState.DONE
                ),
            )
            .values(state=MailingState.FINISHED, finished_at=now())
            .returning(MailingRow.id)
        ).all()
