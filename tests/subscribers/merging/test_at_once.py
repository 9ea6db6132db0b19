"""Merging killed at any statement, twice at once, both ways at once, and while somebody leaves."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date
from itertools import count
from threading import Barrier

import pytest
from sqlalchemy import Engine, event, select

from newsletter.accounts.audit import COMMAND_LINE
from newsletter.database.engine import open_engine, reading, transaction
from newsletter.database.tables import Base, PersonMergeRow, SubscriberRow, SubscriptionRow
from newsletter.database.vocabulary import SubscriptionState, UnsubscribeWay
from newsletter.errors import ConflictError
from newsletter.mailings.planning.planning import plan_mailing
from subscribers.editing import PersonDraft, edit_person
from subscribers.leaving import unsubscribe
from subscribers.merging.making import MergeOrder, merge_people
from subscribers.merging.outlook import foresee_merge
from subscribers.notes import add_note
from tests.support import fields
from tests.support.databases import on_one_database
from tests.support.series import begin_series, join
from tests.support.soak import SOAK
from tests.support.stage import Stage, set_stage

OLD, NEW = "old@example.jp", "new@example.jp"


class _DiedError(Exception):
    """A process that ended where nobody foresaw it."""


@pytest.fixture
def stage(engine: Engine) -> Stage:
    stage = set_stage(engine)
    for address in (OLD, NEW):
        join(engine, address)
    return stage


def _furnish(stage: Stage) -> None:
    """Let the two have something of each kind that is moved."""
    begin_series(stage.engine, joined_since=date(2020, 1, 1))
    fields.set_fields(stage.engine, stage.newsletter_id, fields.CITY)
    with transaction(stage.engine) as session:
        number, draft = stage.subscriber_id(OLD), PersonDraft(tags=("press",), values={"city": "x"})
        edit_person(session, COMMAND_LINE, stage.newsletter_id, number, draft)
        add_note(session, COMMAND_LINE, stage.newsletter_id, number, "note")
    plan_mailing(stage.engine, stage.mail())


def _merging(stage: Stage, kept: str, merged: str, *, read: bool) -> Callable[[Engine], bool]:
    """Return what merges two people as they are now read; whether it does is what it returns."""
    order = MergeOrder(kept_id=stage.subscriber_id(kept), merged_id=stage.subscriber_id(merged))
    if read:
        with reading(stage.engine) as session:
            outlook = foresee_merge(
                session,
                COMMAND_LINE,
                stage.newsletter_id,
                kept_id=order.kept_id,
                merged_id=order.merged_id,
            )
        order = replace(order, revision=outlook.revision)

    def merge(engine: Engine) -> bool:
        try:
            with transaction(engine) as session:
                merge_people(session, COMMAND_LINE, stage.newsletter_id, order)
        except ConflictError:
            return False
        return True

    return merge


def _at_once(stage: Stage, *works: Callable[[Engine], bool]) -> list[bool]:
    barrier = Barrier(len(works))

    def run(work: Callable[[Engine], bool]) -> bool:
        barrier.wait()
        return work(stage.engine)

    with ThreadPoolExecutor(len(works)) as threads:
        return list(threads.map(run, works))


def _states(stage: Stage) -> dict[str | None, SubscriptionState]:
    with reading(stage.engine) as session:
        rows = session.execute(
            select(SubscriberRow.address_key, SubscriptionRow.state).join(
                SubscriptionRow, SubscriptionRow.subscriber_id == SubscriberRow.id
            )
        )
        return dict(rows.all())


def _everything(stage: Stage) -> str:
    with reading(stage.engine) as session:
        return repr([session.execute(select(t)).all() for t in Base.metadata.sorted_tables])


@on_one_database("sqlite")
def test_killed_at_any_statement_it_leaves_nothing(stage: Stage) -> None:
    _furnish(stage)
    before, merge = _everything(stage), _merging(stage, NEW, OLD, read=True)
    for last in count(1, 1 if SOAK else 9):
        engine = open_engine(stage.engine.url.render_as_string(hide_password=False))
        taken = count(1)

        def take(*_context: object, taken: count[int] = taken, last: int = last) -> None:
            if next(taken) == last:
                raise _DiedError

        event.listen(engine, "before_cursor_execute", take)
        event.listen(engine, "commit", take)
        try:
            assert merge(engine)
        except _DiedError:
            assert _everything(stage) == before
        else:
            break
        finally:
            engine.dispose()
    assert last > 40
    assert _states(stage) == {
        OLD: SubscriptionState.UNSUBSCRIBED,
        NEW: SubscriptionState.CONFIRMED,
    }


@on_one_database("postgresql")
def test_of_two_at_once_one_does_it(stage: Stage) -> None:
    merge = _merging(stage, NEW, OLD, read=False)
    assert sorted(_at_once(stage, merge, merge)) == [False, True]
    with reading(stage.engine) as session:
        assert len(session.scalars(select(PersonMergeRow)).all()) == 1


@on_one_database("postgresql")
@pytest.mark.parametrize("read", [False, True])
def test_both_ways_at_once_leave_one_of_them(stage: Stage, *, read: bool) -> None:
    ways = [_merging(stage, *pair, read=read) for pair in ((NEW, OLD), (OLD, NEW))]
    assert sum(_at_once(stage, *ways)) == (1 if read else 2)
    assert sorted(_states(stage).values()) == ["confirmed", "unsubscribed"]


@on_one_database("postgresql")
def test_who_leaves_meanwhile_has_left(stage: Stage) -> None:
    def leave(engine: Engine) -> bool:
        with transaction(engine) as session:
            return unsubscribe(
                session,
                newsletter_id=stage.newsletter_id,
                subscriber_id=stage.subscriber_id(OLD),
                mailing_id=None,
                way=UnsubscribeWay.ONE_CLICK,
            )

    assert all(_at_once(stage, _merging(stage, NEW, OLD, read=False), leave))
    assert set(_states(stage).values()) == {SubscriptionState.UNSUBSCRIBED}
