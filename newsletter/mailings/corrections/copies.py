"""Copies of an issue: how many people have which version of it, and whose lacks a correction.

A delivery keeps the number of the last correction that its copy contains. A copy counts as soon as
it may have arrived: what is in doubt is taken for delivered.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Select, exists, func, select
from sqlalchemy.orm import Session

from newsletter.database.states import CLAIMABLE
from newsletter.database.tables import BatchRow, DeliveryRow, MailingRow, SubscriberRow
from newsletter.database.vocabulary import BatchState, DeliveryState, MailingKind

#: States of a delivery whose message may have left.
MAY_HAVE_LEFT = frozenset({DeliveryState.SENDING, DeliveryState.ACCEPTED, DeliveryState.UNCERTAIN})


@dataclass(frozen=True, kw_only=True, slots=True)
class Copies:
    """How many copies of an issue there are.

    Attributes:
        by_correction: How many were or may have been delivered, by the number of the last
            correction that they contain, 0 for none; in the order of the numbers.
        waiting: How many are still to be sent; they will contain the last correction.
    """

    by_correction: Sequence[tuple[int, int]]
    waiting: int


def count_copies(session: Session, issue_id: int) -> Copies:
    """Count the copies of an issue in all of its mailings; a million take some tenths of a second.

    Tests are none.
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
    """Return the condition on subscribers that a copy which they may have lacks a correction.

    Args:
        issue_id: The issue.
        number: The correction's.
    """
    return SubscriberRow.id.in_(
        select(DeliveryRow.subscriber_id).where(
            DeliveryRow.mailing_id.in_(_mailings_of(issue_id)),
            _may_lack(number),
        )
    )


def somebody_lacks(session: Session, issue_id: int, number: int) -> bool:
    """Return whether a copy that somebody has or may have lacks a correction."""
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
    """Return whether copies without the correction that a mailing is about may still leave.

    A batch that is being sent goes on with the copies it began with.
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
    """Return the number of the last correction that somebody's copy contains.

    None where no copy of theirs can have arrived.
    """
    return session.scalar(
        select(func.coalesce(DeliveryRow.doubted, DeliveryRow.correction)).where(
            DeliveryRow.mailing_id == mailing_id,
            DeliveryRow.subscriber_id == subscriber_id,
            DeliveryRow.state.in_(MAY_HAVE_LEFT) | DeliveryRow.doubted.is_not(None),
        )
    )


def faulty_copy(session: Session, issue_id: int, number: int, subscriber_id: int) -> int | None:
    """Return the mailing by which somebody got their last copy that lacks a correction."""
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
