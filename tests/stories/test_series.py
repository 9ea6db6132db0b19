"""A welcome series is made by clicking; whoever joins by the form gets its first mail."""

from __future__ import annotations

from playwright.sync_api import Browser, Page, expect

from newsletter.accounts.audit import COMMAND_LINE
from newsletter.accounts.invitations import invite
from newsletter.accounts.roles import Grant
from newsletter.database.engine import transaction
from newsletter.database.vocabulary import Role, Visibility
from newsletter.i18n.language import Language
from newsletter.newsletters.publications import NewsletterDraft, create_newsletter
from tests.stories.house import House, text_of
from tests.web.issues.desk import write_markdown

GARDEN = NewsletterDraft(
    slug="garden",
    name="花だより",
    from_name="花の会",
    from_address="garden@example.jp",
    postal_address="〒100-0000 東京都千代田区例町1-2-3",
    visibility=Visibility.PUBLIC,
)
READER = "sakura@example.jp"
ISSUE = "---\ntitle: 苗の植え方\ndate: 2026-12-01\npreheader: はじめに\n---\n\n苗の植え方です。\n"


def test_a_welcome_series_made_by_clicking_greets_who_joins(house: House, browser: Browser) -> None:
    with transaction(house.engine) as session:
        newsletter = create_newsletter(session, GARDEN)
        token = invite(
            session,
            COMMAND_LINE,
            address="gardener@example.jp",
            grants=[Grant(role=Role.EDITOR, newsletter_id=newsletter.id)],
            language=Language.ENGLISH,
        )
    page = browser.new_context(locale="en", viewport={"width": 1280, "height": 900}).new_page()
    house.become_member(page, f"{house.url}/welcome/{token}", name="Gardener")
    _make_the_series(house, page)

    reader = browser.new_context(
        locale="ja", java_script_enabled=False, viewport={"width": 375, "height": 720}
    ).new_page()
    house.join(reader, "garden", READER)
    expect(reader.get_by_role("status")).to_contain_text("最初のメール")

    welcome = house.await_mail(READER, count=2)
    assert "苗の植え方" in text_of(welcome)
    assert welcome["Subject"] == "苗の植え方"
    assert "/u/" in welcome["List-Unsubscribe"]
    assert len(house.mailbox.list(search=READER)) == 2


def _make_the_series(house: House, page: Page) -> None:
    page.goto(f"{house.url}/newsletters/garden/series")
    page.get_by_label("Name").fill("Welcome")
    page.get_by_role("button", name="Create the series").click()
    page.get_by_label("Subject of the issue").fill("苗の植え方")
    page.get_by_role("button", name="Add the step").click()
    page.get_by_role("link", name="Write the issue").click()
    page.get_by_role("tab", name="Markdown").click()
    write_markdown(page, ISSUE)
    expect(page.locator("#findings .error")).to_have_count(0)
    with page.expect_response(lambda answer: answer.request.method == "POST"):
        page.keyboard.press("Control+s")
    page.get_by_role("link", name="Back to the series").click()
    page.get_by_role("link", name="Activate …").click()
    expect(page.locator("main")).to_contain_text("Nobody who is a reader already gets it")
    page.get_by_role("button", name="Activate").click()
    expect(page.get_by_role("status").first).to_contain_text("The series is active")
