"""An editor keeps a snippet, puts it into an issue by name, and sees where it is used."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from newsletter.accounts.audit import COMMAND_LINE
from newsletter.database.engine import transaction
from newsletter.newsletters.publications import find_newsletter
from newsletter.newsletters.snippets import save_snippet
from tests.support.accessible import violations
from tests.web.issues.desk import PLAIN, Desk
from tests.web.issues.test_snippets import snippets_of

NAME = "Name of the snippet"


@pytest.fixture
def hours(desk: Desk) -> str:
    """The address of a snippet's page."""
    with transaction(desk.engine) as session:
        number = find_newsletter(session, "digest").id
        kept = save_snippet(session, COMMAND_LINE, number, name="窓口", text="平日は**五時**まで")
        return f"{desk.url}/newsletters/digest/snippets/{kept.id}"


def test_a_snippet_is_written_as_it_stands_in_the_mail(desk: Desk, page: Page) -> None:
    page.goto(f"{desk.url}/newsletters/digest/snippets")
    page.get_by_role("link", name="New snippet").first.click()
    page.get_by_label(NAME).fill("窓口")
    text = page.get_by_role("textbox", name="Text of the snippet")
    text.click()
    page.keyboard.type("/contact")
    expect(page.get_by_role("option", name="Chapter")).to_have_count(0)
    page.keyboard.press("Enter")
    form = page.get_by_role("dialog", name="Contact")
    form.get_by_label("Telephone").fill("042-000-0000")
    form.get_by_role("button", name="Insert").click()
    page.keyboard.type("お気軽に")
    page.keyboard.press("Shift+Home")
    page.keyboard.press("Control+b")
    expect(text.locator(".panel")).to_contain_text("042-000-0000")
    assert violations(page) == []
    page.get_by_role("button", name="Save", exact=True).click()

    expect(page.get_by_text("Saved. What was sent stays as it was.")).to_be_visible()
    assert snippets_of(desk) == {"窓口": ":::contact\nphone: 042-000-0000\n:::\n\n**お気軽に**"}


def test_a_snippet_is_changed_where_it_is_shown_and_says_where_it_is_used(
    desk: Desk, page: Page, hours: str
) -> None:
    desk.bring_in(page, f"{PLAIN}\n:::snippet 窓口\n")
    page.goto(hours)
    text = page.get_by_role("textbox", name="Text of the snippet")
    expect(text.locator("strong")).to_have_text("五時")
    text.click()
    page.keyboard.press("Control+End")
    page.keyboard.type("です。")
    page.keyboard.press("Control+s")
    shown = page.frame_locator(".snippet-mail")
    expect(shown.locator("body")).to_contain_text("平日は五時までです。")
    expect(page.get_by_role("link", name="十二月号")).to_be_visible()
    page.get_by_text("Delete 窓口").click()
    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_text("uses this snippet")).to_be_visible()
    assert violations(page) == []


def test_what_is_refused_stays_as_it_was_typed(desk: Desk, page: Page, hours: str) -> None:
    page.goto(hours)
    opened_before = page.context.new_page()
    opened_before.goto(hours)
    for each, words in ((page, "一"), (opened_before, "二")):
        each.get_by_role("textbox", name="Text of the snippet").click()
        each.keyboard.press("Control+End")
        each.keyboard.type(words)
        each.get_by_role("button", name="Save", exact=True).click()
        expect(each.locator("#fault, .notice.good").locator("visible=true")).to_be_visible()

    expect(opened_before.get_by_role("alert")).to_contain_text("Somebody else changed this snippet")
    expect(opened_before.locator(".mail")).to_contain_text("五時まで二")
    assert snippets_of(desk) == {"窓口": "平日は**五時**まで一"}
    opened_before.close(run_before_unload=False)


def test_a_picture_goes_into_a_snippet(desk: Desk, page: Page, tmp_path: Path) -> None:
    Image.new("RGB", (40, 20), "navy").save(tmp_path / "logo.png")
    page.goto(f"{desk.url}/newsletters/digest/snippets/new")
    page.get_by_label(NAME).fill("紋章")
    page.get_by_role("textbox", name="Text of the snippet").click()
    with page.expect_file_chooser() as chosen:
        page.get_by_role("toolbar").get_by_role("button", name="Picture").click()
    chosen.value.set_files(tmp_path / "logo.png")
    page.get_by_label("Alternative text").fill("町の紋章")
    page.get_by_role("dialog").get_by_role("button", name="Insert").click()
    expect(page.locator(".mail img.picture")).to_have_js_property("naturalWidth", 40)
    page.get_by_role("button", name="Save", exact=True).click()

    expect(page.get_by_text("Not used yet")).to_be_visible()
    assert re.fullmatch(r"!\[町の紋章]\(http.*\.png\)", snippets_of(desk)["紋章"])


def test_without_scripts_a_snippet_is_a_form(desk: Desk, browser: Browser) -> None:
    context = browser.new_context(locale="en", java_script_enabled=False)
    page = context.new_page()
    desk.sign_in(page, "plain@example.jp")
    page.goto(f"{desk.url}/newsletters/digest/snippets/new")
    page.get_by_label("Name").fill("窓口")
    page.get_by_label("Text (Markdown)").fill("# 見出し")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_label("Text (Markdown)")).to_have_value("# 見出し")
    page.get_by_label("Text (Markdown)").fill("本文")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Not used yet")).to_be_visible()
    context.close()


def test_what_was_done_is_said_once_and_not_again_by_a_reload(
    desk: Desk, page: Page, hours: str
) -> None:
    page.goto(hours)
    page.get_by_role("button", name="Save", exact=True).click()
    done = page.get_by_text("Saved. What was sent stays as it was.")
    expect(done).to_be_visible()

    page.reload()

    expect(page.get_by_text("Not used yet")).to_be_visible()
    expect(done).to_have_count(0)
    assert snippets_of(desk) == {"窓口": "平日は**五時**まで"}
