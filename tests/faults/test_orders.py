"""Orders amid a mailing, and clocks that are set: measured at the relay."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from newsletter.database.vocabulary import DeliveryState, MailingState
from newsletter.mailings.reports.progress import progress
from tests.conftest import missing
from tests.faults.conftest import BATCH, PEOPLE, Scene, SetScene
from tests.support.clock import moved_clock
from tests.support.orders import cancel, pause, resume
from tests.support.ports import await_condition

#: Slow enough that an order comes amid the mailing, fast enough that a late one is seen.
SLOW = "connections=4&timeout=10&rate=60"


def _part(scene: Scene, share: int) -> None:
    await_condition(
        lambda: scene.relay.count() >= PEOPLE // share, seconds=120, what=f"1/{share} of the mail"
    )


def _taken_after(scene: Scene, order: Callable[[], None]) -> int:
    """Give an order; two seconds later, return how many the relay takes from then on."""
    order()
    time.sleep(2)
    before = scene.relay.count()
    time.sleep(2)
    return scene.relay.count() - before


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_held_amid_a_mailing_nothing_leaves_two_seconds_later_until_it_is_resumed(
    set_scene: SetScene,
) -> None:
    with set_scene(options=SLOW, people=PEOPLE // 2) as scene:
        engine, mailing = scene.stage.engine, scene.stage.mail(batch_size=BATCH)
        _part(scene, 6)
        assert _taken_after(scene, lambda: pause(engine, mailing)) == 0
        resume(engine, mailing)
        assert scene.judge(mailing) == {DeliveryState.ACCEPTED: PEOPLE // 2}


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_cancelled_amid_a_mailing_nothing_leaves_two_seconds_later(set_scene: SetScene) -> None:
    with set_scene(options=SLOW) as scene:
        engine, mailing = scene.stage.engine, scene.stage.mail(batch_size=BATCH)
        _part(scene, 6)
        assert _taken_after(scene, lambda: cancel(engine, mailing)) == 0
        taken = scene.relay.accepted()
        counts = scene.stage.counts(mailing)
    assert progress(engine, mailing).state is MailingState.CANCELLED
    assert max(taken.values()) == 1
    assert counts == {
        DeliveryState.ACCEPTED: len(taken),
        DeliveryState.SKIPPED: PEOPLE - len(taken),
    }


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_clock_that_is_set_ahead_and_back_amid_a_mailing_changes_nothing(
    set_scene: SetScene, tmp_path: Path
) -> None:
    clock = moved_clock(tmp_path)
    if clock is None:
        missing("a C compiler")
    with set_scene(options=SLOW, people=PEOPLE // 3, **clock.environment) as scene:
        mailing = scene.stage.mail(batch_size=BATCH)
        _part(scene, 10)
        clock.set(hours=2)
        _part(scene, 6)
        clock.set(hours=-2)
        assert scene.judge(mailing) == {DeliveryState.ACCEPTED: PEOPLE // 3}
