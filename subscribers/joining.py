"""Joining: a request, and its confirmation, which begins the subscription.

Anybody can enter any address. So a request only adds a row to the consent record (and, for a new
person, a pending subscription). The person's state changes only when the link in their mail is
confirmed; until then, people who unsubscribed stay unsubscribed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from newsletter.addresses import Address
from newsletter.database.insert import insert_missing
from newsletter.database.tables import (
    ConsentRow,
    JoinRequestRow,
    NewsletterRow,
    SubscriberRow,
    SubscriptionRow,
)
from newsletter.database.types import now
from newsletter.database.vocabulary import ConsentStep, Frequency, GrowthCause, SubscriptionState
from newsletter.errors import NotFoundError
from newsletter.i18n.language import Language, language_for
from newsletter.i18n.messages import msg
from newsletter.tokens import Purpose, TokenSigner, mark_of
from subscribers.fields.model import FieldValue
from subscribers.fields.values import carried_values
from subscribers.forms.model import OWN_FORM, JoinForm
from subscribers.forms.requests import keep_answers, take_over_answers
from subscribers.growth_log import log_growth
from subscribers.people import clean_name, find_or_add_person, hold_person
from subscribers.series.enrolment import note_joined
from subscribers.suppression import is_suppressed

#: The basis of a subscription that was confirmed by mail.
BASIS = "double opt-in"
#: The basis of a subscription from the reader's own page, whose address only their mail contains.
OWN_PAGE = "reader's own page"
#: The prefix of a source for requests by mail, followed by the address they were sent to.
BY_MAIL = "mail to "
#: The source of a confirmation by the link in the mail.
CONFIRMATION_MAIL = "link in the confirmation mail"
#: The source of a choice on the page of preferences.
PREFERENCES_PAGE = "preferences page"
#: The sources of people who were added by the staff, in the browser or on the command line.
BY_HAND, BY_COMMAND = "by hand", "command line"


@dataclass(frozen=True, kw_only=True, slots=True)
class Origin:
    """The origin of a consent.

    Attributes:
        source: The page or form.
        network: The network address, with the precision of the settings.
        wording: The text that was agreed to.
        language: The language of that text.
        mail_language: The tag of the language for mail; empty for the same.
    """

    source: str
    network: str
    wording: str
    language: Language
    mail_language: str = ""

    @property
    def written_in(self) -> Language:
        """The language of mail to the person."""
        return language_for(self.mail_language, self.language)


@dataclass(frozen=True, kw_only=True, slots=True)
class JoinRequest:
    """A stored request; ``confirmed`` is set if there is nothing to confirm.

    Attributes:
        numbers: The ids in its confirmation link.
    """

    numbers: tuple[int, int]
    subscriber_id: int
    confirmed: bool


class LinkState(StrEnum):
    """The state of a confirmation link."""

    OPEN = "open"
    CONFIRMED = "confirmed"
    EXPIRED = "expired"


@dataclass(frozen=True, kw_only=True, slots=True)
class Invitation:
    """The request of a confirmation link."""

    consent_id: int
    newsletter: NewsletterRow
    subscriber_id: int
    address: str
    language: Language
    standing: LinkState


def consent_wording(newsletter: NewsletterRow, language: Language) -> str:
    """Return the consent text that forms show, and that the consent record stores.

    The sender is not named if its name is that of the newsletter.
    """
    if newsletter.from_name == newsletter.name:
        return msg(
            "I agree to receive {newsletter} by email. I can unsubscribe at any time from any of "
            "its emails.",
            newsletter=newsletter.name,
        ).in_language(language)
    return msg(
        "I agree to receive {newsletter}, published by {publisher}, by email. I can unsubscribe at "
        "any time from any of its emails.",
        newsletter=newsletter.name,
        publisher=newsletter.from_name,
    ).in_language(language)


def request_join(
    session: Session,
    newsletter: NewsletterRow,
    address: Address,
    *,
    name: str,
    origin: Origin,
    time_zone: str = "",
    form: JoinForm = OWN_FORM,
    answers: Mapping[str, FieldValue | None] | None = None,
    frequency: Frequency | None = None,
) -> JoinRequest:
    """Store a request, without changing an existing subscription.

    The submitted data and the form's tags are stored with the request until it is confirmed.
    """
    person = find_or_add_person(session, address)
    insert_missing(
        session,
        SubscriptionRow,
        [
            {
                "newsletter_id": newsletter.id,
                "subscriber_id": person.id,
                "state": SubscriptionState.PENDING,
                "consent_basis": BASIS,
                "consent_source": origin.source,
                "consent_wording": origin.wording,
                "consented_at": now(),
                "name": clean_name(name),
                "language": origin.mail_language or origin.language.value,
                "time_zone": time_zone,
                "attributes": carried_values(session, newsletter.id, person.id),
            }
        ],
    )
    consent = _record(session, newsletter.id, person.id, ConsentStep.REQUESTED, origin)
    keep_answers(
        session,
        consent.id,
        form,
        answers or {},
        frequency,
        name=clean_name(name),
        language=origin.mail_language,
        time_zone=time_zone,
        is_by_mail=origin.source.startswith(BY_MAIL),
    )
    state = session.scalars(
        select(SubscriptionRow.state).where(
            SubscriptionRow.newsletter_id == newsletter.id,
            SubscriptionRow.subscriber_id == person.id,
        )
    ).one()
    return JoinRequest(
        numbers=(consent.id, mark_of(consent.occurred_at)),
        subscriber_id=person.id,
        confirmed=state is SubscriptionState.CONFIRMED,
    )


def find_invitation(session: Session, signer: TokenSigner, token: str, *, days: int) -> Invitation:
    """Return the request of a confirmation link, which is valid for ``days``.

    The link becomes invalid when the person unsubscribes later.

    Raises:
        TokenError: See `TokenSigner.read`.
        NotFoundError: There is no such request, or its id belongs to another one since a restore;
            or the person was erased.
    """
    consent_id, *mark = signer.read(Purpose.CONFIRM, token)
    row = session.execute(
        select(ConsentRow, NewsletterRow, SubscriberRow, SubscriptionRow)
        .join(NewsletterRow, NewsletterRow.id == ConsentRow.newsletter_id)
        .join(SubscriberRow, SubscriberRow.id == ConsentRow.subscriber_id)
        .join(
            SubscriptionRow,
            (SubscriptionRow.newsletter_id == ConsentRow.newsletter_id)
            & (SubscriptionRow.subscriber_id == ConsentRow.subscriber_id),
        )
        .where(ConsentRow.id == consent_id, SubscriberRow.address_key.is_not(None))
    ).one_or_none()
    if row is None or mark not in ([], [mark_of(row[0].occurred_at)]):
        raise NotFoundError(msg("This request no longer exists."))
    consent, newsletter, person, subscription = row
    left_since = (
        subscription.unsubscribed_at is not None
        and subscription.unsubscribed_at >= consent.occurred_at
    )
    if subscription.state is SubscriptionState.CONFIRMED:
        standing = LinkState.CONFIRMED
    elif left_since or consent.occurred_at < now() - timedelta(days=days):
        standing = LinkState.EXPIRED
    else:
        standing = LinkState.OPEN
    request = session.get(JoinRequestRow, consent.id)
    if request is not None:
        chosen = request.language
    else:
        # The submitted data became the subscription's when it was confirmed.
        chosen = subscription.language if standing is LinkState.CONFIRMED else ""
    return Invitation(
        consent_id=consent_id,
        newsletter=newsletter,
        subscriber_id=person.id,
        address=person.address or "",
        language=language_for(chosen, consent.language),
        standing=standing,
    )


def confirm_join(
    session: Session, signer: TokenSigner, token: str, *, days: int, source: str, network: str
) -> Invitation:
    """Begin a subscription; has no effect the second time, or if the link is not valid any more.

    Raises:
        TokenError: See `find_invitation`.
        NotFoundError: See `find_invitation`.
    """
    asked = session.get(ConsentRow, signer.read(Purpose.CONFIRM, token)[0])
    if asked is not None:
        # Locked, so that a concurrent unsubscription is either seen here, or follows.
        _hold_subscription(session, asked.newsletter_id, asked.subscriber_id)
    invitation = find_invitation(session, signer, token, days=days)
    if asked is None or invitation.standing is not LinkState.OPEN:
        return invitation
    begun = subscribe(
        session,
        newsletter_id=asked.newsletter_id,
        subscriber_id=asked.subscriber_id,
        origin=Origin(
            source=source, network=network, wording=asked.wording, language=asked.language
        ),
        basis=BASIS,
        known=_own_values(session, asked),
        cause=GrowthCause.MAIL if asked.source.startswith(BY_MAIL) else GrowthCause.FORM,
    )
    if begun:
        take_over_answers(session, asked.id)
    return invitation


def _own_values(session: Session, asked: ConsentRow) -> dict[str, str]:
    """Return the data of a request, by the columns of `SubscriptionRow`.

    For a pending subscription, they replace all data of other requests. For others, missing values
    do not change the present ones.
    """
    request = session.get(JoinRequestRow, asked.id)
    row = session.get(SubscriptionRow, (asked.newsletter_id, asked.subscriber_id))
    if request is None or row is None:
        return {}
    said = {"name": request.name, "language": request.language, "time_zone": request.time_zone}
    only_asked = row.state is SubscriptionState.PENDING and row.consent_basis == BASIS
    if only_asked and row.changed_at is None:
        return said | {"language": request.language or asked.language.value}
    return {name: value for name, value in said.items() if value}


def subscribe(
    session: Session,
    *,
    newsletter_id: int,
    subscriber_id: int,
    origin: Origin,
    basis: str = OWN_PAGE,
    known: Mapping[str, Any] | None = None,
    cause: GrowthCause = GrowthCause.PAGE,
) -> bool:
    """Begin or renew a subscription confirmed by its reader; return False for suppressed addresses.

    The consent must come from the reader's own link, never from a list.

    Args:
        session: The database session, in a transaction.
        newsletter_id: The newsletter.
        subscriber_id: The reader.
        origin: The origin of the consent.
        basis: The basis of the consent.
        known: The data of the reader, by the columns of `SubscriptionRow`.
        cause: The cause for the log of growth.
    """
    person, row = _hold_subscription(session, newsletter_id, subscriber_id)
    if row is not None and row.state is SubscriptionState.CONFIRMED:
        return False
    if person is None or session.scalar(
        select(SubscriberRow.id).where(
            SubscriberRow.id == subscriber_id,
            is_suppressed(SubscriberRow.address_key, newsletter_id),
        )
    ):
        return False
    moment = now()
    if row is None:
        row = SubscriptionRow(
            newsletter_id=newsletter_id,
            subscriber_id=subscriber_id,
            attributes=carried_values(session, newsletter_id, subscriber_id),
        )
        session.add(row)
    row.state = SubscriptionState.CONFIRMED
    row.consent_basis, row.consent_source = basis, origin.source
    row.consent_wording = origin.wording
    row.consented_at = row.confirmed_at = moment
    row.unsubscribed_at = row.paused_until = None
    usual = {"language": row.language or origin.language.value}
    for name, value in {**usual, **(known or {})}.items():
        setattr(row, name, value)
    _record(session, newsletter_id, subscriber_id, ConsentStep.CONFIRMED, origin)
    log_growth(session, newsletter_id, cause, 1)
    note_joined(session, newsletter_id, subscriber_id)
    return True


def _hold_subscription(
    session: Session, newsletter_id: int, subscriber_id: int
) -> tuple[SubscriberRow | None, SubscriptionRow | None]:
    """Lock and return a person and their subscription."""
    person = hold_person(session, subscriber_id)
    row = session.scalars(
        select(SubscriptionRow)
        .where(
            SubscriptionRow.newsletter_id == newsletter_id,
            SubscriptionRow.subscriber_id == subscriber_id,
        )
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one_or_none()
    return person, row


def _record(
    session: Session, newsletter_id: int, subscriber_id: int, step: ConsentStep, origin: Origin
) -> ConsentRow:
    row = ConsentRow(
        newsletter_id=newsletter_id,
        subscriber_id=subscriber_id,
        step=step,
        source=origin.source[:255],
        network=origin.network,
        wording=origin.wording,
        language=origin.language,
    )
    session.add(row)
    session.flush()
    return row
