"""One person's standing with a newsletter: their subscription, tags, and what suppresses them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from newsletter.accounts.roles import Rights
from newsletter.database.tables import (
    BounceDecisionRow,
    SubscriberRow,
    SubscriptionRow,
    SuppressionRow,
    TagRow,
)
from subscribers.suppression import demand_lifting, lift_suppressions, remove_suppressions


@dataclass(frozen=True, kw_only=True, slots=True)
class PersonRecord:
    """What is known of a person within one newsletter."""

    person: SubscriberRow
    subscription: SubscriptionRow
    tags: Sequence[str]
    suppressions: Sequence[SuppressionRow]


def standing_of(session: Session, newsletter_id: int, subscriber_id: int) -> PersonRecord | None:
    """Return a person's standing; None when they never were on the list, or are erased."""
    person = session.get(SubscriberRow, subscriber_id)
    relation = session.get(SubscriptionRow, (newsletter_id, subscriber_id))
    if person is None or relation is None or person.address_key is None:
        return None
    return PersonRecord(
        person=person,
        subscription=relation,
        tags=session.scalars(
            select(TagRow.tag)
            .where(TagRow.newsletter_id == newsletter_id, TagRow.subscriber_id == subscriber_id)
            .order_by(TagRow.tag)
        ).all(),
        suppressions=session.scalars(
            select(SuppressionRow).where(
                SuppressionRow.address_key == person.address_key,
                or_(
                    SuppressionRow.newsletter_id.is_(None),
                    SuppressionRow.newsletter_id == newsletter_id,
                ),
            )
        ).all(),
    )


def lift_from(session: Session, standing: PersonRecord, *, because: str, rights: Rights) -> None:
    """Lift a person's suppressions, and mark the decisions that made them as undone.

    Raises:
        ForbiddenError: One of them holds for newsletters that these rights do not reach.
    """
    numbers = [row.id for row in standing.suppressions]
    demand_lifting(session, rights, numbers)
    decisions = session.scalars(
        select(BounceDecisionRow).where(BounceDecisionRow.suppression_id.in_(numbers))
    ).all()
    lift_suppressions(session, decisions, because=because)
    remove_suppressions(session, numbers)
