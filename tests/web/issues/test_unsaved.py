"""A text that could not be saved is kept on the device, and offered to whoever wrote it."""

from __future__ import annotations

import re

from playwright.sync_api import Page, Route, expect

from tests.support.ports import await_condition
from tests.web.issues.desk import PLAIN, Desk
from tests.web.issues.test_mail_editor import write_in
from tests.web.issues.test_together import add, stored

_KEPT = "Object.keys(localStorage).filter((key) => key.startsWith('unsaved/')).length"
_LINE = "年末は二十八日までです。"


def _refuse(route: Route) -> None:
    if route.request.method == "POST":
        route.abort()
    else:
        route.continue_()


def _lose(page: Page, words: str) -> Page:
    """Write words that cannot be saved, close the page, and open the draft again."""
    url = re.sub(r"\?.*", "", page.url)
    page.route(url, _refuse)
    write_in(page, _LINE)
    page.keyboard.type(words)
    expect(page.locator("#state")).to_have_text(re.compile("not responding"))
    page.close()
    again = page.context.new_page()
    again.goto(url)
    return again


def test_a_text_of_a_closed_page_is_restored_and_saved(desk: Desk, page: Page) -> None:
    desk.start(page, PLAIN, view="mail")
    again = _lose(page, "要予約")
    offer = again.locator("#unsaved")
    moment = r"\d{1,2} \w{3,4} \d{4}, \d\d:\d\d that"
    expect(offer).to_contain_text(re.compile(f"This device has a text of {moment}"))
    expect(again.locator(".mail")).not_to_contain_text("要予約")
    offer.get_by_role("button", name="Restore the text").click()
    expect(again.locator(".mail")).to_contain_text("要予約")
    expect(again.locator("#state")).to_have_text("Saved")
    expect(offer).to_be_hidden()
    assert "要予約" in stored(desk, again)
    assert again.evaluate(_KEPT) == 0


def test_a_text_that_is_restored_is_joined_with_what_others_saved_since(
    desk: Desk, page: Page
) -> None:
    desk.start(page, PLAIN + "\n一月四日から開きます。\n", view="mail")
    again = _lose(page, "要予約")
    other = again.context.new_page()
    other.goto(again.url)
    other.get_by_role("button", name="Discard it").wait_for()
    add(other, "一月四日から開きます。", "朝から")
    again.get_by_role("button", name="Restore the text").click()
    expect(again.locator(".mail")).to_contain_text("朝から")
    expect(again.locator("#state")).to_have_text("Saved")
    assert {"要予約", "朝から"} <= set(re.findall("要予約|朝から", stored(desk, again)))


def test_a_markdown_text_with_a_fault_is_restored_as_it_was_typed(desk: Desk, page: Page) -> None:
    desk.start(page, PLAIN)
    desk.write(page, PLAIN + "\n<!-- 閉じていない覚え書き\n")
    expect(page.locator("#fault")).to_be_visible()
    url = page.url
    page.close()
    again = page.context.new_page()
    again.goto(url)
    again.get_by_role("button", name="Restore the text").click()
    expect(again.locator("#text")).to_have_value(re.compile("閉じていない覚え書き"))
    expect(again.locator("#fault")).to_be_visible()


def test_a_text_that_is_discarded_is_offered_no_more(desk: Desk, page: Page) -> None:
    desk.start(page, PLAIN, view="mail")
    again = _lose(page, "要予約")
    again.get_by_role("button", name="Discard it").click()
    assert again.evaluate(_KEPT) == 0
    assert "要予約" not in stored(desk, again)


def test_a_page_that_is_still_open_keeps_its_text_to_itself(desk: Desk, page: Page) -> None:
    desk.start(page, PLAIN, view="mail")
    page.route(re.sub(r"\?.*", "", page.url), _refuse)
    write_in(page, _LINE)
    page.keyboard.type("要予約")
    expect(page.locator("#state")).to_have_text(re.compile("not responding"))
    assert page.evaluate(_KEPT) == 1
    beside = page.context.new_page()
    beside.goto(page.url)
    expect(beside.locator(".mail")).to_contain_text(_LINE)
    beside.wait_for_load_state("networkidle")
    expect(beside.locator("#unsaved")).to_be_hidden()
    assert beside.evaluate(_KEPT) == 1


def test_a_text_is_offered_to_nobody_else_and_gone_after_signing_out(
    desk: Desk, page: Page
) -> None:
    desk.start(page, PLAIN, view="mail")
    again = _lose(page, "要予約")
    url = again.url
    expect(again.locator("#unsaved")).to_be_visible()
    desk.sign_in(again, "other@example.jp")
    again.goto(url)
    again.wait_for_load_state("networkidle")
    expect(again.locator("#unsaved")).to_be_hidden()
    assert again.evaluate(_KEPT) == 1
    again.get_by_role("button", name="Sign out").click()
    again.wait_for_url("**/sign-in")
    again.wait_for_function(f"{_KEPT} === 0")


def test_signing_out_in_one_tab_takes_the_text_out_of_the_others(desk: Desk, page: Page) -> None:
    desk.start(page, PLAIN, view="mail")
    page.route(re.sub(r"\?.*", "", page.url), _refuse)
    write_in(page, _LINE)
    page.keyboard.type("要予約")
    await_condition(lambda: page.evaluate(_KEPT) == 1, seconds=60, what="a copy")
    beside = page.context.new_page()
    beside.goto(f"{desk.url}/home")
    beside.get_by_role("button", name="Sign out").click()
    beside.wait_for_url("**/sign-in")
    page.wait_for_url("**/sign-in")
    assert "要予約" not in page.content()
    assert page.evaluate(_KEPT) == 0


def test_a_text_of_before_is_not_kept_where_somebody_else_writes_now(
    desk: Desk, page: Page
) -> None:
    desk.start(page, PLAIN, view="mail")
    url = re.sub(r"\?.*", "", page.url)
    page.route(url, _refuse)
    write_in(page, _LINE)
    page.keyboard.type("要予約")
    await_condition(lambda: page.evaluate(_KEPT) == 1, seconds=60, what="a copy")
    other = page.context.new_page()
    desk.sign_in(other, "other@example.jp")
    other.goto(url)
    page.wait_for_url("**/home")
    assert "要予約" not in page.content()


def test_a_link_or_form_leaves_the_page_once_what_was_typed_is_saved(
    desk: Desk, page: Page
) -> None:
    desk.start(page, PLAIN, view="mail")
    page.on("dialog", lambda dialog: dialog.dismiss())
    here = re.sub(r"\?.*", "", page.url)
    write_in(page, _LINE)
    page.keyboard.type("要予約")
    page.get_by_role("link", name="History").click()
    page.wait_for_url("**/history")
    page.goto(here)
    expect(page.locator(".mail")).to_contain_text("要予約")
    write_in(page, _LINE + "要予約")
    page.keyboard.type("無料")
    page.evaluate("document.querySelector('.foot').scrollIntoView()")
    page.get_by_role("button", name="Dark", exact=True).click()
    page.wait_for_load_state()
    expect(page.locator(".mail")).to_contain_text("無料")
    expect(page.locator("#unsaved")).to_be_hidden()


def test_what_is_typed_while_the_markdown_is_still_loaded_stands_in_it(
    desk: Desk, page: Page
) -> None:
    desk.start(page, PLAIN, view="mail")
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route("**/markdown_editor*.js", hold)
    expect(page.locator(".mail")).to_be_visible()
    with page.expect_request("**/markdown_editor*.js"):
        page.get_by_role("tab", name="Markdown").click()

    write_in(page, _LINE)
    page.keyboard.type("要予約")
    held[0].continue_()
    expect(page.locator(".markdown-editor .cm-content")).to_contain_text("要予約")
    page.get_by_role("tab", name="Write", exact=True).click()
    expect(page.locator(".mail")).to_contain_text("要予約")
