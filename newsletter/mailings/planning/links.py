"""The personal parts of a delivery: its signed links, and the reader's fields.

A link contains ids of rows and no personal data. After a restore, ids are used again for other
rows. Therefore a link also contains marks, which are compared with the present rows before the link
is acted on.
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
    """A recipient's links for unsubscribing, for preferences and for reading on the web."""

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
        """Return the links of a preview, which have no effect; anchors work."""
        return cls(unsubscribe_token="", unsubscribe_url="#", preferences_url="#", view_url="")

    def slots(
        self,
        *,
        name: str,
        address: str,
        action: str = "",
        fields: Mapping[str, str] | None = None,
    ) -> dict[str, str]:
        """Return the values of all slots, for mail and preview.

        Args:
            name: The recipient's name.
            address: The recipient's address.
            action: The target of a notice's button.
            fields: The values of the newsletter's own fields as text, by key.
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
    """Return the reference to sign for a person, with present marks; mailing 0 means none.

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
    """Return the reference in a link; its mailing is 0 if that id now belongs to another mailing.

    Raises:
        TokenError: See `TokenSigner.read`; or the ids belong to other rows since a restore.
    """
    return present_ref(session, signer.read_delivery(purpose, token))


def present_ref(session: Session, signed: DeliveryRef) -> DeliveryRef:
    """Return the present reference for that of a link; see `read_link`.

    Raises:
        TokenError: The ids belong to other rows since a restore.
    """
    ref = compare(session, [signed])[signed]
    if ref is None:
        raise TokenError(msg("This link is no longer valid."))
    return ref


def compare(
    session: Session, refs: Collection[DeliveryRef]
) -> Mapping[DeliveryRef, DeliveryRef | None]:
    """Return for each signed reference the present one.

    The result is None if the ids of newsletter or subscriber now belong to others, and has mailing
    0 if only the mailing's does. References of older versions, without marks, are not checked.
    """
    rows = _Rows.of(session, refs)
    return {ref: rows.compared(ref) for ref in refs}


@dataclass(frozen=True, kw_only=True, slots=True)
class _Rows:
    """The column values from which marks are computed, by id."""

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
        """Return a reference with present marks; 0 for rows that do not exist."""
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
    """Return the values of fields, in the mail's language, by subscriber id and field key.

    The database is queried only if the content uses fields. Notices contain no personal data:
    anybody can trigger one by a form.
    """
    rendered = content.rendered
    parts = (*rendered.subject, *rendered.html, *rendered.text)
    keys = own_keys(part.slot for part in parts if isinstance(part, SlotUse))
    if not keys or content.identity.transactional:
        return {}
    return shown_values(session, content.newsletter_id, subscriber_ids, keys, rendered.language)
