"""Undo the consequences of a bounce, for an operator or after a wave was recognised."""

from __future__ import annotations

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from newsletter.accounts.actions import read_reason
from newsletter.accounts.audit import Actor, record_event
from newsletter.accounts.audit_actions import Action
from newsletter.accounts.roles import ALL_RIGHTS, Rights
from newsletter.database.tables import (
    BounceDecisionRow,
    BounceRow,
    IncidentRow,
)
from newsletter.database.types import now
from newsletter.database.vocabulary import (
    FeedbackAction,
    IncidentResolution,
)
from newsletter.errors import ConflictError, NotFoundError
from newsletter.feedback.search import UNDOABLE
from newsletter.i18n.messages import msg
from subscribers.leaving import take_back
from subscribers.suppression import lift_suppressions, require_lifting


def undo_bounce(
    session: Session,
    actor: Actor,
    bounce_id: int,
    *,
    reason: str,
    rights: Rights = ALL_RIGHTS,
) -> FeedbackAction:
    """Undo the consequences of a bounce; return the action that was undone.

    A subscription that a complaint ended is confirmed again, because the consent is still on
    record. It stays ended if the person has since left in another way, or was erased.

    Raises:
        OrderError: The reason is empty or longer than 500 characters.
        NotFoundError: There is no such bounce.
        ConflictError: The bounce has no consequences, or they were undone before.
        ForbiddenError: The suppression applies to newsletters beyond the operator's role.
    """
    why = read_reason(reason)
    row = session.get(BounceRow, bounce_id)
    if row is None:
        raise NotFoundError(msg("There is no bounce {bounce}.", bounce=bounce_id))
    decision = session.scalars(
        select(BounceDecisionRow)
        .where(BounceDecisionRow.bounce_id == bounce_id, BounceDecisionRow.undone_at.is_(None))
        .order_by(BounceDecisionRow.id.desc())
        .limit(1)
        .with_for_update()
    ).one_or_none()
    if decision is None or decision.action not in UNDOABLE:
        raise ConflictError(
            msg("Bounce {bounce} has no consequences that can be undone.", bounce=bounce_id)
        )
    require_lifting(session, rights, [decision.suppression_id])
    lift_suppressions(session, [decision], because=why)
    if decision.unsubscribed and row.newsletter_id is not None and row.subscriber_id is not None:
        take_back(session, row.newsletter_id, row.subscriber_id)
    record_event(
        session,
        actor,
        Action.BOUNCE_UNDO,
        object=f"bounce {bounce_id}",
        newsletter_id=row.newsletter_id,
        reason=why,
        details={"action": decision.action.value},
    )
    return decision.action


def no_incident(incident_id: int) -> NotFoundError:
    """Return the error for a missing incident, also used where the rights do not reach it."""
    return NotFoundError(msg("There is no incident {incident}.", incident=incident_id))


def find_incident(session: Session, incident_id: int) -> IncidentRow:
    """Return an open incident, with its row locked.

    Raises:
        NotFoundError: There is no incident of that number.
        ConflictError: The incident is closed.
    """
    row = session.get(IncidentRow, incident_id, with_for_update=True)
    if row is None:
        raise no_incident(incident_id)
    if row.closed_at is not None:
        raise ConflictError(msg("Incident {incident} is closed.", incident=incident_id))
    return row


def close_incident(
    session: Session, incident: IncidentRow, resolution: IncidentResolution, *, reason: str
) -> None:
    """Close an incident; after an outage, all its held bounces are excused."""
    incident.closed_at, incident.resolution = now(), resolution
    incident.closed_because = reason
    if resolution is IncidentResolution.OUTAGE:
        session.execute(
            update(BounceDecisionRow)
            .where(
                BounceDecisionRow.incident_id == incident.id,
                BounceDecisionRow.action == FeedbackAction.HELD,
                BounceDecisionRow.undone_at.is_(None),
            )
            .values(action=FeedbackAction.EXCUSED)
        )
