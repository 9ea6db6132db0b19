"""What is set aside for the readers of digests, decided when an issue's mailing is planned.

The rule, by dates: an issue goes by the choice that held at the instant when its recipients were
written down. Who had chosen each issue then has a delivery; who had chosen a digest that the
newsletter offers has an entry; nobody has both. An entry goes with the next digest of the frequency
it was made for, whatever its reader chooses afterwards, and with no other.
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
    """Return what the part of a digest carries that is for those who have an entry of an issue.

    It stands where issues carry names or queries of segments, and is neither.
    """
    return f"digest {digest_mailing_id} has issue {issue_id}"


def entry_clause(condition: str) -> ColumnElement[bool] | None:
    """Return an entry's condition as one on subscribers; None where it is another condition."""
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
    """Write down who reads a mailing in a digest, in the transaction that plans it.

    What a digest carries is delivered once it is planned, so its own entries go.
    """
    if mailing.kind is MailingKind.DIGEST:
        session.execute(
            delete(DigestEntryRow)
            .where(DigestEntryRow.digest_mailing_id == mailing.id)
            .execution_options(synchronize_session=False)
        )
        return
    is_read_in_digests = mailing.kind is MailingKind.ISSUE and not mailing.urgent
    # Where no digest is offered, to look for its readers would read the whole list.
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
    """Forget what waits of a mailing that is cancelled, be it an issue's or a digest's."""
    waits = (DigestEntryRow.mailing_id == mailing_id) & DigestEntryRow.digest_mailing_id.is_(None)
    session.execute(
        delete(DigestEntryRow)
        .where(waits | (DigestEntryRow.digest_mailing_id == mailing_id))
        .execution_options(synchronize_session=False)
    )


def forget_waiting(session: Session, newsletter_id: int, frequency: Frequency) -> None:
    """Forget what waits for the readers of a newsletter's digest."""
    session.execute(
        delete(DigestEntryRow)
        .where(
            DigestEntryRow.newsletter_id == newsletter_id,
            DigestEntryRow.frequency == frequency,
            DigestEntryRow.digest_mailing_id.is_(None),
        )
        .execution_options(synchronize_session=False)
    )
