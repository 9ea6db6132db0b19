"""The merges of people, each of which applies to one group of newsletters."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from newsletter.database.tables import NewsletterRow, PersonMergeRow, SubscriberRow


def within_group(newsletter_id: int) -> ColumnElement[bool]:
    """Return the condition that a merge applies to a newsletter."""
    own = select(NewsletterRow.group_id).where(NewsletterRow.id == newsletter_id)
    return PersonMergeRow.group_id == own.scalar_subquery()


def merged_into(session: Session, newsletter_id: int, subscriber_id: int) -> dict[int, str]:
    """Return the people merged into a person, directly or indirectly: addresses by id.

    Erased people are left out.
    """
    found: dict[int, str] = {}
    met = [subscriber_id]
    for each in met:
        rows = session.execute(
            select(SubscriberRow.id, SubscriberRow.address)
            .join(PersonMergeRow, PersonMergeRow.merged_id == SubscriberRow.id)
            .where(PersonMergeRow.kept_id == each, within_group(newsletter_id))
            .order_by(PersonMergeRow.id)
        ).all()
        for number, address in rows:
            if address is not None and number not in met:
                found[number] = address
                met.append(number)
    return found


def kept_of(session: Session, subscriber_id: int, newsletter_id: int | None) -> Sequence[int]:
    """Return the people that a person was merged into, the last one first.

    Without a newsletter, merges in all groups are followed.
    """
    query = select(PersonMergeRow.kept_id).where(PersonMergeRow.merged_id == subscriber_id)
    if newsletter_id is not None:
        query = query.where(within_group(newsletter_id))
    return session.scalars(query.order_by(PersonMergeRow.id.desc())).all()
