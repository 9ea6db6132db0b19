"""Joining: a request that changes nothing yet, and the confirmation that begins a subscription.

Anybody can type anybody's address. So a request only adds a row to the consent record (and, for
somebody new, a pending subscription); a person's state changes when the link in their own mail is
confirmed, and who left stays away until then.
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

#: How a subscription that was confirmed by mail names its ground.
BASIS = "double opt-in"
#: The ground of one that began on the reader's own page: no mail was confirmed, but its address is
#: in their mail alone.
OWN_PAGE = "reader's own page"
#: How the source begins of a request that came by mail; the address it was sent to follows.
BY_MAIL = "mail to "
#: Who pressed the button behind the link that came by mail.
CONFIRMATION_MAIL = "link in the confirmation mail"
#: Who ticked it on the page of their preferences.
PREFERENCES_PAGE = "preferences page"
#: Whom the staff added one by one, in the browser or on the command line.
BY_HAND, BY_COMMAND = "by hand", "command line"


@dataclass(frozen=True, kw_only=True, slots=True)
class Origin:
    """Where a consent was given.

    Attributes:
        source: The page or form.
        network: From where, as exactly as the settings allow.
        wording: What stood there to be agreed to.
        language: In which it stood there.
        mail_language: The tag of the language in which they want their mail; empty for the same.
    """

    source: str
    network: str
    wording: str
    language: Language
    mail_language: str = ""

    @property
    def written_in(self) -> Language:
        """In which language they are written to, before their first issue as with it."""
        return language_for(self.mail_language, self.language)


@dataclass(frozen=True, kw_only=True, slots=True)
class JoinRequest:
    """What was written down of a request; ``confirmed`` says there is nothing to confirm.

    Attributes:
        numbers: What the token of its confirmation link holds.
    """

    numbers: tuple[int, int]
    subscriber_id: int
    confirmed: bool


class LinkState(StrEnum):
    """What a confirmation link is worth."""

    OPEN = "open"
    CONFIRMED = "confirmed"
    EXPIRED = "expired"


@dataclass(frozen=True, kw_only=True, slots=True)
class Invitation:
    """A request as its confirmation link shows it."""

    consent_id: int
    newsletter: NewsletterRow
    subscriber_id: int
    address: str
    language: Language
    standing: LinkState


def consent_wording(newsletter: NewsletterRow, language: Language) -> str:
    """Return the words a form shows, and the consent record keeps.

    A sender that is called as the newsletter is not named a second time.
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
    """Write a request down; of somebody known it changes nothing, as anybody can write one.

    What the form asked and gives is kept beside the request until it is confirmed.
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
    """Return what a confirmation link is about; it holds for ``days``, and not beyond leaving.

    Raises:
        TokenError: See `TokenSigner.read`.
        NotFoundError: There is no such request, not even if another has its number since a backup
            was restored; or the person was erased.
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
        # What was filled in became the person's when they confirmed.
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
    """Begin a subscription; a second time, or by a link that no longer holds, nothing changes.

    Raises:
        TokenError: See `find_invitation`.
        NotFoundError: See `find_invitation`.
    """
    asked = session.get(ConsentRow, signer.read(Purpose.CONFIRM, token)[0])
    if asked is not None:
        # Whoever leaves at this moment has left before the link is looked at, or leaves after it.
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
    """Return what a request says of a person, by the columns of `SubscriptionRow`.

    Of whoever only asked so far, it replaces all that other requests said; otherwise what it does
    not say stays, also what the staff wrote meanwhile.
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
    """Begin or renew a subscription that its own reader confirmed; a suppressed address gets none.

    The consent must come from the reader's own link, never from a list.

    Args:
        session: Within the transaction that the reader's click makes.
        newsletter_id: Which newsletter is joined.
        subscriber_id: Who joins it.
        origin: Where and to what they consented.
        basis: On which ground.
        known: What the newsletter gets to know of them, by the columns of `SubscriptionRow`.
        cause: What it counts as in the newsletter's growth.
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
    """Return somebody, and their subscription as it is once nobody else changes it."""
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
