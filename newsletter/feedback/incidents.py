"""Incidents: mass bounces that wait until an operator states their cause."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from newsletter.accounts.actions import read_reason
from newsletter.accounts.audit import Actor, record_event
from newsletter.accounts.audit_actions import Action
from newsletter.accounts.permissions import Permission
from newsletter.accounts.roles import ALL_RIGHTS, Rights
from newsletter.database.tables import IncidentRow, MailingRow
from newsletter.database.vocabulary import IncidentKind, IncidentResolution
from newsletter.feedback.attribution import Keys
from newsletter.feedback.consequences import decide_again
from newsletter.feedback.undo import close_incident, find_incident, no_incident
from newsletter.i18n.messages import Message, msg, written

#: Incidents that are listed at most.
_LISTED = 50


def list_incidents(session: Session, *, closed: bool = False) -> Sequence[IncidentRow]:
    """Return the open incidents, or all with ``closed``, the newest first."""
    query = select(IncidentRow).order_by(IncidentRow.id.desc()).limit(_LISTED)
    if not closed:
        query = query.where(IncidentRow.closed_at.is_(None))
    return session.scalars(query).all()


def incidents_of(session: Session, newsletter_ids: Collection[int]) -> Sequence[IncidentRow]:
    """Return the open incidents that concern a single one of these newsletters, newest first."""
    return [
        row
        for row in list_incidents(session)
        if newsletter_of_incident(session, row) in newsletter_ids
    ]


def about(subject: str) -> Message:
    """Return the display text of a subject, which is ``domain:NAME`` or ``mailing:NUMBER``."""
    kind, _, name = subject.partition(":")
    return written(name) if kind == IncidentKind.DOMAIN else msg("Mailing {number}", number=name)


def newsletter_of_incident(session: Session, row: IncidentRow) -> int | None:
    """Return the only newsletter of an incident; None for a domain, which concerns all."""
    if row.kind is not IncidentKind.MAILING:
        return None
    mailing = session.get(MailingRow, int(row.subject.partition(":")[2]))
    return mailing.newsletter_id if mailing is not None else None


def settle_incident(
    session: Session,
    actor: Actor,
    incident_id: int,
    resolution: IncidentResolution,
    *,
    reason: str,
    keys: Keys,
    rights: Rights = ALL_RIGHTS,
) -> int:
    """Close an incident; if it is genuine, judge its bounces. Return how many were judged.

    Raises:
        OrderError: The reason is empty or longer than 500 characters.
        NotFoundError: There is no incident of that number within these rights.
        ConflictError: The incident is closed.
    """
    why = read_reason(reason)
    row = session.get(IncidentRow, incident_id)
    newsletter_id = newsletter_of_incident(session, row) if row is not None else None
    if not rights.cover(Permission.SEE_BOUNCES, newsletter_id):
        raise no_incident(incident_id)
    incident = find_incident(session, incident_id)
    close_incident(session, incident, resolution, reason=why)
    record_event(
        session,
        actor,
        Action.INCIDENT_SETTLE,
        object=f"incident {incident_id}",
        newsletter_id=newsletter_id,
        reason=why,
        details={"resolution": resolution.value},
    )
    if resolution is IncidentResolution.GENUINE:
        return decide_again(session, incident, keys)
    return 0
