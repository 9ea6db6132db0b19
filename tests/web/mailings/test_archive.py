"""What the public reads: issues that were sent, as they were sent."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import httpx
from lxml import etree, html
from playwright.sync_api import Page
from sqlalchemy import select, update

from newsletter.accounts.audit import COMMAND_LINE
from newsletter.database.engine import reading, transaction
from newsletter.database.tables import IssueRow, MailingRow
from newsletter.database.vocabulary import Archived
from newsletter.issues.model import issue_from_json
from newsletter.issues.store import find_issue
from newsletter.mailings.archive import archive_issue
from newsletter.mailings.mailings import create_mailing
from newsletter.mailings.planning.content import load_content
from newsletter.mailings.planning.planning import plan_mailing
from newsletter.message.frame import MessageFrame, Recipient
from newsletter.newsletters.publications import find_newsletter
from newsletter.settings import Settings, shipped_templates
from newsletter.tokens import TokenSigner
from newsletter.web.app import create_app
from newsletter.web.mailings.archive import SearchLimit
from tests.support.databases import each_database
from tests.support.loops import run_apart
from tests.support.rendering import render_stored
from tests.support.stage import Stage
from tests.web.subscribers.conftest import Reception

_ATOM = "{http://www.w3.org/2005/Atom}"


def _publish(reception: Reception) -> str:
    plan_mailing(reception.stage.engine, reception.stage.mail())
    return f"{reception.url}/archive/digest/{reception.stage.issue}"


def test_an_issue_that_was_not_sent_is_not_public(reception: Reception) -> None:
    page = f"{reception.url}/archive/digest/{reception.stage.issue}"
    assert httpx.get(page).status_code == 404
    assert reception.stage.issue not in httpx.get(f"{reception.url}/archive/digest").text


def test_an_issue_that_was_sent_stands_there_with_empty_slots(reception: Reception) -> None:
    page = _publish(reception)
    html = httpx.get(page).text
    properties = dict(re.findall(r'<meta property="(og:\w+)" content="([^"]*)">', html))
    assert properties["og:url"] == page
    assert {"og:title", "og:type", "og:image", "og:description"} <= properties.keys()
    assert httpx.get(properties["og:image"]).headers["content-type"] == "image/png"
    assert "/u/" not in html
    assert reception.stage.issue in httpx.get(f"{reception.url}/archive/digest").text


def test_a_mail_that_would_lead_away_by_itself_stays_and_its_links_lead_on(
    reception: Reception, window: Page
) -> None:
    stage = reception.stage
    away = '<meta http-equiv="refresh" content="0;url=/subscribe/digest">'
    with transaction(stage.engine) as session:
        newsletter = find_newsletter(session, "digest")
        issue = find_issue(session, newsletter.id, stage.issue)
        rendered = render_stored(issue, newsletter, templates_dir=shipped_templates())
        start, *rest = rendered.html
        assert isinstance(start, str)
        rendered = replace(rendered, html=(start.replace("<head>", f"<head>{away}", 1), *rest))
        mailing = create_mailing(session, newsletter, issue, rendered, batch_size=25)
    plan_mailing(stage.engine, mailing)
    address = f"{reception.url}/archive/digest/{stage.issue}"
    assert 'http-equiv="refresh"' not in httpx.get(address).text
    window.goto(address)
    assert window.url == address
    window.locator(".mail-only a").click()
    window.wait_for_url(f"{reception.url}/subscribe/digest")


@each_database
def test_its_page_speaks_to_everybody_and_the_list_says_how_it_begins(reception: Reception) -> None:
    with transaction(reception.stage.engine) as session:
        issue = session.scalars(select(IssueRow)).one()
        issue.content = issue.content | {"preheader": ""}
    page = httpx.get(_publish(reception)).text
    assert "このメールは" not in page
    assert "#leave" not in page
    (footer,) = html.fromstring(page).xpath("//p[contains(@class, 'mail-only')]")
    assert footer.xpath("./a/@href") == ["/subscribe/digest"]

    listed = html.fromstring(httpx.get(f"{reception.url}/archive/digest").text)
    (row,) = listed.xpath("//ul[@class='rows']/li")
    assert "こんにちは" in row.text_content()


def test_the_feed_is_atom_with_an_entry_an_issue(reception: Reception) -> None:
    page = _publish(reception)
    answer = httpx.get(f"{reception.url}/archive/digest/feed.atom")
    feed = etree.fromstring(answer.content)
    assert answer.headers["content-type"].startswith("application/atom+xml")
    entry = feed.find(f"{_ATOM}entry")
    assert entry is not None
    assert entry.findtext(f"{_ATOM}id") == page
    # What RFC 4287 demands of a feed (4.1.1) and of an entry (4.1.2).
    for element in (feed, entry):
        for name in ("id", "title", "updated"):
            assert len(element.findall(f"{_ATOM}{name}")) == 1
        assert datetime.fromisoformat(element.findtext(f"{_ATOM}updated") or "").tzinfo
    assert feed.findtext(f"{_ATOM}author/{_ATOM}name")
    links = {link.get("rel"): link.get("href") for link in feed.findall(f"{_ATOM}link")}
    assert links == {
        "alternate": f"{reception.url}/archive/digest",
        "self": f"{reception.url}/archive/digest/feed.atom",
    }


def test_the_sitemap_lists_the_issue_and_robots_names_the_sitemap(reception: Reception) -> None:
    page = _publish(reception)
    assert page.encode() in httpx.get(f"{reception.url}/sitemap.xml").content
    assert f"Sitemap: {reception.url}/sitemap.xml" in httpx.get(f"{reception.url}/robots.txt").text


def test_a_notice_is_automatic_and_of_no_list(reception: Reception) -> None:
    reception.ask("new@example.jp")
    with reading(reception.stage.engine) as session:
        content = load_content(session, reception.notices()[0].id)
    frame = MessageFrame.compile(content.rendered, content.identity, date=content.date)
    head = frame.compose(
        Recipient(
            address="new@example.jp",
            name="",
            message_id="1@example.jp",
            unsubscribe_url="https://example.jp/u/x",
            unsubscribe_token="x",
            slots={},
        )
    ).partition(b"\r\n\r\n")[0]
    assert b"Auto-Submitted: auto-generated" in head
    assert b"List-" not in head
    assert b"Precedence" not in head


def _archive(reception: Reception, place: Archived | None) -> None:
    with transaction(reception.stage.engine) as session:
        issue = find_issue(session, reception.stage.newsletter_id, reception.stage.issue)
        archive_issue(session, COMMAND_LINE, issue.newsletter_id, issue.id, place)


def _found_in(reception: Reception, page: str) -> tuple[bool, bool, int]:
    """Return whether list and feed name the issue, and how its own page answers."""
    listed = httpx.get(f"{reception.url}/archive/digest").text
    feed = httpx.get(f"{reception.url}/archive/digest/feed.atom").text
    slug = reception.stage.issue
    return f"/{slug}" in listed, f"/{slug}" in feed, httpx.get(page).status_code


def test_an_issue_to_a_segment_is_unlisted_unless_said(reception: Reception) -> None:
    page = _publish(reception)
    assert _found_in(reception, page) == (True, True, 200)
    with transaction(reception.stage.engine) as session:
        session.execute(update(MailingRow).values(segment="tag:staff"))
    assert _found_in(reception, page) == (False, False, 200)
    assert httpx.get(page).headers["x-robots-tag"] == "noindex"
    assert f"/{reception.stage.issue}" not in httpx.get(f"{reception.url}/sitemap.xml").text

    _archive(reception, Archived.LISTED)
    assert _found_in(reception, page) == (True, True, 200)


def test_an_issue_for_subscribers_is_nowhere_but_in_their_mail(reception: Reception) -> None:
    page = _publish(reception)
    _archive(reception, Archived.SUBSCRIBERS)
    assert _found_in(reception, page) == (False, False, 404)
    assert reception.stage.issue not in _search(reception, "窓口")

    _archive(reception, None)
    assert _found_in(reception, page) == (True, True, 200)


def _search(reception: Reception, words: str, chapter: str = "") -> str:
    asked = {"q": words, "chapter": chapter}
    return httpx.get(f"{reception.url}/archive/digest", params=asked).text


@each_database
def test_the_archive_is_searched_by_words_and_chapter(reception: Reception) -> None:
    _publish(reception)
    with reading(reception.stage.engine) as session:
        row = find_issue(session, reception.stage.newsletter_id, reception.stage.issue)
        issue = issue_from_json(row.content)
    chapter, other = issue.chapters[0], issue.chapters[1]
    word = chapter.heading[:3]

    found = _search(reception, word, chapter.heading)
    assert f"/archive/digest/{row.slug}#c1" in found
    assert "<mark>窓口</mark>" in _search(reception, "窓口")
    assert "#c1" not in _search(reception, word, other.heading)
    assert f'/{row.slug}#c2"' in _search(reception, "", other.heading)
    assert f"/{row.slug}#" not in _search(reception, "無い言葉の列")


def test_what_is_for_some_readers_is_found_by_nobody_else(reception: Reception) -> None:
    _publish(reception)
    with transaction(reception.stage.engine) as session:
        row = find_issue(session, reception.stage.newsletter_id, reception.stage.issue)
        heading = row.content["chapters"][1]["heading"]
    assert f"/{row.slug}#c2" in _search(reception, heading)
    with transaction(reception.stage.engine) as session:
        row = find_issue(session, reception.stage.newsletter_id, reception.stage.issue)
        first, second, *others = row.content["chapters"]
        chapters = [first, second | {"condition": "tag:staff"}, *others]
        row.content = row.content | {"chapters": chapters}

    assert f"/{row.slug}#" not in _search(reception, heading)


def test_many_searches_of_one_network_wait_a_minute_and_reading_goes_on(
    stage: Stage, tmp_path: Path
) -> None:
    plan_mailing(stage.engine, stage.mail())
    settings = Settings(data_dir=tmp_path, public_url="http://test", _env_file=None)
    signer = TokenSigner([b"k" * 40])
    app = create_app(settings=settings, engine=stage.engine, signer=signer, mailbox=None)
    app.state.site = replace(app.state.site, searches=SearchLimit(most=2))

    async def ask(*paths: str) -> list[httpx.Response]:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return [await client.get(path) for path in paths]

    answers = run_apart(lambda: ask(*["/archive/digest?q=x"] * 3, "/archive/digest"))
    assert [answer.status_code for answer in answers] == [200, 200, 429, 200]
    assert answers[2].headers["Retry-After"] == "60"
    assert "検索が集中しています" in answers[2].text


def test_a_network_searches_again_after_a_minute_and_others_meanwhile() -> None:
    moment = 0.0
    limit = SearchLimit(2, lambda: moment)
    assert [limit.admits("a") for _ in range(3)] == [True, True, False]
    assert limit.admits("b")
    moment = 60.0
    assert limit.admits("a")
