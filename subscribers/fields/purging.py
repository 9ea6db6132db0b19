"""Purging of values: those of deleted fields, of removed options, and after a field's retention.

Values are deleted page by page, each in its own transaction. If a worker is killed, the next run
deletes the remaining values.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Engine, delete, distinct, func, or_, select, tuple_
from sqlalchemy.orm import Session, aliased
from sqlalchemy.orm.attributes import flag_modified

from newsletter.database.engine import reading, transaction
from newsletter.database.tables import FieldRow, NewsletterRow, SubscriptionRow
from newsletter.database.types import now
from newsletter.database.vocabulary import SubscriptionState
from subscribers.fields.store import has_option, has_value, newsletters_of_group

#: Subscriptions per transaction, which takes well under a second.
_PAGE = 2000


def count_values(session: Session, newsletter_id: int, key: str, option: str = "") -> int:
    """Return the number of people of the group with a value of a field, or with one option."""
    query = select(func.count(distinct(SubscriptionRow.subscriber_id))).where(
        SubscriptionRow.newsletter_id.in_(newsletters_of_group(session, newsletter_id)),
        has_option(key, option) if option else has_value(key),
    )
    return session.scalar(query) or 0


def purge_removed(engine: Engine, *, most: int | None = None) -> int:
    """Delete the values of deleted fields and removed options; return their number.

    Args:
        engine: The database.
        most: The approximate number to delete; the next call deletes more. None for all.
    """
    with reading(engine) as session:
        rows = session.scalars(select(FieldRow).order_by(FieldRow.id)).all()
    count = 0
    for row in rows:
        if most is None or count < most:
            left = None if most is None else most - count
            count += (_purge_options if row.deleted_at is None else _purge_field)(engine, row, left)
    return count


def purge_expired(
    engine: Engine, *, moment: datetime | None = None, most: int | None = None
) -> int:
    """Delete values of former subscribers after the field's retention; return their number."""
    with reading(engine) as session:
        rows = session.scalars(
            select(FieldRow).where(FieldRow.retention_days.is_not(None)).order_by(FieldRow.id)
        ).all()
    count = 0
    for row in rows:
        if most is None or count < most:
            end = (moment or now()) - timedelta(days=row.retention_days or 0)
            over = has_value(row.key) & _left_before(row.group_id, end)
            count += _take_away(engine, row, over, None, None if most is None else most - count)
    return count


def _purge_field(engine: Engine, row: FieldRow, most: int | None) -> int:
    count = _take_away(engine, row, has_value(row.key), None, most)
    if most is None or count < most:
        with transaction(engine) as session:
            session.execute(delete(FieldRow).where(FieldRow.id == row.id))
    return count


def _purge_options(engine: Engine, row: FieldRow, most: int | None) -> int:
    removed = {option["value"] for option in row.options if option.get("removed")}
    if not removed:
        return 0
    chosen = or_(*(has_option(row.key, option) for option in sorted(removed)))
    count = _take_away(engine, row, chosen, removed, most)
    if most is None or count < most:
        with transaction(engine) as session:
            held = session.scalars(
                select(FieldRow).where(FieldRow.id == row.id).with_for_update()
            ).one()
            held.options = [
                option
                for option in held.options
                if not (option.get("removed") and option["value"] in removed)
            ]
    return count


def _left_before(group_id: int, end: datetime) -> ColumnElement[bool]:
    """Return the condition that a person left all newsletters of a group before a moment."""
    other = aliased(SubscriptionRow)
    stays = (
        select(other.subscriber_id)
        .join(NewsletterRow, NewsletterRow.id == other.newsletter_id)
        .where(
            NewsletterRow.group_id == group_id,
            other.subscriber_id == SubscriptionRow.subscriber_id,
            or_(other.state != SubscriptionState.UNSUBSCRIBED, other.unsubscribed_at >= end),
        )
        .correlate(SubscriptionRow)
    )
    return (SubscriptionRow.state == SubscriptionState.UNSUBSCRIBED) & ~stays.exists()


def _take_away(
    engine: Engine,
    row: FieldRow,
    condition: ColumnElement[bool],
    options: set[str] | None,
    most: int | None,
) -> int:
    """Delete a field's values, or some options of them, from the selected subscriptions."""
    place = tuple_(SubscriptionRow.newsletter_id, SubscriptionRow.subscriber_id)
    page = (
        select(SubscriptionRow)
        .where(
            SubscriptionRow.newsletter_id.in_(
                select(NewsletterRow.id).where(NewsletterRow.group_id == row.group_id)
            ),
            condition,
        )
        .order_by(SubscriptionRow.newsletter_id, SubscriptionRow.subscriber_id)
        .limit(_PAGE)
        .with_for_update()
    )
    count, last = 0, (0, 0)
    while True:
        with transaction(engine) as session:
            subscriptions = session.scalars(page.where(place > last)).all()
            for relation in subscriptions:
                relation.attributes = _without(relation.attributes, row.key, options)
                # Keep the time of change; otherwise undoing an import would skip the person.
                flag_modified(relation, "changed_at")
        count += len(subscriptions)
        if not subscriptions or (most is not None and count >= most):
            return count
        last = (subscriptions[-1].newsletter_id, subscriptions[-1].subscriber_id)


def _without(attributes: dict[str, Any], key: str, options: set[str] | None) -> dict[str, Any]:
    value = attributes.get(key)
    if options is not None and isinstance(value, list):
        kept: Any = [one for one in value if one not in options] or None
    else:
        kept = None if options is None or value in options else value
    rest = {name: each for name, each in attributes.items() if name != key}
    return rest if kept is None else {**rest, key: kept}
