"""Keys that take back, or give back, act in the field that has the caret and nowhere else."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.web.issues.desk import PLAIN, Desk
from tests.web.issues.test_mail_editor import write_in

_LINE = "年末は二十八日までです。"
_KEYS = ("Control+z", "Control+y", "Control+Shift+z", "Control+b", "Control+k")


@pytest.fixture
def written(desk: Desk, page: Page) -> Page:
    """A mail in which a word was typed with the keys."""
    desk.start(page, PLAIN, view="mail")
    write_in(page, _LINE)
    page.keyboard.type("要予約")
    expect(page.locator(".mail")).to_contain_text("要予約")
    return page


def _press_all(page: Page) -> None:
    for key in _KEYS:
        for _ in range(3):
            page.keyboard.press(key)


def test_keys_in_a_dialog_s_field_leave_the_mail_alone(written: Page) -> None:
    written.keyboard.press("Control+k")
    field = written.locator("dialog input").first
    expect(field).to_be_focused()
    before = written.locator(".mail").inner_html()

    _press_all(written)

    assert written.locator(".mail").inner_html() == before
    expect(written.locator("dialog[open]")).to_have_count(1)


def test_keys_in_a_field_beside_the_mail_leave_the_mail_alone(written: Page) -> None:
    field = written.locator("[data-issue-field=preheader]")
    field.click()
    field.press("End")
    before = written.locator(".mail").inner_html()
    _press_all(written)
    assert written.locator(".mail").inner_html() == before

    written.keyboard.type("追記")
    written.keyboard.press("Control+z")

    expect(field).not_to_have_value(re.compile("追記"))
    assert written.locator(".mail").inner_html() == before


def test_keys_that_redo_take_nothing_back_where_nothing_is_left_to_redo(written: Page) -> None:
    written.keyboard.press("Control+z")
    expect(written.locator(".mail")).not_to_contain_text("要予約")
    for key in ("Control+Shift+z", "Control+Shift+z", "Control+Shift+Z", "Control+y"):
        written.keyboard.press(key)
        expect(written.locator(".mail")).to_contain_text("要予約")


def test_undo_takes_back_each_place_its_own_words(written: Page) -> None:
    field = written.locator("[data-issue-field=preheader]")
    held = field.input_value()
    field.click()
    field.press("End")
    written.keyboard.type("追記")
    write_in(written, f"{_LINE}要予約")

    written.keyboard.press("Control+z")

    expect(written.locator(".mail")).not_to_contain_text("要予約")
    expect(field).to_have_value(held + "追記")


def _write_and_reload(page: Page, words: str) -> None:
    write_in(page, _LINE)
    page.keyboard.type(words)
    expect(page.locator("#state")).to_have_text("Saved")
    page.reload()
    expect(page.locator(".mail")).to_contain_text(words)


def test_what_was_typed_is_taken_back_after_the_page_is_loaded_again(
    desk: Desk, page: Page
) -> None:
    desk.start(page, PLAIN, view="mail")
    _write_and_reload(page, "要予約")

    page.get_by_role("button", name="Undo").click()

    expect(page.locator(".mail")).not_to_contain_text("要予約")
    expect(page.locator(".mail")).to_contain_text(_LINE)
    page.get_by_role("button", name="Redo").click()
    expect(page.locator(".mail")).to_contain_text("要予約")


def test_a_text_that_was_deleted_and_saved_comes_back_after_the_page_is_loaded_again(
    desk: Desk, page: Page
) -> None:
    desk.start(page, PLAIN, view="mail")
    write_in(page, _LINE)
    page.keyboard.press("Control+a")
    page.keyboard.press("Delete")
    expect(page.locator(".mail")).not_to_contain_text(_LINE)
    expect(page.locator("#state")).to_have_text("Saved")
    page.reload()
    expect(page.locator(".mail")).not_to_contain_text(_LINE)

    page.locator(".mail").press("Control+z")

    expect(page.locator(".mail")).to_contain_text(_LINE)
    expect(page.locator("#state")).to_have_text("Saved")


def test_nothing_is_taken_back_of_a_text_that_others_changed_meanwhile(
    desk: Desk, page: Page
) -> None:
    desk.start(page, PLAIN, view="mail")
    write_in(page, _LINE)
    page.keyboard.type("要予約")
    expect(page.locator("#state")).to_have_text("Saved")
    other = page.context.new_page()
    other.goto(page.url)
    write_in(other, f"{_LINE}要予約")
    other.keyboard.type("先着順")
    expect(other.locator("#state")).to_have_text("Saved")

    page.reload()

    expect(page.locator(".mail")).to_contain_text("要予約先着順")
    expect(page.get_by_role("button", name="Undo")).to_be_disabled()


def _click_above_closing_lines(page: Page, by: float) -> None:
    """Click in the white between the text and the closing lines of the mail."""
    mail = page.locator(".mail")
    box, end = mail.bounding_box(), mail.locator(".credits").bounding_box()
    assert box is not None
    assert end is not None
    # No white is left below the closing lines, where a click would lead into them.
    assert end["y"] + end["height"] > box["y"] + box["height"] - 4
    mail.click(position={"x": box["width"] / 2, "y": end["y"] - box["y"] - by})


def test_a_click_in_the_white_below_a_new_mail_leads_into_its_text(desk: Desk, page: Page) -> None:
    desk.start(page, "---\ntitle: 十二月号\ndate: 2026-12-01\n---\n", view="mail")
    _click_above_closing_lines(page, 40)
    page.keyboard.type("窓口の時間")
    expect(page.locator(".mail p.body")).to_have_text("窓口の時間")


def test_a_click_in_the_white_goes_below_a_block_that_is_no_line(desk: Desk, page: Page) -> None:
    desk.start(page, PLAIN + "\n---\n", view="mail")
    _click_above_closing_lines(page, 12)
    page.keyboard.type("以上")
    expect(page.locator(".mail .rule-line + p.body")).to_have_text("以上")
