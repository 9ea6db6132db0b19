"""A date was wrong: the issue is corrected, and those who had the fault are told, once."""

from __future__ import annotations

from playwright.sync_api import Browser, Page, expect

from newsletter.accounts.audit import COMMAND_LINE
from newsletter.accounts.invitations import invite
from newsletter.accounts.roles import Grant
from newsletter.database.engine import transaction
from newsletter.database.vocabulary import Role, Visibility
from newsletter.i18n.language import Language
from newsletter.issues.drafts.saving import create_draft
from newsletter.issues.markdown.reader import read_markdown
from newsletter.newsletters.publications import NewsletterDraft, create_newsletter
from subscribers.lists.imports.imports import import_csv
from tests.stories.house import House, text_of
from tests.web.issues.desk import write_markdown

BAY = NewsletterDraft(
    slug="bay",
    name="湾岸だより",
    from_name="例市",
    from_address="bay@example.jp",
    postal_address="〒100-0000 東京都千代田区例町1-2-3",
    visibility=Visibility.PUBLIC,
)
WRONG, RIGHT = "健康相談は12月3日です。", "健康相談は12月4日です。"
ISSUE = f"""---
title: 湾岸だより 十二月号
date: 2026-12-01
preheader: 健康相談の日程と、年末の窓口の時間のご案内です。
---

{WRONG}
"""
NOTE = "健康相談の日付に誤りがありました。正しくは12月4日です。"
FAULTY = ["haru@bay.example.jp", "aki@bay.example.jp"]
LATER = "fuyu@bay.example.jp"


def test_a_date_is_mended_and_exactly_those_who_had_the_fault_are_told_once(
    house: House, browser: Browser
) -> None:
    with transaction(house.engine) as session:
        newsletter = create_newsletter(session, BAY).id
        issue, _ = read_markdown(ISSUE, source="story")
        draft = create_draft(session, newsletter, issue, author="葵").id
        token = invite(
            session,
            COMMAND_LINE,
            address="bay-editor@example.jp",
            grants=[Grant(role=Role.ADMINISTRATOR, newsletter_id=newsletter)],
            language=Language.ENGLISH,
        )
    _subscribe(house, newsletter, *FAULTY)
    context = browser.new_context(locale="en", viewport={"width": 1280, "height": 900})
    page = context.new_page()
    house.become_member(page, f"{house.url}/welcome/{token}", name="Editor")
    page.goto(f"{house.url}/newsletters/bay/drafts/{draft}")
    page.get_by_role("link", name="Send", exact=True).click()
    page.get_by_role("button", name="Review and confirm").click()
    expect(page.locator("main")).to_contain_text("Listed")
    _press(page, "Send with these warnings", "Send it")
    page.get_by_text("Finished", exact=True).first.wait_for(timeout=60_000)
    sent = page.url
    # Who joins afterwards reads it in the archive alone.
    _subscribe(house, newsletter, LATER)

    page.get_by_role("button", name="Correct…").click()
    page.get_by_role("tab", name="Markdown").click()
    write_markdown(page, ISSUE.replace(WRONG, RIGHT))
    page.get_by_role("link", name="Correction", exact=True).click()
    page.get_by_label("Note for readers").fill(NOTE)
    page.get_by_role("button", name="View the changes and confirm").click()
    # Only the page of the changes marks them: the write page, which was left, says the words, too.
    expect(page.locator("main del")).to_have_text("[removed] 3")
    expect(page.locator("main ins")).to_have_text("[added] 4")
    for words in (NOTE, "2 as first sent"):
        expect(page.locator("main")).to_contain_text(words)
    _press(page, "Correct it with these warnings", "Correct the issue now")
    page.get_by_text("The correction is in effect.").wait_for()

    page.get_by_role("link", name="Send a mail about it…").click()
    expect(page.locator("main")).to_contain_text("2 people")
    page.get_by_role("button", name="Send it").click()
    page.get_by_text("Finished", exact=True).first.wait_for(timeout=60_000)
    for address in FAULTY:
        told = house.await_mail(address, count=2)
        assert told["Subject"] == "【訂正】湾岸だより 十二月号"
        assert NOTE in text_of(told)
        assert len(house.mailbox.list(search=address)) == 2
    assert house.mailbox.list(search=LATER) == []

    page.goto(f"{house.url}/archive/bay")
    page.get_by_role("link", name="湾岸だより 十二月号").click()
    expect(page.locator("body")).to_contain_text(NOTE)
    expect(page.locator("body")).to_contain_text(RIGHT)
    page.goto(sent)
    expect(page.get_by_role("link", name="Send a mail about it…")).to_have_count(0)
    context.close()


def _subscribe(house: House, newsletter: int, *addresses: str) -> None:
    lines = ["email\n", *(f"{address}\n" for address in addresses)]
    import_csv(house.engine, newsletter, lines, source="list", basis="web form")


def _press(page: Page, warnings: str, button: str) -> None:
    """Press a button, with preflight's warnings where there are any."""
    if page.get_by_label(warnings).count():
        page.get_by_label(warnings).check()
    page.get_by_role("button", name=button).click()
