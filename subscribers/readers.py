"""The reader of a personal link, their data, and their newsletters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from newsletter.database.tables import (
    NewsletterRow,
    SubscriberRow,
    SubscriptionRow,
)
from newsletter.database.types import now
from newsletter.database.vocabulary import Frequency, Joining, SubscriptionState
from newsletter.errors import NotFoundError
from newsletter.i18n.language import Language, language_for
from newsletter.i18n.messages import msg
from newsletter.tokens import DeliveryRef
from subscribers.frequency import offered_frequencies
from subscribers.leaving import successors_of
from subscribers.suppression import is_suppressed

NO_MORE = msg("This subscription no longer exists.")


@dataclass(frozen=True, kw_only=True, slots=True)
class NewsletterChoice:
    """A newsletter on the page of preferences, and whether it is received.

    Attributes:
        description: The newsletter's description, for people who do not receive it.
        frequency: The chosen frequency, among those ``offered``.
        paused_until: The end of a pause in the future; or None.
    """

    newsletter_id: int
    slug: str
    name: str
    description: str
    subscribed: bool
    paused_until: datetime | None
    frequency: Frequency = Frequency.EACH
    offered: Sequence[Frequency] = (Frequency.EACH,)


@dataclass(frozen=True, kw_only=True, slots=True)
class ReaderSettings:
    """A reader's settings in one newsletter; see `SubscriptionRow`."""

    name: str = ""
    language: str = ""
    format: str = "html"
    time_zone: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Relation:
    """A reader's subscription, for the pages of a personal link.

    Attributes:
        subscriber_id: The present subscriber, after address changes and merges.
        address: The present address. It is not shown if they ``moved``, since an old mail may be in
            other hands.
        moved: Whether the present address differs from that of the link's mail.
        paused_until: The end of a pause in the future; or None.
    """

    ref: DeliveryRef
    newsletter: NewsletterRow
    subscriber_id: int
    address: str
    moved: bool
    language: Language
    subscribed: bool
    others: int
    paused_until: datetime | None = None


def find_reader(session: Session, subscriber_id: int) -> SubscriberRow:
    """Return a person who was not erased.

    Raises:
        NotFoundError: The person does not exist, or was erased.
    """
    row = session.get(SubscriberRow, subscriber_id)
    if row is None or row.address_key is None:
        raise NotFoundError(NO_MORE)
    return row


def find_relation(session: Session, ref: DeliveryRef) -> Relation:
    """Return the subscription of a link, at the present address.

    Raises:
        NotFoundError: The subscription does not exist any more.
    """
    people = [ref.subscriber_id, *successors_of(session, ref.subscriber_id)]
    rows = session.execute(
        select(NewsletterRow, SubscriberRow, SubscriptionRow)
        .join(SubscriptionRow, SubscriptionRow.newsletter_id == NewsletterRow.id)
        .join(SubscriberRow, SubscriberRow.id == SubscriptionRow.subscriber_id)
        .where(NewsletterRow.id == ref.newsletter_id, SubscriberRow.id.in_(people))
    ).all()
    known = sorted(rows, key=lambda row: people.index(row[1].id))
    if not known or known[0][1].id != ref.subscriber_id:
        raise NotFoundError(NO_MORE)
    newsletter, subscriber, subscription = next(
        (row for row in known if row[2].state is not SubscriptionState.UNSUBSCRIBED), known[0]
    )
    received = {
        choice.newsletter_id
        for person in people
        for choice in list_choices(session, person)
        if choice.subscribed
    }
    return Relation(
        ref=ref,
        newsletter=newsletter,
        subscriber_id=subscriber.id,
        address=subscriber.address or "",
        moved=subscriber.id != ref.subscriber_id,
        language=language_for(subscription.language, newsletter.language),
        subscribed=subscription.state is not SubscriptionState.UNSUBSCRIBED,
        others=len(received - {newsletter.id}),
        paused_until=_ahead(subscription.paused_until),
    )


def _ahead(until: datetime | None) -> datetime | None:
    return until if until and until > now() else None


def received_by(session: Session, subscriber_id: int) -> Sequence[NewsletterRow]:
    """Return the newsletters that a reader receives at present, including paused ones.

    All pages and mails that name them use this function. Unsubscribed and suppressed ones are left
    out.
    """
    return session.scalars(
        select(NewsletterRow)
        .join(SubscriptionRow, SubscriptionRow.newsletter_id == NewsletterRow.id)
        .join(SubscriberRow, SubscriberRow.id == SubscriptionRow.subscriber_id)
        .where(
            SubscriberRow.id == subscriber_id,
            SubscriptionRow.state == SubscriptionState.CONFIRMED,
            ~is_suppressed(SubscriberRow.address_key, NewsletterRow.id),
        )
        .order_by(NewsletterRow.slug)
    ).all()


def goes_elsewhere(session: Session, subscriber_id: int) -> bool:
    """Return whether mail goes to another address, after an address change or a merge."""
    people = successors_of(session, subscriber_id)
    return any(received_by(session, person) for person in people)


def known_of(session: Session, newsletter_id: int, subscriber_id: int) -> ReaderSettings:
    """Return a reader's settings in a newsletter; empty ones without a subscription."""
    row = session.get(SubscriptionRow, (newsletter_id, subscriber_id))
    if row is None:
        return ReaderSettings()
    return ReaderSettings(
        name=row.name, language=row.language, format=row.format, time_zone=row.time_zone
    )


def is_on_list(session: Session, newsletter_id: int, subscriber_id: int) -> bool:
    """Return whether a person is on a newsletter's list, in any state."""
    return session.get(SubscriptionRow, (newsletter_id, subscriber_id)) is not None


def list_choices(session: Session, subscriber_id: int) -> Sequence[NewsletterChoice]:
    """Return a person's newsletters, and those that are offered to everybody.

    Newsletters that require an invitation are shown to their subscribers only.
    """
    rows = session.execute(
        select(
            NewsletterRow,
            SubscriptionRow.state,
            SubscriptionRow.paused_until,
            SubscriptionRow.frequency,
        )
        .outerjoin(
            SubscriptionRow,
            (SubscriptionRow.newsletter_id == NewsletterRow.id)
            & (SubscriptionRow.subscriber_id == subscriber_id),
        )
        .order_by(NewsletterRow.slug)
    )
    return [
        NewsletterChoice(
            newsletter_id=newsletter.id,
            slug=newsletter.slug,
            name=newsletter.name,
            description=newsletter.description,
            subscribed=state is SubscriptionState.CONFIRMED,
            paused_until=_ahead(until),
            frequency=frequency or Frequency.EACH,
            offered=offered_frequencies(session, newsletter.id),
        )
        for newsletter, state, until, frequency in rows
        if state is SubscriptionState.CONFIRMED
        or newsletter.joining is Joining.PUBLIC
        or (newsletter.joining is Joining.UNLISTED and state is not None)
    ]
