"""Incidents: waves that wait for an operator's word on what they were."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from newsletter.database.tables import IncidentRow, MailingRow
from newsletter.database.vocabulary import IncidentKind, IncidentResolution
from newsletter.feedback.attribution import Keys
from newsletter.feedback.consequences import judge_again
from newsletter.feedback.undo import close_incident, find_incident


def list_incidents(
    session: Session, *, closed: bool = False, limit: int = 50
) -> Sequence[IncidentRow]:
    """Return the open incidents, or with ``closed`` all of them, the newest first."""
    query = select(IncidentRow).order_by(IncidentRow.id.desc()).limit(limit)
    if not closed:
        query = query.where(IncidentRow.closed_at.is_(None))
    return session.scalars(query).all()


def newsletter_of_incident(session: Session, row: IncidentRow) -> int | None:
    """Return the one newsletter that an incident is about; None for a domain's, which is of all."""
    if row.kind is not IncidentKind.MAILING:
        return None
    mailing = session.get(MailingRow, int(row.subject.partition(":")[2]))
    return mailing.newsletter_id if mailing is not None else None


def settle_incident(
    session: Session,
    incident_id: int,
    resolution: IncidentResolution,
    *,
    reason: str,
    keys: Keys,
) -> int:
    """Close an incident; of a genuine one, judge what it held. Return how many were judged.

    Raises:
        NotFoundError: There is none of that number.
        ConflictError: It is closed.
    """
    incident = find_incident(session, incident_id)
    close_incident(session, incident, resolution, reason=reason)
    if resolution is IncidentResolution.GENUINE:
        return judge_again(session, incident, keys)
    return 0
