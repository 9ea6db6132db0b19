"""Planning: the audience as it is at one moment, whatever else goes on at that moment."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import Engine, and_, event, exists, func, select

from newsletter.database.engine import open_engine, reading
from newsletter.database.tables import BatchRow, DeliveryRow
from newsletter.database.vocabulary import DeliveryState, MailingKind, MailingState
from newsletter.mailings.planning.planning import plan_mailing
from newsletter.mailings.reports.progress import Progress, progress
from tests.support.orders import cancel
from tests.support.stage import Stage, set_stage


@contextmanager
def _before(engine: Engine, statement: str, act: Callable[[], None]) -> Iterator[None]:
    """Act once, just before the engine executes a statement that begins so."""
    pending = [act]

    def listen(*values: object) -> None:
        if str(values[2]).startswith(statement) and pending:
            pending.pop()()

    event.listen(engine, "before_cursor_execute", listen)
    try:
        yield
    finally:
        event.remove(engine, "before_cursor_execute", listen)
    assert not pending


def _stage(engine: Engine, people: int = 5) -> Stage:
    stage = set_stage(engine)
    stage.subscribe(*(f"reader{number}@example.jp" for number in range(people)))
    return stage


def _outside_all_batches(engine: Engine, mailing: int) -> int:
    in_a_batch = exists().where(
        and_(
            BatchRow.mailing_id == mailing,
            DeliveryRow.position.between(BatchRow.first_position, BatchRow.last_position),
        )
    )
    with reading(engine) as session:
        found = session.scalar(
            select(func.count())
            .select_from(DeliveryRow)
            .where(DeliveryRow.mailing_id == mailing, ~in_a_batch)
        )
    return found or 0


def test_who_joins_while_the_audience_is_written_down_does_not_fall_between_batches(
    postgres_url: str,
) -> None:
    engine = open_engine(postgres_url)
    stage = _stage(engine)
    elsewhere = Stage(
        engine=open_engine(postgres_url), newsletter_id=stage.newsletter_id, issue=stage.issue
    )
    mailing = stage.mail()

    joining = _before(
        engine, "INSERT INTO delivery", lambda: elsewhere.subscribe("late@example.jp")
    )
    with joining:
        planned = plan_mailing(engine, mailing)

    assert planned == 5
    assert stage.counts(mailing) == {DeliveryState.QUEUED: 5}
    assert _outside_all_batches(engine, mailing) == 0
    elsewhere.engine.dispose()
    engine.dispose()


def test_planned_twice_at_once_an_audience_is_written_down_once(postgres_url: str) -> None:
    engine, other = open_engine(postgres_url), open_engine(postgres_url)
    stage = _stage(engine)
    mailing = stage.mail()
    answers: list[int] = []
    second = threading.Thread(target=lambda: answers.append(plan_mailing(other, mailing)))

    with _before(engine, "INSERT INTO delivery", second.start):
        answers.append(plan_mailing(engine, mailing))
    second.join(timeout=60)

    assert sorted(answers) == [0, 5]
    assert stage.counts(mailing) == {DeliveryState.QUEUED: 5}
    other.dispose()
    engine.dispose()


def test_a_cancelling_that_dies_half_way_has_cancelled_nothing(engine: Engine) -> None:
    stage = _stage(engine)
    mailing = stage.mail()
    plan_mailing(engine, mailing)

    def die() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), _before(engine, "UPDATE delivery", die):
        cancel(engine, mailing)

    assert progress(engine, mailing).state is MailingState.SENDING
    assert stage.counts(mailing) == {DeliveryState.QUEUED: 5}


def test_what_is_planned_so_far_is_not_settled() -> None:
    planning = Progress(
        mailing_id=1,
        kind=MailingKind.ISSUE,
        subject="",
        state=MailingState.PLANNING,
        planned=0,
        counts={DeliveryState.QUEUED: 3, DeliveryState.SKIPPED: 1},
        halt_reason=None,
        scheduled_at=None,
        started_at=None,
        finished_at=None,
    )
    assert (planning.waiting, planning.settled) == (3, 1)
