"""Series as a machine: whatever happens in whatever order, each step comes once to those due.

Hypothesis orders what readers, staff, rounds and time do, against the real tables; beside them runs
a model of one reader's way that knows the rules alone.
"""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from hypothesis.stateful import run_state_machine_as_test as run_machine
from sqlalchemy import event, func, select
from sqlalchemy.orm import Session

from newsletter.accounts.audit import COMMAND_LINE
from newsletter.database.engine import open_engine, reading, transaction
from newsletter.database.tables import (
    BatchRow,
    DeliveryRow,
    MailingRow,
    NewsletterRow,
    SeriesCopyRow,
    SeriesEnrolmentRow,
    SeriesMailingRow,
)
from newsletter.database.types import now
from newsletter.database.vocabulary import EnrolmentState, UnsubscribeWay
from newsletter.mailings.series.due import KEPT_DAYS, Timing
from newsletter.mailings.series.planning import plan_series
from newsletter.mailings.series.running import pause_series, resume_series
from subscribers.leaving import unsubscribe
from subscribers.preferences import pause
from tests.support.series import AT_ONCE, begin_series, join, let_pass
from tests.support.soak import SOAK
from tests.support.stage import Stage, set_stage

EXAMPLES = 200 if SOAK else 5
STEPS = 18
READERS = 3
TITLES = ("第1回", "第2回", "第3回")
_names = count(1)


class _DiedError(Exception):
    """A round that ended where nobody foresaw it."""


@dataclass
class _Way:
    """What the rules say of one reader: the step that is next, and in how many days."""

    subscribed: bool = False
    paused_days: int = 0
    step: int = 0
    days: int = 0
    under_way: bool = False
    got: Counter[str] = field(default_factory=Counter)


class Series(RuleBasedStateMachine):
    """One series of three steps, two of them each two days after the one before."""

    stage: Stage
    series: int

    def __init__(self) -> None:
        super().__init__()
        self.engine = self.stage.engine
        self.is_paused = False
        self.ways = {f"reader{next(_names)}@example.jp": _Way() for _ in range(READERS)}

    def _draw(self, data: st.DataObject) -> tuple[str, _Way]:
        address = data.draw(st.sampled_from(sorted(self.ways)))
        return address, self.ways[address]

    # What readers do.

    @rule(data=st.data())
    def joins(self, data: st.DataObject) -> None:
        address, way = self._draw(data)
        join(self.engine, address)
        if not way.subscribed:
            way.subscribed, way.paused_days = True, 0
            way.step, way.days, way.under_way = 0, 0, True

    @rule(data=st.data())
    def leaves(self, data: st.DataObject) -> None:
        address, way = self._draw(data)
        if not way.subscribed:
            return
        with transaction(self.engine) as session:
            self._unsubscribe(session, address)
        way.subscribed = way.under_way = False

    @rule(data=st.data(), weeks=st.integers(0, 2))
    def pauses(self, data: st.DataObject, weeks: int) -> None:
        address, way = self._draw(data)
        if not way.subscribed:
            return
        with transaction(self.engine) as session:
            pause(session, self.stage.subscriber_id(address), weeks=weeks)
        way.paused_days = 7 * weeks

    # What staff do.

    @rule()
    def series_is_paused_or_resumed(self) -> None:
        order = resume_series if self.is_paused else pause_series
        with transaction(self.engine) as session:
            order(session, COMMAND_LINE, self.stage.newsletter_id, self.series, revision=None)
        self.is_paused = not self.is_paused

    # What time and rounds do.

    @rule(days=st.integers(1, 9))
    def days_pass(self, days: int) -> None:
        let_pass(self.engine, timedelta(days=days))
        for way in self.ways.values():
            way.days -= days
            way.paused_days = max(0, way.paused_days - days)

    @rule(times=st.integers(1, 2))
    def a_round(self, times: int) -> None:
        for _ in range(times):
            plan_series(self.engine)
        if not self.is_paused:
            for way in self.ways.values():
                self._go_on(way)

    @rule(statement=st.integers(1, 40))
    def a_round_dies(self, statement: int) -> None:
        """At any statement, or before the commit; the next one does what it did not do."""
        engine = open_engine(self.engine.url.render_as_string(hide_password=False))
        taken = count(1)

        def take(*_context: object) -> None:
            if next(taken) == statement:
                raise _DiedError

        event.listen(engine, "before_cursor_execute", take)
        event.listen(engine, "commit", take)
        with suppress(_DiedError):
            plan_series(engine)
        engine.dispose()
        self.a_round(1)

    def _go_on(self, way: _Way) -> None:
        while way.under_way and way.days <= 0 and not way.paused_days:
            late = way.days <= -KEPT_DAYS
            if not late:
                way.got[TITLES[way.step]] += 1
            way.step += 1
            way.days = 2 + (way.days if late else 0)
            way.under_way = way.step < len(TITLES)

    # What must hold after each of these.

    @invariant()
    def each_got_what_the_rules_say(self) -> None:
        with reading(self.engine) as session:
            for address, way in self.ways.items():
                if not way.got and not way.subscribed:
                    continue
                rows = session.execute(
                    select(MailingRow.title, func.count())
                    .join(DeliveryRow, DeliveryRow.mailing_id == MailingRow.id)
                    .join(SeriesMailingRow, SeriesMailingRow.mailing_id == MailingRow.id)
                    .where(DeliveryRow.subscriber_id == self.stage.subscriber_id(address))
                    .group_by(MailingRow.title)
                )
                assert dict(rows.all()) == dict(way.got), address

    @invariant()
    def the_ledger_and_the_enrolments_agree(self) -> None:
        with reading(self.engine) as session:
            sent = session.scalar(
                select(func.count())
                .select_from(DeliveryRow)
                .join(SeriesMailingRow, SeriesMailingRow.mailing_id == DeliveryRow.mailing_id)
            )
            copied = session.scalar(
                select(func.count())
                .select_from(SeriesCopyRow)
                .where(SeriesCopyRow.mailing_id.is_not(None))
            )
            assert sent == copied
            in_batches = session.scalar(
                select(
                    func.coalesce(func.sum(BatchRow.last_position - BatchRow.first_position + 1), 0)
                )
            )
            assert in_batches == sent

    def teardown(self) -> None:
        """Whatever happened, those who stay come to the end; then nobody is left over."""
        if self.is_paused:
            self.series_is_paused_or_resumed()
        for _ in TITLES:
            self.days_pass(14)
            self.a_round(1)
        self.each_got_what_the_rules_say()
        with transaction(self.engine) as session:
            assert not session.scalar(
                select(func.count())
                .select_from(SeriesEnrolmentRow)
                .where(SeriesEnrolmentRow.state == EnrolmentState.ACTIVE)
            )
            for address, way in self.ways.items():
                if way.subscribed:
                    self._unsubscribe(session, address)

    def _unsubscribe(self, session: Session, address: str) -> None:
        unsubscribe(
            session,
            newsletter_id=self.stage.newsletter_id,
            subscriber_id=self.stage.subscriber_id(address),
            mailing_id=None,
            way=UnsubscribeWay.ONE_CLICK,
        )


def test_each_step_comes_at_most_once_and_to_exactly_those_due(sqlite_url: str) -> None:
    engine = open_engine(sqlite_url)
    prepared = set_stage(engine)
    with transaction(engine) as session:
        # A zone in which it is about noon, so that no midnight falls into the test.
        ahead = 12 - now().hour
        newsletter = session.get_one(NewsletterRow, prepared.newsletter_id)
        newsletter.time_zone = f"Etc/GMT{-ahead:+d}"
    later = Timing(delay_days=2, hour="00:00")
    begun = begin_series(engine, AT_ONCE, later, later)

    class OnThisDatabase(Series):
        stage = prepared
        series = begun

    run_machine(
        OnThisDatabase,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            suppress_health_check=list(HealthCheck),
        ),
    )
    engine.dispose()
