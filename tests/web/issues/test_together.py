"""Two editors write one issue: both texts are kept, and only what clashes is asked."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import delete, update

from newsletter.database.engine import reading, transaction
from newsletter.database.tables import AccountSessionRow, DraftRevisionRow, DraftRow
from newsletter.database.types import now
from newsletter.issues.markdown.writer import to_markdown
from newsletter.issues.model import issue_from_json
from tests.web.issues.desk import PLAIN, Desk
from tests.web.issues.test_mail_editor import write_in

TEXT = (
    PLAIN
    + "\n夜間の窓口は休みます。\n\n一月四日から開きます。\n\n:field[name|皆さま]をお待ちします。\n"
)


@pytest.fixture
def other(desk: Desk, page: Page, browser: Browser) -> Iterator[Page]:
    """Somebody else's page of the draft that ``page`` has open."""
    desk.start(page, TEXT, view="mail")
    context = browser.new_context(locale="en", reduced_motion="reduce")
    opened = context.new_page()
    desk.sign_in(opened, "other@example.jp")
    opened.goto(page.url)
    yield opened
    context.close()


def add(page: Page, line: str, words: str) -> None:
    """Write words at the end of a line, and wait until nothing is under way any more."""
    write_in(page, line)
    page.keyboard.type(words)
    expect(page.locator("#state")).to_have_text(re.compile("^(Saved|Not saved: .+)$"))


def stored(desk: Desk, page: Page) -> str:
    number = int(re.findall(r"/drafts/(\d+)", page.url)[0])
    with reading(desk.engine) as session:
        return to_markdown(issue_from_json(session.get_one(DraftRow, number).content))


def test_changes_of_different_blocks_are_joined_and_the_caret_stays(
    desk: Desk, page: Page, other: Page
) -> None:
    add(other, "年末は二十八日までです。", "其の一")
    add(page, "一月四日から開きます。", "其の二")
    expect(page.locator(".mail")).to_contain_text("其の一")
    expect(page.locator("#notice")).to_contain_text("other@example.jp saved in the meantime")
    page.keyboard.type("、朝")
    expect(page.locator("#state")).to_have_text("Saved")
    text = stored(desk, page)
    assert "までです。其の一" in text
    assert "開きます。其の二、朝" in text
    # What the other one wrote is not undone with one's own.
    page.keyboard.press("Control+z")
    page.keyboard.press("Control+z")
    expect(page.locator(".mail")).not_to_contain_text("其の二")
    expect(page.locator(".mail")).to_contain_text("其の一")


def test_who_opens_a_draft_is_told_who_else_wrote_in_it_a_moment_ago(
    desk: Desk, page: Page, other: Page
) -> None:
    add(other, "年末は二十八日までです。", "其の一")
    page.reload()
    said = page.get_by_role("status").filter(has_text="may still be writing")
    expect(said).to_contain_text("other@example.jp")
    number = int(re.findall(r"/drafts/(\d+)", page.url)[0])
    with transaction(desk.engine) as session:
        session.execute(
            update(DraftRevisionRow)
            .where(DraftRevisionRow.draft_id == number)
            .values(saved_at=now() - timedelta(hours=1))
        )
    page.reload()
    expect(page.locator("#state")).to_be_attached()
    expect(said).to_have_count(0)


def test_a_block_that_both_changed_is_shown_in_both_versions_to_choose(
    desk: Desk, page: Page, other: Page
) -> None:
    page.set_viewport_size({"width": 1280, "height": 500})
    add(other, "夜間の窓口は休みます。", "青")
    add(page, "夜間の窓口は休みます。", "赤")
    state = page.locator("#state")
    expect(state).to_have_text("Not saved: other@example.jp changed the same place")
    page.mouse.wheel(0, 4000)
    expect(state).to_be_in_viewport()
    # What is typed meanwhile elsewhere is no clash, and lost as little.
    add(page, "一月四日から開きます。", "朝")
    page.get_by_role("button", name="Choose…").click()
    clash = page.get_by_role("group", name="In “窓口の時間”")
    expect(clash.locator("mark")).to_have_text(["青", "赤"])
    clash.get_by_role("radio", name="Keep both").check()
    page.get_by_role("dialog").get_by_role("button", name="Save").click()
    expect(state).to_have_text("Saved")
    text = stored(desk, page)
    assert "休みます。青\n\n夜間の窓口は休みます。赤\n\n一月四日から開きます。朝" in text
    expect(page.locator(".mail")).to_contain_text("休みます。青")


def test_both_versions_of_a_clash_are_shown_as_in_the_mail(page: Page, other: Page) -> None:
    for each, key in ((other, "Control+b"), (page, "Control+i")):
        write_in(each, "夜間の窓口は休みます。")
        each.keyboard.press("Shift+Home")
        each.keyboard.press(key)
        expect(each.locator("#state")).to_have_text(re.compile("^(Saved|Not saved: .+)$"))
    page.get_by_role("button", name="Choose…").click()

    versions = page.get_by_role("group", name="In “窓口の時間”").locator(".version-words")

    expect(versions).to_have_text(["夜間の窓口は休みます。"] * 2)
    expect(versions.first.locator("strong")).to_have_text("夜間の窓口は休みます。")
    expect(versions.last.locator("em")).to_have_text("夜間の窓口は休みます。")


def test_a_merge_field_in_a_clash_stands_in_its_line(page: Page, other: Page) -> None:
    for each, words in ((other, "青"), (page, "赤")):
        each.locator(".mail .body", has_text="をお待ちします。").click()
        each.keyboard.press("End")
        each.keyboard.type(words)
        expect(each.locator("#state")).to_have_text(re.compile("^(Saved|Not saved: .+)$"))
    page.get_by_role("button", name="Choose…").click()

    fields = page.get_by_role("group", name="In “窓口の時間”").locator(".chip > button")
    expect(fields).to_have_count(2)
    heights = fields.evaluate_all("all => all.map(each => each.getBoundingClientRect().height)")
    assert max(heights) < 28, "as high as its line, no button of the form"


def test_forms_without_scripts_join_and_ask_likewise(desk: Desk, browser: Browser) -> None:
    context = browser.new_context(locale="en", java_script_enabled=False)
    page, other = context.new_page(), context.new_page()
    desk.sign_in(page)
    desk.start(page, TEXT, view="forms")
    other.goto(page.url)

    def save(on: Page, *changes: tuple[str, str]) -> None:
        text = TEXT
        for before, after in changes:
            text = text.replace(before, after)
        on.locator("#text").fill(text)
        on.get_by_role("button", name="Save", exact=True).last.click()

    page_opened_later = context.new_page()
    page_opened_later.goto(page.url)
    save(other, ("夜間", "青い夜間"))
    save(page, ("一月", "来年一月"))
    expect(page.get_by_text("The text has the changes of both.")).to_be_visible()
    save(page_opened_later, ("夜間", "赤い夜間"), ("二十八日", "二十九日"))
    clash = page_opened_later.get_by_role("group", name="In “窓口の時間”")
    clash.get_by_role("radio", name="Keep my version").check()
    page_opened_later.get_by_role("button", name="Save", exact=True).click()
    text = stored(desk, page_opened_later)
    assert all(words in text for words in ("赤い夜間", "来年一月", "二十九日まで"))
    assert "青い" not in text
    context.close()


def test_whoever_was_signed_out_while_writing_signs_in_and_goes_on(desk: Desk, page: Page) -> None:
    desk.start(page, TEXT, view="mail")
    with transaction(desk.engine) as session:
        session.execute(delete(AccountSessionRow))
    write_in(page, "夜間の窓口は休みます。")
    page.keyboard.type("赤")
    link = page.locator("#state").get_by_role("link")
    expect(link).to_have_text(re.compile("signed out"))
    here = re.sub(r"^https?://[^/]+|\?.*", "", page.url)
    expect(link).to_have_attribute("href", f"/sign-in?next={quote(here, safe='')}")
    expect(page.get_by_label("Password")).to_have_count(0)
    desk.sign_in(page, "again@example.jp")
    page.keyboard.press("Control+s")
    expect(page.locator("#state")).to_have_text("Saved")
    assert "休みます。赤" in stored(desk, page)


def test_what_is_typed_while_the_server_is_away_is_saved_once_it_is_back(
    desk: Desk, page: Page
) -> None:
    desk.start(page, TEXT, view="mail")
    page.context.set_offline(True)
    write_in(page, "夜間の窓口は休みます。")
    page.keyboard.type("赤")
    expect(page.locator("#state")).to_contain_text("The server is not responding")
    page.context.set_offline(False)
    expect(page.locator("#state")).to_have_text("Saved")
    assert "休みます。赤" in stored(desk, page)


def test_a_panel_says_that_nobody_is_signed_in_and_goes_on_afterwards(
    desk: Desk, page: Page
) -> None:
    desk.start(page, TEXT, view="mail")
    with transaction(desk.engine) as session:
        session.execute(delete(AccountSessionRow))
    page.locator("#checks-tab").click()
    check_links = page.get_by_role("button", name="Open the links for real")
    check_links.click()
    notice = page.get_by_role("alert").filter(has_text="You are signed out")
    expect(notice.get_by_role("link")).to_have_attribute("target", "_blank")
    expect(page.get_by_label("Password")).to_have_count(0)
    desk.sign_in(page, "again@example.jp")
    other = page.context.new_page()
    other.bring_to_front()
    page.bring_to_front()
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(notice).to_be_hidden()
    page.locator("#checks-tab").click()
    with page.expect_response("**/links") as answer:
        check_links.click()
    assert answer.value.ok
