"""Planning of series: readers who are due for a step get a delivery and advance to the next step.

Both happen in one transaction, which locks all series of the newsletter. So each enrolment gets a
step only once, even if a round dies or runs twice, and the daily limit holds across series.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from sqlalchemy import (
    ColumnElement,
    Engine,
    String,
    and_,
    bindparam,
    case,
    exists,
    func,
    insert,
    literal,
    or_,
    select,
    update,
)
from sqlalchemy.orm import Session

from newsletter.database.engine import reading, transaction
from newsletter.database.states import moving_series
from newsletter.database.tables import (
    NewsletterRow,
    SeriesCopyRow,
    SeriesEnrolmentRow,
    SeriesRow,
    SeriesStepRow,
    SubscriberRow,
    SubscriptionRow,
)
from newsletter.database.types import now
from newsletter.database.vocabulary import (
    EnrolmentEnd,
    EnrolmentState,
    SeriesState,
    SubscriptionState,
)
from newsletter.errors import NewsletterError
from newsletter.i18n.messages import Message, msg
from newsletter.mailings.planning.content import COMMON
from newsletter.mailings.planning.variants import (
    VariantsMissingError,
    missing_variants,
    render_missing,
    require_few,
    variant_column,
)
from newsletter.mailings.series.dates import enrol_by_dates, looks_for_dates
from newsletter.mailings.series.due import KEPT_DAYS, Timing, day_of, due_at, next_day
from newsletter.mailings.series.standing import StepRecipient, add_to_step, parts_of
from newsletter.mailings.series.steps import steps_in_effect, timing_of
from subscribers.segments.compile import segment_clause
from subscribers.series.enrolment import end_enrolments, go_to_step, lock_enrolments
from subscribers.suppression import is_suppressed

#: The number of people in one transaction.
_CHUNK = 500
#: Seconds that a round spends on one series, so that a large one does not delay the others.
_SECONDS = 1.0
#: Interval at which readers who paused are checked again, since they may end the pause early.
_PAUSE_LOOK = timedelta(hours=1)


class _Case(StrEnum):
    """What happens to a reader whose step is due; the first that applies, in this order."""

    LEFT = "left"
    SUPPRESSED = "suppressed"
    PAUSED = "paused"
    CONDITION = "condition"
    HAD = "had"
    LATE = "late"
    SENT_TODAY = "sent-today"
    DUE = "due"


_ENDS = {
    _Case.LEFT: EnrolmentEnd.LEFT,
    _Case.SUPPRESSED: EnrolmentEnd.SUPPRESSED,
    _Case.CONDITION: EnrolmentEnd.CONDITION,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class _Enrolled:
    """A reader whose step is due."""

    id: int
    subscriber_id: int
    planned_for: datetime
    paused_until: datetime | None
    case: _Case
    variant: int


def plan_series(engine: Engine, *, held_because: Message | None = None) -> int:
    """Enrol readers by dates and plan the due steps of all series; return the number of deliveries.

    Args:
        engine: The database.
        held_because: The reason for pausing what is planned; None to send it.
    """
    planned = 0
    for newsletter_id, series_id in _with_something_to_do(engine):
        try:
            planned += _plan(engine, newsletter_id, series_id, held_because)
        except NewsletterError as error:
            # For example, a condition is not valid any more: paused until somebody looks at it.
            _halt(engine, series_id, error.whole)
    return planned


def _with_something_to_do(engine: Engine) -> Sequence[tuple[int, int]]:
    moment = now()
    active = SeriesEnrolmentRow.state == EnrolmentState.ACTIVE
    # One condition per step and kind of waiting, so that each can use an index.
    waits = [
        exists().where(
            SeriesStepRow.series_id == SeriesRow.id,
            SeriesEnrolmentRow.step_id == SeriesStepRow.id,
            active,
            due,
        )
        for due in (SeriesEnrolmentRow.due_at.is_(None), SeriesEnrolmentRow.due_at <= moment)
    ]
    with reading(engine) as session:
        rows = session.execute(
            select(SeriesRow.newsletter_id, SeriesRow.id)
            .where(
                SeriesRow.state == SeriesState.ACTIVE,
                or_(*waits, looks_for_dates(moment)),
            )
            .order_by(SeriesRow.newsletter_id, SeriesRow.id)
        ).all()
    return [(newsletter, series) for newsletter, series in rows]


def _plan(engine: Engine, newsletter_id: int, series_id: int, held_because: Message | None) -> int:
    planned = 0
    began = time.monotonic()
    while time.monotonic() - began < _SECONDS:
        try:
            with transaction(engine, long=True) as session:
                chunk = _Chunk.held(session, newsletter_id, series_id)
                if chunk is None:
                    return planned
                enrol_by_dates(session, chunk.series, chunk.newsletter)
                seen, copies = chunk.take(held_because)
        except VariantsMissingError as missing:
            # Rendered outside the transaction; if it takes too long, the next round continues.
            if not render_missing(engine, missing.mailing_id, missing.numbers):
                return planned
            continue
        planned += copies
        if not seen:
            break
    return planned


def _halt(engine: Engine, series_id: int, why: Message) -> None:
    with transaction(engine) as session:
        session.execute(
            moving_series(SeriesState.PAUSED, sources={SeriesState.ACTIVE})
            .where(SeriesRow.id == series_id)
            .values(
                halt_reason=msg("The next recipients cannot be determined. {reason}", reason=why)
            )
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class _Chunk:
    """Some of a series' enrolments, in the transaction that locks the newsletter's series."""

    session: Session
    newsletter: NewsletterRow
    series: SeriesRow
    steps: Sequence[SeriesStepRow]
    moment: datetime

    @classmethod
    def held(cls, session: Session, newsletter_id: int, series_id: int) -> _Chunk | None:
        """Lock a newsletter's series, so that one round at a time plans it; None if not active."""
        rows = session.scalars(
            select(SeriesRow)
            .where(SeriesRow.newsletter_id == newsletter_id)
            .order_by(SeriesRow.id)
            # FOR NO KEY UPDATE: inserting an enrolment, which references a series, need not wait.
            .with_for_update(key_share=True)
        ).all()
        series = next((row for row in rows if row.id == series_id), None)
        if series is None or series.state is not SeriesState.ACTIVE:
            return None
        return cls(
            session=session,
            newsletter=session.get_one(NewsletterRow, newsletter_id),
            series=series,
            steps=steps_in_effect(session, series_id),
            moment=now(),
        )

    def take(self, held_because: Message | None) -> tuple[int, int]:
        """Process one portion; return the numbers of processed people and of new deliveries."""
        for step in self.steps:
            if seen := self._set_due(step):
                return seen, 0
        for step in self.steps:
            people = self._due_for(step)
            if people:
                return len(people), self._decide(step, people, held_because)
        return 0, 0

    def _set_due(self, step: SeriesStepRow) -> int:
        """Compute the due time of readers for whom it is not known; return their number."""
        timing = timing_of(step)
        rows = self.session.execute(
            select(
                SeriesEnrolmentRow.id,
                SeriesEnrolmentRow.since,
                SeriesEnrolmentRow.from_day,
                SubscriptionRow.time_zone,
            )
            .join(SubscriptionRow, _of_reader())
            .where(*self._at(step), SeriesEnrolmentRow.due_at.is_(None))
            .order_by(SeriesEnrolmentRow.id)
            .limit(_CHUNK)
        ).all()
        if rows:
            self.session.connection().execute(
                _SET_DUE,
                [
                    {"number": row.id, "due": self._due(timing, row.since, row.from_day, row[3])}
                    for row in rows
                ],
            )
        return len(rows)

    def _due(self, timing: Timing, since: datetime, from_day: date | None, zone: str) -> datetime:
        return due_at(
            timing,
            since=since,
            from_day=from_day,
            zone=zone,
            newsletter_zone=self.newsletter.time_zone,
        )

    def _at(self, step: SeriesStepRow) -> tuple[ColumnElement[bool], ...]:
        return (
            SeriesEnrolmentRow.step_id == step.id,
            SeriesEnrolmentRow.state == EnrolmentState.ACTIVE,
        )

    def _due_for(self, step: SeriesStepRow) -> Sequence[_Enrolled]:
        conditions = parts_of(self.session, step)[0].conditions
        variant: ColumnElement[int] = literal(COMMON)
        if conditions is not None:
            variant = variant_column(
                conditions, self.newsletter.id, time_zone=self.newsletter.time_zone
            )
        rows = self.session.execute(
            select(
                SeriesEnrolmentRow.id,
                SeriesEnrolmentRow.subscriber_id,
                SeriesEnrolmentRow.planned_for,
                SubscriptionRow.paused_until,
                self._case(step).label("case"),
                variant.label("variant"),
            )
            .join(SubscriptionRow, _of_reader())
            .join(SubscriberRow, SubscriberRow.id == SeriesEnrolmentRow.subscriber_id)
            .where(*self._at(step), SeriesEnrolmentRow.due_at <= self.moment)
            .order_by(SeriesEnrolmentRow.due_at, SeriesEnrolmentRow.id)
            .limit(_CHUNK)
        ).all()
        return [
            _Enrolled(
                id=row.id,
                subscriber_id=row.subscriber_id,
                planned_for=row.planned_for,
                paused_until=row.paused_until,
                case=_Case(row.case),
                variant=row.variant,
            )
            for row in rows
        ]

    def _case(self, step: SeriesStepRow) -> ColumnElement[str]:
        is_member = and_(
            SubscriberRow.address_key.is_not(None),
            SubscriptionRow.state == SubscriptionState.CONFIRMED,
            func.coalesce(SubscriptionRow.confirmed_at, SeriesEnrolmentRow.enrolled_at)
            == func.coalesce(SeriesEnrolmentRow.member_since, SeriesEnrolmentRow.enrolled_at),
        )
        condition = segment_clause(
            self.series.condition, self.newsletter.id, time_zone=self.newsletter.time_zone
        )
        had = exists().where(
            SeriesCopyRow.enrolment_id == SeriesEnrolmentRow.id, SeriesCopyRow.step_id == step.id
        )
        sent_today = exists().where(
            SeriesCopyRow.newsletter_id == self.newsletter.id,
            SeriesCopyRow.subscriber_id == SeriesEnrolmentRow.subscriber_id,
            SeriesCopyRow.day == self._today,
            SeriesCopyRow.mailing_id.is_not(None),
        )
        cases: list[tuple[ColumnElement[bool], str]] = [
            (~is_member, _Case.LEFT.value),
            (
                is_suppressed(SubscriberRow.address_key, self.newsletter.id),
                _Case.SUPPRESSED.value,
            ),
            (
                func.coalesce(SubscriptionRow.paused_until, self.moment) > self.moment,
                _Case.PAUSED.value,
            ),
            (~condition, _Case.CONDITION.value),
            (had, _Case.HAD.value),
            (
                SeriesEnrolmentRow.planned_for < self.moment - timedelta(days=KEPT_DAYS),
                _Case.LATE.value,
            ),
        ]
        if not timing_of(step).at_once:
            cases.append((sent_today, _Case.SENT_TODAY.value))
        return case(*cases, else_=_Case.DUE.value).cast(String)

    @property
    def _today(self) -> date:
        return day_of(self.moment, self.newsletter.time_zone)

    def _decide(
        self, step: SeriesStepRow, people: Sequence[_Enrolled], held_because: Message | None
    ) -> int:
        found: Mapping[_Case, list[_Enrolled]] = defaultdict(list)
        copied: set[int] = set()
        for each in people:
            if each.case is _Case.DUE and each.subscriber_id in copied:
                # Enrolled for two events at once: the second follows in the next portion.
                continue
            if each.case is _Case.DUE:
                copied.add(each.subscriber_id)
            found[each.case].append(each)
        # The ledger first: this waits for erasures before enrolments are locked.
        placed = self._place(step, found[_Case.DUE], held_because)
        there = lock_enrolments(self.session, SeriesEnrolmentRow.id.in_([one.id for one in people]))
        found = {which: [each for each in found[which] if each.id in there] for which in _Case}
        self._note_copies(step, placed, found)
        for which, because in _ENDS.items():
            self._end(found[which], because)
        self._move_on(step, [each.id for each in found[_Case.DUE]], self.moment)
        self._move_on(step, [each.id for each in found[_Case.HAD]], self.moment)
        for planned_for, ids in _by_hour(found[_Case.LATE]).items():
            self._move_on(step, ids, planned_for)
        self._put_off(found[_Case.SENT_TODAY], next_day(self.moment, step.hour, self._zone))
        for each in found[_Case.PAUSED]:
            until = each.paused_until or self.moment
            self._put_off([each], min(until, self.moment + _PAUSE_LOOK))
        return len(placed)

    @property
    def _zone(self) -> str:
        return self.newsletter.time_zone

    def _place(
        self, step: SeriesStepRow, people: Sequence[_Enrolled], held_because: Message | None
    ) -> Mapping[int, int]:
        needed = frozenset(each.variant for each in people)
        if needed - {COMMON}:
            require_few(len(needed))
            for part in parts_of(self.session, step):
                if missing := missing_variants(self.session, part.id, needed):
                    raise VariantsMissingError(part.id, missing)
        recipients = [
            StepRecipient(
                enrolment_id=each.id, subscriber_id=each.subscriber_id, variant=each.variant
            )
            for each in people
        ]
        return add_to_step(self.session, step, recipients, held_because=held_because)

    def _note_copies(
        self,
        step: SeriesStepRow,
        placed: Mapping[int, int],
        found: Mapping[_Case, Sequence[_Enrolled]],
    ) -> None:
        copies = [
            {
                "enrolment_id": each.id,
                "step_id": step.id,
                "newsletter_id": self.newsletter.id,
                "subscriber_id": each.subscriber_id,
                "mailing_id": placed.get(each.id),
                "day": self._today,
                "decided_at": self.moment,
            }
            for which in (_Case.DUE, _Case.LATE)
            for each in found[which]
        ]
        if copies:
            self.session.execute(insert(SeriesCopyRow), copies)

    def _end(self, people: Sequence[_Enrolled], because: EnrolmentEnd) -> None:
        if people:
            ids = [each.id for each in people]
            end_enrolments(self.session, SeriesEnrolmentRow.id.in_(ids), because=because)

    def _move_on(self, step: SeriesStepRow, ids: Sequence[int], since: datetime) -> None:
        if not ids:
            return
        places = [row.id for row in self.steps]
        following = places[places.index(step.id) + 1 :]
        go_to_step(
            self.session,
            following[0] if following else None,
            SeriesEnrolmentRow.id.in_(ids),
            since=since,
        )

    def _put_off(self, people: Sequence[_Enrolled], until: datetime) -> None:
        if people:
            self.session.execute(
                update(SeriesEnrolmentRow)
                .where(SeriesEnrolmentRow.id.in_([each.id for each in people]))
                .values(due_at=until)
                .execution_options(synchronize_session=False)
            )


def _by_hour(people: Sequence[_Enrolled]) -> Mapping[datetime, Sequence[int]]:
    by_hour: dict[datetime, list[int]] = defaultdict(list)
    for each in people:
        by_hour[each.planned_for].append(each.id)
    return by_hour


def _of_reader() -> ColumnElement[bool]:
    return and_(
        SubscriptionRow.newsletter_id == SeriesEnrolmentRow.newsletter_id,
        SubscriptionRow.subscriber_id == SeriesEnrolmentRow.subscriber_id,
    )


_ENROLMENTS = SeriesEnrolmentRow.__table__
_SET_DUE = (
    update(_ENROLMENTS)  # type: ignore[arg-type]
    .where(_ENROLMENTS.c.id == bindparam("number"), _ENROLMENTS.c.due_at.is_(None))
    .values(due_at=bindparam("due"), planned_for=bindparam("due"))
)
