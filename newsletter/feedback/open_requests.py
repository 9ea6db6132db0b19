"""Readers' mail that a person has to read: each waits until an operator records what was done.

These are requests to leave without a proof, and answers in words that no program understands.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, literal_column, select
from sqlalchemy.orm import Session

from newsletter.accounts.actions import read_reason
from newsletter.accounts.audit import Actor, record_event
from newsletter.accounts.audit_actions import Action
from newsletter.accounts.permissions import Permission
from newsletter.accounts.roles import ALL_RIGHTS, Rights
from newsletter.database.tables import BounceDecisionRow, BounceRow
from newsletter.database.tables.feedback import WAITS
from newsletter.database.vocabulary import FeedbackAction
from newsletter.errors import ConflictError, NotFoundError
from newsletter.i18n.messages import msg


@dataclass(frozen=True, kw_only=True, slots=True)
class OpenRequests:
    """The number of open requests of a newsletter, or of no known one, and the oldest's time."""

    newsletter_id: int | None
    count: int
    since: datetime


#: Requests that are listed at most.
_LISTED = 50


def list_open_requests(
    session: Session, newsletter_ids: Collection[int] | None = None
) -> Sequence[BounceRow]:
    """Return the open requests, the oldest first; of some newsletters, or of all (None)."""
    query = (
        select(BounceRow)
        .join(BounceDecisionRow, BounceDecisionRow.bounce_id == BounceRow.id)
        .where(literal_column(WAITS))
        .order_by(BounceRow.id)
        .limit(_LISTED)
    )
    if newsletter_ids is not None:
        query = query.where(BounceRow.newsletter_id.in_(newsletter_ids))
    return session.scalars(query).all()


def count_open_requests(session: Session) -> Sequence[OpenRequests]:
    """Count the open requests by newsletter."""
    rows = session.execute(
        select(BounceRow.newsletter_id, func.count(), func.min(BounceRow.occurred_at))
        .join(BounceDecisionRow, BounceDecisionRow.bounce_id == BounceRow.id)
        .where(literal_column(WAITS))
        .group_by(BounceRow.newsletter_id)
    )
    return [
        OpenRequests(newsletter_id=newsletter_id, count=count, since=since)
        for newsletter_id, count, since in rows
    ]


def handle_request(
    session: Session,
    actor: Actor,
    bounce_id: int,
    *,
    reason: str,
    rights: Rights = ALL_RIGHTS,
) -> None:
    """Close a reader's request; the reason records what was done.

    This changes no subscription. If the person is to get no more mail, they are unsubscribed or
    suppressed by hand, or are told which link to use.

    Raises:
        OrderError: The reason is empty or longer than 500 characters.
        NotFoundError: There is no bounce of that number within these rights.
        ConflictError: The request is closed, or was not judged yet.
    """
    why = read_reason(reason)
    row = session.get(BounceRow, bounce_id)
    if row is None or not rights.cover(Permission.SEE_BOUNCES, row.newsletter_id):
        raise NotFoundError(msg("There is no bounce {bounce}.", bounce=bounce_id))
    decision = session.scalars(
        select(BounceDecisionRow)
        .where(BounceDecisionRow.bounce_id == bounce_id, literal_column(WAITS))
        .with_for_update()
    ).one_or_none()
    if decision is None:
        raise ConflictError(
            msg("Bounce {bounce} is no email that waits for an answer.", bounce=bounce_id)
        )
    decision.action = FeedbackAction.HANDLED
    record_event(
        session,
        actor,
        Action.BOUNCE_HANDLE,
        object=f"bounce {bounce_id}",
        newsletter_id=row.newsletter_id,
        reason=why,
    )
