"""Snippets in the mail: chosen by what they hold, found by name, kept from what stands there."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from newsletter.accounts.audit import COMMAND_LINE
from newsletter.database.engine import reading, transaction
from newsletter.newsletters.publications import find_newsletter
from newsletter.newsletters.snippets import list_snippets, save_snippet
from tests.support.accessible import violations
from tests.web.issues.desk import PLAIN, Desk
from tests.web.issues.test_mail_editor import write_in
from tests.web.issues.test_together import stored

CONTACT = ":::contact\ndepartment: 広報課\nphone: 042-000-0000\n:::"


@pytest.fixture
def kept(desk: Desk) -> None:
    """Two snippets: a contact box and a closing."""
    with transaction(desk.engine) as session:
        number = find_newsletter(session, "digest").id
        for name, text in (("窓口の連絡先", CONTACT), ("年末の休み", "- 三日まで**休み**ます")):
            save_snippet(session, COMMAND_LINE, number, name=name, text=text)


def snippets_of(desk: Desk) -> dict[str, str]:
    with reading(desk.engine) as session:
        kept = list_snippets(session, find_newsletter(session, "digest").id)
    return {each.name: each.text.strip() for each in kept}


@pytest.mark.usefixtures("kept")
def test_a_snippet_is_chosen_by_what_it_holds(desk: Desk, page: Page) -> None:
    desk.start(page, PLAIN, view="mail")
    write_in(page, "年末は二十八日までです。")
    page.keyboard.press("Enter")
    page.keyboard.type("/snippet")
    page.keyboard.press("Enter")
    chooser = page.get_by_role("dialog", name="Choose a snippet")
    expect(chooser.locator(".kept-snippet .panel")).to_contain_text("042-000-0000")
    assert violations(page) == []
    chooser.get_by_role("searchbox").fill("休み")
    expect(chooser.get_by_role("listitem").locator("visible=true")).to_contain_text("年末の休み")
    chooser.get_by_role("button", name="年末の休み").click()

    expect(page.locator(".mail .snippet-block strong")).to_have_text("休み")
    expect(page.locator("#state")).to_have_text("Saved")
    assert ":::snippet 年末の休み" in stored(desk, page)

    page.get_by_role("button", name="Snippet: 年末の休み").click()
    chooser.get_by_role("button", name="窓口の連絡先").click()
    expect(page.locator(".mail .snippet-block .panel")).to_contain_text("042-000-0000")
    page.get_by_role("button", name="Snippet: 窓口の連絡先").click()
    chooser.get_by_role("button", name="Delete").click()
    expect(page.locator(".mail .snippet-block")).to_have_count(0)


@pytest.mark.usefixtures("kept")
def test_a_snippet_is_found_by_its_name_behind_a_slash(desk: Desk, page: Page) -> None:
    desk.start(page, PLAIN, view="mail")
    write_in(page, "年末は二十八日までです。")
    page.keyboard.press("Enter")
    page.keyboard.type("/休み")
    expect(page.get_by_role("option", name="年末の休み")).to_be_visible()
    page.keyboard.press("Enter")

    expect(page.locator(".mail .snippet-block strong")).to_have_text("休み")
    page.keyboard.type("では、また。")
    expect(page.locator("#state")).to_have_text("Saved")
    assert ":::snippet 年末の休み\n\nでは、また。" in stored(desk, page)


def test_a_block_is_kept_as_a_snippet_where_it_stands(desk: Desk, page: Page) -> None:
    desk.start(page, f"{PLAIN}\n{CONTACT}\n", view="mail")
    box = page.locator(".mail .block-card .panel")
    box.hover()
    page.get_by_role("button", name="Move or change this block").click()
    page.get_by_role("menuitem", name="Save as a snippet…").click()
    asked = page.get_by_role("dialog", name="Save as a snippet")
    expect(asked.locator(".panel")).to_contain_text("042-000-0000")
    asked.get_by_label("Name of the snippet").fill("広報課の連絡先")
    asked.get_by_role("button", name="Save the snippet").click()

    expect(page.locator("#notice")).to_contain_text("“広報課の連絡先” is saved")
    assert snippets_of(desk) == {"広報課の連絡先": CONTACT}
    # It can be put in at once, and what was kept stays as it stood.
    expect(box).to_be_visible()
    write_in(page, "年末は二十八日までです。")
    page.keyboard.press("Enter")
    expect(page.locator("#notice")).to_be_hidden()
    page.keyboard.type("/広報課")
    page.keyboard.press("Enter")
    expect(page.locator(".mail .snippet-block .panel")).to_contain_text("042-000-0000")


@pytest.mark.usefixtures("kept")
def test_a_name_that_is_taken_is_asked_for_again(desk: Desk, page: Page) -> None:
    desk.start(page, PLAIN, view="mail")
    write_in(page, "年末は二十八日までです。")
    page.get_by_role("toolbar").get_by_role("button", name="Save as a snippet…").click()
    asked = page.get_by_role("dialog", name="Save as a snippet")
    asked.get_by_label("Name of the snippet").fill("年末の休み")
    page.keyboard.press("Enter")
    expect(asked.get_by_role("alert")).to_contain_text("There is a snippet “年末の休み” already.")
    asked.get_by_label("Name of the snippet").fill("年末の窓口")
    page.keyboard.press("Enter")

    expect(page.locator("#notice")).to_be_visible()
    assert snippets_of(desk)["年末の窓口"] == "年末は二十八日までです。"


@pytest.mark.usefixtures("kept")
def test_a_snippet_that_is_changed_in_another_tab_is_shown_as_it_is(desk: Desk, page: Page) -> None:
    desk.start(page, f"{PLAIN}\n:::snippet 年末の休み\n", view="mail")
    shown = page.locator(".mail .snippet-block")
    expect(shown).to_contain_text("三日まで")
    other = page.context.new_page()
    other.goto(f"{desk.url}/newsletters/digest/snippets")
    other.get_by_role("link", name="Change 年末の休み").click()
    other.locator(".paper").get_by_text("三日まで").click()
    other.keyboard.press("End")
    other.keyboard.type("（本庁のみ）")
    other.keyboard.press("Control+s")
    expect(other.get_by_text("Saved. What was sent stays as it was.")).to_be_visible()

    page.bring_to_front()
    expect(shown).to_contain_text("（本庁のみ）")


def test_what_begins_a_part_is_no_snippet(desk: Desk, page: Page) -> None:
    desk.start(page, PLAIN, view="mail")
    write_in(page, "窓口の時間")
    tool = page.get_by_role("toolbar").get_by_role("button", name="Save as a snippet…")
    expect(tool).to_have_attribute("aria-disabled", "true")
    tool.click(force=True)
    expect(page.get_by_role("dialog")).to_have_count(0)
