"""Clicks count only where a newsletter says so: as sums, by signed links to its own targets."""

from __future__ import annotations

import json
import re
from html import unescape

import httpx
import pytest
from sqlalchemy import select

from newsletter.database.engine import reading, transaction
from newsletter.database.tables import IssueRow, MailingRow, NewsletterRow
from newsletter.database.vocabulary import Role
from newsletter.i18n.language import Language
from newsletter.mailings.ledger.leases import identity_of
from newsletter.mailings.planning.content import load_content
from newsletter.mailings.planning.planning import plan_mailing
from newsletter.mailings.reports.clicks import clicks_of, counted_urls, with_counted_links
from newsletter.rendering.model import RenderedIssue, Slot, SlotUse
from newsletter.rendering.slots import fill
from newsletter.tokens import Purpose, TokenSigner
from tests.support.databases import each_database
from tests.support.stage import Stage
from tests.web.conftest import SignIn, csrf_of

SIGNER = TokenSigner([b"k" * 40])


def _count_clicks(stage: Stage) -> None:
    with transaction(stage.engine) as session:
        session.scalars(select(NewsletterRow)).one().count_clicks = True


def _sums(stage: Stage, mailing: int) -> dict[str, int]:
    with reading(stage.engine) as session:
        return {link.url: link.clicks for link in clicks_of(session, mailing)}


def _identity(stage: Stage, mailing: int) -> str:
    return identity_of(stage.engine, mailing) or ""


def test_without_the_rule_nothing_is_counted(stage: Stage) -> None:
    number = stage.mail()
    with reading(stage.engine) as session:
        content = load_content(session, number)
        assert not clicks_of(session, number)
    assert not content.counts_clicks


@each_database
def test_a_click_leads_on_and_adds_one(stage: Stage, site: str) -> None:
    _count_clicks(stage)
    number = stage.mail()
    with reading(stage.engine) as session:
        rendered = load_content(session, number).rendered
    mail = with_counted_links(
        rendered,
        mailing_id=number,
        identity=_identity(stage, number),
        public_url=site,
        signer=SIGNER,
    )
    links = re.findall(rf'href="({site}/r/[^"]+)"', fill(mail.html, {}))
    target = counted_urls(rendered.html)[0]

    answer = httpx.get(links[0])
    httpx.head(links[0])
    httpx.get(links[0], headers={"Sec-Purpose": "prefetch"})

    assert (answer.status_code, answer.headers["location"]) == (302, target)
    assert _sums(stage, number)[target] == 1
    assert sum(_sums(stage, number).values()) == 1


@pytest.mark.parametrize("token", ["", "x", SIGNER.sign(Purpose.CLICK, 9999, 1)])
def test_a_forged_link_leads_nowhere(site: str, stage: Stage, token: str) -> None:
    del stage
    answer = httpx.get(f"{site}/r/{token}")
    assert answer.status_code == 404


def test_a_token_of_another_kind_leads_nowhere(site: str, stage: Stage) -> None:
    _count_clicks(stage)
    token = SIGNER.sign(Purpose.VIEW, stage.mail(), 1)
    assert httpx.get(f"{site}/r/{token}").status_code == 404


def test_personal_links_and_plain_text_keep_their_own() -> None:
    rendered = RenderedIssue(
        subject=("件名",),
        html=(
            '<a class="x" href="https://example.jp/?a=1&amp;b=2">a</a><a href="',
            SlotUse(Slot.UNSUBSCRIBE_URL, escape=True),
            '">b</a><a href="#c1">c</a><a href="mailto:a@example.jp">d</a>',
        ),
        text=("https://example.jp/?a=1&b=2",),
        language=Language.JAPANESE,
    )
    counted = with_counted_links(
        rendered,
        mailing_id=7,
        identity="a",
        public_url="https://news.example.jp/",
        signer=SIGNER,
    )
    hrefs = re.findall(r'href="([^"]*)"', fill(counted.html, {Slot.UNSUBSCRIBE_URL: "/u/x"}))

    assert counted_urls(rendered.html) == ("https://example.jp/?a=1&b=2",)
    token = unescape(hrefs[0]).removeprefix("https://news.example.jp/r/")
    assert SIGNER.read(Purpose.CLICK, token)[:2] == (7, 1)
    assert hrefs[1:] == ["/u/x", "#c1", "mailto:a@example.jp"]
    assert counted.text == rendered.text


@each_database
def test_an_administrator_says_that_clicks_count_and_reads_the_sums(
    stage: Stage, issue_id: int, sign_in: SignIn
) -> None:
    client = sign_in("admin@example.jp", Role.ADMINISTRATOR)
    page = client.get(f"/newsletters/digest/issues/{issue_id}/send").text
    form = {"csrf": csrf_of(page), "issue_id": str(issue_id), "counted": "1"}
    client.post("/newsletters/digest/click-rule", data=form)
    number = stage.mail()
    plan_mailing(stage.engine, number)

    report = client.get(f"/newsletters/digest/mailings/{number}").text
    csv = client.get(f"/newsletters/digest/mailings/{number}/report.csv").text

    assert "Only totals per link" in report
    assert "\r\nClicks,https://" in csv


def test_an_editor_may_not_change_the_rule(issue_id: int, sign_in: SignIn) -> None:
    client = sign_in("editor@example.jp", Role.EDITOR)
    page = client.get(f"/newsletters/digest/issues/{issue_id}/send").text
    form = {"csrf": csrf_of(page), "issue_id": str(issue_id), "counted": "1"}
    assert client.post("/newsletters/digest/click-rule", data=form).status_code == 403


def test_a_link_is_named_by_the_headline_of_the_mailing_s_own_issue(stage: Stage) -> None:
    _count_clicks(stage)
    number = stage.mail()
    with transaction(stage.engine) as session:
        other = session.scalars(select(IssueRow)).one()
        head = r'("head(?:line|ing)": )"[^"]+"'
        content = re.sub(head, r'\1"Another"', json.dumps(other.content))
        own = IssueRow(
            newsletter_id=stage.newsletter_id,
            slug="own",
            title=other.title,
            issue_date=other.issue_date,
            language=other.language,
            content=json.loads(content),
            source="",
            source_format="",
        )
        session.add(own)
        session.flush()
        session.get_one(MailingRow, number).issue_id = own.id
        headlines = {link.headline for link in clicks_of(session, number)}
    assert headlines - {""} == {"Another"}
