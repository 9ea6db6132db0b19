"""What the newsletter's own fields hold of those who get a mailing, where its text uses them."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from sqlalchemy.orm import Session

from newsletter.issues.merge_fields import own_keys
from newsletter.mailings.planning.content import MailingContent
from newsletter.rendering.model import SlotUse
from subscribers.fields.values import shown_values


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
