"""Preferences of readers: name, language, fields, newsletters, frequency, and pauses."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from newsletter.accounts.audit import READER, record_event
from newsletter.accounts.audit_actions import Action
from newsletter.database.tables import (
    NewsletterRow,
    SubscriptionRow,
)
from newsletter.database.types import now
from newsletter.database.vocabulary import Frequency, SubscriptionState, UnsubscribeWay
from newsletter.edit_conflicts import merge_changes
from newsletter.errors import NotFoundError
from newsletter.i18n.language import Language
from newsletter.i18n.messages import msg
from newsletter.newsletters.publications import chosen_language, mail_languages
from subscribers.fields.reading import form_value
from subscribers.fields.store import hold_group, list_fields, newsletters_of_group
from subscribers.fields.values import hold_relations, values_of, write_own_values
from subscribers.frequency import change_frequency, offered_frequencies
from subscribers.joining import PREFERENCES_PAGE, Origin, consent_wording, subscribe
from subscribers.leaving import unsubscribe
from subscribers.people import clean_name, hold_person, is_time_zone
from subscribers.readers import (
    NO_MORE,
    ReaderSettings,
    find_reader,
    is_on_list,
    known_of,
    list_choices,
)
from subscribers.series.enrolment import look_again

#: Weeks for which mail may be paused.
PAUSES = (1, 2, 4, 8, 12)


@dataclass(frozen=True, kw_only=True, slots=True)
class Wishes:
    """The submitted page of preferences.

    Attributes:
        language: The language of the page.
        mail_language: The tag of the language for mail; empty for no change.
        time_zone: An IANA name; empty for each newsletter's own, None for no change.
        weeks: The length of a pause; None for no change, 0 to end a pause.
        values: The values of fields, by key.
        frequencies: The shown and the chosen frequency, by newsletter.
        shown: The values that the page showed; see `newsletter.edit_conflicts`. Changes by the
            reader are saved even if another page has changed the same values.
        shown_ids: The newsletters that the page showed as received. Choices that were not changed
            on the page have no effect. None for the present ones.
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
    shown_ids: frozenset[int] | None = None
    shown: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Own:
    """The values that a page of preferences shows; see `Wishes`."""

    name: str
    mail_language: str
    html: bool
    time_zone: str
    values: Mapping[str, object]


def own_of(session: Session, newsletter_id: int, subscriber_id: int) -> Own:
    """Return the values for the page of preferences of a newsletter's link."""
    known = known_of(session, newsletter_id, subscriber_id)
    newsletter = session.get_one(NewsletterRow, newsletter_id)
    values = values_of(session, newsletter_id, subscriber_id)
    return Own(
        name=known.name,
        mail_language=chosen_language(newsletter, known.language),
        html=known.format != "text",
        time_zone=known.time_zone,
        values={
            each.key: form_value(each, values.get(each.key))
            for each in list_fields(session, newsletter_id)
        },
    )


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
    """Save a page of preferences; ticked newsletters are joined, as the link is the reader's own.

    Changed values apply to all newsletters of the reader. Unchanged values, which the page showed
    as stored for ``newsletter_id``, are not changed anywhere. So an old page cannot subscribe or
    unsubscribe anybody by values that were not changed on it.

    Raises:
        NotFoundError: See `find_reader`.
        ListError: The value of a field is not valid; nothing is saved.
    """
    changes: defaultdict[int, list[str]] = defaultdict(list)
    wishes = _beside_others(session, newsletter_id, subscriber_id, wishes)
    # First, since it locks the person only; the following steps also lock other rows.
    for number, keys in _write_fields(session, subscriber_id, newsletter_id, wishes).items():
        changes[number] += keys
    if hold_person(session, subscriber_id) is None:
        raise NotFoundError(NO_MORE)
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
    as_shown = had if wishes.shown_ids is None else wishes.shown_ids
    changed = offered & (wishes.newsletter_ids ^ as_shown)
    for newsletter in session.scalars(select(NewsletterRow).where(NewsletterRow.id.in_(changed))):
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


def _beside_others(
    session: Session, newsletter_id: int, subscriber_id: int, wishes: Wishes
) -> Wishes:
    """Return the page with unchanged values replaced by the present ones."""
    hold_group(session, newsletter_id)
    hold_relations(session, newsletter_id, subscriber_id)
    now = own_of(session, newsletter_id, subscriber_id)
    zone = wishes.time_zone
    sent = Own(
        name=clean_name(wishes.name),
        mail_language=wishes.mail_language,
        html=wishes.html,
        time_zone=now.time_zone if zone is None else zone,
        values=wishes.values,
    )
    own = merge_changes(wishes.shown, sent, now).value
    return replace(
        wishes,
        name=own.name,
        mail_language=own.mail_language,
        html=own.html,
        time_zone=own.time_zone,
        values=own.values,
    )


def _write_fields(
    session: Session, subscriber_id: int, newsletter_id: int, wishes: Wishes
) -> dict[int, Sequence[str]]:
    """Save the values of fields; return the changed fields by newsletter."""
    if not wishes.values:
        return {}
    group = newsletters_of_group(session, newsletter_id)
    written = write_own_values(
        session,
        newsletter_id,
        subscriber_id,
        wishes.values,
        stays=not wishes.newsletter_ids.isdisjoint(group),
    )
    return {number: written for number in group if is_on_list(session, number, subscriber_id)}


def _write_known(
    relation: SubscriptionRow, wished: ReaderSettings, shown: ReaderSettings
) -> list[str]:
    """Save changed settings in a subscription; return the names of changed columns.

    Values that were not changed on the page are not changed in the subscription.
    """
    changed = []
    for name in (each.name for each in fields(ReaderSettings)):
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
    """Join an offered newsletter, by one click on the reader's own page.

    Args:
        session: The database session, in a transaction.
        subscriber_id: The reader.
        newsletter_id: The newsletter.
        language: The language of the consent text.
        like: The newsletter from which name and settings are copied.
        network: The network address, with the precision of the settings.

    Raises:
        NotFoundError: The newsletter is not offered, or the reader does not exist any more.
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
    """Save offered frequencies; return the newsletters in which they changed."""
    return [
        number
        for number, (shown, chosen) in wishes.frequencies.items()
        if chosen in offered_frequencies(session, number)
        and change_frequency(session, number, subscriber_id, chosen, shown=shown)
    ]


def _record_changes(
    session: Session, subscriber_id: int, changes: Mapping[int, Sequence[str]]
) -> None:
    """Log the reader's changes in each newsletter concerned."""
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


def _wished(
    session: Session, newsletter_id: int, wishes: Wishes, shown: ReaderSettings
) -> ReaderSettings:
    newsletter = session.get(NewsletterRow, newsletter_id)
    language = wishes.mail_language
    # The page offers few languages: without another choice, the present tag is kept.
    if (
        newsletter is None
        or language not in mail_languages(newsletter)
        or language == chosen_language(newsletter, shown.language)
    ):
        language = shown.language
    zone = shown.time_zone if wishes.time_zone is None else wishes.time_zone
    return ReaderSettings(
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
    """Pause a reader's mail for some weeks (0 ends a pause); return the end of the pause.

    Returns None if the reader has unsubscribed meanwhile.

    Args:
        session: The database session, in a transaction.
        subscriber_id: The reader; for a link, the present subscriber, see `find_relation`.
        weeks: The number of weeks.
        newsletter_ids: The newsletters; None for all.
    """
    until = _pause_end(weeks)
    paused = _set_pause(session, subscriber_id, until, newsletter_ids)
    _record_changes(session, subscriber_id, {number: ["paused_until"] for number in paused})
    return until if paused else None


def _pause_end(weeks: int) -> datetime | None:
    return now() + timedelta(weeks=weeks) if weeks > 0 else None


def _set_pause(
    session: Session,
    subscriber_id: int,
    until: datetime | None,
    newsletter_ids: Collection[int] | None = None,
) -> Sequence[int]:
    """Set or end the pause of subscriptions; return the newsletters in which it changed."""
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
