"""Mailings take turns: no first message waits until a giant mailing is out."""

from __future__ import annotations

import pytest
from redis import Redis
from sqlalchemy import Engine, select

from newsletter.accounts.audit import COMMAND_LINE
from newsletter.database.engine import reading, transaction
from newsletter.database.tables import DatabaseHistoryRow, TaggingRow
from newsletter.mailings.reports.progress import progress
from subscribers.search import PeopleFilter
from subscribers.tagging import TagChange, tag_people
from tests.faults.conftest import SetScene
from tests.support.ports import await_condition

_MAILINGS = 30
_PROCESSES = 2


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_thirty_mailings_behind_a_giant_begin_soon_and_few_tasks_wait(
    set_scene: SetScene, redis_url: str
) -> None:
    # Each reply takes so long that the giant alone would keep everything busy for a minute.
    with set_scene(people=2000, delay=0.1) as scene:
        stage = scene.stage
        names = [f"m{number:02d}.example.com" for number in range(_MAILINGS)]
        stage.subscribe(*(f"reader{one}@{name}" for name in names for one in range(3)))
        giant = stage.mail(batch_size=1000, segment='domain = "example.jp"')
        await_condition(lambda: scene.relay.count() > 50, seconds=60, what="the giant")
        mailings = [stage.mail(batch_size=1000, segment=f'domain = "{name}"') for name in names]
        most_waiting = 0

        def all_began() -> bool:
            nonlocal most_waiting
            with Redis.from_url(redis_url) as client:
                most_waiting = max(most_waiting, int(client.llen("bulk")))
            taken = {address.partition("@")[2] for address in scene.relay.accepted()}
            return taken.issuperset(names)

        await_condition(all_began, seconds=60, what="thirty mailings")
        # Two processes that look at once may both fill the room that they see.
        assert most_waiting <= 2 * (_PROCESSES + 1)
        assert progress(stage.engine, giant).settled < 2000
        for mailing in mailings:
            stage.await_end(mailing)


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_rounds_go_on_while_many_people_are_tagged(set_scene: SetScene) -> None:
    with set_scene(people=700) as scene:
        engine = scene.stage.engine
        with transaction(engine) as session:
            number = scene.stage.newsletter_id
            tag_people(session, COMMAND_LINE, number, TagChange(tag="press"), PeopleFilter())
        with transaction(engine) as held:
            # Whoever works on it goes no further for as long as this transaction lasts.
            held.scalars(select(TaggingRow).with_for_update()).one()
            begun = _rounds(engine)
            await_condition(lambda: _rounds(engine) > begun + 4, seconds=60, what="five rounds")
        await_condition(lambda: _is_tagged(engine), seconds=60, what="the end of the tag")


def _rounds(engine: Engine) -> int:
    with reading(engine) as session:
        return session.scalar(select(DatabaseHistoryRow.rounds)) or 0


def _is_tagged(engine: Engine) -> bool:
    with reading(engine) as session:
        return session.scalars(select(TaggingRow.finished_at)).one() is not None
