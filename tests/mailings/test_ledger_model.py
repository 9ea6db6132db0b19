"""The ledger as a machine: whatever is done in whatever order, its promises hold.

Hypothesis orders what planners, workers, sweepers, subscribers and operators do, against the real
tables; the relay is a count of the messages that it took.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import timedelta
from itertools import count

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from hypothesis.stateful import run_state_machine_as_test as run_machine
from sqlalchemy import Engine, select, update
from sqlalchemy.orm import Session

from newsletter.database.engine import reading, transaction
from newsletter.database.states import CLAIMABLE, DELIVERY_TRANSITIONS, FINAL
from newsletter.database.tables import BatchRow, DeliveryRow, MailingRow, SubscriptionRow
from newsletter.database.types import now
from newsletter.database.vocabulary import (
    BatchState,
    DeliveryState,
    MailingState,
    SubscriptionState,
    UnsubscribeWay,
)
from newsletter.errors import ConflictError
from newsletter.mailings.ledger import leases as ledger
from newsletter.mailings.ledger.dispatch import finish_mailings, take_due_batches
from newsletter.mailings.ledger.outcomes import Outcome
from newsletter.mailings.ledger.recording import record_and_reach
from newsletter.mailings.ledger.settlement import retry_failed, settle_uncertain
from newsletter.mailings.ledger.standing import standing
from newsletter.mailings.planning.planning import plan_mailing
from newsletter.mailings.reports.progress import progress
from subscribers.leaving import unsubscribe
from tests.support.ledger import LEASE_SECONDS, delivery_states, record
from tests.support.orders import cancel, pause, resume
from tests.support.soak import SOAK
from tests.support.stage import Stage, set_stage
from tests.support.state_guard import refuse_other_moves

State = DeliveryState
PEOPLE = 6
BATCH = 3
EXAMPLES = 400 if SOAK else 20
STEPS = 20
#: What a relay says, or a worker finds.
ANSWERS = [State.ACCEPTED, State.DEFERRED, State.REJECTED, State.FAILED, State.UNCERTAIN]
UNDER_WAY = {MailingState.SENDING, MailingState.PAUSED}
_numbers = count(1)


def _reachable() -> dict[State, frozenset[State]]:
    """Return where each state can lead by any number of moves, itself included."""
    found = {state: {state} for state in State}
    for _ in State:
        for state in State:
            found[state] |= {end for step in DELIVERY_TRANSITIONS[state] for end in found[step]}
    return {state: frozenset(ends) for state, ends in found.items()}


REACHABLE = _reachable()


class Ledger(RuleBasedStateMachine):
    """One mailing to six people in two batches."""

    stage: Stage
    make_mailing: Callable[[], int]

    def __init__(self) -> None:
        super().__init__()
        self.engine = self.stage.engine
        self.mailing = type(self).make_mailing()
        plan_mailing(self.engine, self.mailing)
        self.claims: dict[str, ledger.Claim] = {}
        self.answered: dict[str, set[int]] = {}
        self.reached: dict[str, set[int]] = {}
        self.taken: Counter[int] = Counter()
        self.may_double: set[int] = set()
        self.before = delivery_states(self.engine, self.mailing)

    def _state(self) -> MailingState:
        return progress(self.engine, self.mailing).state

    # What workers do.

    @rule(number=st.integers(1, 2), reach=st.none() | st.integers(1, BATCH))
    def claim(self, number: int, reach: int | None = None) -> None:
        token = f"token{next(_numbers)}"
        claimed = ledger.claim_batch(
            self.engine, self.mailing, number, token=token, lease_seconds=LEASE_SECONDS, reach=reach
        )
        if claimed is not None:
            self.claims[token] = claimed
            self.answered[token] = set()
            self.reached[token] = {each.position for each in claimed.deliveries[: claimed.reached]}

    @precondition(lambda self: self.claims)
    @rule(data=st.data())
    def reach_for_more(self, data: st.DataObject) -> None:
        """The holder of a lease takes more of its batch in hand; the answer may be lost once."""
        token = data.draw(st.sampled_from(sorted(self.claims)))
        claimed = self.claims[token]
        beyond = {each.position for each in claimed.deliveries} - self.reached[token]
        if not beyond:
            return
        chosen = sorted(data.draw(st.sets(st.sampled_from(sorted(beyond)), min_size=1)))
        for _ in range(data.draw(st.integers(1, 2))):
            if data.draw(st.booleans()):
                found = standing(self.engine, claimed, chosen).reached
            else:
                _, found = record_and_reach(
                    self.engine, claimed, [], chosen, retry_hours=24, lease_seconds=LEASE_SECONDS
                )
            self.reached[token] |= found

    @precondition(lambda self: self.claims)
    @rule(data=st.data(), answer=st.sampled_from(ANSWERS))
    def relay_answers(self, data: st.DataObject, answer: State) -> None:
        """The holder of a lease hands one message over and records what came of it."""
        token = data.draw(st.sampled_from(sorted(self.claims)))
        left = [
            one
            for one in self.claims[token].deliveries
            if one.position in self.reached[token] - self.answered[token]
        ]
        if not left:
            return
        delivery = data.draw(st.sampled_from(left))
        self.answered[token].add(delivery.position)
        if answer is State.ACCEPTED or (answer is State.UNCERTAIN and data.draw(st.booleans())):
            self.taken[delivery.position] += 1
        outcome = Outcome(
            position=delivery.position,
            state=answer,
            attempts=delivery.attempts + 1,
            status="5.1.1" if answer is State.REJECTED else "",
        )
        for _ in range(data.draw(st.integers(1, 2))):
            record(self.engine, self.mailing, token, outcome)

    @precondition(lambda self: self.claims)
    @rule(data=st.data())
    def close(self, data: st.DataObject) -> None:
        token = data.draw(st.sampled_from(sorted(self.claims)))
        ledger.close_batch(self.engine, self.claims.pop(token))

    @precondition(lambda self: self.claims)
    @rule(data=st.data(), unproven=st.sampled_from([State.QUEUED, State.UNCERTAIN]))
    def worker_is_lost(self, data: st.DataObject, unproven: State) -> None:
        """Its batch is put back, by its journal or, from another host, without; perhaps twice."""
        token = data.draw(st.sampled_from(sorted(self.claims)))
        del self.claims[token]
        for _ in range(data.draw(st.integers(1, 2))):
            ledger.release_batch(
                self.engine, mailing_id=self.mailing, token=token, unproven=unproven
            )

    @rule(data=st.data(), answer=st.sampled_from(ANSWERS))
    def a_lost_worker_speaks_late(self, data: st.DataObject, answer: State) -> None:
        """A lease that is over can tell of an acceptance that is true, and of nothing else."""
        over = sorted(set(self.answered) - set(self.claims))
        if not over or answer is State.ACCEPTED:
            return
        token = data.draw(st.sampled_from(over))
        position = data.draw(st.integers(1, PEOPLE))
        states = delivery_states(self.engine, self.mailing)
        record(self.engine, self.mailing, token, Outcome(position=position, state=answer))
        assert delivery_states(self.engine, self.mailing) == states

    @rule()
    def a_round(self) -> None:
        take_due_batches(self.engine, urgent=False, room=64)
        finish_mailings(self.engine)

    @rule()
    def time_passes(self) -> None:
        """What was deferred is due."""
        moment = now() - timedelta(seconds=1)
        with transaction(self.engine) as session:
            session.execute(
                update(DeliveryRow)
                .where(DeliveryRow.mailing_id == self.mailing)
                .where(DeliveryRow.next_attempt_at.is_not(None))
                .values(next_attempt_at=moment)
            )
            session.execute(
                update(BatchRow).where(BatchRow.mailing_id == self.mailing).values(due_at=moment)
            )

    # What people do.

    @rule()
    def pause_or_resume(self) -> None:
        match self._state():
            case MailingState.SENDING:
                pause(self.engine, self.mailing)
            case MailingState.PAUSED:
                resume(self.engine, self.mailing)

    @rule(really=st.integers(0, 5))
    def cancel(self, really: int) -> None:
        if really == 0 and self._state() in UNDER_WAY:
            cancel(self.engine, self.mailing)

    @rule(position=st.integers(1, PEOPLE))
    def somebody_leaves(self, position: int) -> None:
        with transaction(self.engine) as session:
            person = session.get_one(DeliveryRow, (self.mailing, position)).subscriber_id
            unsubscribe(
                session,
                newsletter_id=self.stage.newsletter_id,
                subscriber_id=person,
                mailing_id=self.mailing,
                way=UnsubscribeWay.PAGE,
            )

    @rule(resend=st.booleans())
    def settle(self, resend: bool) -> None:  # noqa: FBT001 - hypothesis draws it
        states = delivery_states(self.engine, self.mailing)
        doubts = {place for place, state in states.items() if state is State.UNCERTAIN}
        try:
            with transaction(self.engine) as session:
                settle_uncertain(session, self.mailing, resend=resend)
        except ConflictError:
            assert self._state() is MailingState.CANCELLED
            return
        if resend:
            self.may_double |= doubts

    @rule()
    def retry(self) -> None:
        try:
            with transaction(self.engine) as session:
                retry_failed(session, self.mailing)
        except ConflictError:
            assert self._state() is MailingState.CANCELLED

    # What must hold after each of these.

    @invariant()
    def promises_hold(self) -> None:
        with reading(self.engine) as session:
            mailing = session.get_one(MailingRow, self.mailing)
            query = select(DeliveryRow).where(DeliveryRow.mailing_id == self.mailing)
            deliveries = {row.position: row for row in session.scalars(query)}
            batches = session.scalars(
                select(BatchRow).where(BatchRow.mailing_id == self.mailing)
            ).all()
        states = {position: row.state for position, row in deliveries.items()}
        self._everybody_is_in_one_state_that_the_table_leads_to(states)
        for row in deliveries.values():
            assert (row.settled_at is not None) == (row.state in FINAL), "what is final says when"
        self._batches_fit(batches, states)
        held = {
            at
            for batch in batches
            if batch.state is BatchState.LEASED
            for at in range(batch.first_position, batch.last_position + 1)
        }
        self._the_end_is_the_end_of_all(mailing.state, states, held)
        twice = {position for position, times in self.taken.items() if times > 1}
        assert twice <= self.may_double, "two without an order to send again"

    def _everybody_is_in_one_state_that_the_table_leads_to(self, states: dict[int, State]) -> None:
        assert set(states) == set(range(1, PEOPLE + 1))
        for position, state in states.items():
            before = self.before[position]
            assert state in REACHABLE[before], (before, state)
        self.before = states

    def _batches_fit(self, batches: Sequence[BatchRow], states: dict[int, State]) -> None:
        for batch in batches:
            within = [states[at] for at in range(batch.first_position, batch.last_position + 1)]
            is_leased = batch.state is BatchState.LEASED
            assert is_leased == (batch.lease_token in self.claims)
            assert is_leased or State.SENDING not in within
            if batch.state is BatchState.DONE:
                assert not CLAIMABLE.intersection(within)

    def _the_end_is_the_end_of_all(
        self, mailing: MailingState, states: dict[int, State], held: set[int]
    ) -> None:
        """A cancelled mailing still has what a worker holds, until the worker closes its batch."""
        open_ones = {position for position, state in states.items() if state not in FINAL}
        if mailing is MailingState.FINISHED:
            assert not open_ones
        if mailing is MailingState.CANCELLED:
            assert open_ones <= held
            assert {states[position] for position in open_ones} <= {State.SENDING, State.DEFERRED}

    def teardown(self) -> None:
        """Whatever happened, a mailing that is let go comes to its end."""
        for token in list(self.claims):
            ledger.close_batch(self.engine, self.claims.pop(token))
        if self._state() is MailingState.PAUSED:
            resume(self.engine, self.mailing)
        self.time_passes()
        for number in (1, 2):
            self.claim(number)
        for token, claimed in list(self.claims.items()):
            for one in claimed.deliveries:
                outcome = Outcome(position=one.position, state=State.ACCEPTED, attempts=1)
                record(self.engine, self.mailing, token, outcome)
            ledger.close_batch(self.engine, self.claims.pop(token))
        finish_mailings(self.engine)
        assert self._state() in {MailingState.FINISHED, MailingState.CANCELLED}
        assert set(delivery_states(self.engine, self.mailing).values()) <= FINAL
        with transaction(self.engine) as session:
            # The next run begins with everybody subscribed.
            self._everybody_joins_again(session)

    def _everybody_joins_again(self, session: Session) -> None:
        session.execute(
            update(SubscriptionRow).values(state=SubscriptionState.CONFIRMED, paused_until=None)
        )


@pytest.mark.timeout(280)
def test_the_ledger_keeps_its_promises_whatever_happens_in_whatever_order(engine: Engine) -> None:
    prepared = set_stage(engine)
    prepared.subscribe(*(f"reader{number}@example.jp" for number in range(PEOPLE)))

    refuse_other_moves(engine)

    def another() -> int:
        with transaction(engine) as session:
            row = MailingRow(
                newsletter_id=prepared.newsletter_id,
                state=MailingState.PLANNING,
                batch_size=BATCH,
            )
            session.add(row)
            session.flush()
            return row.id

    class OnThisDatabase(Ledger):
        stage = prepared
        make_mailing = staticmethod(another)

    run_machine(
        OnThisDatabase,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            suppress_health_check=list(HealthCheck),
        ),
    )
