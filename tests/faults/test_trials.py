"""Between subjects it is decided once, at whatever step the rounds that decide die."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

from sqlalchemy import Engine

from newsletter.database.vocabulary import BatchState, Verdict
from newsletter.mailings.planning.variants import with_subject
from newsletter.mailings.trials.decisions import decide_due
from tests.faults.dying_round import die_at_each_step
from tests.support.trials import (
    batches_of,
    click,
    decision_of,
    decisions_recorded,
    let_hour_come,
    plan_trial,
    trial_stage,
)

_HOSTS = 2


def test_a_subject_is_decided_once_whenever_the_rounds_of_two_hosts_die(
    engine: Engine, database_url: str
) -> None:
    stage = trial_stage(engine)
    mailing = plan_trial(stage, batch_size=5)
    click(stage, mailing, 0, 90)
    let_hour_come(engine, mailing)
    before = {each.number: each for each in batches_of(stage, mailing)}

    with ThreadPoolExecutor(_HOSTS) as hosts:
        ends = list(
            hosts.map(
                lambda _: die_at_each_step(database_url, datetime.now(UTC), "subjects"),
                range(_HOSTS),
            )
        )
    assert all(len(steps) > 1 for steps in ends)
    decide_due(engine)

    assert decision_of(stage, mailing) == (1, Verdict.BEST)
    assert decisions_recorded(stage) == 1
    assert {each.state for each in before.values()} == {BatchState.DONE, BatchState.HELD}
    for each in batches_of(stage, mailing):
        was = before[each.number]
        if was.state is BatchState.HELD:
            assert (each.state, each.variant) == (BatchState.PENDING, with_subject(0, 1))
        else:
            assert (each.state, each.variant) == (was.state, was.variant)
