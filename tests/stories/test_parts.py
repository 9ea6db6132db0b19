"""A part for one segment and a merge field: previewed as two readers, who get two mails."""

from __future__ import annotations

from email.message import EmailMessage

from playwright.sync_api import Browser, Page, expect
from sqlalchemy import select

from newsletter.accounts.audit import COMMAND_LINE
from newsletter.accounts.invitations import invite
from newsletter.accounts.roles import Grant
from newsletter.database.engine import reading, transaction
from newsletter.database.tables import BatchRow, MailingRow
from newsletter.database.vocabulary import Role
from newsletter.i18n.language import Language
from newsletter.issues.drafts.saving import create_draft
from newsletter.issues.markdown.reader import read_markdown
from newsletter.mailings.planning.variants import sent_variants
from newsletter.newsletters.publications import NewsletterDraft, create_newsletter
from subscribers.lists.imports.imports import import_csv
from subscribers.segments.saved import save_segment
from tests.stories.house import House, text_of

TOWN = NewsletterDraft(
    slug="town",
    name="町だより",
    from_name="例町",
    from_address="town@example.jp",
    postal_address="〒100-0000 東京都千代田区例町1-2-3",
)
ISSUE = """---
title: 町だより 十二月号
date: 2026-12-01
preheader: 年末の窓口の時間と、来月の催しのご案内です。
---

:field[name|町民] 様、年末の窓口は二十八日までです。

:::for 子育て
親子の集いは十日からです。
:::
"""
FOR_PARENTS = "親子の集いは十日からです。"
#: By address: whom the mail greets, and whether it has the part for parents.
READERS = {"haru@town.example.jp": ("春 様", True), "aki@town.example.jp": ("町民 様", False)}


def test_two_readers_are_previewed_and_get_the_parts_that_are_theirs(
    house: House, browser: Browser
) -> None:
    with transaction(house.engine) as session:
        newsletter = create_newsletter(session, TOWN).id
        save_segment(session, newsletter, name="子育て", query='tag = "child"')
        issue, _ = read_markdown(ISSUE, source="story")
        draft = create_draft(session, newsletter, issue, author="葵").id
        token = invite(
            session,
            COMMAND_LINE,
            address="town-editor@example.jp",
            grants=[Grant(role=Role.ADMINISTRATOR, newsletter_id=newsletter)],
            language=Language.ENGLISH,
        )
    lines = ["email,name,tags\n", "haru@town.example.jp,春,child\n", "aki@town.example.jp,,\n"]
    import_csv(house.engine, newsletter, lines, source="list", basis="web form")
    context = browser.new_context(locale="en", viewport={"width": 1280, "height": 900})
    page = context.new_page()
    house.become_member(page, f"{house.url}/welcome/{token}", name="Editor")
    here = f"{house.url}/newsletters/town/drafts/{draft}"

    page.goto(here)
    page.get_by_role("tab", name="Telephone").click()
    for address, (greeting, is_parent) in READERS.items():
        _show_as(page, address)
        mail = page.frame_locator("#mail").locator("body")
        expect(mail).to_contain_text(greeting)
        expect(mail.get_by_text(FOR_PARENTS)).to_have_count(int(is_parent))
    _send(page, here)

    for address, (greeting, is_parent) in READERS.items():
        received = house.await_mail(address)
        for body in (text_of(received), _html_of(received)):
            assert greeting in body
            assert (FOR_PARENTS in body) is is_parent
        assert len(house.mailbox.list(search=address)) == 1
    with reading(house.engine) as session:
        mailing = session.scalars(
            select(MailingRow.id).where(MailingRow.newsletter_id == newsletter)
        ).one()
        batches = session.scalars(select(BatchRow.variant).where(BatchRow.mailing_id == mailing))
        assert sorted(batches) == [0, 1]
        assert [each.people for each in sent_variants(session, mailing)] == [1, 1]
    context.close()


def _show_as(page: Page, address: str) -> None:
    page.get_by_label("Find a subscriber by name or address").fill(address)
    page.locator("#found-readers").get_by_role("link", name=address).click()


def _html_of(mail: EmailMessage) -> str:
    part = mail.get_body(("html",))
    assert part is not None
    return str(part.get_content())


def _send(page: Page, here: str) -> None:
    page.goto(here)
    page.get_by_role("link", name="Send", exact=True).click()
    page.get_by_role("button", name="Review and confirm").click()
    expect(page.locator("main")).to_contain_text("子育て")
    if page.get_by_label("Send with these warnings").count():
        page.get_by_label("Send with these warnings").check()
    page.get_by_role("button", name="Send it").click()
    page.get_by_text("Finished", exact=True).first.wait_for(timeout=60_000)
