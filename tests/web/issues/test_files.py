"""A file is brought into an issue, and whoever has its address can open it."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.web.issues.desk import PLAIN, Desk

PDF = b"%PDF-1.4\n% \xe8\xa6\x81\xe9\xa0\x85\n"


def _add(page: Page, name: str, data: bytes) -> None:
    page.locator(".mail").get_by_text("年末は二十八日までです。").click()
    page.keyboard.press("End")
    page.keyboard.press("Enter")
    page.keyboard.type("/pdf")
    with page.expect_file_chooser() as chooser:
        page.get_by_role("option", name="File").click()
    chooser.value.set_files({"name": name, "mimeType": "x/y", "buffer": data})


def test_a_pdf_is_offered_with_its_kind_and_size(desk: Desk, page: Page) -> None:
    desk.start(page, PLAIN, view="mail")
    _add(page, "募集要項.pdf", PDF + b"x" * 1_234_000)
    expect(page.locator(".mail .block-card")).to_contain_text("募集要項")
    page.get_by_role("tab", name="Telephone").click()

    link = page.frame_locator("#mail").get_by_role("link", name="募集要項")
    expect(link).to_be_visible()
    expect(page.frame_locator("#mail").get_by_text("PDF・1.2 MB")).to_be_visible()
    answer = page.request.get(str(link.get_attribute("href")))
    assert answer.headers["content-type"] == "application/pdf"
    assert answer.body().startswith(PDF)
    assert "%E5%8B%9F%E9%9B%86" in answer.headers["content-disposition"]


EVENT = """
:::event
name: 冬の市
date: 2026-12-12 14:00-16:00
:::
"""


def test_an_events_calendar_opens_from_a_draft(desk: Desk, page: Page) -> None:
    desk.start(page, PLAIN + EVENT, view="mail")
    page.get_by_role("tab", name="Telephone").click()
    link = page.frame_locator("#mail").get_by_role("link", name="カレンダーに追加")
    expect(link).to_be_visible()

    answer = page.request.get(desk.url + str(link.get_attribute("href")))
    assert answer.headers["content-type"] == "text/calendar; charset=utf-8"
    assert "SUMMARY:冬の市" in answer.text()
    assert page.request.get(f"{page.url.partition('?')[0]}/calendars/{'0' * 32}.ics").status == 404


def test_a_program_that_calls_itself_pdf_is_refused(desk: Desk, page: Page) -> None:
    desk.start(page, PLAIN, view="mail")
    _add(page, "要項.pdf", b"MZ\x90\x00")

    # It is announced to screen readers, too, with the same words.
    notice = page.locator("#notice")
    expect(notice).to_contain_text("This kind of file cannot be offered in a mail.")


def test_an_event_of_whole_days_is_asked_for_without_hours(desk: Desk, page: Page) -> None:
    desk.start(page, PLAIN + EVENT, view="mail")
    form = page.get_by_role("dialog", name="Event")
    page.get_by_role("button", name="Change: Event").click()
    form.get_by_label("All day").check()
    expect(form.get_by_label("First day", exact=True)).to_have_value("2026-12-12")
    expect(form.get_by_label("if there are several (optional)")).to_be_visible()
    form.get_by_label("All day").uncheck()
    expect(form.get_by_label("Starts")).to_have_value("2026-12-12T14:00")
    form.get_by_label("All day").check()
    form.get_by_label("Last day").fill("2026-12-11")
    form.get_by_role("button", name="Apply").click()
    expect(form.get_by_role("alert")).to_be_visible()
    form.get_by_label("Last day").fill("2026-12-14")
    form.get_by_role("button", name="Apply").click()

    expect(page.locator(".mail .panel.event")).to_contain_text("2026年12月12日(土)〜12月14日(月)")
    page.get_by_role("tab", name="Markdown").click()
    expect(page.locator(".cm-content")).to_contain_text("date: 2026-12-12 - 2026-12-14")
    page.get_by_role("tab", name="Telephone").click()
    mail = page.frame_locator("#mail")
    expect(mail.get_by_text("12月14日(月)")).to_be_visible()
    expect(page.locator("#state")).to_have_text("Saved")
    link = mail.get_by_role("link", name="カレンダーに追加")
    calendar = page.request.get(desk.url + str(link.get_attribute("href"))).text()
    assert "DTSTART;VALUE=DATE:20261212\r\nDTEND;VALUE=DATE:20261215\r\n" in calendar
