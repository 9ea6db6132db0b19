"""An editor's day: from the first link on the terminal to the report of a digest."""

from __future__ import annotations

import re
import time
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pyotp
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import update

from newsletter.database.engine import transaction
from newsletter.database.tables import MailingRow, NewsletterRow
from newsletter.database.types import now
from newsletter.database.vocabulary import MailingState, Visibility
from newsletter.newsletters.publications import NewsletterDraft, create_newsletter
from subscribers.lists.imports.imports import import_csv
from tests.stories.house import PASSWORD, House, text_of
from tests.web.issues.desk import await_markdown, write_markdown

#: Both stories in one process, which opens one house for them.

DIGEST = NewsletterDraft(
    slug="digest",
    name="地方公共団体情報",
    from_name="デジタル便り編集室",
    from_address="digest@example.jp",
    postal_address="〒100-0000 東京都千代田区例町1-2-3",
    visibility=Visibility.PUBLIC,
)
EDITOR = "editor@example.jp"


def test_an_editor_sends_a_digest(
    house: House, browser: Browser, digest: bytes, tmp_path: Path
) -> None:
    with transaction(house.engine) as session:
        newsletter = create_newsletter(session, DIGEST).id
    readers = [f"reader{n}@example{n % 3}.jp" for n in range(59)]
    lines = ["email\n", *(f"{address}\n" for address in (*readers, "refuse@example9.jp"))]
    import_csv(house.engine, newsletter, lines, source="list", basis="web form")
    context = browser.new_context(locale="en")
    page = context.new_page()
    _sign_in_with_two_factors(house, page)
    approver = _invite_approver(house, page, browser)

    _bring_in(house, page, digest, tmp_path)
    _mend_all(page)
    _require_approval(house)
    page.reload()
    page.get_by_role("link", name="Request approval…").click()
    page.get_by_role("button", name="Send the test").click()
    page.get_by_text(f"The test email is on its way to {EDITOR}.").wait_for()
    # The first one told of the second factor.
    test_mail = house.await_mail(EDITOR, count=2)
    assert test_mail["Subject"].startswith("【テスト】")

    _ask_until_approved(house, page, approver)

    _schedule(page)
    page.get_by_text("Scheduled", exact=True).last.wait_for()
    _let_the_hour_come(house)
    page.get_by_text("Finished", exact=True).first.wait_for(timeout=100_000)
    page.get_by_role("link", name="Full report").click()
    expect(page.get_by_role("cell", name="example0.jp")).to_be_visible()
    expect(page.get_by_text("No such user here")).to_be_visible()
    figures = page.locator("dl.figures > div")
    expect(figures.filter(has_text="Accepted")).to_contain_text("59")
    expect(figures.filter(has_text="Rejected")).to_contain_text("1")
    received = house.await_mail("reader7@example1.jp")
    assert "【政府】" in text_of(received)
    _start_the_next_one(house, page)
    context.close()


def _sign_in_with_two_factors(house: House, page: Page) -> None:
    house.become_member(page, house.first_link(), name="葵", address=EDITOR)
    page.goto(f"{house.url}/account")
    page.get_by_role("link", name="Set it up").click()
    code = pyotp.TOTP(page.locator("#totp-secret").inner_text())
    page.get_by_label("Six digits").fill(code.now())
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Turn it on").click()
    page.get_by_role("link", name="I have kept them").click()
    page.get_by_role("button", name="Sign out").click()
    page.get_by_label("Email address").fill(EDITOR)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    # Each code works once, so this is the next one, within the half minute that clocks may differ.
    page.get_by_label("Six digits").fill(code.at(int(time.time()) + 30))
    page.get_by_role("button", name="Continue").click()
    page.get_by_role("button", name="Sign out").wait_for()


def _invite_approver(house: House, page: Page, browser: Browser) -> Page:
    page.get_by_role("link", name="People").click()
    page.get_by_label("Email address").fill("approver@example.jp")
    page.get_by_role("radio", name="Approver").first.check()
    page.get_by_role("button", name="Create a link").click()
    link = page.locator("#link").inner_text()
    approver = browser.new_context(locale="en").new_page()
    house.become_member(approver, link, name="蓮")
    return approver


def _bring_in(house: House, page: Page, text: bytes, folder: Path) -> None:
    file = folder / "digest.txt"
    file.write_bytes(text)
    page.goto(f"{house.url}/newsletters/digest/issues/new")
    page.get_by_label("Or choose a file").set_input_files(file)
    page.get_by_role("button", name="Import").click()
    report = page.get_by_role("region", name="Import result")
    expect(
        report.locator("dl.figures > div").filter(has_text="Corrected characters")
    ).to_contain_text("37")
    report.get_by_role("button", name="Handled").click()
    page.get_by_role("tab", name="Markdown").click()
    await_markdown(page)


def _mend_all(page: Page) -> None:
    """Write the preheader that preflight misses; a radical slips in, and is mended by a click."""
    findings = page.locator("#findings")
    expect(findings).to_contain_text("There is no preheader")
    text = page.locator("#text").input_value()
    write_markdown(page, text.replace("\n---\n", "\npreheader: 生成AIの利⽤など24件\n---\n", 1))
    expect(findings).not_to_contain_text("There is no preheader")
    findings.get_by_role("button", name="Replace them").first.click()
    expect(page.locator("#text")).to_have_value(re.compile("preheader: .*生成AIの利用など24件"))
    expect(findings.locator(".error")).to_have_count(0)


def _require_approval(house: House) -> None:
    with transaction(house.engine) as session:
        session.execute(
            update(NewsletterRow)
            .where(NewsletterRow.slug == "digest")
            .values(approval_required=True)
        )


def _ask_until_approved(house: House, page: Page, approver: Page) -> None:
    """Ask; the approver follows the mail's link, sends it back, and approves at the second time."""
    page.get_by_role("link", name="Request approval…").click()
    page.get_by_role("button", name="Request approval").click()
    page.get_by_text("Approval was requested.").wait_for()
    told = house.await_mail("approver@example.jp")
    link = re.search(r"https?://\S+/review", text_of(told))
    assert link is not None
    approver.goto(link[0])
    frame = approver.frame_locator("iframe.sent-mail")
    expect(frame.get_by_text("地域デジタル化の動き").first).to_be_visible()
    expect(approver.get_by_text("60", exact=False).first).to_be_visible()
    expect(approver.get_by_text("Or click the part in the mail.")).to_be_visible()
    frame.get_by_text("地域デジタル化の動き").last.click()
    expect(approver.get_by_label("Comment on")).not_to_have_value("")
    approver.get_by_label("Comment", exact=True).fill("見出しを短くしませんか。")
    approver.get_by_role("button", name=re.compile("comment", re.IGNORECASE)).last.click()
    expect(approver.locator(".thread")).to_contain_text("見出しを短くしませんか。")
    approver.get_by_text("Return for changes…").click()
    approver.get_by_label("What to change").fill("発行日を確かめてください。")
    approver.get_by_role("button", name="Return").click()
    approver.get_by_text("Returned.").wait_for()

    page.get_by_role("link", name="Home").click()
    page.get_by_role("region", name="Needs your attention").get_by_role("link").first.click()
    expect(page.locator("#next-words")).to_contain_text("発行日を確かめてください。")
    assert "発行日を確かめてください。" in text_of(house.await_mail(EDITOR, count=3))
    expect(page.locator(".thread")).to_contain_text("見出しを短くしませんか。")
    page.locator(".thread").get_by_role("button", name="Resolve").click()
    page.get_by_role("link", name="Request approval again…").click()
    page.get_by_role("button", name="Request approval").click()
    page.get_by_text("Approval was requested.").wait_for()

    approver.get_by_role("link", name="Home").click()
    approver.get_by_role("region", name="Needs your attention").get_by_role("link").first.click()
    approver.get_by_role("button", name="Approve").click()
    approver.get_by_text("Approved. The person who requested").wait_for()


def _start_the_next_one(house: House, page: Page) -> None:
    """What was sent stays as it is; the next issue begins with it, its date moved on."""
    page.goto(f"{house.url}/newsletters/digest/issues")
    sent = page.get_by_role("row").filter(has_text="Sent")
    title = sent.get_by_role("link").first.inner_text()
    sent.get_by_role("link").first.click()
    expect(page.get_by_text("what readers received cannot be changed")).to_be_visible()
    tops = page.locator(".stages li").evaluate_all("each => each.map((it) => it.offsetTop)")
    assert len(set(tops)) == 1
    page.get_by_role("button", name="Start the next issue from this").click()
    page.get_by_text("A new issue was created.").wait_for()
    page.goto(page.url.partition("?")[0] + "/blocks")
    page.locator("[name=title]").fill("次の号")
    page.get_by_role("button", name="Save", exact=True).first.click()
    page.get_by_role("heading", name="次の号", level=1).wait_for()
    for place in ("/newsletters/digest/mailings", "/archive/digest"):
        page.goto(house.url + place)
        expect(page.get_by_text(title).first).to_be_visible()
        expect(page.get_by_text("次の号")).to_have_count(0)


def _let_the_hour_come(house: House) -> None:
    """Pages take hours and minutes; this saves waiting for the next one."""
    with transaction(house.engine) as session:
        session.execute(
            update(MailingRow)
            .where(MailingRow.state == MailingState.SCHEDULED)
            .values(scheduled_at=now())
        )


def _schedule(page: Page) -> None:
    soon = now().astimezone(ZoneInfo("Asia/Tokyo")) + timedelta(hours=1)
    page.reload()
    page.get_by_label("At a time").check()
    page.get_by_label("Day and hour").fill(f"{soon:%Y-%m-%dT%H:%M}")
    page.get_by_role("button", name="Review and confirm").click()
    page.get_by_text("60 people").first.wait_for()
    if page.get_by_label("Send with these warnings").count():
        page.get_by_label("Send with these warnings").check()
    page.get_by_role("button", name="Schedule it").click()
