"""Of a page with several forms, one is not sent while what was changed in another is not saved."""

from __future__ import annotations

import pytest
from playwright.sync_api import Dialog, Page, expect

from newsletter.database.vocabulary import Role
from tests.web.issues.desk import Desk

pytestmark = pytest.mark.servers

_PAGE = "/newsletters/digest/digests"


def test_a_change_in_another_form_is_asked_about_and_shown(desk: Desk, window: Page) -> None:
    desk.sign_in(window, "admin@example.jp", role=Role.ADMINISTRATOR)
    window.goto(f"{desk.url}{_PAGE}")
    asked: list[str] = []
    answers = iter([False, True])

    def answer(dialog: Dialog) -> None:
        asked.append(dialog.message)
        dialog.accept() if next(answers) else dialog.dismiss()

    window.on("dialog", answer)
    weekly = window.locator("form", has=window.locator("#weekly-introduction"))
    monthly = window.locator("form", has=window.locator("#monthly-introduction"))
    weekly.locator("#weekly-introduction").fill("今週の便り")
    monthly.locator("#monthly-introduction").fill("今月の便り")

    monthly.get_by_role("button", name="Save").click()
    expect(weekly.locator("#weekly-introduction")).to_be_focused()
    assert "not saved yet" in asked[0]
    monthly.get_by_role("button", name="Save").click()
    window.wait_for_url("**done=**")
    expect(window.locator("#monthly-introduction")).to_have_value("今月の便り")
    expect(window.locator("#weekly-introduction")).to_have_value("")
    assert len(asked) == 2
