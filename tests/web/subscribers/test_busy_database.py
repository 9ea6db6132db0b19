"""What a reader does while another process holds the database is done by pressing once more."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, expect

from newsletter.database.vocabulary import SubscriptionState
from tests.support.databases import each_database
from tests.support.site import serving
from tests.web.subscribers.conftest import API_TOKEN, Reception, held

READER = "reader@example.jp"
BROWSER = {"Accept": "text/html"}


@pytest.fixture
def busy(reception: Reception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Pages that wait for the database no longer than the moment in which a test looks at them."""
    monkeypatch.setattr("newsletter.web.app.READER_SECONDS", 0.01)
    with serving(reception.stage.engine, reception.signer, tmp_path, api_token=API_TOKEN) as url:
        yield url


@each_database
def test_a_button_pressed_while_the_database_is_held_is_pressed_again_with_all_that_was_filled_in(
    reception: Reception, busy: str, browser: Browser
) -> None:
    reception.stage.subscribe(READER)
    page = browser.new_page(locale="en", java_script_enabled=False)
    page.goto(reception.preferences(READER).replace(reception.url, busy) + "?lang=en")
    page.get_by_label("Name").fill("“葵” & <b>")
    with held(reception):
        page.get_by_role("button", name="Save").click()
        expect(page.get_by_role("alert")).to_contain_text("has not been done yet")
        page.get_by_role("button", name="Press again").click()
        expect(page.get_by_role("alert")).to_contain_text("has not been done yet")
    page.get_by_role("button", name="Press again").click()
    expect(page.get_by_text("saved")).to_be_visible()
    expect(page.get_by_label("Name")).to_have_value("“葵” & <b>")
    page.close()


@each_database
def test_every_readers_form_says_that_it_is_not_done_yet_and_is_done_once_it_is_sent_again(
    reception: Reception, busy: str
) -> None:
    reception.stage.subscribe(READER)
    reception.ask("new@example.jp")
    forms = {
        reception.link(): {},
        reception.preferences(READER): {"name": "葵"},
        reception.preferences(READER) + "/erase": {"sure": "yes"},
        reception.preferences(READER) + "/address": {"email": "other@example.jp"},
        reception.unsubscribe_link(READER): {},
        reception.unsubscribe_link(READER) + "/pause": {},
    }
    with held(reception):
        for url, fields in forms.items():
            here = url.replace(reception.url, busy)
            answer = httpx.post(here, data=fields, headers=BROWSER)
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "60"), url
            for name, value in fields.items():
                assert f'name="{name}" value="{value}"' in answer.text
    assert reception.state(READER) is SubscriptionState.CONFIRMED
    leave = reception.unsubscribe_link(READER).replace(reception.url, busy)
    assert httpx.post(leave).status_code == 200
    assert reception.state(READER) is SubscriptionState.UNSUBSCRIBED


@each_database
def test_a_program_that_asks_while_the_database_is_held_is_told_when_to_ask_again(
    reception: Reception, busy: str
) -> None:
    reception.stage.subscribe(READER)

    def ask() -> httpx.Response:
        token = {"Authorization": f"Bearer {API_TOKEN}"}
        return httpx.post(f"{busy}/api/unsubscribe", json={"address": READER}, headers=token)

    with held(reception):
        answer = ask()
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "60")
    assert ask().json() == {"left": ["digest"]}
