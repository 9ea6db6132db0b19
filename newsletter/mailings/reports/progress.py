"""How far a mailing is: its state, and its deliveries counted by theirs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from newsletter.database.engine import reading
from newsletter.database.states import FINAL
from newsletter.database.tables import DeliveryRow, MailingRow
from newsletter.database.vocabulary import DeliveryState, MailingKind, MailingState
from newsletter.i18n.messages import Message
from newsletter.mailings.ledger.tallies import StateCounts
from newsletter.mailings.mailings import find_mailing


@dataclass(frozen=True, kw_only=True, slots=True)
class Progress:
    """Where a mailing stands, counted from its ledger.

    Attributes:
        planned: To how many it goes; 0 until all of them are in the ledger.
    """

    mailing_id: int
    kind: MailingKind
    subject: str
    state: MailingState
    planned: int
    counts: StateCounts
    halt_reason: Message | None
    scheduled_at: datetime | None
    started_at: datetime | None
    finished_at: datetime | None

    def of(self, state: DeliveryState) -> int:
        """Return how many deliveries are in a state."""
        return self.counts.get(state, 0)

    @property
    def settled(self) -> int:
        """How many wait for nothing more."""
        return sum(self.of(state) for state in FINAL)

    @property
    def waiting(self) -> int:
        """How many are yet to be sent."""
        return sum(self.counts.values()) - self.settled


def count_states(session: Session, mailing_id: int) -> StateCounts:
    """Count a mailing's deliveries by their state; a million take some tenths of a second."""
    counts = session.execute(
        select(DeliveryRow.state, func.count())
        .where(DeliveryRow.mailing_id == mailing_id)
        .group_by(DeliveryRow.state)
    )
    return dict(counts.all())


def progress(engine: Engine, mailing_id: int) -> Progress:
    """Return where a mailing stands.

    Raises:
        NotFoundError: There is no such mailing.
    """
    with reading(engine) as session:
        return _progress(session, find_mailing(session, mailing_id))


def list_progress(
    engine: Engine, *, newsletter_id: int | None = None, limit: int
) -> Sequence[Progress]:
    """Return where the newest mailings stand, of one newsletter or of all."""
    newest = select(MailingRow).where(MailingRow.kind != MailingKind.NOTICE)
    if newsletter_id is not None:
        newest = newest.where(MailingRow.newsletter_id == newsletter_id)
    with reading(engine) as session:
        rows = session.scalars(newest.order_by(MailingRow.id.desc()).limit(limit))
        return [_progress(session, row) for row in rows.all()]


def _progress(session: Session, row: MailingRow) -> Progress:
    return Progress(
        mailing_id=row.id,
        kind=row.kind,
        subject=row.title,
        state=row.state,
        planned=row.planned,
        counts=count_states(session, row.id),
        halt_reason=row.halt_reason,
        scheduled_at=row.scheduled_at,
        started_at=row.started_at,
        finished_at=row.finished_at,
    )
