"""In a browser, against real processes: an operator sees what is wrong, and puts it right."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import Engine, update

from newsletter.database.engine import open_engine, transaction
from newsletter.database.tables import DeliveryRow
from newsletter.database.vocabulary import DeliveryState, Role
from newsletter.mailings.planning.planning import plan_mailing
from newsletter.tokens import TokenSigner
from tests.support.accessible import violations
from tests.support.celery import Workers, celery_workers
from tests.support.ports import await_condition
from tests.support.postgres import postgres_server
from tests.support.relay import CountingRelay, counting_relay
from tests.support.site import serving
from tests.support.stage import Stage, set_stage
from tests.web.conftest import PASSWORD, add_account

_PATIENCE = 40_000


@dataclass
class Scene:
    engine: Engine
    stage: Stage
    relay: CountingRelay
    workers: Workers
    site: str


@pytest.fixture
def database() -> Iterator[str]:
    """A database that forces its writes to the disk: one that does not is told to operators."""
    with tempfile.TemporaryDirectory(prefix="newsletter-tests-") as name:
        folder = Path(name) / "postgres"
        folder.mkdir()
        with postgres_server(folder) as server, server.database() as url:
            yield url


@pytest.fixture
def scene(database: str, redis_url: str, tmp_path: Path) -> Iterator[Scene]:
    engine = open_engine(database)
    stage = set_stage(engine)
    stage.subscribe(*(f"reader{number}@example{number % 2}.jp" for number in range(40)))
    add_account(engine, "operator@example.jp", Role.OPERATOR)
    signer = TokenSigner([b"k" * 40])
    with (
        counting_relay(tmp_path) as relay,
        celery_workers(
            database_url=database,
            redis_url=redis_url,
            smtp_url=relay.url,
            folder=tmp_path / "data",
        ) as workers,
        serving(
            engine,
            signer,
            tmp_path,
            secret_keys=("k" * 40,),
            redis_url=redis_url,
            mail_transports=(relay.url,),
        ) as site,
    ):
        yield Scene(engine, stage, relay, workers, site)
    engine.dispose()


@pytest.mark.faults
def test_an_operator_sees_what_is_wrong_and_puts_it_right(scene: Scene, browser: Browser) -> None:
    page = browser.new_page(locale="en", viewport={"width": 1280, "height": 900})
    _sign_in(page, scene.site)
    page.goto(f"{scene.site}/operate")
    verdict = page.get_by_role("status", name="State")
    expect(verdict).to_have_text(re.compile("All systems normal"), timeout=_PATIENCE)
    _is_accessible(page)

    # A domain that is held gets nothing, and the others do.
    page.get_by_label("Put a recipient domain on hold").fill("example1.jp")
    page.get_by_role("button", name="Continue").click()
    _order(page, "Put on hold", "they asked us to")
    scene.stage.mail()
    await_condition(lambda: scene.relay.count() == 20, seconds=60, what="the others' mail")
    expect(page.get_by_role("cell", name="example0.jp", exact=True)).to_be_visible(
        timeout=_PATIENCE
    )
    assert {address.partition("@")[2] for address in scene.relay.accepted()} == {"example0.jp"}
    expect(verdict).to_contain_text("Sending to example1.jp is on hold")

    page.get_by_role("link", name="Release example1.jp").click()
    _order(page, "Release", "agreed")

    # A worker whose process was killed goes on with another; a relay that dies shows up.
    bulk = [each for each in scene.workers.descendants() if "bulk@" in " ".join(each.cmdline())]
    bulk[-1].kill()
    scene.relay.kill()
    number = scene.stage.mail()
    expect(verdict).to_contain_text("cannot be reached", timeout=_PATIENCE)
    scene.relay.start()
    page.get_by_role("link", name=re.compile("^Release smtp:")).click()
    _order(page, "Release", "the host is up again")

    # What is in doubt is settled.
    scene.stage.await_end(number)
    with transaction(scene.engine) as session:
        session.execute(
            update(DeliveryRow)
            .where(DeliveryRow.mailing_id == number, DeliveryRow.position == 1)
            .values(state=DeliveryState.UNCERTAIN, reply="The line went dead.")
        )
    page.get_by_role("link", name=f"Settle {number}").click(timeout=_PATIENCE)
    expect(page.get_by_text("The line went dead.")).to_be_visible()
    _is_accessible(page)
    _order(page, "Send again", "they say that it did not come")
    await_condition(
        lambda: scene.stage.counts(number) == {DeliveryState.ACCEPTED: 40},
        seconds=60,
        what="the copy",
    )


def test_it_works_without_script_and_by_telephone(
    postgres_url: str, browser: Browser, tmp_path: Path
) -> None:
    engine = open_engine(postgres_url)
    stage = set_stage(engine)
    stage.subscribe("a@example.jp")
    plan_mailing(engine, stage.mail())
    add_account(engine, "operator@example.jp", Role.OPERATOR)
    with serving(engine, TokenSigner([b"k" * 40]), tmp_path, secret_keys=("k" * 40,)) as site:
        context = browser.new_context(
            locale="en", java_script_enabled=False, viewport={"width": 375, "height": 800}
        )
        page = context.new_page()
        _sign_in(page, site)
        page.goto(f"{site}/operate")
        expect(page.get_by_text("No worker that sends mailings is running")).to_be_visible()
        page.get_by_label("Put a recipient domain on hold").fill("example.jp")
        page.get_by_role("button", name="Continue").click()
        _order(page, "Put on hold", "a test")
        expect(page.get_by_role("link", name="Release example.jp")).to_be_visible()
        context.close()
    engine.dispose()


def _order(page: Page, button: str, reason: str) -> None:
    page.get_by_label("Why").fill(reason)
    page.get_by_role("button", name=button).click()
    page.wait_for_url("**/operate")


def _sign_in(page: Page, site: str) -> None:
    page.goto(f"{site}/sign-in")
    page.get_by_label("Email address").fill("operator@example.jp")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(lambda address: "/sign-in" not in address)


def _is_accessible(page: Page) -> None:
    """Judge the page by axe in each language, light and dark; leave it in English and light."""
    address = page.url
    looks: list[tuple[str, Literal["dark", "light"]]] = [("日本語", "dark"), ("English", "light")]
    for language, scheme in looks:
        with page.expect_navigation():
            page.get_by_role("button", name=language, exact=True).click()
        page.goto(address)
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        assert violations(page) == [], (language, scheme)
