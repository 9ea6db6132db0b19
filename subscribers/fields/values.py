"""A person's values: written in one place, to every subscription of theirs within the group."""

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
from subscribers.fields.reading import demand_required, read_values
from subscribers.fields.store import hold_group, list_fields, newsletters_of_group


def write_values(
    session: Session, newsletter_id: int, subscriber_id: int, given: Mapping[str, object]
) -> dict[str, tuple[FieldValue | None, FieldValue | None]]:
    """Write what somebody's fields hold; fields that are not given stay as they are.

    Two that write at once follow each other. An empty value takes the old one away.

    Args:
        session: Within the transaction that does it.
        newsletter_id: By which newsletter it is written; all of its group have it then.
        subscriber_id: Whose values they are.
        given: What is to be kept, by the fields' keys, as `read_value` takes it.

    Returns:
        What changed, before and after, by the field's key.

    Raises:
        ListError: A value is none of its field, or there is no such field.
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
    """Tell whether two values are the same; 1 and true are not."""
    return type(one) is type(other) and one == other


def hold_relations(
    session: Session, newsletter_id: int, subscriber_id: int
) -> list[SubscriptionRow]:
    """Return somebody's subscriptions within a group, while nobody else writes or joins for them.

    An erasure that is under way is waited for.
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
    """Return what somebody brings along who joins another newsletter of the group.

    Nobody writes values of theirs until this transaction ends.
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
    """Make one set of what somebody brings from another address and what theirs holds already.

    Of each field the value counts that was given last; when, the subscription that holds it tells.

    Args:
        session: Within the transaction that moves them.
        newsletter_id: The newsletter that they bring the values to; all of its group have them.
        subscriber_id: Who they are from now on.
        brought: The values of the other address, by the fields' keys.
        given_at: When those were given.

    Returns:
        The keys of the fields whose values are others than before in one of the newsletters.
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
    """Write what a reader filled in on their own page; return the keys of what changed.

    Only fields that are theirs to change are written.

    Args:
        session: Within the transaction that writes them.
        newsletter_id: The newsletter whose fields they are.
        subscriber_id: Whose values.
        given: What was filled in, by the fields' keys.
        stays: Whether they go on receiving a newsletter that has these fields. Of who leaves
            nothing is required, so that nobody has to give something away in order to leave.

    Raises:
        ListError: A value is none of its field, or a required one is empty; the place names it.
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
        demand_required(own, values)
    return [*write_values(session, newsletter_id, subscriber_id, values)]


def values_of(session: Session, newsletter_id: int, subscriber_id: int) -> dict[str, FieldValue]:
    """Return what a newsletter's fields hold of somebody; nothing of who is not on its list."""
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
    """Return what some fields hold of people, as a mail in a language says it.

    Args:
        session: The database.
        newsletter_id: Whose fields they are.
        subscriber_ids: Of whom; who is not on the list, or has nothing, is left out.
        keys: Which fields; those that are none any more are left out.
        language: That of the mail.
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
