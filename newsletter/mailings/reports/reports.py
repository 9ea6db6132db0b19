"""Reports on mailings: results over time, by domain and by reason. Opens are not measured."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine, Integer, Select, cast, extract, func, select
from sqlalchemy.orm import Session

from newsletter.database.engine import reading
from newsletter.database.tables import (
    BounceRow,
    DeliveryRow,
    MailingRow,
    NewsletterRow,
    SubscriberRow,
    UnsubscribeEventRow,
)
from newsletter.database.types import now
from newsletter.database.vocabulary import (
    EDITIONS,
    OVER,
    BounceKind,
    BounceSource,
    DeliveryState,
    MailingKind,
    MailingState,
)
from newsletter.mailings.ledger.tallies import StateCounts
from newsletter.mailings.planning.content import no_such_mailing
from newsletter.mailings.planning.readers import segment_names
from newsletter.mailings.reports.cached_figures import Figure, Figures
from newsletter.mailings.reports.progress import Progress, count_states
from newsletter.mailings.trials.subjects import decision_due, find_trial

#: The number of bars in a chart, and of domains that are named; further domains are summed up.
_BARS = 48
_DOMAINS = 15
_REASONS = 20
_STEPS = (60, 300, 900, 3600, 4 * 3600, 24 * 3600)
_PAGE = 1000
_RATE_SECONDS = 60
_LEAST_SECONDS = 5
#: States of deliveries that did not, or may not have, reached their recipient.
_MISSED = (
    DeliveryState.REJECTED,
    DeliveryState.FAILED,
    DeliveryState.DEFERRED,
    DeliveryState.UNCERTAIN,
    DeliveryState.SKIPPED,
)
_UNDER_WAY = frozenset(
    {
        MailingState.SCHEDULED,
        MailingState.PLANNING,
        MailingState.SENDING,
        MailingState.PAUSED,
    }
)
#: A delivery that did not, or may not have, arrived: address, state, time, status and reason.
Missed = tuple[str, DeliveryState, datetime | None, str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class MailingSummary(Progress):
    """The figures of one mailing.

    Attributes:
        segment: The query of its audience; empty for all subscribers.
        segment_name: The name of the saved segment, now or at the time of the order; or empty.
        decides_at: When the subject is chosen, while the mailing waits for that.
        restored: Whether it was paused because the database was set back.
        bounced: The number of recipients with later bounces, soft or hard. Rejections during SMTP
            are counted as rejected, not here.
    """

    issue_id: int | None
    kind: MailingKind
    segment: str
    segment_name: str
    urgent: bool
    decides_at: datetime | None
    unsubscribed: int
    complaints: int
    bounced: int
    restored: bool
    local_hour: str
    spread: timedelta

    def share(self, count: int) -> float:
        """Return a count in percent of the accepted messages."""
        accepted = self.of(DeliveryState.ACCEPTED)
        return 100 * count / accepted if accepted else 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcomes:
    """The counts of one mailing's results; see `MailingSummary`."""

    counts: StateCounts
    unsubscribed: int
    complaints: int
    bounced: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Headline:
    """A mailing in a list, without figures.

    Attributes:
        newsletter: The newsletter's slug, or empty.
        decides_at: See `MailingSummary`.
    """

    mailing_id: int
    newsletter: str
    subject: str
    state: MailingState
    begins_at: datetime | None
    decides_at: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Pace:
    """The pace of a mailing: messages per minute, and the remaining time at this pace."""

    per_minute: int
    left: timedelta | None


@dataclass(frozen=True, kw_only=True, slots=True)
class OutcomeReason:
    """A reason for the result of deliveries, with their number."""

    state: DeliveryState
    words: str
    count: int


@dataclass(frozen=True, kw_only=True, slots=True)
class MailingReport:
    """A detailed report; ``step`` is the time that one bar of ``by_time`` covers."""

    step: timedelta
    by_time: Sequence[tuple[datetime, StateCounts]]
    by_domain: Sequence[tuple[str, StateCounts]]
    reasons: Sequence[OutcomeReason]


def summarise(
    session: Session, newsletter_id: int, mailing_id: int, figures: Figures
) -> MailingSummary:
    """Return the figures of a mailing to subscribers, including steps of series.

    Raises:
        NotFoundError: The newsletter has no such mailing.
    """
    row = session.get(MailingRow, mailing_id)
    if row is None or row.newsletter_id != newsletter_id or not row.kind.is_to_list:
        raise no_such_mailing(mailing_id)
    return _summary(session, row, figures)


def list_summaries(
    session: Session,
    newsletter_id: int,
    figures: Figures,
    *,
    before: int | None = None,
    limit: int = 20,
) -> Sequence[MailingSummary]:
    """Return the newest mailings with numbers below ``before``."""
    query = _newest(newsletter_id).limit(limit)
    if before is not None:
        query = query.where(MailingRow.id < before)
    return [_summary(session, row, figures) for row in session.scalars(query).all()]


def list_headlines(session: Session, newsletter_id: int, *, limit: int) -> Sequence[Headline]:
    """Return the newest mailings, without figures."""
    return [_headline(session, row) for row in session.scalars(_newest(newsletter_id).limit(limit))]


def list_upcoming(
    session: Session, newsletter_ids: Collection[int], *, limit: int
) -> Sequence[Headline]:
    """Return the mailings that are scheduled, under way or paused, by due time."""
    begins_at = func.coalesce(MailingRow.started_at, MailingRow.scheduled_at, MailingRow.created_at)
    query = _of(newsletter_ids, _UNDER_WAY).order_by(begins_at, MailingRow.id)
    return [_headline(session, row, slug) for row, slug in session.execute(query.limit(limit))]


def list_past(
    session: Session, newsletter_ids: Collection[int], *, limit: int
) -> Sequence[Headline]:
    """Return the mailings that have ended after they began, the newest first."""
    began = MailingRow.started_at.is_not(None)
    query = _of(newsletter_ids, OVER).where(began).order_by(MailingRow.id.desc())
    return [_headline(session, row, slug) for row, slug in session.execute(query.limit(limit))]


def _of(
    newsletter_ids: Collection[int], states: Collection[MailingState]
) -> Select[MailingRow, str]:
    return (
        select(MailingRow, NewsletterRow.slug)
        .join(NewsletterRow, NewsletterRow.id == MailingRow.newsletter_id)
        .where(
            MailingRow.newsletter_id.in_(newsletter_ids),
            MailingRow.kind.in_(EDITIONS),
            MailingRow.state.in_(states),
        )
    )


def _headline(session: Session, row: MailingRow, newsletter: str = "") -> Headline:
    return Headline(
        mailing_id=row.id,
        newsletter=newsletter,
        subject=row.title,
        state=row.state,
        begins_at=row.started_at or row.scheduled_at,
        decides_at=_decides_at(session, row),
    )


def _newest(newsletter_id: int) -> Select[MailingRow]:
    return (
        select(MailingRow)
        .where(MailingRow.newsletter_id == newsletter_id, MailingRow.kind.in_(EDITIONS))
        .order_by(MailingRow.id.desc())
    )


def _summary(session: Session, row: MailingRow, figures: Figures) -> MailingSummary:
    # The key includes state and end, so that no earlier figure is shown for a finished mailing.
    key = ("outcomes", row.id, row.state, row.finished_at)
    outcomes = figures.of(session, key, lambda counting: count_outcomes(counting, row.id)).value
    return MailingSummary(
        mailing_id=row.id,
        issue_id=row.issue_id,
        subject=row.title,
        state=row.state,
        kind=row.kind,
        segment=row.segment,
        segment_name=segment_names(session, row.newsletter_id, [row]).get(row.id, ""),
        urgent=row.urgent,
        decides_at=_decides_at(session, row),
        planned=row.planned,
        counts=outcomes.counts,
        unsubscribed=outcomes.unsubscribed,
        complaints=outcomes.complaints,
        bounced=outcomes.bounced,
        halt_reason=row.halt_reason,
        restored=row.restored,
        scheduled_at=row.scheduled_at,
        local_hour=row.local_hour,
        started_at=row.started_at,
        finished_at=row.finished_at,
        spread=timedelta(seconds=row.spread_seconds),
    )


def _decides_at(session: Session, row: MailingRow) -> datetime | None:
    """Return when the subject of a mailing is chosen; None if it is not waiting for that."""
    return decision_due(session, row.id) if row.state is MailingState.SENDING else None


def count_outcomes(session: Session, mailing_id: int) -> Outcomes:
    """Count a mailing's results; this takes some tenths of a second for a million deliveries."""
    left = session.scalar(
        select(func.count(UnsubscribeEventRow.subscriber_id.distinct())).where(
            UnsubscribeEventRow.mailing_id == mailing_id
        )
    )
    bounces = select(func.count(BounceRow.address.distinct())).where(
        BounceRow.mailing_id == mailing_id
    )
    # Rejections during SMTP are counted by the deliveries' state.
    returned = BounceRow.kind.in_((BounceKind.HARD, BounceKind.SOFT)) & (
        BounceRow.source != BounceSource.SMTP
    )
    return Outcomes(
        counts=count_states(session, mailing_id),
        unsubscribed=left or 0,
        complaints=session.scalar(bounces.where(BounceRow.kind == BounceKind.COMPLAINT)) or 0,
        bounced=session.scalar(bounces.where(returned)) or 0,
    )


def measure_pace(session: Session, mailing: MailingSummary, figures: Figures) -> Pace:
    """Return the pace over the last minute; the remaining time is None if nothing is being sent.

    For a mailing that is distributed over time, the remaining time is that of the distribution. A
    mailing that waits for the choice of a subject is not being sent.
    """
    number = mailing.mailing_id
    if mailing.state is not MailingState.SENDING:
        return Pace(per_minute=0, left=None)
    key = ("pace", number)
    settled = figures.of(session, key, lambda counting: _settled_lately(counting, number)).value
    moment = now()
    begun = mailing.started_at or moment
    # A mailing that began less than a minute ago is measured since its beginning.
    seconds = min(max((moment - begun).total_seconds(), _LEAST_SECONDS), _RATE_SECONDS)
    per_minute = round(settled * 60 / seconds)
    trial = find_trial(session, number)
    if trial is not None and trial.decided_at is None:
        return Pace(per_minute=per_minute, left=None)
    released = trial.decided_at if trial and trial.decided_at else begun
    ends_at, left = released + mailing.spread, None
    if mailing.waiting and ends_at > moment:
        left = ends_at - moment
    elif mailing.waiting and settled:
        left = timedelta(seconds=mailing.waiting * seconds / settled)
    return Pace(per_minute=per_minute, left=left)


def _settled_lately(session: Session, number: int) -> int:
    recent = session.scalar(
        select(func.count()).where(
            DeliveryRow.mailing_id == number,
            DeliveryRow.settled_at > now() - timedelta(seconds=_RATE_SECONDS),
        )
    )
    return recent or 0


def report_on(session: Session, mailing: MailingSummary, figures: Figures) -> Figure[MailingReport]:
    """Return a mailing's figures over time, by domain and by reason, with the time of counting."""
    number = mailing.mailing_id
    key = ("report", number, mailing.state, mailing.finished_at)
    return figures.of(session, key, lambda counting: _report(counting, number))


def _report(session: Session, number: int) -> MailingReport:
    step, by_time = _over_time(session, number)
    by_domain: dict[str, dict[DeliveryState, int]] = {}
    for domain, state, count in session.execute(
        select(SubscriberRow.domain, DeliveryRow.state, func.count())
        .join(SubscriberRow, SubscriberRow.id == DeliveryRow.subscriber_id)
        .where(DeliveryRow.mailing_id == number)
        .group_by(SubscriberRow.domain, DeliveryRow.state)
    ):
        by_domain.setdefault(domain, {})[state] = count
    words = func.coalesce(DeliveryRow.reply, "")
    reasons = session.execute(
        select(DeliveryRow.state, words, func.count())
        .where(DeliveryRow.mailing_id == number, DeliveryRow.state.in_(_MISSED))
        .group_by(DeliveryRow.state, words)
        .order_by(func.count().desc())
        .limit(_REASONS)
    )
    return MailingReport(
        step=step,
        by_time=by_time,
        by_domain=_largest(by_domain),
        reasons=[
            OutcomeReason(state=state, words=reason or "", count=count)
            for state, reason, count in reasons
        ],
    )


def _over_time(
    session: Session, number: int
) -> tuple[timedelta, Sequence[tuple[datetime, StateCounts]]]:
    settled = (DeliveryRow.mailing_id == number) & DeliveryRow.settled_at.is_not(None)
    first, last = session.execute(
        select(func.min(DeliveryRow.settled_at), func.max(DeliveryRow.settled_at)).where(settled)
    ).one()
    if first is None or last is None:
        return timedelta(minutes=1), []
    span = (last - first).total_seconds()
    step = next((step for step in _STEPS if span / step <= _BARS), _STEPS[-1])
    bar = cast(func.floor(extract("epoch", DeliveryRow.settled_at)), Integer) // step
    bars: dict[int, dict[DeliveryState, int]] = {}
    for place, state, count in session.execute(
        select(bar, DeliveryRow.state, func.count()).where(settled).group_by(bar, DeliveryRow.state)
    ):
        bars.setdefault(place, {})[state] = count
    places = range(min(bars), min(max(bars), min(bars) + 2 * _BARS) + 1)
    return timedelta(seconds=step), [
        (datetime.fromtimestamp(place * step, UTC), bars.get(place, {})) for place in places
    ]


def _largest(
    by_domain: Mapping[str, dict[DeliveryState, int]],
) -> Sequence[tuple[str, StateCounts]]:
    """Return the counts of the largest domains, followed by the rest under an empty name."""
    ranked = sorted(by_domain.items(), key=lambda item: (-sum(item[1].values()), item[0]))
    shown: list[tuple[str, StateCounts]] = list(ranked[:_DOMAINS])
    if rest := ranked[_DOMAINS:]:
        shown.append(
            ("", {state: sum(c.get(state, 0) for _, c in rest) for state in DeliveryState})
        )
    return shown


def missed_deliveries(engine: Engine, mailing_id: int) -> Iterator[Missed]:
    """Yield the deliveries that did not, or may not have, arrived, in the order of the ledger.

    Each page is read in a transaction of its own, so that a slow client holds no connection.
    """
    query = (
        select(
            DeliveryRow.position,
            SubscriberRow.address,
            DeliveryRow.state,
            DeliveryRow.settled_at,
            DeliveryRow.status,
            DeliveryRow.reply,
        )
        .join(SubscriberRow, SubscriberRow.id == DeliveryRow.subscriber_id)
        .where(DeliveryRow.mailing_id == mailing_id, DeliveryRow.state.in_(_MISSED))
        .order_by(DeliveryRow.position)
        .limit(_PAGE)
    )
    last = 0
    while True:
        with reading(engine) as session:
            rows = session.execute(query.where(DeliveryRow.position > last)).all()
        if not rows:
            return
        for _, address, state, settled_at, status, reply in rows:
            yield address or "", state, settled_at, status or "", reply or ""
        last = rows[-1][0]
