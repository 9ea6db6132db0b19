"""Ctrl+A takes what is written: its line first, then the text, and never the subject with it."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.web.issues.desk import PLAIN, Desk
from tests.web.issues.test_mail_editor import write_in

_LINE = "年末は二十八日までです。"
_BUTTON = ":::button [申し込む](https://aoba.example.jp/)"
_HEAD = "---\ntitle: 十二月号\ndate: 2026-12-01\n---\n"


def _chosen(page: Page) -> str:
    return str(page.evaluate("getSelection().toString()")).strip()


def _press_all(page: Page) -> str:
    page.keyboard.press("Control+a")
    return _chosen(page)


def test_the_line_is_chosen_first_and_then_the_text_without_subject_and_closing_lines(
    desk: Desk, page: Page
) -> None:
    desk.start(page, f"{PLAIN}\n---\n\n(編集) 広報課\n", view="mail")
    write_in(page, _LINE)

    assert _press_all(page) == _LINE
    whole = _press_all(page)

    assert whole.startswith("お知らせ")
    assert _LINE in whole
    assert "十二月号" not in whole
    assert _press_all(page) == whole


def test_what_is_typed_over_the_text_leaves_the_subject(desk: Desk, page: Page) -> None:
    """A block that is no line stands at each end, where no caret could."""
    desk.start(page, f"{_HEAD}\n{_BUTTON}\n\n{_LINE}\n\n{_BUTTON}\n", view="mail")
    write_in(page, _LINE)
    page.keyboard.press("Control+a")
    page.keyboard.press("Control+a")

    page.keyboard.type("新しい本文")

    expect(page.locator(".mail .title")).to_have_text("十二月号")
    expect(page.locator(".mail p.body")).to_have_text("新しい本文")
    expect(page.locator(".mail .button-link")).to_have_count(0)
    page.keyboard.press("Control+z")
    expect(page.locator(".mail")).to_contain_text(_LINE)


def test_the_text_is_deleted_copied_and_pasted_whole(desk: Desk, page: Page) -> None:
    desk.start(page, f"{_HEAD}\n{_BUTTON}\n\n{_LINE}\n", view="mail")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    write_in(page, _LINE)
    page.keyboard.press("Control+a")
    page.keyboard.press("Control+a")
    page.keyboard.press("Control+x")
    expect(page.locator(".mail p.body")).to_have_text("")
    expect(page.locator(".mail .button-link")).to_have_count(0)

    page.keyboard.press("Control+v")

    expect(page.locator(".mail .title")).to_have_text("十二月号")
    expect(page.locator(".mail .button-link")).to_have_count(1)
    expect(page.locator(".mail")).to_contain_text(_LINE)


def test_in_the_subject_it_takes_the_subject_alone(desk: Desk, page: Page) -> None:
    desk.start(page, PLAIN, view="mail")
    write_in(page, "十二月号")

    assert [_press_all(page), _press_all(page)] == ["十二月号"] * 2


def test_the_keyboard_comes_into_the_text_and_not_above_the_subject(desk: Desk, page: Page) -> None:
    desk.start(page, PLAIN, view="mail")
    page.locator("[data-issue-field=preheader]").focus()
    page.keyboard.press("Tab")

    page.keyboard.type("冬の")

    expect(page.locator(".mail .chapter:not(.contents-head)")).to_have_text("冬のお知らせ")


def test_a_new_issue_is_written_at_once(desk: Desk, page: Page) -> None:
    desk.start(page, _HEAD, view="mail")
    expect(page.locator(".mail")).to_be_focused()

    page.keyboard.type("窓口の時間")

    expect(page.locator(".mail p.body")).to_have_text("窓口の時間")
