"""What protects the form from programs, and that people hardly notice it."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from altcha import Challenge, Payload, solve_challenge
from playwright.sync_api import Browser, expect
from sqlalchemy import Engine, select, text

from newsletter.database.engine import reading, transaction
from newsletter.database.tables import SubscriberRow
from newsletter.tokens import Purpose, TokenSigner
from subscribers.forms.store import OWN, conversions
from tests.support.databases import each_database
from tests.support.site import serving
from tests.support.stage import set_stage
from tests.web.subscribers.conftest import Reception

pytestmark = pytest.mark.servers


@pytest.fixture
def site(_servers: None, engine: Engine, tmp_path: Path) -> Iterator[str]:
    """A site that takes two requests an hour without a proof of work, and 20 with one."""
    set_stage(engine)
    with serving(engine, TokenSigner([b"k" * 40]), tmp_path, join_limit_network_unproven=2) as url:
        yield url


def _solution(site: str) -> str:
    challenge = Challenge.from_dict(httpx.get(f"{site}/subscribe/digest/challenge").json())
    solution = solve_challenge(challenge)
    assert solution is not None
    return Payload(challenge=challenge, solution=solution).to_base64()


def _ask(site: str, address: str, **fields: str) -> httpx.Response:
    return httpx.post(f"{site}/subscribe/digest", data={"email": address, "lang": "en", **fields})


def _people(engine: Engine) -> set[str | None]:
    with reading(engine) as session:
        return set(session.scalars(select(SubscriberRow.address)))


@each_database
def test_without_a_proof_of_work_the_stricter_limit_holds_and_with_one_it_does_not(
    site: str,
) -> None:
    unproven = [_ask(site, f"a{n}@example.jp").status_code for n in range(3)]
    assert unproven == [200, 200, 429]
    work = _solution(site)
    assert _ask(site, "b@example.jp", altcha=work).status_code == 200
    # Each is good for one request.
    assert _ask(site, "c@example.jp", altcha=work).status_code == 429
    assert _ask(site, "d@example.jp", altcha="nonsense").status_code == 429


def _stamp(page: str) -> str:
    found = re.search(r'name="shown" value="([^"]+)"', page)
    assert found is not None
    return found[1]


def test_a_form_sent_at_once_asks_to_be_sent_again_and_then_is_taken(
    reception: Reception, monkeypatch: pytest.MonkeyPatch
) -> None:
    stamp = _stamp(httpx.get(reception.form).text)
    answer = reception.ask("quick@example.jp", shown=stamp, name="Aoi")
    assert answer.status_code == 422
    assert "press the button once more" in answer.text
    assert 'value="quick@example.jp"' in answer.text
    assert reception.notices() == []
    assert _stamp(answer.text) == stamp
    monkeypatch.setattr("subscribers.forms.proof.SOONEST", 0)
    assert reception.ask("quick@example.jp", shown=stamp).status_code == 200
    assert len(reception.notices()) == 1


def test_a_form_of_the_day_before_yesterday_asks_to_be_sent_again(
    reception: Reception,
) -> None:
    shown = int(time.time()) - 90_000
    stamp = reception.signer.sign(Purpose.FORM, reception.stage.newsletter_id, shown)
    answer = reception.ask("slow@example.jp", shown=stamp)
    assert answer.status_code == 422
    assert "open for more than a day" in answer.text
    assert _stamp(answer.text) != stamp


def test_an_address_for_minutes_is_refused_beside_its_field_whoever_has_it(
    reception: Reception,
) -> None:
    reception.stage.subscribe("known@yopmail.com")
    answers = [reception.ask(f"{name}@yopmail.com") for name in ("known", "other")]
    assert {answer.status_code for answer in answers} == {422}
    texts = {re.sub("known|other", "X", re.sub(r'"A[\w-]+"', "", a.text)) for a in answers}
    assert len(texts) == 1
    assert "for a short time only" in texts.pop()
    assert reception.notices() == []


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_browser_does_the_work_by_itself(site: str, engine: Engine, browser: Browser) -> None:
    for number in range(2):
        assert _ask(site, f"a{number}@example.jp").status_code == 200
    context = browser.new_context(locale="en")
    page = context.new_page()
    failures: list[str] = []
    page.on("console", lambda line: failures.append(line.text) if line.type == "error" else None)
    page.goto(f"{site}/subscribe/digest")
    page.get_by_label("Email address").fill("person@example.jp")
    page.get_by_label("Name").press_sequentially("Aoi Tanaka", delay=220)
    page.get_by_role("button", name="Subscribe").click()
    expect(page.get_by_role("heading", name="Check your mail")).to_be_visible()
    assert failures == []
    assert "person@example.jp" in _people(engine)
    context.close()


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_form_that_a_browser_fills_in_at_once_waits_for_its_reader(
    site: str, browser: Browser
) -> None:
    context = browser.new_context(locale="en")
    page = context.new_page()
    page.goto(f"{site}/subscribe/digest")
    page.get_by_label("Email address").fill("quick@example.jp")
    page.get_by_role("button", name="Subscribe").click()
    expect(page.get_by_role("heading", name="Check your mail")).to_be_visible()
    context.close()


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_browser_without_scripts_joins_within_the_stricter_limit(
    site: str, browser: Browser
) -> None:
    context = browser.new_context(locale="en", java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{site}/subscribe/digest")
    page.get_by_label("Email address").press_sequentially("plain@example.jp", delay=140)
    page.get_by_role("button", name="Subscribe").click()
    expect(page.get_by_role("heading", name="Check your mail")).to_be_visible()
    context.close()


def _displays(reception: Reception) -> int:
    with reading(reception.stage.engine) as session:
        return conversions(session, reception.stage.newsletter_id)[OWN].shown


@each_database
def test_while_another_holds_the_database_the_form_is_shown_and_keeps_what_was_sent(
    reception: Reception, monkeypatch: pytest.MonkeyPatch
) -> None:
    for wait in ("_TALLY_SECONDS", "READER_SECONDS"):
        monkeypatch.setattr(f"newsletter.web.subscribers.join_pages.{wait}", 0.01)
    with transaction(reception.stage.engine) as session:
        # SQLite is locked as a whole by the transaction's beginning.
        if session.connection().dialect.name == "postgresql":
            session.execute(text("LOCK TABLE join_tally IN EXCLUSIVE MODE"))
        shown = httpx.get(reception.form)
        refused = reception.ask("later@example.jp", name="Aoi")
    assert (shown.status_code, _displays(reception)) == (200, 0)
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "60")
    assert "press the button again in a minute" in refused.text
    assert 'value="later@example.jp"' in refused.text
    monkeypatch.undo()
    assert reception.ask("later@example.jp", name="Aoi").status_code == 200
    assert len(reception.notices()) == 1


def test_who_loads_a_form_again_and_again_is_counted_up_to_the_limit_of_the_network(
    reception: Reception,
) -> None:
    for _ in range(22):
        assert httpx.get(reception.form).status_code == 200
    assert _displays(reception) == 20
