"""Leaving and reading on the web, in a real browser and as mail programs do it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import pytest
from playwright.sync_api import Browser
from sqlalchemy import Engine, select

from newsletter.database.engine import reading, transaction
from newsletter.database.tables import SubscriptionRow, UnsubscribeEventRow
from newsletter.database.vocabulary import LeaveReason, SubscriptionState, UnsubscribeWay
from newsletter.mailings.planning.planning import plan_mailing
from newsletter.tokens import DeliveryRef, Purpose, TokenSigner
from subscribers.leaving import leave_reasons
from tests.support.databases import each_database
from tests.support.site import SharedSites
from tests.support.stage import Stage, set_stage

pytestmark = pytest.mark.servers

READER = "reader@example.jp"


@dataclass
class Site:
    url: str
    stage: Stage
    signer: TokenSigner
    ref: DeliveryRef

    def link(self, purpose: Purpose, path: str) -> str:
        return f"{self.url}/{path}/{self.signer.sign_delivery(purpose, self.ref)}"

    @property
    def leave(self) -> str:
        return self.link(Purpose.UNSUBSCRIBE, "u")

    def state(self) -> SubscriptionState:
        with reading(self.stage.engine) as session:
            return session.scalars(select(SubscriptionRow.state)).one()

    def ways(self) -> list[UnsubscribeWay]:
        with reading(self.stage.engine) as session:
            return list(session.scalars(select(UnsubscribeEventRow.way)).all())


@pytest.fixture
def site(sites: SharedSites, engine: Engine) -> Iterator[Site]:
    stage = set_stage(engine)
    stage.subscribe(READER)
    mailing = stage.mail()
    plan_mailing(engine, mailing)
    signer = TokenSigner([b"k" * 40])
    with sites.before(engine) as url:
        yield Site(
            url=url,
            stage=stage,
            signer=signer,
            ref=DeliveryRef(
                newsletter_id=stage.newsletter_id,
                mailing_id=mailing,
                subscriber_id=stage.subscriber_id(READER),
            ),
        )


@pytest.mark.parametrize(("lang", "other"), [("ja", "en"), ("en", "ja")])
def test_every_page_behind_a_link_speaks_the_language_that_its_address_names(
    site: Site, lang: str, other: str
) -> None:
    choose = site.link(Purpose.PREFERENCES, "p")
    for page in (
        site.leave,
        choose,
        *(f"{choose}/{each}" for each in ("address", "data", "erase")),
    ):
        shown = httpx.get(page, params={"lang": lang}).text
        assert f'<html lang="{lang}"' in shown
        assert f'href="?lang={other}"' in shown
    action = re.findall(r'action="([^"]+/pause[^"]*)"', httpx.get(f"{site.leave}?lang={lang}").text)
    assert f'<html lang="{lang}"' in httpx.post(f"{site.url}{action[0]}").text


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_reader_leaves_by_the_button(site: Site, browser: Browser) -> None:
    page = browser.new_page()
    page.goto(site.leave)
    assert site.state() is SubscriptionState.CONFIRMED
    page.get_by_role("button", name="配信を停止する").click()
    page.get_by_role("heading", name="配信を停止しました").wait_for()
    assert site.state() is SubscriptionState.UNSUBSCRIBED
    assert site.ways() == [UnsubscribeWay.PAGE]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_web_view_is_laid_out_by_the_standard(site: Site, browser: Browser) -> None:
    page = browser.new_page(viewport={"width": 375, "height": 720})
    page.goto(site.link(Purpose.VIEW, "v"))
    assert page.evaluate("document.compatMode") == "CSS1Compat"
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") == 0


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_reader_of_english_is_asked_in_english(site: Site, browser: Browser) -> None:
    with transaction(site.stage.engine) as session:
        relation = (site.ref.newsletter_id, site.ref.subscriber_id)
        session.get_one(SubscriptionRow, relation).language = "en-GB"
    page = browser.new_page()
    page.goto(site.leave)
    page.get_by_role("button", name="Unsubscribe").wait_for()


@each_database
@pytest.mark.parametrize("encoding", ["urlencoded", "multipart"])
def test_one_click_takes_effect_at_once(site: Site, encoding: str) -> None:
    body = {"List-Unsubscribe": "One-Click"}
    answer = (
        httpx.post(site.leave, data=body)
        if encoding == "urlencoded"
        else httpx.post(site.leave, files={name: (None, value) for name, value in body.items()})
    )
    assert answer.status_code == 200
    assert site.state() is SubscriptionState.UNSUBSCRIBED
    assert site.ways() == [UnsubscribeWay.ONE_CLICK]


@each_database
def test_who_left_may_say_why_and_need_not(site: Site) -> None:
    ask = httpx.get(site.leave).text
    assert "remark" not in ask
    assert "remark" in httpx.post(site.leave).text
    answer = {"reason": "too-many", "remark": "  週に一度で\n十分です  "}
    assert httpx.post(f"{site.leave}/reason", data=answer).status_code == 200
    with reading(site.stage.engine) as session:
        event = session.scalars(select(UnsubscribeEventRow)).one()
        said = leave_reasons(session, site.ref.mailing_id)
    assert (event.reason, event.remark) == (LeaveReason.TOO_MANY, "週に一度で\n十分です")
    assert (said.counts, said.remarks) == ({LeaveReason.TOO_MANY: 1}, ["週に一度で\n十分です"])


def test_who_left_already_is_asked_nothing_and_may_join_again(site: Site) -> None:
    httpx.post(site.leave, data={"List-Unsubscribe": "One-Click"})
    shown = httpx.get(site.leave).text
    assert "停止しますか" not in shown
    assert "配信はすでに停止しています" in shown
    assert 'href="/subscribe/digest"' in shown


def test_whoever_did_not_leave_has_no_reason_to_give(site: Site) -> None:
    httpx.post(f"{site.leave}/reason", data={"reason": "too-many"})
    with reading(site.stage.engine) as session:
        assert session.scalars(select(UnsubscribeEventRow)).all() == []
    assert site.state() is SubscriptionState.CONFIRMED


@each_database
def test_leaving_twice_is_logged_once(site: Site) -> None:
    for _ in range(2):
        assert httpx.post(site.leave).status_code == 200
    assert site.ways() == [UnsubscribeWay.PAGE]


@each_database
def test_fetching_every_link_changes_nothing(site: Site) -> None:
    links = [
        site.leave,
        site.link(Purpose.PREFERENCES, "p"),
        site.link(Purpose.VIEW, "v"),
        f"{site.url}/archive/digest",
        f"{site.url}/archive/digest/{site.stage.issue}",
        site.url,
    ]
    assert [httpx.get(link).status_code for link in links] == [200] * len(links)
    assert site.state() is SubscriptionState.CONFIRMED


@pytest.mark.parametrize("behind", [".", "。", ">", "%20", "=3D"])
def test_a_sign_that_a_mail_program_takes_into_the_link_does_no_harm(
    site: Site, behind: str
) -> None:
    assert httpx.get(site.leave + behind).status_code == 200
    assert httpx.post(site.leave + behind).status_code == 200
    assert site.state() is SubscriptionState.UNSUBSCRIBED


def test_a_damaged_link_is_told_kindly(site: Site) -> None:
    answer = httpx.get(site.leave[:-3] + "abc", headers={"Accept-Language": "en"})
    assert answer.status_code == 404
    assert "This link does not work" in answer.text


def test_whose_link_works_no_more_is_told_how_to_leave_by_address(site: Site) -> None:
    answer = httpx.get(f"{site.url}/u/signed-with-a-key-that-is-gone")
    assert answer.status_code == 404
    assert "登録フォームを開き" in answer.text
    assert "届いたメールに返信して" in answer.text  # a private newsletter is on no list
    assert 'href="/archive/digest"' in httpx.get(f"{site.url}/").text
    assert "/subscribe/digest" in httpx.get(f"{site.url}/archive/digest").text


def test_a_link_to_read_by_does_not_let_leave(site: Site) -> None:
    token = site.signer.sign_delivery(Purpose.VIEW, site.ref)
    assert httpx.post(f"{site.url}/u/{token}").status_code == 404
    assert site.state() is SubscriptionState.CONFIRMED


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_reader_chooses_plain_text(site: Site, browser: Browser) -> None:
    page = browser.new_page()
    page.goto(site.link(Purpose.PREFERENCES, "p"))
    page.get_by_label("メールの形式").select_option("text")
    page.get_by_role("button", name="保存する").click()
    page.get_by_role("status").wait_for()
    with reading(site.stage.engine) as session:
        relation = (site.ref.newsletter_id, site.ref.subscriber_id)
        assert session.get_one(SubscriptionRow, relation).format == "text"
