"""In a browser, against real processes: an editor schedules, watches it go, reads the report."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import httpx
from playwright.sync_api import Browser, Page
from sqlalchemy import select

from newsletter.database.engine import open_engine, reading
from newsletter.database.tables import IssueRow, SubjectTrialRow
from newsletter.database.types import now
from newsletter.database.vocabulary import Role
from newsletter.tokens import TokenSigner
from tests.support.accessible import violations
from tests.support.celery import celery_workers
from tests.support.ports import await_condition
from tests.support.site import serving
from tests.support.smtp import SmtpServer
from tests.support.stage import set_stage
from tests.support.trials import (
    OTHER,
    OWN,
    PEOPLE,
    let_hour_come,
    links_by_subject,
    subjects_received,
    trial_is_sent,
    trial_stage,
)
from tests.web.conftest import PASSWORD, add_account


def test_an_editor_sends_watches_and_reads(
    postgres_url: str, redis_url: str, smtp_server: SmtpServer, browser: Browser, tmp_path: Path
) -> None:
    engine = open_engine(postgres_url)
    stage = set_stage(engine)
    stage.subscribe(*(f"reader{number}@example{number % 3}.jp" for number in range(120)))
    add_account(engine, "editor@example.jp", Role.EDITOR)
    with reading(engine) as session:
        issue_id = session.scalars(select(IssueRow.id)).one()
    signer = TokenSigner([b"k" * 40])
    with (
        serving(engine, signer, tmp_path, secret_keys=("k" * 40,)) as site,
        celery_workers(
            database_url=postgres_url,
            redis_url=redis_url,
            smtp_url=smtp_server.url,
            folder=tmp_path,
        ),
    ):
        page = browser.new_page(locale="en")
        _sign_in(page, site)
        page.goto(f"{site}/newsletters/digest/issues/{issue_id}/send")
        assert violations(page) == []
        page.get_by_role("button", name="Send the test").click()
        page.get_by_text("The test email is on its way to").wait_for()
        page.get_by_role("button", name="Review and confirm").click()
        page.get_by_text("120 people").first.wait_for()
        assert violations(page) == []
        if page.get_by_label("Send with these warnings").count():
            page.get_by_label("Send with these warnings").check()
        page.get_by_role("button", name="Send it").click()
        page.get_by_text("Finished", exact=True).first.wait_for(timeout=120_000)
        page.reload()
        page.get_by_role("button", name="Start the next issue from this").wait_for()
        assert violations(page) == []
        page.get_by_role("link", name="Full report").click()
        page.get_by_role("img", name="Deliveries, one bar").wait_for()
        page.get_by_role("cell", name="example0.jp").wait_for()
        assert violations(page) == []
        with page.expect_download() as download:
            page.get_by_role("link", name="Figures as CSV").click()
        assert "example1.jp,0,0,40" in Path(download.value.path()).read_text("utf-8-sig")
    engine.dispose()


def test_an_editor_compares_subjects_and_the_better_one_goes_to_the_rest(
    sqlite_url: str, redis_url: str, smtp_server: SmtpServer, browser: Browser, tmp_path: Path
) -> None:
    engine = open_engine(sqlite_url)
    trial_stage(engine)
    add_account(engine, "editor@example.jp", Role.EDITOR)
    with reading(engine) as session:
        issue_id = session.scalars(select(IssueRow.id)).one()
    decide = now().astimezone(ZoneInfo("Asia/Tokyo")) + timedelta(hours=5)
    signer = TokenSigner([b"k" * 40])
    with (
        serving(engine, signer, tmp_path, secret_keys=("k" * 40,)) as site,
        celery_workers(
            database_url=sqlite_url,
            redis_url=redis_url,
            smtp_url=smtp_server.url,
            folder=tmp_path,
        ),
    ):
        page = browser.new_page(locale="en")
        _sign_in(page, site)
        page.goto(f"{site}/newsletters/digest/issues/{issue_id}/send")
        page.get_by_text("Compare subjects (A/B test)", exact=True).click()
        page.get_by_label("Subject B").fill(OTHER)
        page.get_by_label("Recipients in the trial, in percent").fill("50")
        page.get_by_label("Decide and send the rest at").fill(f"{decide:%Y-%m-%dT%H:%M}")
        assert violations(page) == []
        page.get_by_role("button", name="Review and confirm").click()
        page.get_by_text("To 50 % of the recipients").wait_for()
        if page.get_by_label("Send with these warnings").count():
            page.get_by_label("Send with these warnings").check()
        page.get_by_role("button", name="Send it").click()
        page.get_by_text("Decision at").wait_for(timeout=120_000)
        await_condition(
            lambda: (
                set(subjects_received(smtp_server).values()) == {OWN, OTHER}
                and trial_is_sent(engine)
            ),
            seconds=60,
            what="the trial to be sent",
        )
        tried = subjects_received(smtp_server)
        assert violations(page) == []
        for _ in range(40):
            httpx.get(f"{site}/r/{links_by_subject(smtp_server)[OTHER]}")
        with reading(engine) as session:
            mailing = session.scalars(select(SubjectTrialRow.mailing_id)).one()
        let_hour_come(engine, mailing)
        page.get_by_text("Subject B was clicked most and goes to everyone else.").wait_for(
            timeout=120_000
        )
        page.get_by_text("Finished", exact=True).first.wait_for(timeout=120_000)
        assert violations(page) == []
    got = subjects_received(smtp_server)
    assert len(smtp_server.messages) == len(got) == PEOPLE
    assert {got[address] for address in set(got) - set(tried)} == {OTHER}
    engine.dispose()


def _sign_in(page: Page, site: str) -> None:
    page.goto(f"{site}/sign-in")
    page.get_by_label("Email address").fill("editor@example.jp")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(lambda address: "/sign-in" not in address)
