"""An editor brings an issue in, mends it, sees it as its readers will, and loses nothing."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, Page, Route, expect
from sqlalchemy import select

from newsletter.database.engine import reading
from newsletter.database.tables import AuditEventRow, IssueRow
from newsletter.database.vocabulary import Role
from tests.support.accessible import violations
from tests.support.stage import set_subscribers
from tests.web.issues.desk import PLAIN, Desk


def test_the_preview_follows_what_is_typed(desk: Desk, page: Page) -> None:
    desk.start(page, PLAIN)
    desk.write(page, PLAIN.replace("二十八日", "二十九日"))
    page.get_by_role("tab", name="Telephone").click()
    mail = page.frame_locator("#mail")
    expect(mail.get_by_text("年末は二十九日までです。")).to_be_visible()
    colour = mail.locator("h1, h2, h3").first.evaluate("e => getComputedStyle(e).fontSize")
    assert colour.endswith("px")


def test_a_preview_that_is_not_up_to_date_says_so_until_it_is(desk: Desk, page: Page) -> None:
    desk.start(page, PLAIN)
    page.get_by_role("tab", name="Telephone").click()
    mail, state = page.frame_locator("#mail"), page.locator("#preview-state")
    expect(mail.get_by_text("年末は二十八日までです。")).to_be_visible()
    page.get_by_role("tab", name="Markdown").click()
    page.route("**/preview", lambda asked: asked.fulfill(status=503, body="busy"))
    desk.write(page, PLAIN.replace("二十八日", "二十九日"))
    page.get_by_role("tab", name="Telephone").click()
    expect(state).to_have_text("The server is not responding; this preview is not up to date.")
    page.unroute("**/preview")
    expect(mail.get_by_text("年末は二十九日までです。")).to_be_visible()
    expect(state).to_be_hidden()


def test_a_preview_of_more_than_any_issue_holds_says_so_and_is_not_asked_for_again(
    desk: Desk, page: Page
) -> None:
    desk.start(page, PLAIN)
    page.get_by_role("tab", name="Telephone").click()
    state = page.locator("#preview-state")
    expect(page.frame_locator("#mail").get_by_text("年末は二十八日までです。")).to_be_visible()
    page.get_by_role("tab", name="Markdown").click()
    page.route("**/preview", lambda asked: asked.fulfill(status=413, body="large"))
    desk.write(page, PLAIN.replace("二十八日", "二十九日"))
    page.get_by_role("tab", name="Telephone").click()
    expect(state).to_have_text("This preview is not up to date: the text is too long. Shorten it.")


def test_a_check_asked_for_before_another_reader_was_chosen_leaves_the_choice(
    desk: Desk, page: Page
) -> None:
    set_subscribers(desk.engine, "digest", {"hanako@example.jp": "山田花子"})
    desk.sign_in(page, "ruler@example.jp", Role.ADMINISTRATOR)
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    desk.start(page, PLAIN)
    page.get_by_role("tab", name="Telephone").click()
    page.route("**/findings", hold)
    with page.expect_request("**/findings"):
        page.get_by_label("Shown as").select_option("unknown")
    page.get_by_label("Find a subscriber").fill("hanako")
    page.locator("#found-readers").get_by_role("link").click()
    with page.expect_event("requestfinished", lambda ended: ended == held[0].request):
        held[0].continue_()
    page.evaluate("new Promise((drawn) => requestAnimationFrame(() => setTimeout(drawn)))")
    expect(page.get_by_label("Shown as").locator("option:checked")).to_contain_text("hanako")


def test_what_is_typed_is_saved_by_itself(desk: Desk, page: Page) -> None:
    desk.start(page, PLAIN)
    desk.write(page, PLAIN.replace("十二月号", "師走号"))
    expect(page.locator("#state")).to_have_text("Saved")
    page.reload()
    expect(page.locator(".mail .title")).to_have_text("師走号")


def test_a_fault_names_its_line_and_leads_there(desk: Desk, page: Page) -> None:
    desk.start(page, PLAIN)
    desk.write(page, PLAIN + "\n<!-- 閉じていない覚え書き\n")
    page.locator("#fault").get_by_role("link", name="Line 13").click()
    chosen = "document.querySelector('.markdown-editor').shadowRoot.getSelection().toString()"
    page.wait_for_function(f"{chosen} === '<!-- 閉じていない覚え書き'")


def test_look_alikes_are_mended_by_one_click(desk: Desk, page: Page) -> None:
    desk.start(page, PLAIN)
    desk.write(page, PLAIN.replace("時間", "時⽇"))
    page.get_by_role("link", name="Preflight").click()
    page.locator("#findings").get_by_role("button", name="Replace").first.click()
    expect(page.locator("#text")).to_have_value(re.compile("時日"))


@pytest.mark.parametrize(
    "presses",
    [("Restore",), ("Compare", "Restore this one")],
    ids=["at one press", "compared"],
)
def test_an_earlier_revision_is_restored(desk: Desk, page: Page, presses: tuple[str, ...]) -> None:
    desk.bring_in(page, PLAIN)
    desk.write(page, PLAIN.replace("十二月号", "師走号"))
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator("#state")).to_have_text("Saved")
    page.get_by_role("link", name="History").click()
    for name in presses:
        page.get_by_role("link", name=name).or_(page.get_by_role("button", name=name)).last.click()
    expect(page.locator(".mail .title")).to_have_text("十二月号")
    with reading(desk.engine) as session:
        actions = session.scalars(select(AuditEventRow.action)).all()
    assert {"issue.import", "issue.restore"} <= set(actions)


def test_sending_begins_only_from_a_sound_issue(desk: Desk, page: Page) -> None:
    set_subscribers(desk.engine, "digest", {"hanako@example.jp": "山田花子"})
    desk.start(page, PLAIN, view="mail")
    page.get_by_role("button", name="Send…").click()
    page.wait_for_url(re.compile(r"/issues/\d+/send"))
    with reading(desk.engine) as session:
        assert session.scalar(select(IssueRow.id).where(IssueRow.title == "十二月号"))


def test_all_that_depends_on_the_checks_follows_what_is_typed(desk: Desk, page: Page) -> None:
    set_subscribers(desk.engine, "digest", {"hanako@example.jp": "山田花子"})
    empty = PLAIN.partition("# お知らせ")[0]
    desk.start(page, empty)
    state, count = page.locator(".stages [aria-current]"), page.locator("#checks-tab .count")
    confirm = page.get_by_role("button", name="Review and confirm", include_hidden=True)
    expect(count).to_have_text("1")
    expect(state).to_have_text("Draft")
    expect(confirm).to_be_disabled()
    expect(page.get_by_text("once subject and text are written")).to_be_visible()
    expect(page.locator(".stages .skipped")).to_have_text("Approval not required")
    tabs = page.locator(".panel-tabs")
    assert tabs.evaluate("tabs => tabs.scrollHeight <= tabs.clientHeight")

    desk.write(page, PLAIN.replace("十二月号", "師走号"))
    expect(count).to_have_count(0)
    expect(state).not_to_have_text("Draft")
    expect(confirm).to_be_enabled()
    expect(page.get_by_role("heading", level=1)).to_have_text("師走号")
    expect(page).to_have_title("師走号")

    desk.write(page, empty)
    expect(count).to_have_text("1")
    expect(confirm).to_be_disabled()

    desk.write(page, PLAIN)
    page.get_by_role("button", name="Send…").click()
    page.wait_for_url(re.compile(r"/issues/\d+/send"))


def test_what_should_be_looked_at_is_said_where_sending_begins(desk: Desk, page: Page) -> None:
    desk.start(page, f"{PLAIN}\n{'文' * 60}\n\n![](https://www.example.jp/a.png)\n")
    expect(page.locator("#next-words")).to_contain_text("It can be sent. The checks found 1 thing")


def test_it_works_without_scripts(desk: Desk, browser: Browser) -> None:
    context = browser.new_context(locale="en", java_script_enabled=False)
    page = context.new_page()
    desk.sign_in(page)
    desk.start(page, PLAIN, view="forms")
    expect(page.locator("noscript p.quiet")).to_contain_text("needs no markup")
    page.locator("#text").fill(PLAIN.replace("二十八日", "二十九日"))
    page.get_by_role("button", name="Save", exact=True).last.click()
    expect(page.frame_locator("#mail").get_by_text("年末は二十九日までです。")).to_be_visible()
    context.close()


def test_an_unreadable_text_is_refused_with_its_line(desk: Desk, page: Page) -> None:
    desk.bring_in(page, PLAIN.replace("date: 2026-12-01", "date: someday"))
    expect(page.get_by_role("alert")).to_contain_text("Line 3")
    expect(page.get_by_label("Paste the text")).to_have_value(re.compile("someday"))


def test_axe_finds_nothing_beside_findings(desk: Desk, page: Page) -> None:
    page.emulate_media(color_scheme="dark")
    desk.start(page, PLAIN.replace("時間", "時⽇"))
    here = page.url
    found = {}
    for path in (here, f"{here}/blocks", f"{here}/history?at=1"):
        page.goto(path)
        found[path] = violations(page)
    assert [broken for broken in found.values() if broken] == []


def test_what_is_only_not_written_yet_is_no_error(desk: Desk, page: Page) -> None:
    desk.start(page, PLAIN.partition("# お知らせ")[0], view="mail")
    page.get_by_role("link", name="Preflight").click()
    findings = page.locator("#findings")
    expect(findings.get_by_text("Not written yet")).to_be_visible()
    expect(findings.get_by_text("Error", exact=True)).to_have_count(0)
