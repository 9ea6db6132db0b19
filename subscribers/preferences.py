"""What somebody chose, how they change it, and all that is held of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from newsletter.accounts.audit import READER, Action, record_event
from newsletter.database.tables import (
    NewsletterRow,
    SubscriberRow,
    SubscriptionRow,
)
from newsletter.database.types import now
from newsletter.database.vocabulary import Frequency, Joining, SubscriptionState, UnsubscribeWay
from newsletter.errors import NotFoundError
from newsletter.i18n.language import Language, nearest_language
from newsletter.i18n.messages import msg
from newsletter.newsletters.languages import chosen_language, mail_languages
from newsletter.tokens import DeliveryRef
from subscribers.fields.store import newsletters_of_group
from subscribers.fields.values import write_own_values
from subscribers.frequency import change_frequency, offered_frequencies
from subscribers.joining import PREFERENCES_PAGE, Origin, consent_wording, subscribe
from subscribers.leaving import successors_of, unsubscribe
from subscribers.people import clean_name, hold_person, is_time_zone
from subscribers.series.enrolment import look_again

#: Weeks for which mail may be paused.
PAUSES = (1, 2, 4, 8, 12)

_NO_MORE = msg("This subscription no longer exists.")


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
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
class Known:
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
    """

    ref: DeliveryRef
    newsletter: NewsletterRow
    subscriber_id: int
    address: str
    moved: bool
    language: Language
    subscribed: bool
    others: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Wishes:
    """What the page of preferences sent.

    Attributes:
        language: In which they read the page.
        mail_language: The tag of the language in which they want their mail; empty to leave it.
        time_zone: IANA name; empty for each newsletter's own, None to leave it as it is.
        weeks: None leaves pauses as they are, 0 ends them.
        values: What was filled in, by the keys of the newsletter's fields.
        frequencies: How often they want which newsletter's mail, as shown and as chosen.
    """

    name: str
    language: Language
    html: bool
    newsletter_ids: frozenset[int]
    weeks: int | None
    mail_language: str = ""
    time_zone: str | None = None
    values: Mapping[str, object] = field(default_factory=dict)
    frequencies: Mapping[int, tuple[Frequency, Frequency]] = field(default_factory=dict)


def find_reader(session: Session, subscriber_id: int) -> SubscriberRow:
    """Return a person who is still known.

    Raises:
        NotFoundError: There is none, or they were erased.
    """
    row = session.get(SubscriberRow, subscriber_id)
    if row is None or row.address_key is None:
        raise NotFoundError(_NO_MORE)
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
        raise NotFoundError(_NO_MORE)
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
        language=nearest_language(subscription.language, newsletter.language),
        subscribed=subscription.state is not SubscriptionState.UNSUBSCRIBED,
        others=len(received - {newsletter.id}),
    )


def has_moved(session: Session, subscriber_id: int) -> bool:
    """Return whether mail for somebody goes to another address since, by their own wish."""
    return bool(successors_of(session, subscriber_id))


def known_of(session: Session, newsletter_id: int, subscriber_id: int) -> Known:
    """Return what a newsletter knows of somebody; nothing of who never asked for it."""
    row = session.get(SubscriptionRow, (newsletter_id, subscriber_id))
    if row is None:
        return Known()
    return Known(name=row.name, language=row.language, format=row.format, time_zone=row.time_zone)


def is_on_list(session: Session, newsletter_id: int, subscriber_id: int) -> bool:
    """Return whether a newsletter has to do with somebody, in whatever state."""
    return session.get(SubscriptionRow, (newsletter_id, subscriber_id)) is not None


def list_choices(session: Session, subscriber_id: int) -> Sequence[Choice]:
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
    moment = now()
    return [
        Choice(
            newsletter_id=newsletter.id,
            slug=newsletter.slug,
            name=newsletter.name,
            description=newsletter.description,
            subscribed=state is SubscriptionState.CONFIRMED,
            paused_until=until if until and until > moment else None,
            frequency=frequency or Frequency.EACH,
            offered=offered_frequencies(session, newsletter.id),
        )
        for newsletter, state, until, frequency in rows
        if state is SubscriptionState.CONFIRMED
        or newsletter.joining is Joining.PUBLIC
        or (newsletter.joining is Joining.UNLISTED and state is not None)
    ]


def save_wishes(
    session: Session,
    subscriber_id: int,
    wishes: Wishes,
    *,
    newsletter_id: int,
    source: str,
    network: str,
    mailing_id: int | None,
) -> None:
    """Do what somebody wishes; a newsletter they tick is joined, for the link is their own.

    What they change holds for all their newsletters. What they leave as the page showed it, which
    is how ``newsletter_id`` knows it, stays in each as it is.

    Raises:
        NotFoundError: See `find_reader`.
        ListError: A value is none of its field; nothing is saved.
    """
    changes: defaultdict[int, list[str]] = defaultdict(list)
    # First, as it holds the person alone; what follows holds them together with others.
    for number, keys in _write_fields(session, subscriber_id, newsletter_id, wishes).items():
        changes[number] += keys
    if hold_person(session, subscriber_id) is None:
        raise NotFoundError(_NO_MORE)
    shown = known_of(session, newsletter_id, subscriber_id)
    wished = _wished(session, newsletter_id, wishes, shown)
    relations = session.scalars(
        select(SubscriptionRow).where(SubscriptionRow.subscriber_id == subscriber_id)
    ).all()
    for relation in relations:
        changes[relation.newsletter_id] += _write_known(relation, wished, shown)
    session.flush()
    known = {relation.newsletter_id for relation in relations}
    had = {r.newsletter_id for r in relations if r.state is SubscriptionState.CONFIRMED}
    offered = {choice.newsletter_id for choice in list_choices(session, subscriber_id)}
    for newsletter in session.scalars(select(NewsletterRow).where(NewsletterRow.id.in_(offered))):
        if newsletter.id in wishes.newsletter_ids:
            wording = consent_wording(newsletter, wishes.language)
            origin = Origin(
                source=source, network=network, wording=wording, language=wishes.language
            )
            subscribe(
                session,
                newsletter_id=newsletter.id,
                subscriber_id=subscriber_id,
                origin=origin,
                known=None if newsletter.id in known else asdict(wished),
            )
        elif newsletter.id in had:
            unsubscribe(
                session,
                newsletter_id=newsletter.id,
                subscriber_id=subscriber_id,
                mailing_id=mailing_id,
                way=UnsubscribeWay.PAGE,
            )
    for number in _change_frequencies(session, subscriber_id, wishes):
        changes[number].append("frequency")
    if wishes.weeks is not None:
        for number in _set_pause(session, subscriber_id, _pause_end(wishes.weeks)):
            changes[number].append("paused_until")
    _record_changes(session, subscriber_id, changes)


def _write_fields(
    session: Session, subscriber_id: int, newsletter_id: int, wishes: Wishes
) -> dict[int, Sequence[str]]:
    """Write what somebody filled in; return what changed, for each newsletter that has it."""
    if not wishes.values:
        return {}
    written = write_own_values(session, newsletter_id, subscriber_id, wishes.values)
    return {
        number: written
        for number in newsletters_of_group(session, newsletter_id)
        if is_on_list(session, number, subscriber_id)
    }


def _write_known(relation: SubscriptionRow, wished: Known, shown: Known) -> list[str]:
    """Let a newsletter know what is wished otherwise than shown; return the names of what is new.

    What was left as it was shown stays as this newsletter has it.
    """
    changed = []
    for name in (each.name for each in fields(Known)):
        value = getattr(wished, name)
        if value not in (getattr(shown, name), getattr(relation, name)):
            setattr(relation, name, value)
            changed.append(name)
    return changed


def join_offered(
    session: Session,
    subscriber_id: int,
    newsletter_id: int,
    *,
    language: Language,
    like: int,
    network: str,
) -> None:
    """Join a newsletter that is offered to somebody, by one click on their own page.

    Args:
        session: Within the transaction that the click makes.
        subscriber_id: Who joins.
        newsletter_id: Which newsletter.
        language: In which they read what they consent to.
        like: The newsletter that knows how they are addressed and written to.
        network: From where, as exactly as the settings allow.

    Raises:
        NotFoundError: It is not offered to them, or they are not known any more.
    """
    find_reader(session, subscriber_id)
    offered = {choice.newsletter_id for choice in list_choices(session, subscriber_id)}
    if newsletter_id not in offered:
        raise NotFoundError(msg("This newsletter is not offered here."))
    newsletter = session.get_one(NewsletterRow, newsletter_id)
    subscribe(
        session,
        newsletter_id=newsletter_id,
        subscriber_id=subscriber_id,
        origin=Origin(
            source=PREFERENCES_PAGE,
            network=network,
            wording=consent_wording(newsletter, language),
            language=language,
        ),
        known=None
        if is_on_list(session, newsletter_id, subscriber_id)
        else asdict(known_of(session, like, subscriber_id)),
    )


def _change_frequencies(session: Session, subscriber_id: int, wishes: Wishes) -> list[int]:
    """Do what somebody wishes where it is offered; return the newsletters where it is new."""
    return [
        number
        for number, (shown, chosen) in wishes.frequencies.items()
        if chosen in offered_frequencies(session, number)
        and change_frequency(session, number, subscriber_id, chosen, shown=shown)
    ]


def _record_changes(
    session: Session, subscriber_id: int, changes: Mapping[int, Sequence[str]]
) -> None:
    """Write down what a reader changed, for each newsletter what holds there."""
    for number, names in sorted(changes.items()):
        if names:
            record_event(
                session,
                READER,
                Action.SUBSCRIBER_PREFERENCES,
                object=f"subscriber {subscriber_id}",
                newsletter_id=number,
                details={"changed": [*names]},
            )


def _wished(session: Session, newsletter_id: int, wishes: Wishes, shown: Known) -> Known:
    newsletter = session.get(NewsletterRow, newsletter_id)
    language = wishes.mail_language
    # The page offers few languages: who did not choose another keeps the tag they have.
    if (
        newsletter is None
        or language not in mail_languages(newsletter)
        or language == chosen_language(newsletter, shown.language)
    ):
        language = shown.language
    zone = shown.time_zone if wishes.time_zone is None else wishes.time_zone
    return Known(
        name=clean_name(wishes.name),
        language=language,
        format="html" if wishes.html else "text",
        time_zone=zone if zone == shown.time_zone or is_time_zone(zone) else "",
    )


def pause(
    session: Session,
    subscriber_id: int,
    *,
    weeks: int,
    newsletter_ids: Collection[int] | None = None,
) -> datetime | None:
    """Send nothing for some weeks (0 ends a pause), as a reader asks for; return until when.

    Args:
        session: Within the transaction that does it.
        subscriber_id: To whom; a link's person may be written to at another address today, whom
            `find_relation` names.
        weeks: For how long.
        newsletter_ids: Of which newsletters; None for all of theirs.
    """
    until = _pause_end(weeks)
    paused = _set_pause(session, subscriber_id, until, newsletter_ids)
    _record_changes(session, subscriber_id, {number: ["paused_until"] for number in paused})
    return until


def _pause_end(weeks: int) -> datetime | None:
    return now() + timedelta(weeks=weeks) if weeks > 0 else None


def _set_pause(
    session: Session,
    subscriber_id: int,
    until: datetime | None,
    newsletter_ids: Collection[int] | None = None,
) -> Sequence[int]:
    """Pause the subscriptions, or go on with them; return the newsletters where that is new."""
    change = update(SubscriptionRow).where(
        SubscriptionRow.subscriber_id == subscriber_id,
        SubscriptionRow.state == SubscriptionState.CONFIRMED,
        SubscriptionRow.paused_until.is_distinct_from(until),
    )
    if newsletter_ids is not None:
        change = change.where(SubscriptionRow.newsletter_id.in_(newsletter_ids))
    changed = session.scalars(
        change.values(paused_until=until).returning(SubscriptionRow.newsletter_id)
    ).all()
    look_again(session, subscriber_id)
    return changed
