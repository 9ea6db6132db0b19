"""The relay misbehaves at every step of the dialogue, before and after the final dot."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import delete, select, update

from newsletter.database.engine import open_engine, reading, transaction
from newsletter.database.tables import BatchRow, DeliveryRow, RelayRow
from newsletter.database.types import now
from newsletter.database.vocabulary import BatchState, DeliveryState, MailingState
from newsletter.mailings.ledger.relays import resting_relays
from newsletter.mailings.reports.progress import progress
from tests.faults.conftest import BATCH, PEOPLE, Scene, SetScene
from tests.support.celery import celery_workers
from tests.support.ports import await_condition
from tests.support.postgres import PostgresServer
from tests.support.relay import counting_relay
from tests.support.stage import set_stage
from tests.support.valkey import valkey_server


@pytest.fixture(scope="module")
def _house(postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """Workers that outlive a test, with a broker of their own: the relay alone goes wrong."""
    folder = tmp_path_factory.mktemp("relay")
    with (
        postgres.database() as url,
        valkey_server(folder) as broker,
        counting_relay(folder, options="connections=4&timeout=5") as relay,
        celery_workers(
            database_url=url,
            redis_url=broker,
            smtp_url=relay.url,
            folder=folder / "data",
            batch_size=BATCH,
        ) as workers,
    ):
        engine = open_engine(url)
        stage = set_stage(engine)
        stage.subscribe(*(f"reader{number:05d}@example.jp" for number in range(PEOPLE)))
        yield Scene(stage, relay, workers)
        engine.dispose()


@pytest.fixture
def scene(_house: Scene) -> Scene:
    """The same list and workers; what an earlier test did to the relay's name is forgotten."""
    with transaction(_house.stage.engine) as session:
        session.execute(delete(RelayRow))
    return _house


def _faults(do: str, *steps: str, every: int = 101) -> list[dict[str, Any]]:
    return [
        {"step": step, "do": do, "every": every + 2 * place} for place, step in enumerate(steps)
    ]


HARMLESS = [
    ("close", ("mail", "rcpt", "data")),
    ("reset", ("mail", "rcpt", "data")),
    ("garbage", ("mail", "rcpt", "data")),
    ("421 4.3.2 closing", ("mail", "rcpt", "data", "dot")),
    ("split", ("mail", "rcpt", "data")),
]


@pytest.mark.parametrize(("do", "steps"), HARMLESS, ids=[do for do, _ in HARMLESS])
def test_what_goes_wrong_before_the_final_dot_costs_nobody_anything(
    scene: Scene, do: str, steps: tuple[str, ...]
) -> None:
    scene.relay.misbehave(*_faults(do, *steps))
    mailing = scene.stage.mail(batch_size=BATCH)
    assert scene.judge(mailing) == {DeliveryState.ACCEPTED: PEOPLE}


DOUBTFUL = [
    ("close", ("body", "dot"), 150),
    ("reset", ("body", "dot"), 150),
    ("garbage", ("dot",), 150),
    # A relay has five times as long to answer the final dot.
    ("hang", ("dot",), 400),
]


@pytest.mark.parametrize(("do", "steps", "every"), DOUBTFUL, ids=[do for do, *_ in DOUBTFUL])
def test_what_goes_wrong_after_the_final_dot_is_in_doubt_and_nothing_else_is(
    scene: Scene, do: str, steps: tuple[str, ...], every: int
) -> None:
    scene.relay.misbehave(*_faults(do, *steps, every=every))
    counts = scene.judge(scene.stage.mail(batch_size=BATCH))
    assert set(counts) <= {DeliveryState.ACCEPTED, DeliveryState.UNCERTAIN}
    assert 0 < counts[DeliveryState.UNCERTAIN] <= len(steps) * (PEOPLE // every + 1)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_refusals_at_each_step_concern_one_recipient_each(set_scene: SetScene) -> None:
    steps = ("mail", "rcpt", "data", "dot")
    with set_scene(*_faults("550 5.1.1 no such user", *steps, every=61)) as scene:
        mailing = scene.stage.mail(batch_size=BATCH)
        counts = scene.judge(mailing)
    assert set(counts) == {DeliveryState.ACCEPTED, DeliveryState.REJECTED}
    assert counts[DeliveryState.REJECTED] >= len(steps) * (PEOPLE // 100)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_relay_that_refuses_all_that_is_ours_ends_nobody_s_mail(set_scene: SetScene) -> None:
    denied = {"step": "rcpt", "do": "554 5.7.1 Relay access denied", "every": 1}
    with set_scene(denied, people=100) as scene:
        mailing = scene.stage.mail(batch_size=BATCH)
        await_condition(
            lambda: _all_batches_wait(scene), seconds=60, what="all to be put off, or to wait"
        )
        assert DeliveryState.REJECTED not in scene.stage.counts(mailing)
        scene.relay.misbehave()
        _try_again(scene)
        assert scene.judge(mailing) == {DeliveryState.ACCEPTED: 100}


DENIED = "554 5.7.1 Relay access denied"
PARTLY = {
    "one server of three": {"step": "rcpt", "do": DENIED, "every": 1, "server": 3},
    "one server of three, at the message": {"step": "dot", "do": DENIED, "every": 1, "server": 3},
    "until a reload": {"step": "mail", "do": DENIED, "every": 1, "until": 3},
}


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("fault", PARTLY.values(), ids=PARTLY)
def test_where_some_connections_refuse_all_everybody_gets_their_mail(
    set_scene: SetScene, fault: dict[str, Any]
) -> None:
    # A connection ends after some messages, so that each server has its turn.
    options = "connections=4&timeout=10&messages=7"
    with set_scene(fault, people=150, options=options, RETRY_HOURS="240") as scene:
        mailing = scene.stage.mail(batch_size=BATCH)
        await_condition(lambda: _is_over(scene, mailing), seconds=90, what="the mailing's end")
        assert scene.judge(mailing) == {DeliveryState.ACCEPTED: 150}


def _is_over(scene: Scene, mailing: int) -> bool:
    """Whether a mailing ended; once nothing else is left, what is put off is tried again."""
    if _all_batches_wait(scene):
        _try_again(scene)
    return progress(scene.stage.engine, mailing).state is MailingState.FINISHED


def _try_again(scene: Scene) -> None:
    with transaction(scene.stage.engine) as session:
        session.execute(update(DeliveryRow).values(next_attempt_at=None))
        waiting = BatchRow.state == BatchState.PENDING
        session.execute(update(BatchRow).where(waiting).values(due_at=now()))


def _all_batches_wait(scene: Scene) -> bool:
    with reading(scene.stage.engine) as session:
        rows = session.scalars(select(BatchRow).where(BatchRow.state != BatchState.DONE)).all()
    later = now() + timedelta(seconds=10)
    return bool(rows) and all(
        row.state is BatchState.PENDING and row.due_at > later for row in rows
    )


def test_a_relay_that_hangs_holds_up_its_connection_alone(scene: Scene) -> None:
    scene.relay.misbehave(*_faults("hang", "mail", "data", every=200))
    mailing = scene.stage.mail(batch_size=BATCH)
    assert scene.judge(mailing) == {DeliveryState.ACCEPTED: PEOPLE}


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_relay_that_dies_is_shown_left_alone_and_used_again(set_scene: SetScene) -> None:
    with set_scene() as scene:
        mailing = scene.stage.mail(batch_size=BATCH)
        await_condition(
            lambda: scene.relay.count() >= PEOPLE // 4, seconds=120, what="a quarter of the mail"
        )
        scene.relay.kill()
        await_condition(
            lambda: bool(resting_relays(scene.stage.engine)), seconds=60, what="a resting relay"
        )
        scene.relay.start()
        counts = scene.judge(mailing)
        await_condition(
            lambda: not resting_relays(scene.stage.engine), seconds=60, what="a working relay"
        )
    assert set(counts) <= {DeliveryState.ACCEPTED, DeliveryState.UNCERTAIN}


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_relay_that_answers_421_to_all_pauses_the_flow_and_burns_nobody(
    set_scene: SetScene,
) -> None:
    refuses = [{"step": "greeting", "do": "421 4.7.0 too much from you", "every": 1}]
    with set_scene(*refuses, people=40) as scene:
        scene.stage.mail(batch_size=BATCH)
        await_condition(
            lambda: bool(resting_relays(scene.stage.engine)), seconds=60, what="a resting relay"
        )
        relay = resting_relays(scene.stage.engine)[0]
    assert relay.reason == "421 4.7.0 too much from you"
    assert scene.relay.count() == 0
