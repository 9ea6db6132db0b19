"""Unsubscribing: one function for all ways."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.orm import Session

from newsletter.database.tables import (
    AddressChangeRow,
    MailingRow,
    SubscriptionRow,
    UnsubscribeEventRow,
)
from newsletter.database.types import now
from newsletter.database.vocabulary import (
    GrowthCause,
    LeaveReason,
    SubscriptionState,
    UnsubscribeWay,
)
from subscribers.growth import count_readers
from subscribers.growth_log import LEAVING, log_growth
from subscribers.merging.links import kept_of
from subscribers.people import hold_person
from subscribers.series.enrolment import end_of_reader

#: Ways in which a subscription ends without the person's own wish.
_WITHOUT_THEIR_WORD = frozenset({UnsubscribeWay.COMPLAINT, UnsubscribeWay.PROVIDER})
#: Ways in which a subscription ends because it continues at another address.
MOVED = frozenset({UnsubscribeWay.ADDRESS_CHANGE, UnsubscribeWay.MERGE})
#: Ways that use a link in a mail, or a reply to it.
_BY_A_MAIL = frozenset({UnsubscribeWay.ONE_CLICK, UnsubscribeWay.PAGE, UnsubscribeWay.MAIL})

#: How long after unsubscribing a reason can be given.
_REASON_TIME = timedelta(days=1)
_REMARK_LENGTH = 1000
_REMARKS_SHOWN = 50


@dataclass(frozen=True, kw_only=True, slots=True)
class LeaveReasons:
    """The reasons for unsubscribing, without persons.

    Attributes:
        counts: The numbers of people by reason; most people give none.
        remarks: The newest 50 remarks, the newest first.
    """

    counts: Mapping[LeaveReason, int]
    remarks: Sequence[str]


def unsubscribe(
    session: Session,
    *,
    newsletter_id: int,
    subscriber_id: int,
    mailing_id: int | None,
    way: UnsubscribeWay,
    cause: GrowthCause | None = None,
    asked_at: datetime | None = None,
) -> bool:
    """End a subscription and log it; return whether there was one to end.

    This is idempotent: concurrent calls change one row and log one event. The mailing of the link
    may have been deleted, since old links keep working. A link in a mail to a former or merged
    address ends the subscription of the present address.

    Args:
        session: The database session, in a transaction.
        newsletter_id: The newsletter.
        subscriber_id: The person.
        mailing_id: The mailing whose link was used, if any.
        way: The way of unsubscribing.
        cause: The cause for the log of growth; None for that of ``way``.
        asked_at: When the person asked for it, if that was earlier: a subscription that they asked
            for or confirmed since continues. None for now.
    """
    departure = _Departure(newsletter_id, mailing_id, way, cause or LEAVING[way], asked_at)
    ended = _end(session, subscriber_id, departure)
    if way in _BY_A_MAIL:
        for successor in successors_of(session, subscriber_id, newsletter_id):
            ended |= _end(session, successor, departure)
    return ended


class _Departure(NamedTuple):
    newsletter_id: int
    mailing_id: int | None
    way: UnsubscribeWay
    cause: GrowthCause
    asked_at: datetime | None = None


def _end(session: Session, subscriber_id: int, departure: _Departure) -> bool:
    newsletter_id, way = departure.newsletter_id, departure.way
    # The person is locked before the subscription, as in an erasure, so that there are no
    # deadlocks.
    hold_person(session, subscriber_id)
    subscribed = (
        SubscriptionRow.newsletter_id == newsletter_id,
        SubscriptionRow.subscriber_id == subscriber_id,
        SubscriptionRow.state != SubscriptionState.UNSUBSCRIBED,
    )
    held = session.execute(
        select(SubscriptionRow.consented_at, SubscriptionRow.confirmed_at)
        .where(*subscribed)
        .with_for_update()
    ).one_or_none()
    if (asked_at := departure.asked_at) and any(
        moment and moment > asked_at for moment in held or ()
    ):
        return False
    if held is None:
        if way not in _WITHOUT_THEIR_WORD | MOVED:
            _note_own_wish(session, newsletter_id, subscriber_id, way)
        return False
    readers = count_readers(session, newsletter_id, [subscriber_id])
    session.execute(
        update(SubscriptionRow)
        .where(*subscribed)
        .values(state=SubscriptionState.UNSUBSCRIBED, unsubscribed_at=asked_at or now())
    )
    log_growth(session, newsletter_id, departure.cause, -readers)
    mailing_id = departure.mailing_id
    session.add(
        UnsubscribeEventRow(
            newsletter_id=newsletter_id,
            subscriber_id=subscriber_id,
            mailing_id=session.scalar(select(MailingRow.id).where(MailingRow.id == mailing_id)),
            way=way,
        )
    )
    end_of_reader(session, newsletter_id, subscriber_id)
    return True


def end_as(
    session: Session,
    newsletter_id: int,
    subscriber_id: int,
    former_id: int,
    *,
    left_at: datetime,
) -> None:
    """End a subscription because the person unsubscribed with another of their addresses.

    Later requests to join can still be confirmed.

    Args:
        session: The database session, in the transaction that merges the addresses.
        newsletter_id: The newsletter.
        subscriber_id: The subscriber whose subscription ends.
        former_id: The subscriber who unsubscribed, in whichever way.
        left_at: When that was.
    """
    way = last_way(session, newsletter_id, former_id) or UnsubscribeWay.LIST
    departure = _Departure(newsletter_id, None, way, GrowthCause.MERGE)
    if _end(session, subscriber_id, departure):
        session.execute(
            update(SubscriptionRow)
            .where(
                SubscriptionRow.newsletter_id == newsletter_id,
                SubscriptionRow.subscriber_id == subscriber_id,
            )
            .values(unsubscribed_at=left_at)
        )
    elif last_way(session, newsletter_id, subscriber_id) in MOVED:
        session.add(
            UnsubscribeEventRow(newsletter_id=newsletter_id, subscriber_id=subscriber_id, way=way)
        )


def successors_of(
    session: Session, subscriber_id: int, newsletter_id: int | None = None
) -> Sequence[int]:
    """Return the subscribers that replaced one by address changes and merges, the next one first.

    Args:
        session: The database session.
        subscriber_id: The subscriber.
        newsletter_id: The newsletter whose merges are followed; None for those of all newsletters.
    """
    met = [subscriber_id]
    for each in met:
        changed = session.scalars(
            select(AddressChangeRow.successor_id)
            .where(
                AddressChangeRow.subscriber_id == each,
                AddressChangeRow.changed_at.is_not(None),
                AddressChangeRow.undone_at.is_(None),
            )
            .order_by(AddressChangeRow.changed_at.desc())
            .limit(1)
        ).all()
        for number in (*changed, *kept_of(session, each, newsletter_id)):
            if number not in met:
                met.append(number)
    return met[1:]


def take_back(session: Session, newsletter_id: int, subscriber_id: int) -> bool:
    """Restore a subscription that ended by a report; return whether it was restored.

    It is not restored if the person also unsubscribed themselves, was erased, or was merged since.
    """
    way = last_way(session, newsletter_id, subscriber_id)
    if hold_person(session, subscriber_id) is None or (way and way not in _WITHOUT_THEIR_WORD):
        return False
    if kept_of(session, subscriber_id, newsletter_id):
        return False
    back = session.scalars(
        update(SubscriptionRow)
        .where(
            SubscriptionRow.newsletter_id == newsletter_id,
            SubscriptionRow.subscriber_id == subscriber_id,
            SubscriptionRow.state == SubscriptionState.UNSUBSCRIBED,
            SubscriptionRow.confirmed_at.is_not(None) | SubscriptionRow.consented_at.is_not(None),
        )
        .values(state=SubscriptionState.CONFIRMED, unsubscribed_at=None)
        .returning(SubscriptionRow.subscriber_id)
    ).all()
    log_growth(
        session, newsletter_id, GrowthCause.STAFF, count_readers(session, newsletter_id, back)
    )
    return bool(back)


def _note_own_wish(
    session: Session, newsletter_id: int, subscriber_id: int, way: UnsubscribeWay
) -> None:
    """Log the unsubscription of a person whose subscription had ended in another way already.

    Undoing a complaint, or merging again, must not undo this.
    Without a mailing, since its report has counted them already.
    """
    if last_way(session, newsletter_id, subscriber_id) in _WITHOUT_THEIR_WORD | MOVED:
        session.add(
            UnsubscribeEventRow(newsletter_id=newsletter_id, subscriber_id=subscriber_id, way=way)
        )


def last_way(session: Session, newsletter_id: int, subscriber_id: int) -> UnsubscribeWay | None:
    """Return the way in which a person last unsubscribed; None if it was not logged."""
    return session.scalar(
        select(UnsubscribeEventRow.way)
        .where(
            UnsubscribeEventRow.newsletter_id == newsletter_id,
            UnsubscribeEventRow.subscriber_id == subscriber_id,
        )
        .order_by(UnsubscribeEventRow.id.desc())
        .limit(1)
    )


def unsubscribe_from_all(
    session: Session,
    *,
    subscriber_id: int,
    mailing_id: int | None,
    way: UnsubscribeWay,
    cause: GrowthCause | None = None,
    asked_at: datetime | None = None,
) -> Sequence[int]:
    """End every subscription of a person; return the newsletters of the ended subscriptions.

    For a link in a mail, these include subscriptions moved to another address since. The arguments
    are those of `unsubscribe`.
    """
    people = [subscriber_id]
    if way in _BY_A_MAIL:
        people += successors_of(session, subscriber_id)
    newsletters = session.scalars(
        select(SubscriptionRow.newsletter_id)
        .where(SubscriptionRow.subscriber_id.in_(people))
        .distinct()
        .order_by(SubscriptionRow.newsletter_id)
    ).all()
    return [
        newsletter_id
        for newsletter_id in newsletters
        if unsubscribe(
            session,
            newsletter_id=newsletter_id,
            subscriber_id=subscriber_id,
            mailing_id=mailing_id,
            way=way,
            cause=cause,
            asked_at=asked_at,
        )
    ]


def give_reason(
    session: Session,
    *,
    newsletter_id: int,
    subscriber_id: int,
    reason: LeaveReason | None,
    remark: str,
) -> bool:
    """Store the reason of a person who unsubscribed within the last day; return whether they did.

    The question follows the unsubscription, so no answer is needed to unsubscribe. A second answer
    replaces the first.
    """
    event = session.scalars(
        select(UnsubscribeEventRow)
        .where(
            UnsubscribeEventRow.newsletter_id == newsletter_id,
            UnsubscribeEventRow.subscriber_id == subscriber_id,
            UnsubscribeEventRow.way.in_((UnsubscribeWay.ONE_CLICK, UnsubscribeWay.PAGE)),
            UnsubscribeEventRow.occurred_at >= now() - _REASON_TIME,
        )
        .order_by(UnsubscribeEventRow.id.desc())
        .limit(1)
    ).one_or_none()
    if event is None or hold_person(session, subscriber_id) is None:
        return False
    event.reason, event.remark = reason, remark.strip()[:_REMARK_LENGTH]
    return True


def leave_reasons(session: Session, mailing_id: int) -> LeaveReasons:
    """Return the reasons of people who unsubscribed by the links of a mailing."""
    return _reasons(session, UnsubscribeEventRow.mailing_id == mailing_id)


def leave_reasons_since(session: Session, newsletter_id: int, since: datetime) -> LeaveReasons:
    """Return the reasons of people who unsubscribed from a newsletter since a moment."""
    return _reasons(
        session,
        UnsubscribeEventRow.newsletter_id == newsletter_id,
        UnsubscribeEventRow.occurred_at >= since,
    )


def _reasons(session: Session, *of: ColumnElement[bool]) -> LeaveReasons:
    counts = session.execute(
        select(UnsubscribeEventRow.reason, func.count())
        .where(*of, UnsubscribeEventRow.reason.is_not(None))
        .group_by(UnsubscribeEventRow.reason)
        .order_by(func.count().desc(), UnsubscribeEventRow.reason)
    ).all()
    remarks = session.scalars(
        select(UnsubscribeEventRow.remark)
        .where(*of, UnsubscribeEventRow.remark != "")
        .order_by(UnsubscribeEventRow.id.desc())
        .limit(_REMARKS_SHOWN)
    ).all()
    return LeaveReasons(counts={why: number for why, number in counts if why}, remarks=remarks)
