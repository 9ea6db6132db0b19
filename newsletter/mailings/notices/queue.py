"""The queue of notices.

A notice is a mailing with one delivery. So it is claimed, sent once and settled like all others,
and has priority over issues. Its recipient is a subscriber row, which also people without a
subscription have, such as administrators (`subscribers.people`).
"""

from __future__ import annotations

from sqlalchemy.orm import Session

from newsletter.database.tables import BatchRow, DeliveryRow, MailingRow, NewsletterRow
from newsletter.database.types import now
from newsletter.database.vocabulary import (
    DeliveryState,
    MailingKind,
    MailingState,
    UncertainPolicy,
)
from newsletter.mailings.mailings import freeze_content
from newsletter.mailings.planning.content import NoticeAction, Sender
from newsletter.rendering.model import RenderedIssue

PRIORITY = 9


def create_notice(
    session: Session,
    *,
    newsletter_id: int,
    subscriber_id: int,
    rendered: RenderedIssue,
    kind: str,
    action: NoticeAction | None = None,
    sender: Sender | None = None,
) -> int:
    """Write a notice into the ledger, to be sent after the commit; return its mailing's number.

    An uncertain notice is not sent again: a person who does not receive it will ask again.

    Args:
        session: The database session, in the transaction of the action that causes the notice.
        newsletter_id: The newsletter of the mailing.
        subscriber_id: The recipient.
        rendered: The content, with slots for the recipient's data.
        kind: The kind of notice, such as ``confirmation``, which is shown to operators.
        action: The target of its button, if that is secret.
        sender: The sender; None for the newsletter's.
    """
    moment = now()
    newsletter = session.get_one(NewsletterRow, newsletter_id)
    mailing = MailingRow(
        newsletter_id=newsletter_id,
        kind=MailingKind.NOTICE,
        notice=kind,
        state=MailingState.SENDING,
        priority=PRIORITY,
        uncertain_policy=UncertainPolicy.LEAVE,
        planned=1,
        batch_size=1,
        started_at=moment,
    )
    session.add(mailing)
    session.flush()
    freeze_content(
        session,
        mailing.id,
        newsletter,
        rendered,
        date=moment,
        kind=MailingKind.NOTICE,
        action=action,
        sender=sender,
    )
    delivery = DeliveryRow(
        mailing_id=mailing.id, position=1, subscriber_id=subscriber_id, state=DeliveryState.QUEUED
    )
    batch = BatchRow(
        mailing_id=mailing.id, number=1, first_position=1, last_position=1, due_at=moment
    )
    session.add_all([delivery, batch])
    session.flush()
    return mailing.id
