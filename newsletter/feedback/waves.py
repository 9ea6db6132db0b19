"""Waves: many addresses of one domain, or of one mailing, bounce at once.

The cause is an outage, a block list or a broken relay, and not the people behind the addresses. A
wave is therefore held as an incident until an operator states its cause. Only proven bounces count,
and people are counted, not addresses: a report can name any number of invented ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from operator import itemgetter

from sqlalchemy import ColumnElement, String, cast, func, select
from sqlalchemy.orm import Session

from newsletter.database.tables import BounceRow, DeliveryRow, IncidentRow, SubscriberRow
from newsletter.database.types import now
from newsletter.database.vocabulary import BounceKind, DeliveryState, IncidentKind

#: Kinds of bounces that a wave holds. Complaints are people's own decisions and are never held.
HOLDABLE = frozenset({BounceKind.HARD, BounceKind.SOFT})
_SENT = (DeliveryState.ACCEPTED, DeliveryState.REJECTED, DeliveryState.FAILED)


@dataclass(frozen=True, kw_only=True, slots=True)
class WaveRule:
    """The definition of a wave.

    Attributes:
        minutes: The period in which bounces belong together.
        minimum: Fewer addresses than this are never a wave.
        factor: How many times the usual share must bounce.
        floor: The usual share if the real one is lower or unknown.
        mailed_days: Bounces may be about mail of the last days, this many.
        usual_days: The period from which the usual share is computed.
        quiet_hours: After this many hours without a bounce, an open incident holds no further ones.
        joint_share: An incident is part of another one that has this share of its bounces.
    """

    minutes: int = 60
    minimum: int = 20
    factor: float = 5.0
    floor: float = 0.01
    mailed_days: int = 5
    usual_days: int = 60
    quiet_hours: int = 24
    joint_share: float = 0.8

    def is_wave(self, *, bounced: int, mailed: int, usual: float) -> bool:
        """Return whether the share of bounced mail is beyond what is usual."""
        return bounced >= self.minimum and bounced > self.factor * mailed * max(usual, self.floor)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Subject:
    kind: IncidentKind
    key: str

    @property
    def name(self) -> str:
        return f"{self.kind.value}:{self.key}"

    def of_bounce(self) -> ColumnElement[bool]:
        if self.kind is IncidentKind.DOMAIN:
            return BounceRow.domain == self.key
        return BounceRow.mailing_id == int(self.key)

    def of_delivery(self) -> ColumnElement[bool]:
        if self.kind is IncidentKind.DOMAIN:
            return SubscriberRow.domain == self.key
        return DeliveryRow.mailing_id == int(self.key)

    def compared_with(self) -> ColumnElement[bool]:
        """Return the deliveries for the usual share: the domain's own, or other mailings'."""
        if self.kind is IncidentKind.DOMAIN:
            return SubscriberRow.domain == self.key
        return DeliveryRow.mailing_id != int(self.key)


def find_waves(
    session: Session, rows: Sequence[BounceRow], rule: WaveRule
) -> tuple[dict[int, int], list[IncidentRow]]:
    """Return the incident of each bounce by bounce id, and the incidents that were just opened."""
    moment = now()
    subjects = {row.id: list(_subjects(row)) for row in rows if row.kind in HOLDABLE}
    by_name = {subject.name: subject for each in subjects.values() for subject in each}
    current = {
        row.subject: row
        for row in session.scalars(
            select(IncidentRow).where(
                IncidentRow.subject.in_(by_name), IncidentRow.closed_at.is_(None)
            )
        )
    }
    live: dict[str, IncidentRow] = {}
    opened: list[IncidentRow] = []
    quiet = moment - timedelta(hours=rule.quiet_hours)
    for name, subject in by_name.items():
        incident = current.get(name)
        if incident is not None and incident.last_seen_at >= quiet:
            incident.bounced = max(incident.bounced, _bounced(session, subject, moment, rule))
            # The mailing may still be running, so its number of recipients grows.
            incident.mailed = max(incident.mailed, _lately_mailed(session, subject, moment, rule))
            live[name] = incident
            continue
        fresh = _recognise(session, subject, moment, rule)
        if fresh is None:
            continue
        if incident is None:
            session.add(fresh)
            opened.append(fresh)
            live[name] = fresh
        else:
            incident.bounced, incident.mailed = fresh.bounced, fresh.mailed
            live[name] = incident
    session.flush()
    held: dict[int, int] = {}
    for row in rows:
        for subject in subjects.get(row.id, ()):
            found = live.get(subject.name)
            if found is not None and row.occurred_at >= found.opened_at - _span(rule):
                found.last_seen_at = max(found.last_seen_at, row.occurred_at)
                held.setdefault(row.id, found.id)
    if live:
        _join(session, quiet, rule)
    return held, opened


def _join(session: Session, since: datetime, rule: WaveRule) -> None:
    """Make the incidents of one wave parts of one: an operator decides on a cause, not on each.

    The domains of a bounced mailing become parts of it, or of the first of them while the mailing
    itself is no wave; the mailings that a domain did not accept become parts of the domain. What an
    incident holds does not depend on this.
    """
    rows = session.scalars(
        select(IncidentRow)
        .where(IncidentRow.closed_at.is_(None), IncidentRow.last_seen_at >= since)
        .order_by(IncidentRow.id)
    ).all()
    if len(rows) <= 1:
        return
    heads: dict[str, IncidentRow] = {row.subject: row for row in rows if not _is_domain(row)}
    with_parts: set[int] = set()
    for row in filter(_is_domain, rows):
        mailing = _most_are_of(session, row, rule)
        head = heads.setdefault(mailing, row) if mailing else row
        row.part_of_id = None if head is row else head.id
        with_parts.update(() if head is row else (head.id,))
    domains = {row.subject: row for row in rows if _is_domain(row) and row.part_of_id is None}
    for row in rows:
        if not _is_domain(row):
            domain = "" if row.id in with_parts else _most_are_of(session, row, rule)
            row.part_of_id = domains[domain].id if domain in domains else None
    session.flush()


def _is_domain(incident: IncidentRow) -> bool:
    return incident.kind is IncidentKind.DOMAIN


def _most_are_of(session: Session, incident: IncidentRow, rule: WaveRule) -> str:
    """Return the mailing of nearly all bounces of a domain, or their domain; empty if none."""
    kind, other = (
        (IncidentKind.MAILING, cast(BounceRow.mailing_id, String))
        if _is_domain(incident)
        else (IncidentKind.DOMAIN, BounceRow.domain)
    )
    people = func.count(func.distinct(BounceRow.subscriber_id))
    found = session.execute(
        select(other, people)
        .where(
            _subject_of(incident).of_bounce(),
            BounceRow.proven,
            BounceRow.kind.in_(HOLDABLE),
            BounceRow.occurred_at > incident.opened_at - _span(rule),
        )
        .group_by(other)
    ).all()
    most, count = max(((key, count) for key, count in found), key=itemgetter(1), default=(None, 0))
    if most is None or count < rule.joint_share * sum(count for _, count in found):
        return ""
    return _Subject(kind=kind, key=most).name


def _span(rule: WaveRule) -> timedelta:
    return timedelta(minutes=rule.minutes)


def in_wave(session: Session, incident: IncidentRow, rule: WaveRule) -> Iterable[int]:
    """Return the ids of an incident's bounces that were judged before it was recognised."""
    subject = _subject_of(incident)
    return session.scalars(
        select(BounceRow.id).where(
            subject.of_bounce(),
            BounceRow.proven,
            BounceRow.kind.in_(HOLDABLE),
            BounceRow.occurred_at > incident.opened_at - _span(rule),
            BounceRow.judged_at.is_not(None),
        )
    ).all()


def _subject_of(incident: IncidentRow) -> _Subject:
    return _Subject(kind=incident.kind, key=incident.subject.partition(":")[2])


def _subjects(row: BounceRow) -> Iterable[_Subject]:
    if row.domain:
        yield _Subject(kind=IncidentKind.DOMAIN, key=row.domain)
    if row.mailing_id is not None:
        yield _Subject(kind=IncidentKind.MAILING, key=str(row.mailing_id))


def _bounced(session: Session, subject: _Subject, moment: datetime, rule: WaveRule) -> int:
    count = session.scalar(
        select(func.count(func.distinct(BounceRow.subscriber_id))).where(
            subject.of_bounce(),
            BounceRow.proven,
            BounceRow.kind.in_(HOLDABLE),
            BounceRow.occurred_at > moment - _span(rule),
        )
    )
    return count or 0


def _recognise(
    session: Session, subject: _Subject, moment: datetime, rule: WaveRule
) -> IncidentRow | None:
    bounced = _bounced(session, subject, moment, rule)
    if bounced < rule.minimum:
        return None
    mailed = _lately_mailed(session, subject, moment, rule)
    usual = _usual_rate(session, subject, moment, rule)
    if not rule.is_wave(bounced=bounced, mailed=mailed, usual=usual):
        return None
    words = session.scalar(
        select(BounceRow.reply)
        .where(subject.of_bounce(), BounceRow.proven, BounceRow.reply != "")
        .order_by(BounceRow.id.desc())
        .limit(1)
    )
    return IncidentRow(
        kind=subject.kind,
        subject=subject.name,
        bounced=bounced,
        mailed=mailed,
        usual_rate=usual,
        words=words or "",
        opened_at=moment,
        last_seen_at=moment,
    )


def _lately_mailed(session: Session, subject: _Subject, moment: datetime, rule: WaveRule) -> int:
    since = moment - timedelta(days=rule.mailed_days)
    return _mailed(session, subject.of_delivery(), since, moment)


def _mailed(session: Session, which: ColumnElement[bool], since: datetime, until: datetime) -> int:
    count = session.scalar(
        select(func.count())
        .select_from(DeliveryRow)
        .join(SubscriberRow, SubscriberRow.id == DeliveryRow.subscriber_id)
        .where(which, DeliveryRow.state.in_(_SENT), DeliveryRow.settled_at.between(since, until))
    )
    return count or 0


def _usual_rate(session: Session, subject: _Subject, moment: datetime, rule: WaveRule) -> float:
    """Return the share of a subject's mail that bounced before the present period."""
    since, until = moment - timedelta(days=rule.usual_days), moment - _span(rule)
    mailed = _mailed(session, subject.compared_with(), since, until)
    if mailed == 0:
        return 0.0
    compared = (
        subject.of_bounce()
        if subject.kind is IncidentKind.DOMAIN
        else BounceRow.mailing_id != int(subject.key)
    )
    bounced = session.scalar(
        select(func.count()).where(
            compared,
            BounceRow.proven,
            BounceRow.kind.in_(HOLDABLE),
            BounceRow.occurred_at.between(since, until),
        )
    )
    return (bounced or 0) / mailed
