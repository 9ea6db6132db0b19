"""What somebody chose, how they change it, and all that is held of them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from newsletter.database.tables import (
    BounceRow,
    ConsentRow,
    DeliveryRow,
    NewsletterRow,
    SubscriberRow,
    SubscriptionRow,
    TagRow,
    UnsubscribeEventRow,
)
from newsletter.database.types import now
from newsletter.database.vocabulary import SubscriptionState, UnsubscribeWay
from newsletter.errors import NotFoundError
from newsletter.language import Language
from subscribers.joining import Origin, consent_wording, subscribe
from subscribers.leaving import unsubscribe
from subscribers.people import clean_name

#: Weeks for which mail may be paused.
PAUSES = (1, 2, 4, 8, 12)


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """One newsletter, and whether its mail is wanted; ``paused_until`` lies ahead or is None."""

    newsletter_id: int
    slug: str
    name: str
    subscribed: bool
    paused_until: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Wishes:
    """What the page of preferences sent; ``weeks`` None leaves pauses as they are, 0 ends them."""

    name: str
    language: Language
    html: bool
    newsletter_ids: frozenset[int]
    weeks: int | None


def find_reader(session: Session, subscriber_id: int) -> SubscriberRow:
    """Return a person who is still known.

    Raises:
        NotFoundError: There is none, or they were erased.
    """
    row = session.get(SubscriberRow, subscriber_id)
    if row is None or row.address_key is None:
        raise NotFoundError("That subscription is no more.")
    return row


def list_choices(session: Session, subscriber_id: int) -> Sequence[Choice]:
    """Return every newsletter with the person's relation to it."""
    rows = session.execute(
        select(NewsletterRow, SubscriptionRow.state, SubscriptionRow.paused_until)
        .outerjoin(
            SubscriptionRow,
            (SubscriptionRow.newsletter_id == NewsletterRow.id)
            & (SubscriptionRow.subscriber_id == subscriber_id),
        )
        .order_by(NewsletterRow.slug)
    )
    moment = now()
    return [
        Choice(
            newsletter_id=newsletter.id,
            slug=newsletter.slug,
            name=newsletter.name,
            subscribed=state is SubscriptionState.CONFIRMED,
            paused_until=until if until and until > moment else None,
        )
        for newsletter, state, until in rows
    ]


def save_wishes(
    session: Session,
    subscriber_id: int,
    wishes: Wishes,
    *,
    source: str,
    network: str,
    mailing_id: int | None,
) -> None:
    """Do what somebody wishes; a newsletter they tick is joined, for the link is their own.

    Raises:
        NotFoundError: See `find_reader`.
    """
    person = find_reader(session, subscriber_id)
    person.name = clean_name(wishes.name)
    person.language = wishes.language
    person.format = "html" if wishes.html else "text"
    person.updated_at = now()
    session.flush()
    had = {c.newsletter_id for c in list_choices(session, subscriber_id) if c.subscribed}
    for newsletter in session.scalars(select(NewsletterRow)).all():
        if newsletter.id in wishes.newsletter_ids:
            wording = consent_wording(newsletter, wishes.language)
            origin = Origin(
                source=source, network=network, wording=wording, language=wishes.language
            )
            subscribe(
                session, newsletter_id=newsletter.id, subscriber_id=subscriber_id, origin=origin
            )
        elif newsletter.id in had:
            unsubscribe(
                session,
                newsletter_id=newsletter.id,
                subscriber_id=subscriber_id,
                mailing_id=mailing_id,
                way=UnsubscribeWay.PAGE,
            )
    if wishes.weeks is not None:
        pause(session, subscriber_id, weeks=wishes.weeks)


def pause(
    session: Session,
    subscriber_id: int,
    *,
    weeks: int,
    newsletter_ids: Collection[int] | None = None,
) -> datetime | None:
    """Send nothing for some weeks (0 ends a pause); return until when."""
    until = now() + timedelta(weeks=weeks) if weeks > 0 else None
    change = update(SubscriptionRow).where(
        SubscriptionRow.subscriber_id == subscriber_id,
        SubscriptionRow.state == SubscriptionState.CONFIRMED,
    )
    if newsletter_ids is not None:
        change = change.where(SubscriptionRow.newsletter_id.in_(newsletter_ids))
    session.execute(change.values(paused_until=until))
    return until


def data_held(session: Session, subscriber_id: int) -> dict[str, Any]:
    """Return all that is held of a person, ready for JSON (GDPR article 15 and 20).

    Raises:
        NotFoundError: See `find_reader`.
    """
    person = find_reader(session, subscriber_id)
    slugs = {row.id: row.slug for row in session.scalars(select(NewsletterRow))}

    tags = select(TagRow.tag).where(TagRow.subscriber_id == subscriber_id)

    def rows(table: type[Any], *columns: str) -> list[dict[str, Any]]:
        found = session.scalars(select(table).where(table.subscriber_id == subscriber_id)).all()
        return [
            {"newsletter": slugs.get(getattr(row, "newsletter_id", 0), "")}
            | {column: _plain(getattr(row, column)) for column in columns}
            for row in found
        ]

    return {
        "address": person.address,
        "name": person.name,
        "language": person.language.value,
        "format": person.format,
        "time_zone": person.time_zone,
        "attributes": person.attributes,
        "tags": list(session.scalars(tags.order_by(TagRow.tag))),
        "known_since": _plain(person.created_at),
        "subscriptions": rows(
            SubscriptionRow,
            *("state", "consent_basis", "consent_source", "consented_at"),
            *("confirmed_at", "unsubscribed_at", "paused_until"),
        ),
        "consents": rows(ConsentRow, "step", "occurred_at", "source", "network", "wording"),
        "unsubscribed": rows(UnsubscribeEventRow, "occurred_at", "way"),
        "mails": [
            {key: value for key, value in row.items() if key != "newsletter"}
            for row in rows(DeliveryRow, "mailing_id", "state", "settled_at", "status", "reply")
        ],
        "bounces": rows(BounceRow, "occurred_at", "kind", "status", "reply"),
    }


def _plain(value: object) -> object:
    return value.isoformat() if isinstance(value, datetime) else value
