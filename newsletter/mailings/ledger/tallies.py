"""Tallies: outcomes counted up by relay and by recipient domain, in the transaction they come with.

Rates and shares are told from these few rows, however long the ledger is.
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

#: Hours after which a relay's minutes become one sum, and a domain's hours are forgotten.
_KEPT_HOURS = 48
_SUM_AT = datetime(1970, 1, 1, tzinfo=UTC)
StateCounts = Mapping[DeliveryState, int]


@dataclass(frozen=True, kw_only=True, slots=True)
class Tally:
    """One relay's or domain's counts, lately and within a day.

    Attributes:
        per_minute: Messages accepted a minute, lately.
        lately: Of a relay the last minutes, of a domain this hour and the one before.
    """

    name: str
    per_minute: float
    lately: StateCounts
    day: StateCounts

    def share(self, state: DeliveryState) -> float:
        """Return which part of the late attempts ended in a state."""
        total = sum(self.lately.values())
        return self.lately.get(state, 0) / total if total else 0.0


def tally(session: Session, outcomes: Sequence[Outcome]) -> None:
    """Count outcomes up; called last in a transaction, so that workers wait little for it."""
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
        # In one order, so that two workers never wait for each other.
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


def relay_tallies(session: Session, *, minutes: int = 5) -> Sequence[Tally]:
    """Return each relay's counts of the last ``minutes`` and of a day."""
    since = now() - timedelta(minutes=minutes)
    tallies = _tallies(session, TallyScope.RELAY, since, limit=100)
    return [_named(name, lately, day, minutes) for name, lately, day in tallies]


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
    """Return each relay's counts since the beginning; they only grow."""
    rows = session.execute(
        select(TallyRow.name, TallyRow.state, func.sum(TallyRow.count))
        .where(TallyRow.scope == TallyScope.RELAY)
        .group_by(TallyRow.name, TallyRow.state)
        .order_by(TallyRow.name, TallyRow.state)
    )
    return [(name, state, int(count)) for name, state, count in rows]


def condense(engine: Engine) -> None:
    """Sum up what is older than two days; twice at once does no harm."""
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
