"""All that is held of a person, for whoever asks what it is."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from newsletter.database.tables import (
    AddressChangeRow,
    BounceRow,
    ConsentRow,
    DeliveryRow,
    MailingRow,
    NewsletterRow,
    NoteRow,
    SubscriptionRow,
    TagRow,
    UnsubscribeEventRow,
)
from newsletter.i18n.language import Language
from subscribers.fields.store import list_fields
from subscribers.fields.values import values_of
from subscribers.merging.links import merged_into
from subscribers.readers import find_reader
from subscribers.series.enrolment import series_held


def data_held(session: Session, subscriber_id: int, language: Language) -> dict[str, Any]:
    """Return all that is held of a person, ready for JSON (GDPR article 15 and 20).

    Args:
        session: The database.
        subscriber_id: Whose data it is.
        language: In which fields and options are named.

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

    def rows(table: type[Any], *columns: str) -> list[dict[str, Any]]:
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
            for row in rows(
                SubscriptionRow,
                *("state", "consent_basis", "consent_source", "consent_wording", "consented_at"),
                *("confirmed_at", "unsubscribed_at", "paused_until"),
                *("name", "language", "format", "time_zone", "frequency", "changed_at"),
            )
        ],
        "consents": rows(
            ConsentRow, "step", "occurred_at", "source", "network", "wording", "language"
        ),
        "series": series_held(session, subscriber_id, slugs),
        "address_changes": rows(AddressChangeRow, "requested_at", "changed_at", "undone_at"),
        "unsubscribed": rows(UnsubscribeEventRow, "occurred_at", "way", "reason", "remark"),
        "mails": [
            {key: value for key, value in row.items() if key != "newsletter"}
            for row in rows(DeliveryRow, "mailing_id", "state", "settled_at", "status", "reply")
        ],
        "notes": rows(NoteRow, "written_at", "changed_at", "text"),
        "bounces": rows(BounceRow, "occurred_at", "kind", "status", "reply"),
    }


def _of_merged(session: Session, table: type[Any], subscriber_id: int) -> list[Any]:
    """Return what newsletters hold of those whom they merged with somebody, who were the same."""
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
    # A field that was deleted, or an option, may have left its value until the workers remove it.
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
