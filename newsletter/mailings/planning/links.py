"""What is personal in one delivery: its links, signed and without personal data, and its fields.

A link holds numbers of rows, which are given out again once a backup is restored. So who reads one
compares its marks with the rows of today, and acts on nobody else.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from newsletter.addresses import as_read
from newsletter.database.tables import MailingRow, NewsletterRow, SubscriberRow
from newsletter.errors import NotFoundError, TokenError
from newsletter.i18n.messages import msg
from newsletter.issues.merge_fields import own_keys, slot_of
from newsletter.mailings.planning.content import MailingContent
from newsletter.rendering.model import Slot, SlotUse
from newsletter.tokens import DeliveryRef, Purpose, TokenSigner, mark_of, mark_of_mailing
from subscribers.fields.values import shown_values

_PURPOSES = (Purpose.UNSUBSCRIBE, Purpose.PREFERENCES, Purpose.VIEW)


@dataclass(frozen=True, kw_only=True, slots=True)
class DeliveryLinks:
    """Where a recipient leaves, chooses and reads on the web."""

    unsubscribe_token: str
    unsubscribe_url: str
    preferences_url: str
    view_url: str

    @classmethod
    def of(cls, public_url: str, signer: TokenSigner, ref: DeliveryRef) -> DeliveryLinks:
        """Sign the links of one delivery."""
        leave, choose, view = signer.sign_deliveries(_PURPOSES, ref)
        return cls(
            unsubscribe_token=leave,
            unsubscribe_url=f"{public_url}/u/{leave}",
            preferences_url=f"{public_url}/p/{choose}",
            view_url=f"{public_url}/v/{view}",
        )

    @classmethod
    def leading_nowhere(cls) -> DeliveryLinks:
        """Return the links of a preview: nobody leaves by trying them, and anchors lead within."""
        return cls(unsubscribe_token="", unsubscribe_url="#", preferences_url="#", view_url="")

    def slots(
        self,
        *,
        name: str,
        address: str,
        action: str = "",
        fields: Mapping[str, str] | None = None,
    ) -> dict[str, str]:
        """Return what differs from one recipient to the next, in mail and preview alike.

        Args:
            name: How they are addressed.
            address: Where.
            action: Where the button of a notice leads.
            fields: What the newsletter's own fields hold of them, by key, in words.
        """
        own = {slot_of(key): value for key, value in (fields or {}).items()}
        return own | {
            Slot.UNSUBSCRIBE_URL: self.unsubscribe_url,
            Slot.PREFERENCES_URL: self.preferences_url,
            Slot.VIEW_URL: self.view_url,
            Slot.SUBSCRIBER_NAME: name,
            Slot.SUBSCRIBER_ADDRESS: as_read(address),
            Slot.ACTION_URL: action,
        }


def refer(
    session: Session, newsletter_id: int, subscriber_id: int, mailing_id: int = 0
) -> DeliveryRef:
    """Return what to sign for a person, with the marks of today; mailing 0 stands for none.

    Raises:
        NotFoundError: There is no such newsletter or person.
    """
    bare = DeliveryRef(
        newsletter_id=newsletter_id, mailing_id=mailing_id, subscriber_id=subscriber_id
    )
    ref = _Rows.of(session, [bare]).marked(bare)
    if ref.subscriber_mark is None:
        raise NotFoundError(msg("This subscription no longer exists."))
    return ref


def read_link(session: Session, signer: TokenSigner, purpose: Purpose, token: str) -> DeliveryRef:
    """Return whom a link is about; of a mailing that is another one's now, 0 stands in its place.

    Raises:
        TokenError: See `TokenSigner.read`; or its numbers are those of others since a restore.
    """
    signed = signer.read_delivery(purpose, token)
    ref = compare(session, [signed])[signed]
    if ref is None:
        raise TokenError(msg("This link is no longer valid."))
    return ref


def compare(
    session: Session, refs: Collection[DeliveryRef]
) -> Mapping[DeliveryRef, DeliveryRef | None]:
    """Return what each reference that somebody signed is about today.

    None where newsletter or subscriber are others of the same number; without its mailing where
    that is another. A reference of before there were marks is taken at its word.
    """
    rows = _Rows.of(session, refs)
    return {ref: rows.compared(ref) for ref in refs}


@dataclass(frozen=True, kw_only=True, slots=True)
class _Rows:
    """What marks are made of, by number."""

    newsletters: Mapping[int, datetime]
    subscribers: Mapping[int, datetime]
    mailings: Mapping[int, str]

    @classmethod
    def of(cls, session: Session, refs: Collection[DeliveryRef]) -> _Rows:
        newsletters = select(NewsletterRow.id, NewsletterRow.created_at).where(
            NewsletterRow.id.in_({ref.newsletter_id for ref in refs})
        )
        subscribers = select(SubscriberRow.id, SubscriberRow.created_at).where(
            SubscriberRow.id.in_({ref.subscriber_id for ref in refs})
        )
        mailings = select(MailingRow.id, MailingRow.identity).where(
            MailingRow.id.in_({ref.mailing_id for ref in refs} - {0})
        )
        return cls(
            newsletters={row[0]: row[1] for row in session.execute(newsletters)},
            subscribers={row[0]: row[1] for row in session.execute(subscribers)},
            mailings={row[0]: row[1] for row in session.execute(mailings)},
        )

    def marked(self, ref: DeliveryRef) -> DeliveryRef:
        """Return a reference with the marks of today, and with none where a row is gone."""
        newsletter = self.newsletters.get(ref.newsletter_id)
        subscriber = self.subscribers.get(ref.subscriber_id)
        if newsletter is None or subscriber is None:
            return replace(ref, subscriber_mark=None, mailing_mark=None)
        return replace(
            ref,
            subscriber_mark=mark_of(newsletter, subscriber),
            mailing_mark=mark_of_mailing(self.mailings.get(ref.mailing_id, "")),
        )

    def compared(self, ref: DeliveryRef) -> DeliveryRef | None:
        today = self.marked(ref)
        if ref.subscriber_mark is None:
            return today
        if today.subscriber_mark != ref.subscriber_mark:
            return None
        if today.mailing_mark != ref.mailing_mark:
            return replace(today, mailing_id=0, mailing_mark=0)
        return today


def fields_of_readers(
    session: Session, content: MailingContent, subscriber_ids: Collection[int]
) -> Mapping[int, Mapping[str, str]]:
    """Return values in the mail's language by the reader's number and the field's key.

    A text that uses none asks the database nothing. A notice answers what anybody may have typed
    into a form, so nothing of a person stands in it.
    """
    rendered = content.rendered
    parts = (*rendered.subject, *rendered.html, *rendered.text)
    keys = own_keys(part.slot for part in parts if isinstance(part, SlotUse))
    if not keys or content.identity.transactional:
        return {}
    return shown_values(session, content.newsletter_id, subscriber_ids, keys, rendered.language)
