"""An issue is translated beside its original; who reads English gets it in English."""

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

HARBOUR = NewsletterDraft(
    slug="harbour",
    name="港だより",
    from_name="港町",
    from_address="harbour@example.jp",
    postal_address="〒100-0000 東京都千代田区例町1-2-3",
    visibility=Visibility.PUBLIC,
    languages=("en",),
)
ISSUE = """---
title: 港だより 冬の号
date: 2026-12-01
preheader: 冬の連絡船の時刻と、年末の市場のご案内です。
---

### 連絡船

冬のあいだ、最終便は十八時です。
"""
#: What is typed for each part, by what its original says.
WORDS = {
    "港だより 冬の号": "Harbour news, winter",
    "冬の連絡船の時刻と、年末の市場のご案内です。": "The winter ferry and the market",
    "連絡船": "The ferry",
    "冬のあいだ、最終便は十八時です。": "In winter the last ferry leaves at 18:00.",
}


def test_an_issue_translated_beside_its_original_reaches_each_in_their_language(
    house: House, browser: Browser
) -> None:
    with transaction(house.engine) as session:
        newsletter = create_newsletter(session, HARBOUR).id
        draft = create_draft(
            session, newsletter, read_markdown(ISSUE, source="story")[0], author="葵"
        )
        token = invite(
            session,
            COMMAND_LINE,
            address="harbour-editor@example.jp",
            grants=[Grant(role=Role.EDITOR, newsletter_id=newsletter)],
            language=Language.ENGLISH,
        )
    lines = ["email,language\n", "nami@example.jp,ja\n", "kate@example.jp,en-GB\n"]
    import_csv(house.engine, newsletter, lines, source="list", basis="web form")
    context = browser.new_context(locale="en", viewport={"width": 1280, "height": 900})
    page = context.new_page()
    house.become_member(page, f"{house.url}/welcome/{token}", name="Editor")
    here = f"{house.url}/newsletters/harbour/drafts/{draft.id}"

    _translate(page, here)
    _send(page, here)

    assert house.await_mail("nami@example.jp")["Subject"] == "港だより 冬の号"
    english = house.await_mail("kate@example.jp")
    assert english["Subject"] == "Harbour news, winter"
    assert "The ferry" in text_of(english)
    assert len(house.mailbox.list(search="kate@example.jp")) == 1
    page.goto(f"{house.url}/archive/harbour")
    page.get_by_role("link", name="港だより 冬の号").click()
    page.get_by_role("link", name="English").click()
    expect(page.get_by_text("In winter the last ferry leaves at 18:00.")).to_be_visible()
    context.close()


def _translate(page: Page, here: str) -> None:
    page.goto(here)
    page.get_by_role("link", name="Translations").click()
    page.get_by_label("Add a language").select_option(label="English")
    page.get_by_role("button", name="Add", exact=True).click()
    units = page.locator(".unit")
    expect(units).to_have_count(len(WORDS))
    page.get_by_role("button", name="Next open part").click()
    for words in WORDS.values():
        page.keyboard.type(words)
        page.keyboard.press("Control+Enter")
    expect(page.get_by_text("4 of 4 parts; readers of this language get it")).to_be_visible()
    expect(page.locator("#unsaved")).to_have_text("Saved")
    expect(page.get_by_role("button", name="Next open part")).to_be_disabled()


def _send(page: Page, here: str) -> None:
    page.goto(here)
    page.get_by_role("link", name="Send", exact=True).click()
    page.get_by_role("button", name="Review and confirm").click()
    expect(page.locator("main")).to_contain_text("English")
    if page.get_by_label("Send with these warnings").count():
        page.get_by_label("Send with these warnings").check()
    page.get_by_role("button", name="Send it").click()
    page.get_by_text("Finished", exact=True).first.wait_for(timeout=60_000)
