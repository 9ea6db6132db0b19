"""One person twice on a list: merged in the browser, written to once, and gone by an old mail."""

from __future__ import annotations

import re

import httpx
from playwright.sync_api import Browser, expect

from newsletter.accounts.audit import COMMAND_LINE
from newsletter.accounts.invitations import invite
from newsletter.accounts.roles import Grant
from newsletter.database.engine import transaction
from newsletter.database.vocabulary import Role
from newsletter.i18n.language import Language
from newsletter.issues.sources.reading import read_issue
from newsletter.issues.store import save_issue
from newsletter.mailings.mailings import create_mailing
from newsletter.newsletters.publications import (
    NewsletterDraft,
    create_newsletter,
    find_newsletter,
)
from newsletter.settings import Settings
from subscribers.lists.imports.imports import import_csv
from tests.stories.house import House
from tests.support.rendering import render_stored

CLUB = NewsletterDraft(
    slug="club",
    name="読書会だより",
    from_name="読書会",
    from_address="club@example.jp",
    postal_address="〒100-0000 東京都千代田区例町1-2-3",
)
OLD, NEW = "sato@old.club.example.jp", "sato@new.club.example.jp"


def _send(house: House, title: str, day: str) -> None:
    text = f"---\ntitle: {title}\ndate: {day}\n---\n\n次の読書会のご案内です。\n"
    with transaction(house.engine) as session:
        newsletter = find_newsletter(session, "club")
        issue = save_issue(session, newsletter.id, read_issue(text.encode(), source="issue"))
        folder = Settings(_env_file=None).templates_dir
        rendered = render_stored(issue, newsletter, templates_dir=folder)
        create_mailing(session, newsletter, issue, rendered, batch_size=25)


def test_one_person_twice_on_a_list_becomes_one(house: House, browser: Browser) -> None:
    with transaction(house.engine) as session:
        newsletter = create_newsletter(session, CLUB).id
        token = invite(
            session,
            COMMAND_LINE,
            address="club-operator@example.jp",
            grants=[Grant(role=Role.OPERATOR, newsletter_id=newsletter)],
            language=Language.ENGLISH,
        )
    lines = ["email,name,tags\n", f"{OLD},佐藤 一郎,読書\n", f"{NEW},佐藤,\n"]
    import_csv(house.engine, newsletter, lines, source="list", basis="web form")
    _send(house, "十一月の会", "2026-11-01")
    [leave] = re.findall(r"<(http[^>]+)>", str(house.await_mail(OLD)["List-Unsubscribe"]))
    house.await_mail(NEW)
    context = browser.new_context(locale="en", viewport={"width": 1280, "height": 900})
    page = context.new_page()
    house.become_member(page, f"{house.url}/welcome/{token}", name="Operator")

    page.goto(f"{house.url}/newsletters/club/subscribers")
    page.get_by_role("link", name=NEW).click()
    page.get_by_role("link", name="Merge with another person").click()
    page.get_by_label("Address, name or field").fill("sato@old")
    page.get_by_role("button", name="Search").click()
    page.get_by_role("link", name="Compare").click()
    page.get_by_label("Name: 佐藤 一郎").check()
    expect(page.locator("main")).to_contain_text(f"{OLD} no longer receives email")
    page.get_by_role("button", name="Merge the two").click()
    expect(page.get_by_text(f"{OLD} was merged with this person.")).to_be_visible()
    for words in ("佐藤 一郎", "読書", f"At the address {OLD}"):
        expect(page.locator("main")).to_contain_text(words)
    person = page.url.partition("?")[0]

    _send(house, "十二月の会", "2026-12-01")
    house.await_mail(NEW, count=2)
    assert len(house.mailbox.list(search=OLD)) == 1
    assert httpx.post(leave, data={"List-Unsubscribe": "One-Click"}).is_success
    page.goto(person)
    expect(page.locator("main .pill").first).to_have_text("Unsubscribed")
    context.close()
