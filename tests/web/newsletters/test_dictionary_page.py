"""An editor adds a word to the newsletter's dictionary, from a hint or by hand."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.support.accessible import violations
from tests.web.issues.desk import PLAIN, Desk


def test_a_hint_is_mended_by_a_press_or_its_word_added_to_the_dictionary(
    desk: Desk, page: Page
) -> None:
    desk.bring_in(page, f"{PLAIN}\nThe aikidou class meets the comittee.\n")
    page.locator("#checks-tab").click()
    findings = page.locator("#findings")
    findings.get_by_role("button", name="Add “aikidou” to the dictionary").click()
    expect(findings).not_to_contain_text("aikidou")
    findings.get_by_role("button", name="Change to “committee”").click()
    expect(findings).not_to_contain_text("comittee")

    page.goto(f"{desk.url}/newsletters/digest/dictionary")
    expect(page.get_by_role("cell", name="aikidou", exact=True)).to_be_visible()
    page.get_by_label("Word", exact=True).fill("judou")
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.get_by_role("heading", name="2 words")).to_be_visible()
    page.get_by_role("button", name="Remove aikidou").click()
    expect(page.get_by_role("heading", name="1 word")).to_be_visible()
    assert violations(page) == []
