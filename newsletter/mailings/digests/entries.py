"""Entries: the issues that are set aside for readers of digests.

When an issue's mailing is planned, each subscriber gets either a delivery or an entry, by the
frequency that they have chosen at that moment. An entry is sent with the next digest of that
frequency, even if the reader chooses another frequency afterwards.
"""

from __future__ import annotations

import re

from sqlalchemy import ColumnElement, Insert, delete, exists, insert, literal, null, select
from sqlalchemy.orm import Session, aliased

from newsletter.database.tables import DigestEntryRow, MailingRow, SubscriberRow, SubscriptionRow
from newsletter.database.vocabulary import Frequency, MailingKind
from newsletter.mailings.planning.audience import digest_readers, offers_digests

_CONDITION = re.compile(r"digest ([1-9][0-9]{0,18}) has issue ([1-9][0-9]{0,18})")


def entry_condition(digest_mailing_id: int, issue_id: int) -> str:
    """Return the condition of a digest's part that is for readers with an entry of an issue.

    It is used like the conditions of other parts, but is neither a segment's name nor a query.
    """
    return f"digest {digest_mailing_id} has issue {issue_id}"


def entry_clause(condition: str) -> ColumnElement[bool] | None:
    """Return the clause on subscribers for an entry's condition; None for other conditions."""
    match = _CONDITION.fullmatch(condition)
    if match is None:
        return None
    carried = aliased(MailingRow)
    return exists().where(
        DigestEntryRow.digest_mailing_id == int(match[1]),
        DigestEntryRow.subscriber_id == SubscriberRow.id,
        carried.id == DigestEntryRow.mailing_id,
        carried.issue_id == int(match[2]),
    )


def set_aside(session: Session, mailing: MailingRow, *, time_zone: str) -> None:
    """Create the entries of a mailing, in the transaction that plans it.

    For the mailing of a digest, delete the entries it contains instead.
    """
    if mailing.kind is MailingKind.DIGEST:
        session.execute(
            delete(DigestEntryRow)
            .where(DigestEntryRow.digest_mailing_id == mailing.id)
            .execution_options(synchronize_session=False)
        )
        return
    is_read_in_digests = mailing.kind is MailingKind.ISSUE and not mailing.urgent
    # Checked first, since looking for readers of digests would read the whole list.
    if is_read_in_digests and session.scalar(select(offers_digests(mailing.newsletter_id))):
        session.execute(_setting_aside(mailing, time_zone))


def _setting_aside(mailing: MailingRow, time_zone: str) -> Insert:
    readers = digest_readers(mailing.newsletter_id, mailing.segment, time_zone=time_zone)
    columns = {
        "mailing_id": literal(mailing.id),
        "subscriber_id": SubscriberRow.id,
        "newsletter_id": literal(mailing.newsletter_id),
        "frequency": SubscriptionRow.frequency,
        "digest_mailing_id": null(),
    }
    entries = readers.with_only_columns(*columns.values())
    return insert(DigestEntryRow).from_select(list(columns), entries, include_defaults=False)


def forget_entries(session: Session, mailing_id: int) -> None:
    """Delete the entries of a cancelled mailing, whether of an issue or a digest."""
    waits = (DigestEntryRow.mailing_id == mailing_id) & DigestEntryRow.digest_mailing_id.is_(None)
    session.execute(
        delete(DigestEntryRow)
        .where(waits | (DigestEntryRow.digest_mailing_id == mailing_id))
        .execution_options(synchronize_session=False)
    )


def forget_waiting(session: Session, newsletter_id: int, frequency: Frequency) -> None:
    """Delete the waiting entries of a newsletter's digest."""
    session.execute(
        delete(DigestEntryRow)
        .where(
            DigestEntryRow.newsletter_id == newsletter_id,
            DigestEntryRow.frequency == frequency,
            DigestEntryRow.digest_mailing_id.is_(None),
        )
        .execution_options(synchronize_session=False)
    )
