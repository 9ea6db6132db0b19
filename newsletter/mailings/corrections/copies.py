"""Copies of an issue: how many readers have which version, and which copies lack a correction.

Each delivery stores the number of the last correction that its copy includes. A copy that may have
arrived counts as delivered.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Select, exists, func, select
from sqlalchemy.orm import Session

from newsletter.database.states import CLAIMABLE
from newsletter.database.tables import BatchRow, DeliveryRow, MailingRow, SubscriberRow
from newsletter.database.vocabulary import BatchState, DeliveryState, MailingKind

#: States of deliveries whose message may have been sent.
MAY_HAVE_LEFT = frozenset({DeliveryState.SENDING, DeliveryState.ACCEPTED, DeliveryState.UNCERTAIN})


@dataclass(frozen=True, kw_only=True, slots=True)
class Copies:
    """The numbers of copies of an issue.

    Attributes:
        by_correction: Copies that were or may have been delivered, by the number of the last
            correction they include (0 for none), in ascending order.
        waiting: Copies that are still to be sent, with the last correction.
    """

    by_correction: Sequence[tuple[int, int]]
    waiting: int


def count_copies(session: Session, issue_id: int) -> Copies:
    """Count the copies of an issue in all its mailings, without tests.

    This takes some tenths of a second for a million copies.
    """
    of_issue = DeliveryRow.mailing_id.in_(_mailings_of(issue_id))
    counted = session.execute(
        select(DeliveryRow.correction, func.count())
        .where(of_issue, DeliveryRow.state.in_(MAY_HAVE_LEFT))
        .group_by(DeliveryRow.correction)
        .order_by(DeliveryRow.correction)
    )
    waiting = session.scalar(
        select(func.count())
        .select_from(DeliveryRow)
        .where(of_issue, DeliveryRow.state.in_(CLAIMABLE))
    )
    return Copies(by_correction=[(row[0], row[1]) for row in counted], waiting=waiting or 0)


def lacks_correction(issue_id: int, number: int) -> ColumnElement[bool]:
    """Return the condition that a subscriber may have a copy that lacks a correction.

    Args:
        issue_id: The issue.
        number: The correction's number.
    """
    return SubscriberRow.id.in_(
        select(DeliveryRow.subscriber_id).where(
            DeliveryRow.mailing_id.in_(_mailings_of(issue_id)),
            _may_lack(number),
        )
    )


def somebody_lacks(session: Session, issue_id: int, number: int) -> bool:
    """Return whether any copy that was or may have been delivered lacks a correction."""
    return bool(
        session.scalar(
            select(
                exists().where(
                    DeliveryRow.mailing_id.in_(_mailings_of(issue_id)), _may_lack(number)
                )
            )
        )
    )


def uncorrected_leave(session: Session, mailing: MailingRow) -> bool:
    """Return whether copies without the correction of this mailing may still be sent.

    A batch that was claimed before the correction is sent with the earlier content.
    """
    return bool(
        session.scalar(
            select(
                exists().where(
                    BatchRow.mailing_id.in_(_mailings_of(mailing.issue_id)),
                    BatchRow.state == BatchState.LEASED,
                    BatchRow.correction < mailing.correction,
                )
            )
        )
    )


def correction_of_copy(session: Session, mailing_id: int, subscriber_id: int) -> int | None:
    """Return the number of the last correction that a subscriber's copy includes.

    Returns None if no copy can have arrived.
    """
    return session.scalar(
        select(func.coalesce(DeliveryRow.doubted, DeliveryRow.correction)).where(
            DeliveryRow.mailing_id == mailing_id,
            DeliveryRow.subscriber_id == subscriber_id,
            DeliveryRow.state.in_(MAY_HAVE_LEFT) | DeliveryRow.doubted.is_not(None),
        )
    )


def faulty_copy(session: Session, issue_id: int, number: int, subscriber_id: int) -> int | None:
    """Return the mailing of a subscriber's last copy that lacks a correction; None without one."""
    return session.scalar(
        select(func.max(DeliveryRow.mailing_id)).where(
            DeliveryRow.subscriber_id == subscriber_id,
            DeliveryRow.mailing_id.in_(_mailings_of(issue_id)),
            _may_lack(number),
        )
    )


def _may_lack(number: int) -> ColumnElement[bool]:
    left = DeliveryRow.state.in_(MAY_HAVE_LEFT) & (DeliveryRow.correction < number)
    return left | (DeliveryRow.doubted < number)


def _mailings_of(issue_id: int | None) -> Select[int]:
    return select(MailingRow.id).where(
        MailingRow.issue_id == issue_id, MailingRow.kind == MailingKind.ISSUE
    )
