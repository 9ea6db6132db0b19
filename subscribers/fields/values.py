"""Values of a person's fields, written to all of the person's subscriptions within a group."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from operator import itemgetter
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from newsletter.database.tables import NewsletterRow, SubscriberRow, SubscriptionRow
from newsletter.errors import NotFoundError
from newsletter.i18n.language import Language
from newsletter.i18n.messages import msg
from subscribers.fields.model import FieldValue, current_values
from subscribers.fields.reading import read_values, require_values
from subscribers.fields.store import hold_group, list_fields, newsletters_of_group


def write_values(
    session: Session, newsletter_id: int, subscriber_id: int, given: Mapping[str, object]
) -> dict[str, tuple[FieldValue | None, FieldValue | None]]:
    """Write values of a person's fields; fields that are not given are not changed.

    Concurrent calls are serialized. An empty value deletes the previous one.

    Args:
        session: The database session, in a transaction.
        newsletter_id: A newsletter; the values apply to its whole group.
        subscriber_id: The person.
        given: The inputs for `read_value`, by the fields' keys.

    Returns:
        The previous and the new value of each changed field, by key.

    Raises:
        ListError: An input is not valid for its field, or the field does not exist.
        NotFoundError: The person was erased, or is not on the list.
    """
    hold_group(session, newsletter_id)
    values = read_values(list_fields(session, newsletter_id), given)
    relations = hold_relations(session, newsletter_id, subscriber_id)
    own = next((r for r in relations if r.newsletter_id == newsletter_id), None)
    if own is None:
        raise NotFoundError(
            msg("There is no subscriber {subscriber} on this list.", subscriber=subscriber_id)
        )
    before = own.attributes
    changed = {
        key: (before.get(key), value)
        for key, value in values.items()
        if not _is_same(before.get(key), value)
    }
    for relation in relations:
        attributes = {**relation.attributes, **values}
        relation.attributes = {key: value for key, value in attributes.items() if value is not None}
    session.flush()
    return changed


def _is_same(one: object, other: object) -> bool:
    """Return whether two values are the same, where 1 differs from true."""
    return type(one) is type(other) and one == other


def hold_relations(
    session: Session, newsletter_id: int, subscriber_id: int
) -> list[SubscriptionRow]:
    """Lock and return a person's subscriptions within a group, also against new subscriptions.

    This waits for an erasure in progress.
    """
    alone = (
        select(SubscriberRow.id)
        .where(SubscriberRow.id == subscriber_id, SubscriberRow.address_key.is_not(None))
        .with_for_update(key_share=True)
    )
    if session.scalar(alone) is None:
        return []
    return list(
        session.scalars(
            select(SubscriptionRow)
            .where(
                SubscriptionRow.subscriber_id == subscriber_id,
                SubscriptionRow.newsletter_id.in_(newsletters_of_group(session, newsletter_id)),
            )
            .order_by(SubscriptionRow.newsletter_id)
            .with_for_update()
            .execution_options(populate_existing=True)
        )
    )


def carried_values(session: Session, newsletter_id: int, subscriber_id: int) -> dict[str, Any]:
    """Return the values that a person already has when joining another newsletter of the group.

    The values are locked until this transaction ends.
    """
    own = select(NewsletterRow.group_id).where(NewsletterRow.id == newsletter_id)
    session.scalar(
        select(SubscriberRow.id)
        .where(SubscriberRow.id == subscriber_id)
        .with_for_update(key_share=True)
    )
    found = session.scalars(
        select(SubscriptionRow.attributes)
        .join(NewsletterRow, NewsletterRow.id == SubscriptionRow.newsletter_id)
        .where(
            SubscriptionRow.subscriber_id == subscriber_id,
            NewsletterRow.group_id == own.scalar_subquery(),
        )
        .order_by(SubscriptionRow.newsletter_id)
        .limit(1)
    ).one_or_none()
    return dict(found or {})


def unite_values(
    session: Session,
    newsletter_id: int,
    subscriber_id: int,
    brought: Mapping[str, Any],
    *,
    given_at: datetime,
) -> list[str]:
    """Unite the values of a person's previous address with those of the present one.

    For each field, the most recent value is kept; its time is taken from the subscription.

    Args:
        session: The database session, in the transaction of the change of address.
        newsletter_id: A newsletter; the values apply to its whole group.
        subscriber_id: The subscriber with the present address.
        brought: The values of the previous address, by the fields' keys.
        given_at: The time of those values.

    Returns:
        The keys of the fields whose values changed in any of the newsletters.
    """
    hold_group(session, newsletter_id)
    relations = hold_relations(session, newsletter_id, subscriber_id)
    sets = [(given_at, dict(brought))]
    for relation in relations:
        held_since = relation.changed_at or relation.confirmed_at or relation.consented_at
        if relation.attributes != brought:
            sets.append((held_since or given_at, relation.attributes))
    united: dict[str, Any] = {}
    for _, values in sorted(sets, key=itemgetter(0)):
        united |= values
    changed: set[str] = set()
    for relation in relations:
        before = relation.attributes
        changed |= {key for key in united if not _is_same(before.get(key), united[key])}
        relation.attributes = dict(united)
    session.flush()
    return sorted(changed)


def write_own_values(
    session: Session,
    newsletter_id: int,
    subscriber_id: int,
    given: Mapping[str, object],
    *,
    stays: bool,
) -> Sequence[str]:
    """Write the values from a reader's own page; return the keys of the changed fields.

    Only fields that readers may change are written.

    Args:
        session: The database session, in a transaction.
        newsletter_id: The newsletter of the fields.
        subscriber_id: The reader.
        given: The inputs, by the fields' keys.
        stays: Whether the reader remains subscribed to a newsletter with these fields. Otherwise
            no value is required, since nobody must need to give data in order to unsubscribe.

    Raises:
        ListError: An input is invalid, or a required one is empty; the place names the field.
        NotFoundError: The person was erased, or is not on the list.
    """
    hold_group(session, newsletter_id)
    own = [
        field
        for field in list_fields(session, newsletter_id)
        if field.reader_may_change and field.key in given
    ]
    values = read_values(own, {field.key: given[field.key] for field in own})
    if stays:
        require_values(own, values)
    return [*write_values(session, newsletter_id, subscriber_id, values)]


def values_of(session: Session, newsletter_id: int, subscriber_id: int) -> dict[str, FieldValue]:
    """Return a person's values of a newsletter's fields; none if they are not on its list."""
    row = session.get(SubscriptionRow, (newsletter_id, subscriber_id))
    return (
        {} if row is None else current_values(list_fields(session, newsletter_id), row.attributes)
    )


def shown_values(
    session: Session,
    newsletter_id: int,
    subscriber_ids: Collection[int],
    keys: Collection[str],
    language: Language,
) -> dict[int, dict[str, str]]:
    """Return people's values of some fields, as texts for a mail.

    Args:
        session: The database session.
        newsletter_id: The newsletter of the fields.
        subscriber_ids: The people; those without values or not on the list are left out.
        keys: The keys of the fields; unknown keys are left out.
        language: The language of the mail.
    """
    fields = [field for field in list_fields(session, newsletter_id) if field.key in keys]
    if not fields:
        return {}
    rows = session.execute(
        select(SubscriptionRow.subscriber_id, SubscriptionRow.attributes).where(
            SubscriptionRow.newsletter_id == newsletter_id,
            SubscriptionRow.subscriber_id.in_(subscriber_ids),
        )
    )
    found = {number: current_values(fields, attributes) for number, attributes in rows}
    return {
        number: {
            field.key: field.shown(values[field.key], language)
            for field in fields
            if field.key in values
        }
        for number, values in found.items()
        if values
    }
