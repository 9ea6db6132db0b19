"""Whom a link speaks for, what is known of them, and which newsletters they chose."""

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
    """One newsletter, and whether its mail is wanted; ``paused_until`` lies ahead or is None.

    Attributes:
        description: What it is, for those who do not receive it.
        frequency: How often they want its mail, of what is ``offered``.
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
    """How one newsletter addresses somebody, and how it writes to them; see `SubscriptionRow`."""

    name: str = ""
    language: str = ""
    format: str = "html"
    time_zone: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Relation:
    """Somebody's relation to a newsletter, as their link shows it; others of theirs are counted.

    Attributes:
        subscriber_id: Who is written to today: the link's person, or whoever they became.
        address: Of that person. It is not shown where they ``moved``: an old mail may be in
            other hands.
        moved: Whether the newsletter goes to another address than the link's mail did.
        paused_until: Lies ahead, or is None.
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
    """Return a person who is still known.

    Raises:
        NotFoundError: There is none, or they were erased.
    """
    row = session.get(SubscriberRow, subscriber_id)
    if row is None or row.address_key is None:
        raise NotFoundError(NO_MORE)
    return row


def find_relation(session: Session, ref: DeliveryRef) -> Relation:
    """Return whom a link is about, at the address of today.

    Raises:
        NotFoundError: That subscription is no more.
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
    """Return the newsletters that somebody gets at present, though a pause may hold them back.

    Whatever says to a reader what they get asks here: who left, or is suppressed, gets nothing.
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
    """Return whether mail for somebody goes to another address, as they or the staff changed it."""
    people = successors_of(session, subscriber_id)
    return any(received_by(session, person) for person in people)


def known_of(session: Session, newsletter_id: int, subscriber_id: int) -> ReaderSettings:
    """Return what a newsletter knows of somebody; nothing of who never asked for it."""
    row = session.get(SubscriptionRow, (newsletter_id, subscriber_id))
    if row is None:
        return ReaderSettings()
    return ReaderSettings(
        name=row.name, language=row.language, format=row.format, time_zone=row.time_zone
    )


def is_on_list(session: Session, newsletter_id: int, subscriber_id: int) -> bool:
    """Return whether a newsletter has to do with somebody, in whatever state."""
    return session.get(SubscriptionRow, (newsletter_id, subscriber_id)) is not None


def list_choices(session: Session, subscriber_id: int) -> Sequence[NewsletterChoice]:
    """Return the newsletters that a person has to do with, and those offered to everybody.

    One that is joined by invitation is shown to its subscribers alone: it is joined by a link.
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
