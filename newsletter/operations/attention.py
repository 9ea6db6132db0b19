"""Items that may need an operator's attention: waiting, deferred and failed mail, and incidents.

All queries are bounded. Counting stops at `MOST`: for an operator, ten thousand and a million
waiting messages are the same.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import ColumnElement, ScalarSelect, and_, case, func, literal_column, select, true
from sqlalchemy.orm import Session

from newsletter.database.states import BREAKS_LIMIT
from newsletter.database.tables import (
    BatchRow,
    BounceRow,
    DeliveryRow,
    IncidentRow,
    MailingRow,
)
from newsletter.database.tables.mailings import ATTENTION
from newsletter.database.types import now
from newsletter.database.vocabulary import (
    BatchState,
    BounceKind,
    DeliveryState,
    MailingState,
    UncertainPolicy,
)
from newsletter.feedback.incidents import about, list_incidents, newsletter_of_incident
from newsletter.i18n.messages import Message
from newsletter.logs import strike_addresses

#: The maximum of all counts.
MOST = 10_000
#: Planning usually begins within this time.
_PLANNED_WITHIN = timedelta(seconds=10)
#: Failures of mailings older than this are not reported.
_RECENT = timedelta(days=7)
_MAILINGS = 20
_INCIDENTS = 20
#: Complaints are reported from this number on, if they also are at least this share of a mailing.
_COMPLAINTS, _COMPLAINT_SHARE = 5, 0.003


class ReplyClass(StrEnum):
    """The subject of a rejection, by its enhanced status code (RFC 3463)."""

    ADDRESS = "address"
    MAILBOX = "mailbox"
    MAIL_SYSTEM = "mail-system"
    NETWORK = "network"
    PROTOCOL = "protocol"
    CONTENT = "content"
    POLICY = "policy"
    #: No code, or an unspecific one.
    OTHER = "other"


_CLASSES = {
    "1": ReplyClass.ADDRESS,
    "2": ReplyClass.MAILBOX,
    "3": ReplyClass.MAIL_SYSTEM,
    "4": ReplyClass.NETWORK,
    "5": ReplyClass.PROTOCOL,
    "6": ReplyClass.CONTENT,
    "7": ReplyClass.POLICY,
}


def classify(status: str) -> ReplyClass:
    """Return the class of an enhanced status code."""
    parts = status.split(".")
    return _CLASSES.get(parts[1], ReplyClass.OTHER) if len(parts) > 1 else ReplyClass.OTHER


@dataclass(frozen=True, kw_only=True, slots=True)
class Backlog:
    """Batches of mailings under way.

    Attributes:
        due: Batches that are due and wait for a worker.
        oldest_due_at: Since when the first of them has been due.
        leased: Batches that are being sent.
        later: Batches that are due later: by a schedule, a second attempt, or a domain on hold.
    """

    due: int = 0
    urgent_due: int = 0
    oldest_due_at: datetime | None = None
    oldest_urgent_at: datetime | None = None
    leased: int = 0
    overdue_leases: int = 0
    later: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class DeferredGroup:
    """Deferred deliveries with one status code; ``example`` is one reply, without addresses."""

    status: str
    reply_class: ReplyClass
    count: int
    example: str


@dataclass(frozen=True, kw_only=True, slots=True)
class UnsettledMailing:
    """A mailing with deliveries that an operator must decide about.

    Attributes:
        poison: How many of them have ended their worker repeatedly.
    """

    mailing_id: int
    newsletter_id: int
    subject: str
    count: int
    poison: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class HaltedMailing:
    """A paused mailing, with the reason."""

    mailing_id: int
    newsletter_id: int
    subject: str
    reason: Message | None


@dataclass(frozen=True, kw_only=True, slots=True)
class UnplannedMailing:
    """A mailing that should have begun at ``since``, and has no deliveries yet."""

    mailing_id: int
    newsletter_id: int
    subject: str
    since: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class OpenIncident:
    """An open incident; one of a domain belongs to no single newsletter (None).

    Attributes:
        about: Its subject and those of its parts, for display.
        parts: The other incidents of the same wave.
    """

    incident_id: int
    newsletter_id: int | None
    subject: str
    bounced: int
    mailed: int
    words: str
    about: Message
    parts: Sequence[OpenIncident] = ()

    def within(self, newsletter_ids: Collection[int]) -> Iterator[OpenIncident]:
        """Yield what concerns a single one of these newsletters, each by itself."""
        for one in (self, *self.parts):
            if one.newsletter_id in newsletter_ids:
                yield replace(one, parts=(), about=about(one.subject))


@dataclass(frozen=True, kw_only=True, slots=True)
class ComplainedMailing:
    """A mailing with many complaints within a day."""

    mailing_id: int
    newsletter_id: int
    subject: str
    complaints: int
    planned: int

    @property
    def share(self) -> float:
        """The share of its recipients who complained, 0 to 1."""
        return self.complaints / self.planned


def backlog(session: Session) -> Backlog:
    """Count the batches of mailings under way."""
    moment = now()
    due = (BatchRow.state == BatchState.PENDING) & (BatchRow.due_at <= moment)
    is_urgent = MailingRow.priority > 0
    waiting = {
        urgent: (count, oldest)
        for urgent, count, oldest in session.execute(
            select(is_urgent, func.count(), func.min(BatchRow.due_at))
            .join(MailingRow, MailingRow.id == BatchRow.mailing_id)
            .where(due, MailingRow.state == MailingState.SENDING)
            .group_by(is_urgent)
        )
    }
    later = session.scalar(
        select(func.count()).where(
            BatchRow.state.in_((BatchState.PENDING, BatchState.HELD)), BatchRow.due_at > moment
        )
    )
    leased, overdue = session.execute(
        select(func.count(), func.count(case((BatchRow.lease_expires_at < moment, 1)))).where(
            BatchRow.state == BatchState.LEASED
        )
    ).one()
    bulk, urgent = waiting.get(False, (0, None)), waiting.get(True, (0, None))
    return Backlog(
        due=bulk[0],
        oldest_due_at=bulk[1],
        urgent_due=urgent[0],
        oldest_urgent_at=urgent[1],
        leased=leased,
        overdue_leases=overdue,
        later=later or 0,
    )


def deferred_groups(session: Session) -> Sequence[DeferredGroup]:
    """Count at most `MOST` deferred deliveries by status code, the most frequent first."""
    some = (
        select(func.coalesce(DeliveryRow.status, "").label("status"), DeliveryRow.reply)
        .where(_in_state(DeliveryState.DEFERRED))
        .limit(MOST)
        .subquery()
    )
    rows = session.execute(
        select(some.c.status, func.count(), func.max(some.c.reply))
        .group_by(some.c.status)
        .order_by(func.count().desc(), some.c.status)
    )
    return [
        DeferredGroup(
            status=status,
            reply_class=classify(status),
            count=count,
            example=strike_addresses(example or "")[:300],
        )
        for status, count, example in rows
    ]


def uncertain_mailings(session: Session) -> Sequence[UnsettledMailing]:
    """Return the mailings with uncertain deliveries that an operator must decide about."""
    asks = MailingRow.uncertain_policy != UncertainPolicy.LEAVE
    return _unsettled(session, _in_state(DeliveryState.UNCERTAIN), asks)


def failed_mailings(session: Session) -> Sequence[UnsettledMailing]:
    """Return the recent mailings with failed deliveries."""
    recent = DeliveryRow.mailing_id > func.coalesce(_last_before(now() - _RECENT), 0)
    return _unsettled(session, _in_state(DeliveryState.FAILED) & recent, true())


def _unsettled(
    session: Session, chosen: ColumnElement[bool], asked: ColumnElement[bool]
) -> Sequence[UnsettledMailing]:
    some = select(DeliveryRow.mailing_id, DeliveryRow.breaks).where(chosen).limit(MOST).subquery()
    poison = func.count(case((some.c.breaks >= BREAKS_LIMIT, 1)))
    rows = session.execute(
        select(MailingRow.id, MailingRow.newsletter_id, MailingRow.title, func.count(), poison)
        .select_from(some)
        .join(MailingRow, MailingRow.id == some.c.mailing_id)
        .where(asked, MailingRow.state != MailingState.CANCELLED)
        .group_by(MailingRow.id, MailingRow.newsletter_id, MailingRow.title)
        .order_by(MailingRow.id.desc())
        .limit(_MAILINGS)
    )
    return [
        UnsettledMailing(
            mailing_id=number,
            newsletter_id=newsletter,
            subject=title,
            count=count,
            poison=bad,
        )
        for number, newsletter, title, count, bad in rows
    ]


def _in_state(state: DeliveryState) -> ColumnElement[bool]:
    """Return the condition as a literal: with a parameter, the partial index would not be used."""
    return and_(literal_column(ATTENTION), DeliveryRow.state == literal_column(f"'{state.value}'"))


def _last_before(moment: datetime) -> ScalarSelect[int | None]:
    return select(func.max(MailingRow.id)).where(MailingRow.created_at < moment).scalar_subquery()


def halted_mailings(session: Session) -> Sequence[HaltedMailing]:
    """Return the mailings that are paused, the newest first."""
    rows = session.execute(
        select(MailingRow.id, MailingRow.newsletter_id, MailingRow.title, MailingRow.halt_reason)
        .where(MailingRow.state == MailingState.PAUSED)
        .order_by(MailingRow.id.desc())
        .limit(_MAILINGS)
    )
    return [
        HaltedMailing(mailing_id=number, newsletter_id=newsletter, subject=title, reason=reason)
        for number, newsletter, title, reason in rows
    ]


def unplanned_mailings(session: Session) -> Sequence[UnplannedMailing]:
    """Return the mailings that have waited for planning longer than it usually takes to begin."""
    due_at = func.coalesce(MailingRow.scheduled_at, MailingRow.created_at)
    waiting = (MailingState.SCHEDULED, MailingState.PLANNING)
    rows = session.execute(
        select(MailingRow.id, MailingRow.newsletter_id, MailingRow.title, due_at)
        .where(MailingRow.state.in_(waiting), due_at < now() - _PLANNED_WITHIN)
        .order_by(MailingRow.id)
        .limit(_MAILINGS)
    )
    return [
        UnplannedMailing(mailing_id=number, newsletter_id=newsletter, subject=title, since=since)
        for number, newsletter, title, since in rows
    ]


def open_incidents(session: Session) -> Sequence[OpenIncident]:
    """Return the open incidents, the newest first."""
    return [
        replace(
            _open_incident(session, joint.row),
            about=joint.about,
            parts=[_open_incident(session, row) for row in joint.parts],
        )
        for joint in list_incidents(session, limit=_INCIDENTS)
    ]


def _open_incident(session: Session, row: IncidentRow) -> OpenIncident:
    return OpenIncident(
        incident_id=row.id,
        newsletter_id=newsletter_of_incident(session, row),
        subject=row.subject,
        bounced=row.bounced,
        mailed=row.mailed,
        words=strike_addresses(row.words)[:300],
        about=about(row.subject),
    )


def complained_mailings(session: Session) -> Sequence[ComplainedMailing]:
    """Return the mailings with too many complaints within a day, the highest share first.

    Google and Yahoo require senders to stay below 0.3 %.
    """
    people = func.count(func.distinct(BounceRow.address))
    rows = session.execute(
        select(
            MailingRow.id, MailingRow.newsletter_id, MailingRow.title, MailingRow.planned, people
        )
        .join(BounceRow, BounceRow.mailing_id == MailingRow.id)
        .where(
            BounceRow.occurred_at > now() - timedelta(days=1),
            BounceRow.kind == BounceKind.COMPLAINT,
        )
        .group_by(MailingRow.id, MailingRow.newsletter_id, MailingRow.title, MailingRow.planned)
        .having(people >= _COMPLAINTS, people >= MailingRow.planned * _COMPLAINT_SHARE)
        .order_by(people.desc(), MailingRow.id.desc())
        .limit(_MAILINGS)
    )
    return [
        ComplainedMailing(
            mailing_id=number,
            newsletter_id=newsletter,
            subject=title or str(number),
            complaints=count,
            planned=max(planned, count),
        )
        for number, newsletter, title, planned, count in rows
    ]


def bounces_of_day(session: Session) -> dict[BounceKind, int]:
    """Count the reports of the last day by kind, up to `MOST`."""
    some = (
        select(BounceRow.kind)
        .where(BounceRow.occurred_at > now() - timedelta(days=1))
        .limit(MOST)
        .subquery()
    )
    rows = session.execute(select(some.c.kind, func.count()).group_by(some.c.kind))
    return dict(rows.all())
