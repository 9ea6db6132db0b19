"""An editor keeps a snippet, puts it into an issue by name, and sees where it is used."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.support.accessible import violations
from tests.web.issues.desk import PLAIN, Desk


def test_a_snippet_is_kept_used_and_changed_on_one_page(desk: Desk, page: Page) -> None:
    here = f"{desk.url}/newsletters/digest/snippets"
    page.goto(here)
    page.get_by_label("Name").fill("窓口")
    page.get_by_label("Text (Markdown)").fill("# 見出し")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_label("Text (Markdown)")).to_have_value("# 見出し")
    page.get_by_label("Text (Markdown)").fill(":::contact\nphone: 042-000-0000\n:::")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Not used yet")).to_be_visible()

    desk.bring_in(page, f"{PLAIN}\n:::snippet 窓口\n")
    page.get_by_role("tab", name="Telephone").click()
    expect(page.frame_locator("#mail").get_by_role("link", name="042-000-0000")).to_be_visible()

    page.goto(here)
    shown = page.frame_locator(".snippet-mail")
    expect(shown.locator(".panel")).to_contain_text("042-000-0000")
    expect(page.get_by_role("link", name="十二月号")).to_be_visible()
    page.get_by_text("Delete 窓口").click()
    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_text("uses this snippet")).to_be_visible()
    assert violations(page) == []


def test_what_was_done_is_said_once_and_not_again_by_a_reload(desk: Desk, page: Page) -> None:
    page.goto(f"{desk.url}/newsletters/digest/snippets")
    page.get_by_label("Name").fill("窓口")
    page.get_by_label("Text (Markdown)").fill("本文")
    page.get_by_role("button", name="Save").click()
    done = page.get_by_text("Saved. What was sent stays as it was.")
    expect(done).to_be_visible()

    page.reload()

    expect(page.get_by_label("Text (Markdown)").first).to_have_value("本文")
    expect(done).to_have_count(0)
