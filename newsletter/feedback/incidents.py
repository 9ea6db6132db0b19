"""Incidents: mass bounces that wait until an operator states their cause.

One wave can be an incident of its mailing and of several domains. An operator sees it as one, which
names them all, and decides once.

The consequences of bounces can be undone: of one for an operator, or of all after a wave was
recognised.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from newsletter.accounts.audit import Actor, read_reason, record_event
from newsletter.accounts.audit_actions import Action
from newsletter.accounts.permissions import Permission
from newsletter.accounts.roles import ALL_RIGHTS, Rights
from newsletter.database.tables import BounceDecisionRow, BounceRow, IncidentRow, MailingRow
from newsletter.database.types import now
from newsletter.database.vocabulary import (
    FeedbackAction,
    IncidentKind,
    IncidentResolution,
)
from newsletter.errors import ConflictError, NotFoundError
from newsletter.feedback.attribution import Keys
from newsletter.feedback.consequences import decide_again
from newsletter.feedback.search import UNDOABLE
from newsletter.i18n.messages import Message, msg, written
from newsletter.i18n.values import Listing, Number
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


#: Incidents that are listed at most.
_LISTED = 50
#: Parts of an incident that are named; the others are counted.
_NAMED = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class JointIncident:
    """An incident with the other ones of the same wave.

    Attributes:
        mailing_id: The mailing that bounced, if it is an incident of several domains only.
    """

    row: IncidentRow
    parts: Sequence[IncidentRow] = ()
    mailing_id: int | None = None

    @property
    def about(self) -> Message:
        """The display text of its mailing or domain, and of those of its parts."""
        subjects = [each.subject for each in (self.row, *self.parts)]
        if self.mailing_id is not None:
            subjects.insert(0, f"{IncidentKind.MAILING.value}:{self.mailing_id}")
        return about(*subjects)

    @property
    def counted(self) -> Sequence[tuple[Message, int]]:
        """The mailing or domain of each incident in it, with the number of bounced addresses."""
        return [(about(each.subject), each.bounced) for each in (self.row, *self.parts)]


def list_incidents(
    session: Session, *, closed: bool = False, limit: int = _LISTED
) -> Sequence[JointIncident]:
    """Return the open incidents, or all with ``closed``, the newest first."""
    query = select(IncidentRow).order_by(IncidentRow.id.desc())
    query = query.limit(limit) if closed else query.where(IncidentRow.closed_at.is_(None))
    rows = session.scalars(query).all()
    heads = {row.id: row for row in rows if row.part_of_id is None}
    parts: dict[int, list[IncidentRow]] = {}
    for row in rows:
        head = heads.get(row.part_of_id or 0)
        # Somebody who may not decide on a part may have closed its head.
        if head is None or head.resolution is not row.resolution:
            heads[row.id] = row
        else:
            parts.setdefault(head.id, []).append(row)
    joint: list[JointIncident] = []
    for row in [row for row in rows if row.id in heads][:limit]:
        others = sorted(parts.get(row.id, ()), key=lambda part: part.bounced, reverse=True)
        mailing_id = _bounced_mailing(session, [row, *others])
        joint.append(JointIncident(row=row, parts=others, mailing_id=mailing_id))
    return joint


def incidents_of(session: Session, newsletter_ids: Collection[int]) -> Sequence[JointIncident]:
    """Return the open incidents that concern a single one of these newsletters, newest first.

    The domains of the same wave are left out, because they concern all newsletters.
    """
    return [
        JointIncident(row=row)
        for joint in list_incidents(session)
        for row in (joint.row, *joint.parts)
        if newsletter_of_incident(session, row) in newsletter_ids
    ]


def about(subject: str, *others: str) -> Message:
    """Return the display text of a subject, ``domain:NAME`` or ``mailing:NUMBER``, with others."""
    if others:
        named: list[str | Message] = [about(other) for other in others[:_NAMED]]
        if len(others) > _NAMED:
            named.append(msg("{count} others", count=Number(len(others) - _NAMED)))
        return msg("{subject}: {parts}", subject=about(subject), parts=Listing(tuple(named)))
    kind, _, name = subject.partition(":")
    return written(name) if kind == IncidentKind.DOMAIN else msg("Mailing {number}", number=name)


def _bounced_mailing(session: Session, joint: Sequence[IncidentRow]) -> int | None:
    """Return the mailing that several domains, and nothing else, have in common."""
    if len(joint) == 1 or any(row.kind is IncidentKind.MAILING for row in joint):
        return None
    return session.scalar(
        select(BounceRow.mailing_id)
        .join(BounceDecisionRow, BounceDecisionRow.bounce_id == BounceRow.id)
        .where(BounceDecisionRow.incident_id == joint[0].id)
        .order_by(BounceRow.id.desc())
        .limit(1)
    )


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
    """Close an incident with its parts; if it is genuine, judge their bounces.

    A part that these rights do not reach stays open. Return how many bounces were judged.

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
    parts = _open_parts(session, incident_id, rights)
    settled = [find_incident(session, incident_id), *parts]
    for incident in settled:
        close_incident(session, incident, resolution, reason=why)
        record_event(
            session,
            actor,
            Action.INCIDENT_SETTLE,
            object=f"incident {incident.id}",
            newsletter_id=newsletter_of_incident(session, incident),
            reason=why,
            details={"resolution": resolution.value},
        )
    if resolution is not IncidentResolution.GENUINE:
        return 0
    return sum(decide_again(session, incident, keys) for incident in settled)


def _open_parts(session: Session, incident_id: int, rights: Rights) -> list[IncidentRow]:
    """Return the open parts of an incident within these rights; lock them and the incident.

    All are locked by number, as the judging of bounces does, so that neither waits for the other.
    """
    rows = session.scalars(
        select(IncidentRow)
        .where(or_(IncidentRow.id == incident_id, IncidentRow.part_of_id == incident_id))
        .where(IncidentRow.closed_at.is_(None))
        .order_by(IncidentRow.id)
        .with_for_update()
    ).all()
    return [
        row
        for row in rows
        if row.id != incident_id
        and rights.cover(Permission.SEE_BOUNCES, newsletter_of_incident(session, row))
    ]
