"""Tallies: counts of outcomes by relay and by recipient domain.

They are updated in the transaction that records the outcomes. Rates and shares are computed from
these few rows, so their cost does not depend on the size of the ledger.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine, delete, func, select
from sqlalchemy.orm import Session

from newsletter.database.engine import transaction
from newsletter.database.insert import add_up
from newsletter.database.tables import TallyRow
from newsletter.database.types import now
from newsletter.database.vocabulary import DeliveryState, TallyScope
from newsletter.mailings.ledger.outcomes import Outcome

#: Hours after which a relay's counts per minute are merged, and a domain's counts per hour deleted.
_KEPT_HOURS = 48
_SUM_AT = datetime(1970, 1, 1, tzinfo=UTC)
StateCounts = Mapping[DeliveryState, int]


@dataclass(frozen=True, kw_only=True, slots=True)
class Tally:
    """The counts of one relay or domain.

    Attributes:
        per_minute: Messages accepted per minute within the recent period.
        lately: Counts of the recent period: for a relay the last minutes, for a domain this hour
            and the one before.
        day: Counts of the last 24 hours.
    """

    name: str
    per_minute: float
    lately: StateCounts
    day: StateCounts

    def share(self, state: DeliveryState) -> float:
        """Return the share of a state, 0 to 1, among the attempts of the recent period."""
        total = sum(self.lately.values())
        return self.lately.get(state, 0) / total if total else 0.0


def tally(session: Session, outcomes: Sequence[Outcome]) -> None:
    """Count outcomes; call it last in a transaction, so that its row locks are held briefly."""
    moment = now()
    minute = moment.replace(second=0, microsecond=0)
    hour = minute.replace(minute=0)
    counted: Counter[tuple[TallyScope, datetime, str, DeliveryState]] = Counter()
    for outcome in outcomes:
        if outcome.transport:
            counted[TallyScope.RELAY, minute, outcome.transport, outcome.state] += 1
        if outcome.transport and outcome.domain:
            counted[TallyScope.DOMAIN, hour, outcome.domain, outcome.state] += 1
    if counted:
        # Sorted: two workers that lock these rows in the same order cannot deadlock.
        rows = sorted(counted.items())
        add_up(
            session,
            TallyRow,
            "count",
            [
                {"scope": scope, "at": at, "name": name, "state": state, "count": count}
                for (scope, at, name, state), count in rows
            ],
        )


#: Minutes that a relay's rate is taken from.
_LATELY = 5


def relay_tallies(session: Session) -> Sequence[Tally]:
    """Return each relay's counts of the last minutes and of a day."""
    since = now() - timedelta(minutes=_LATELY)
    tallies = _tallies(session, TallyScope.RELAY, since, limit=100)
    return [_named(name, lately, day, _LATELY) for name, lately, day in tallies]


def domain_tallies(session: Session, *, limit: int) -> Sequence[Tally]:
    """Return the busiest domains' counts of this hour and the one before, and of a day."""
    moment = now()
    since = moment.replace(minute=0, second=0, microsecond=0) - timedelta(hours=1)
    minutes = (moment - since).total_seconds() / 60
    tallies = _tallies(session, TallyScope.DOMAIN, since, limit=limit)
    return [_named(name, lately, day, minutes) for name, lately, day in tallies]


def _named(name: str, lately: StateCounts, day: StateCounts, minutes: float) -> Tally:
    rate = lately.get(DeliveryState.ACCEPTED, 0) / minutes
    return Tally(name=name, per_minute=rate, lately=lately, day=day)


def _tallies(
    session: Session, scope: TallyScope, since: datetime, *, limit: int
) -> Sequence[tuple[str, StateCounts, StateCounts]]:
    of_day = (TallyRow.scope == scope, TallyRow.at > now() - timedelta(days=1))
    names = session.scalars(
        select(TallyRow.name)
        .where(*of_day)
        .group_by(TallyRow.name)
        .order_by(func.sum(TallyRow.count).desc(), TallyRow.name)
        .limit(limit)
    ).all()
    counts: dict[str, tuple[Counter[DeliveryState], Counter[DeliveryState]]] = {
        name: (Counter(), Counter()) for name in names
    }
    is_late = TallyRow.at >= since
    for name, state, late, count in session.execute(
        select(TallyRow.name, TallyRow.state, is_late, func.sum(TallyRow.count))
        .where(*of_day, TallyRow.name.in_(names))
        .group_by(TallyRow.name, TallyRow.state, is_late)
    ):
        lately, day = counts[name]
        day[state] += count
        if late:
            lately[state] += count
    return [(name, dict(lately), dict(day)) for name, (lately, day) in counts.items()]


def hours_of_day(session: Session) -> Sequence[tuple[datetime, StateCounts]]:
    """Return the counts of each of the last 24 hours, the present one last."""
    moment = now().replace(minute=0, second=0, microsecond=0)
    hours = [moment - timedelta(hours=back) for back in reversed(range(24))]
    bars: dict[datetime, Counter[DeliveryState]] = {hour: Counter() for hour in hours}
    for at, state, count in session.execute(
        select(TallyRow.at, TallyRow.state, func.sum(TallyRow.count))
        .where(TallyRow.scope == TallyScope.RELAY, TallyRow.at >= hours[0])
        .group_by(TallyRow.at, TallyRow.state)
    ):
        hour = at.replace(minute=0)
        if hour in bars:
            bars[hour][state] += count
    return [(hour, dict(counts)) for hour, counts in bars.items()]


def totals(session: Session) -> Sequence[tuple[str, DeliveryState, int]]:
    """Return each relay's counts of all time; they only grow."""
    rows = session.execute(
        select(TallyRow.name, TallyRow.state, func.sum(TallyRow.count))
        .where(TallyRow.scope == TallyScope.RELAY)
        .group_by(TallyRow.name, TallyRow.state)
        .order_by(TallyRow.name, TallyRow.state)
    )
    return [(name, state, int(count)) for name, state, count in rows]


def condense(engine: Engine) -> None:
    """Merge counts that are older than `_KEPT_HOURS`; may run twice at the same time."""
    old = (TallyRow.at < now() - timedelta(hours=_KEPT_HOURS), TallyRow.at > _SUM_AT)
    with transaction(engine) as session:
        deleted = session.execute(
            delete(TallyRow)
            .where(*old)
            .returning(TallyRow.scope, TallyRow.name, TallyRow.state, TallyRow.count)
        ).all()
        kept: Counter[tuple[str, DeliveryState]] = Counter()
        for scope, name, state, count in deleted:
            if scope is TallyScope.RELAY:
                kept[name, state] += count
        if kept:
            add_up(
                session,
                TallyRow,
                "count",
                [
                    {
                        "scope": TallyScope.RELAY,
                        "at": _SUM_AT,
                        "name": name,
                        "state": state,
                        "count": count,
                    }
                    for (name, state), count in sorted(kept.items())
                ],
            )
