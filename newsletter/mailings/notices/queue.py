"""Notices: mail to one person who asked for something, by the same ledger as every issue.

A notice is a mailing of its own with one delivery, so it is claimed, sent once and settled like
any other, and overtakes issues by its priority. Its recipient is a subscriber by number; somebody
without any subscription, such as an administrator, is one too (`subscribers.people`).
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
    """Write a notice into the ledger, to be sent once committed; return its mailing's number.

    Whoever waits for a notice asks again when none comes, so one in doubt is left, not repeated.

    Args:
        session: Within the transaction of what the notice is about: both happen, or neither.
        newsletter_id: Whose mailing it is.
        subscriber_id: Whom it goes to.
        rendered: Its content, complete but for the slots that name the recipient.
        kind: What it is, such as ``confirmation``; shown to operators.
        action: Where its button leads, where that is a secret of its reader's.
        sender: As whom it goes out; the newsletter's sender when None.
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
