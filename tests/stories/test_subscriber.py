"""A subscriber joins, reads, chooses and leaves, on a telephone without scripts."""

from __future__ import annotations

from urllib.parse import urlsplit

import httpx
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import update

from newsletter.accounts.audit import COMMAND_LINE
from newsletter.database.engine import transaction
from newsletter.database.tables import DigestRuleRow
from newsletter.database.types import now
from newsletter.database.vocabulary import Frequency, MailingState, Visibility
from newsletter.i18n.language import Language
from newsletter.issues.sources.reading import read_issue
from newsletter.issues.store import find_issue, save_issue
from newsletter.mailings.digests.rules import DigestTerms, set_digest
from newsletter.mailings.mailings import create_mailing
from newsletter.mailings.reports.progress import progress
from newsletter.newsletters.publications import NewsletterDraft, create_newsletter, find_newsletter
from newsletter.samples import sample_issue
from newsletter.settings import Settings
from tests.stories.house import House, link_after, text_of
from tests.support.ports import await_condition
from tests.support.rendering import render_stored

WEEKLY = NewsletterDraft(
    slug="weekly",
    name="週刊 図書館",
    from_name="図書館",
    from_address="library@example.jp",
    postal_address="〒100-0000 東京都千代田区例町1-2-3",
    visibility=Visibility.PUBLIC,
)
READER, ONE_CLICKER, STAYER = "hana@example.jp", "ren@example.jp", "mei@example.jp"


def test_a_subscriber_joins_reads_chooses_and_leaves(house: House, browser: Browser) -> None:
    with transaction(house.engine) as session:
        newsletter = create_newsletter(session, WEEKLY)
        read = read_issue(sample_issue(Language.JAPANESE), source="sample")
        save_issue(session, newsletter.id, read)
    context = browser.new_context(
        locale="ja", java_script_enabled=False, viewport={"width": 375, "height": 720}
    )
    page = context.new_page()
    for address in (READER, ONE_CLICKER, STAYER):
        house.join(page, "weekly", address)
        expect(page.get_by_role("heading", name="購読を始めました")).to_be_visible()

    assert _mail(house) == 3
    _read_in_the_browser(house, page)
    _choose_plain_text(house, page)
    page.goto(link_after("配信を停止する", house.await_mail(READER)))
    page.get_by_role("button", name="配信を停止する").click()
    expect(page.get_by_role("status")).to_contain_text(READER)
    _leave_by_one_click(house)

    assert _mail(house) == 1
    house.await_mail(STAYER, count=3)
    assert len(house.mailbox.list(search=READER)) == 2
    assert len(house.mailbox.list(search=ONE_CLICKER)) == 2
    _read_a_weekly_digest(house, page)
    context.close()


def _mail(house: House) -> int:
    """Send the issue to whoever subscribes now; return how many that are, once all have it."""
    with transaction(house.engine) as session:
        newsletter = find_newsletter(session, "weekly")
        issue = find_issue(session, newsletter.id, None)
        folder = Settings(_env_file=None).templates_dir
        rendered = render_stored(issue, newsletter, templates_dir=folder)
        number = create_mailing(session, newsletter, issue, rendered, batch_size=20)

    def finished() -> bool:
        return progress(house.engine, number).state is MailingState.FINISHED

    await_condition(finished, seconds=60, what="the mailing to finish")
    return progress(house.engine, number).planned


def _read_in_the_browser(house: House, page: Page) -> None:
    mail = house.await_mail(READER, count=2)
    page.goto(link_after("ウェブで読む", mail))
    expect(page.get_by_role("heading", level=1)).to_have_text("まちのデジタル便り 2026年11月号")
    page.goto(f"{house.url}/archive/weekly")
    page.get_by_role("link", name="まちのデジタル便り 2026年11月号").click()
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    assert READER not in page.content()


def _choose_plain_text(house: House, page: Page) -> None:
    page.goto(link_after("受信の設定を変える", house.await_mail(READER)))
    page.get_by_label("お名前").fill("花子")
    page.get_by_label("メールの形式").select_option("text")
    page.get_by_role("button", name="保存する").click()
    expect(page.get_by_role("status")).to_have_text("設定を保存しました。")
    page.get_by_role("link", name="ご登録情報を見る").click()
    expect(page.get_by_text("花子")).to_be_visible()


def _read_a_weekly_digest(house: House, page: Page) -> None:
    """Choose the weekly digest; the next issue comes in it, by the round of the workers."""
    with transaction(house.engine) as session:
        newsletter = find_newsletter(session, "weekly")
        set_digest(session, COMMAND_LINE, newsletter, Frequency.WEEKLY, DigestTerms(offered=True))
    page.goto(link_after("受信の設定を変える", house.await_mail(STAYER)))
    page.get_by_label("受信頻度").select_option("weekly")
    page.get_by_role("button", name="保存する").click()
    expect(page.get_by_label("受信頻度")).to_have_value("weekly")
    assert _mail(house) == 0
    with transaction(house.engine) as session:
        session.execute(update(DigestRuleRow).values(due_at=now()))
    digest = house.await_mail(STAYER, count=4)
    assert "週刊 図書館：週刊まとめ" in digest["Subject"]
    assert "まちのデジタル便り 2026年11月号" in text_of(digest)


def _leave_by_one_click(house: House) -> None:
    """Do as a mail client does by RFC 8058."""
    header = house.await_mail(ONE_CLICKER, count=2)["List-Unsubscribe"]
    link = next(part.strip(" <>") for part in header.split(",") if part.strip(" <").startswith("h"))
    assert urlsplit(link).netloc == urlsplit(house.url).netloc
    answer = httpx.post(link, data={"List-Unsubscribe": "One-Click"})
    assert answer.status_code == 200
