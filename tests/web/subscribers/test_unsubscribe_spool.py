"""Whoever asks to leave while the database is away leaves once it is back, without asking again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, expect
from sqlalchemy import update

from newsletter.database.engine import reading, transaction, waiting_at_most
from newsletter.database.tables import SubscriptionRow
from newsletter.database.types import now
from newsletter.database.vocabulary import SubscriptionState, UnsubscribeWay
from newsletter.web.subscribers.unsubscribe_spool import (
    SpooledError,
    UnsubscribeRequest,
    UnsubscribeSpool,
)
from subscribers.leaving import last_way
from tests.support.databases import each_database
from tests.support.ports import await_condition
from tests.support.site import serving
from tests.web.subscribers.conftest import Reception, held

READER = "reader@example.jp"
ONE_CLICK = {"List-Unsubscribe": "One-Click"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "unsubscribe-spool"


@pytest.fixture
def busy(
    reception: Reception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Reception]:
    """Pages that wait for the database no longer than the moment in which a test looks at them."""
    monkeypatch.setattr("newsletter.web.app.READER_SECONDS", 0.01)
    reception.stage.subscribe(READER)
    with serving(reception.stage.engine, reception.signer, tmp_path) as url:
        reception.url = url
        yield reception


def _spool(reception: Reception, folder: Path) -> None:
    """Leave behind what a process kept that died before the database was back."""
    request = UnsubscribeRequest(
        ref=reception.ref(READER), way=UnsubscribeWay.ONE_CLICK, everything=False
    )
    spool = UnsubscribeSpool(folder, waiting_at_most(reception.stage.engine, 0.01))
    with held(reception), pytest.raises(SpooledError):
        spool.carry_out(request)


def _await_left(reception: Reception) -> None:
    await_condition(
        lambda: reception.state(READER) is SubscriptionState.UNSUBSCRIBED,
        seconds=30,
        what="the kept request to be carried out",
    )


@each_database
def test_a_one_click_request_is_carried_out_when_the_database_is_back(
    busy: Reception, folder: Path
) -> None:
    link = busy.unsubscribe_link(READER)
    with held(busy):
        for _ in range(3):
            assert httpx.post(link, data=ONE_CLICK).status_code == 503
        assert len(list(folder.iterdir())) == 1
    _await_left(busy)
    await_condition(lambda: not any(folder.iterdir()), seconds=30, what="the file to be deleted")
    with reading(busy.stage.engine) as session:
        ref = busy.ref(READER)
        way = last_way(session, ref.newsletter_id, ref.subscriber_id)
    assert way is UnsubscribeWay.ONE_CLICK


@each_database
def test_the_page_says_that_the_request_is_kept_and_not_done_yet(
    busy: Reception, browser: Browser
) -> None:
    page = browser.new_page(locale="en", java_script_enabled=False)
    page.goto(f"{busy.unsubscribe_link(READER)}?lang=en")
    with held(busy):
        page.get_by_role("button", name="Unsubscribe", exact=True).click()
        expect(page.get_by_role("alert")).to_contain_text("you are not unsubscribed yet")
    page.get_by_role("button", name="Press again").click()
    expect(page.get_by_role("alert")).to_have_count(0)
    page.close()
    assert busy.state(READER) is SubscriptionState.UNSUBSCRIBED


@each_database
def test_a_request_to_leave_everything_leaves_everything(busy: Reception) -> None:
    with held(busy):
        assert httpx.post(f"{busy.unsubscribe_link(READER)}/all").status_code == 503
    _await_left(busy)


def test_a_request_with_a_forged_link_is_not_kept(busy: Reception, folder: Path) -> None:
    link = busy.unsubscribe_link(READER)
    forged = link[:-1] + ("A" if link[-1] != "A" else "B")
    with held(busy):
        assert httpx.post(forged, data=ONE_CLICK).status_code == 404
    assert not folder.exists()


@each_database
def test_a_request_that_a_dead_process_kept_is_carried_out_by_the_next_one(
    reception: Reception, folder: Path, tmp_path: Path
) -> None:
    reception.stage.subscribe(READER)
    _spool(reception, folder)
    with serving(reception.stage.engine, reception.signer, tmp_path):
        _await_left(reception)


@each_database
def test_who_joined_again_after_the_request_stays(reception: Reception, folder: Path) -> None:
    reception.stage.subscribe(READER)
    _spool(reception, folder)
    with transaction(reception.stage.engine) as session:
        session.execute(update(SubscriptionRow).values(confirmed_at=now()))
    spool = UnsubscribeSpool(folder, reception.stage.engine)
    assert spool.carry_out_spooled()
    assert reception.state(READER) is SubscriptionState.CONFIRMED
    assert not any(folder.iterdir())


def test_a_damaged_file_keeps_nobody_else_from_leaving(reception: Reception, folder: Path) -> None:
    reception.stage.subscribe(READER)
    _spool(reception, folder)
    (folder / "0.json").write_text('{"ref": 1')
    assert UnsubscribeSpool(folder, reception.stage.engine).carry_out_spooled()
    assert reception.state(READER) is SubscriptionState.UNSUBSCRIBED
    assert [path.name for path in folder.iterdir()] == ["0.json"]
