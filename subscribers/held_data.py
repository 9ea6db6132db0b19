"""All stored data about a person, for requests of access."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from newsletter.database.tables import (
    AddressChangeRow,
    AuditEventRow,
    BounceRow,
    ConsentRow,
    DeliveryRow,
    DigestEntryRow,
    JoinRequestRow,
    MailingRow,
    NewsletterRow,
    NoteRow,
    SubscriptionRow,
    SuppressionRow,
    TagRow,
    UnsubscribeEventRow,
)
from newsletter.i18n.language import Language
from subscribers.fields.store import list_fields
from subscribers.fields.values import values_of
from subscribers.history_entries import EVENT_NAMES
from subscribers.merging.links import merged_into
from subscribers.readers import find_reader
from subscribers.series.enrolment import series_held

#: The tables with data about a person, each a part of `data_held`, and the columns that are left
#: out: ids, details of sending, and names of the staff. All other columns are included, also those
#: that are added later.
LEFT_OUT: Mapping[type[Any], frozenset[str]] = {
    # The values of fields are listed one by one, with their labels.
    SubscriptionRow: frozenset({"attributes"}),
    ConsentRow: frozenset({"id"}),
    JoinRequestRow: frozenset({"consent_id", "form_id", "is_counted"}),
    SuppressionRow: frozenset({"id", "address_key", "address_hash"}),
    AddressChangeRow: frozenset({"id", "successor_id", "newsletter_ids"}),
    UnsubscribeEventRow: frozenset({"id"}),
    DeliveryRow: frozenset(
        {"position", "attempts", "breaks", "correction", "doubted", "next_attempt_at", "queue_id"}
        | {"transport"}
    ),
    DigestEntryRow: frozenset({"digest_mailing_id"}),
    NoteRow: frozenset({"id", "author", "revision"}),
    BounceRow: frozenset(
        {"id", "event_id", "source", "reader", "raw", "return_path", "message_id", "feedback_id"}
        | {"domain", "proven", "judged_at"}
    ),
}
_OWNERS = frozenset({"subscriber_id", "newsletter_id"})


def held_columns(table: type[Any]) -> Sequence[str]:
    """Return the columns of a table that are included."""
    left_out = LEFT_OUT[table] | _OWNERS
    return [column.name for column in table.__table__.columns if column.name not in left_out]


def data_held(session: Session, subscriber_id: int, language: Language) -> dict[str, Any]:
    """Return all stored data about a person, as values for JSON (GDPR articles 15 and 20).

    Args:
        session: The database session.
        subscriber_id: The person.
        language: The language for labels of fields and options.

    Raises:
        NotFoundError: See `find_reader`.
    """
    person = find_reader(session, subscriber_id)
    slugs = {row.id: row.slug for row in session.scalars(select(NewsletterRow))}
    numbers = {slug: number for number, slug in slugs.items()}
    tags: dict[str, list[str]] = {}
    for number, tag in session.execute(
        select(TagRow.newsletter_id, TagRow.tag)
        .where(TagRow.subscriber_id == subscriber_id)
        .order_by(TagRow.tag)
    ):
        tags.setdefault(slugs.get(number, ""), []).append(tag)

    def rows(table: type[Any]) -> list[dict[str, Any]]:
        columns = held_columns(table)
        found = session.scalars(select(table).where(table.subscriber_id == subscriber_id)).all()
        found = [*found, *_of_merged(session, table, subscriber_id)]
        return [
            {"newsletter": slugs.get(getattr(row, "newsletter_id", 0), "")}
            | {column: _plain(getattr(row, column)) for column in columns}
            for row in found
        ]

    return {
        "address": person.address,
        "known_since": _plain(person.created_at),
        "subscriptions": [
            row
            | {
                "tags": tags.get(row["newsletter"], []),
                "fields": _fields_held(
                    session, numbers[row["newsletter"]], subscriber_id, language
                ),
            }
            for row in rows(SubscriptionRow)
        ],
        "consents": rows(ConsentRow),
        "requests": rows(JoinRequestRow),
        "suppressions": [
            {"newsletter": slugs.get(row.newsletter_id or 0, "")}
            | {name: _plain(getattr(row, name)) for name in held_columns(SuppressionRow)}
            for row in session.scalars(
                select(SuppressionRow)
                .where(SuppressionRow.address_key == person.address_key)
                .order_by(SuppressionRow.id)
            )
        ],
        "series": series_held(session, subscriber_id, slugs),
        "address_changes": rows(AddressChangeRow),
        "unsubscribed": rows(UnsubscribeEventRow),
        "mails": [
            {key: value for key, value in row.items() if key != "newsletter"}
            for row in rows(DeliveryRow)
        ],
        "waiting_for_digest": rows(DigestEntryRow),
        "notes": rows(NoteRow),
        "bounces": rows(BounceRow),
        "changes": _changes(session, subscriber_id, slugs),
    }


def _changes(
    session: Session, subscriber_id: int, slugs: Mapping[int, str]
) -> list[dict[str, object]]:
    """Return the changes by the person and the staff, without names of the staff."""
    rows = session.scalars(
        select(AuditEventRow)
        .where(
            AuditEventRow.object == f"subscriber {subscriber_id}",
            AuditEventRow.action.in_([action.value for action in EVENT_NAMES]),
        )
        .order_by(AuditEventRow.id)
    )
    return [
        {
            "newsletter": slugs.get(row.newsletter_id or 0, ""),
            "what": row.action,
            "occurred_at": _plain(row.occurred_at),
            "changed": row.details.get("changed") or [],
            "reason": row.reason,
        }
        for row in rows
    ]


def _of_merged(session: Session, table: type[Any], subscriber_id: int) -> list[Any]:
    """Return the rows of merged subscribers, in the newsletters of their group."""
    found: list[Any] = []
    if table not in (ConsentRow, UnsubscribeEventRow, BounceRow, DeliveryRow):
        return found
    for newsletter_id in session.scalars(
        select(SubscriptionRow.newsletter_id).where(SubscriptionRow.subscriber_id == subscriber_id)
    ).all():
        mailings = select(MailingRow.id).where(MailingRow.newsletter_id == newsletter_id)
        own = (
            table.mailing_id.in_(mailings)
            if table is DeliveryRow
            else table.newsletter_id == newsletter_id
        )
        people = merged_into(session, newsletter_id, subscriber_id)
        found += session.scalars(select(table).where(own, table.subscriber_id.in_(people)))
    return found


def _fields_held(
    session: Session, newsletter_id: int, subscriber_id: int, language: Language
) -> list[dict[str, object]]:
    values = values_of(session, newsletter_id, subscriber_id)
    relation = session.get_one(SubscriptionRow, (newsletter_id, subscriber_id))
    # Values of deleted fields and options remain until the workers remove them.
    left = {key: value for key, value in relation.attributes.items() if key not in values}
    return [
        {"key": key, "label": key, "value": value, "shown": str(value), "purpose": ""}
        for key, value in left.items()
    ] + [
        {
            "key": each.key,
            "label": each.label(language),
            "value": values[each.key],
            "shown": each.shown(values[each.key], language),
            "purpose": each.purpose,
        }
        for each in list_fields(session, newsletter_id)
        if each.key in values
    ]


def _plain(value: object) -> object:
    return value.isoformat() if isinstance(value, datetime) else value
