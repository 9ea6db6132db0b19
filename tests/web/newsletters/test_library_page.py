"""An editor brings pictures and files in, finds them in the editor, and sees their uses."""

from __future__ import annotations

import re
from io import BytesIO

from PIL import Image
from playwright.sync_api import Browser, FilePayload, Page, expect

from tests.support.accessible import violations
from tests.web.issues.desk import PLAIN, Desk

_PDF = FilePayload(name="募集要項.pdf", mimeType="application/pdf", buffer=b"%PDF-1.4\n% x")


def _picture(name: str, colour: tuple[int, int, int]) -> FilePayload:
    shown = BytesIO()
    Image.new("RGB", (640, 360), colour).save(shown, "PNG")
    return FilePayload(name=name, mimeType="image/png", buffer=shown.getvalue())


def _bring_in(desk: Desk, page: Page, *files: FilePayload) -> None:
    page.goto(f"{desk.url}/newsletters/digest/library")
    page.get_by_label("Add pictures and files").set_input_files(list(files))
    page.get_by_role("button", name="Upload").click()


def _caret_at_end(page: Page) -> None:
    page.locator(".mail").get_by_text("年末は二十八日までです。").click()
    page.keyboard.press("End")
    page.keyboard.press("Enter")


def test_a_picture_of_the_library_is_chosen_in_the_editor(desk: Desk, page: Page) -> None:
    _bring_in(desk, page, _picture("入口.png", (20, 90, 140)), _PDF)
    expect(page.get_by_role("heading", name="募集要項.pdf")).to_be_visible()
    page.get_by_text("Change 入口.png").click()
    page.get_by_label("Alternative text").last.fill("図書館の新しい入口")
    page.get_by_role("button", name="Save").first.click()
    page.get_by_label("Search by name or alternative text").fill("新しい")
    page.get_by_role("button", name="Search").click()
    expect(page.get_by_role("listitem").filter(has_text="入口.png")).to_be_visible()
    expect(page.get_by_role("heading", name="募集要項.pdf")).to_have_count(0)

    desk.start(page, PLAIN, view="mail")
    _caret_at_end(page)
    page.keyboard.type("/picture")
    page.get_by_role("option", name="Picture", exact=False).first.click()
    dialog = page.get_by_role("dialog", name="Choose a picture")
    assert violations(page) == []
    dialog.get_by_role("button", name="入口.png").click()
    asked = page.get_by_role("dialog", name="Picture")
    expect(asked.get_by_label("Alternative text")).to_have_value("図書館の新しい入口")
    asked.get_by_role("button", name="Insert").click()
    expect(page.locator(".mail img.picture")).to_have_attribute("alt", "図書館の新しい入口")
    _caret_at_end(page)
    page.keyboard.type("/pdf")
    page.get_by_role("option", name="File").click()
    page.get_by_role("button", name="募集要項.pdf").click()
    expect(page.locator(".mail .block-card")).to_contain_text("募集要項")
    page.keyboard.type("/gallery")
    page.get_by_role("option", name="Pictures in a row").click()
    dialog.get_by_role("button", name="入口.png").click()
    dialog.get_by_label("Search").fill("新しい")
    chosen = dialog.get_by_role("button", name="入口.png", pressed=True)
    with page.expect_response("**/library?*"):
        dialog.get_by_label("Search").fill("入口")
    expect(chosen).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_text("Saved", exact=True).first).to_be_visible()

    page.goto(f"{desk.url}/newsletters/digest/library")
    page.get_by_text("Used in 1 place").first.click()
    expect(page.get_by_role("link", name="draft “十二月号”").first).to_be_visible()
    expect(
        page.get_by_role("listitem").filter(has_text="入口").get_by_text("Delete")
    ).to_have_count(0)
    assert violations(page) == []


def test_one_bad_file_of_several_is_told_and_the_others_stay(desk: Desk, page: Page) -> None:
    bad = FilePayload(name="道具.exe", mimeType="application/x-msdownload", buffer=b"MZ\x90")
    _bring_in(desk, page, _PDF, bad)
    expect(page.get_by_role("alert")).to_contain_text("道具.exe")
    expect(page.get_by_text("1 file was added.")).to_be_visible()
    page.get_by_text("Delete 募集要項.pdf").click()
    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_text("Nothing here yet")).to_be_visible()


def test_without_scripts_it_is_chosen_by_a_form(desk: Desk, page: Page, browser: Browser) -> None:
    _bring_in(desk, page, _picture("入口.png", (20, 90, 140)))
    desk.start(page, PLAIN, view="mail")
    here = page.url
    bare = browser.new_context(
        java_script_enabled=False, storage_state=page.context.storage_state()
    )
    plain = bare.new_page()
    plain.goto(here)
    plain.get_by_text("From the library").click()
    plain.get_by_label("Alternative text").last.fill("入口の写真")
    plain.locator("#library-box").get_by_role("button", name="Add it").click()
    expect(plain.locator("#text")).to_have_value(re.compile(r"!\[入口の写真\]\("))
    bare.close()
