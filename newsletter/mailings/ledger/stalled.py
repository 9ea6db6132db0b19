"""Silence: mailings of which batches are being sent and nothing is answered, and since when.

A relay that hangs is called out by its timeout only after minutes; the ledger shows it earlier.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from newsletter.database.tables import BatchRow, MailingRow
from newsletter.database.types import now
from newsletter.database.vocabulary import BatchState, MailingState

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
