"""Approval: who is asked is told by mail, sees all that is to be sent, and answers."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import date, timedelta

import httpx
import pytest
from lxml import html
from playwright.sync_api import Browser, Page, Route, expect
from sqlalchemy import select, update

from newsletter.database.engine import reading, transaction
from newsletter.database.tables import (
    AccountRow,
    AuditEventRow,
    DeliveryRow,
    IssueRow,
    MailingRow,
    NewsletterRow,
    SubscriberRow,
)
from newsletter.database.types import now
from newsletter.database.vocabulary import MailingKind, Role
from newsletter.issues.drafts.saving import open_issue
from newsletter.issues.model import issue_to_json
from newsletter.issues.sources.reading import read_issue
from newsletter.mailings.planning.content import load_content
from newsletter.rendering.slots import fill
from tests.support.stage import Stage
from tests.web.conftest import SEEN, SignIn, csrf_of, fields_of, tight

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
_ASKED = "//input[@name='asked']"
#: A day to which a mailing may be scheduled.
LATER = now().date() + timedelta(days=60)


def _day(day: date) -> str:
    return f"{day:%a} {day.day} {day:%b} {day.year}"


@pytest.fixture
def send(stage: Stage, issue_id: int) -> str:
    """The path of an issue's sending page, where approval is demanded."""
    stage.subscribe("gets@example.jp")
    with transaction(stage.engine) as session:
        session.execute(update(NewsletterRow).values(approval_required=True))
    return f"/newsletters/digest/issues/{issue_id}/send"


def _notices(stage: Stage) -> Sequence[tuple[str, str, str]]:
    """Return to whom notices go, of which kind, and their text."""
    with reading(stage.engine) as session:
        rows = session.execute(
            select(SubscriberRow.address, MailingRow.notice, MailingRow.id)
            .join(DeliveryRow, DeliveryRow.mailing_id == MailingRow.id)
            .join(SubscriberRow, SubscriberRow.id == DeliveryRow.subscriber_id)
            .where(MailingRow.kind == MailingKind.NOTICE)
            .order_by(MailingRow.id)
        ).all()
        return [
            (address or "", kind, fill(load_content(session, number).rendered.text, {}))
            for address, kind, number in rows
        ]


def _ask(client: httpx.Client, send: str, **more: str) -> httpx.Response:
    return client.post(f"{send}/approval", data=fields_of(client.get(send).text) | more)


def test_an_approver_is_told_by_mail_finds_it_at_home_and_sees_what_readers_get(
    stage: Stage, send: str, sign_in: SignIn
) -> None:
    editor = sign_in("editor@example.jp", Role.EDITOR)
    approver = sign_in("approver@example.jp", Role.APPROVER)
    _ask(editor, send, when="later", hour=f"{LATER}T08:00")

    ((address, kind, text),) = _notices(stage)
    assert (address, kind) == ("approver@example.jp", "approval-request")
    assert f"{send}/review" in text
    home = approver.get("/home")
    assert "Mailings" in home.text
    assert f"{send}/review" in home.text
    assert f"{send}/review" not in editor.get("/home").text

    review = approver.get(f"{send}/review").text
    with reading(stage.engine) as session:
        title = session.scalars(select(IssueRow.title)).one()
    assert title in approver.get(f"{send}/mail").text
    for words in (
        title,
        "Everyone",
        f"{_day(LATER)}, 08:00",
        "digest@example.jp",
        "The plain text",
    ):
        assert words in review


def test_what_is_sent_back_is_told_with_the_words_and_asked_for_again(
    stage: Stage, send: str, sign_in: SignIn
) -> None:
    editor = sign_in("editor@example.jp", Role.EDITOR)
    approver = sign_in("approver@example.jp", Role.APPROVER)
    _ask(editor, send)
    form = fields_of(approver.get(f"{send}/review").text)
    wordless = approver.post(f"{send}/return", data=form)
    assert wordless.status_code == 409
    approver.post(f"{send}/return", data=form | {"because": "二段落目の日付が違います。"})

    address, kind, text = _notices(stage)[-1]
    assert (address, kind) == ("editor@example.jp", "approval-returned")
    assert "二段落目の日付が違います。" in text
    assert "二段落目の日付が違います。" in editor.get(send).text
    assert send.removesuffix("/send") in editor.get("/home").text
    assert editor.get(f"{send}/confirm").status_code == 409
    with reading(stage.engine) as session:
        events = session.scalars(select(AuditEventRow).order_by(AuditEventRow.id)).all()
    returned = next(event for event in events if event.action == "issue.approval-returned")
    assert (returned.actor, returned.reason) == (
        "approver@example.jp",
        "二段落目の日付が違います。",
    )

    _ask(editor, send)
    again = approver.get(f"{send}/review").text
    assert "Nothing has changed since it was returned." in again
    approver.post(f"{send}/approve", data=fields_of(again) | SEEN)
    assert _notices(stage)[-1][:2] == ("editor@example.jp", "approval-given")
    assert editor.get(f"{send}/confirm").status_code == 200


def test_what_a_colleague_sent_back_is_approved_by_no_page_of_before(
    send: str, sign_in: SignIn
) -> None:
    editor = sign_in("editor@example.jp", Role.EDITOR)
    one, other = (sign_in(f"{name}@example.jp", Role.APPROVER) for name in ("one", "other"))
    _ask(editor, send)
    open_page = fields_of(other.get(f"{send}/review").text) | SEEN
    own_page = fields_of(one.get(f"{send}/review").text)
    one.post(f"{send}/return", data=own_page | {"because": "数字が違います。"})
    late = other.post(f"{send}/approve", data=open_page)
    assert late.status_code == 409
    assert "This content was returned meanwhile." in late.text
    assert editor.get(f"{send}/confirm").status_code == 409


def test_what_was_asked_for_anew_by_another_plan_is_looked_at_before_it_is_approved(
    send: str, sign_in: SignIn
) -> None:
    editor = sign_in("editor@example.jp", Role.EDITOR)
    approver = sign_in("approver@example.jp", Role.APPROVER)
    form = fields_of(editor.get(send).text)
    later = {"when": "later", "hour": f"{LATER}T08:00"}
    assert editor.post(f"{send}/approval", data=form | later).status_code == 200
    open_page = fields_of(approver.get(f"{send}/review").text) | SEEN
    assert editor.post(f"{send}/approval", data=form | {"when": "now"}).status_code == 200
    late = approver.post(f"{send}/approve", data=open_page)
    assert late.status_code == 409
    assert "Approval was requested anew since you last looked at it." in late.text
    again = fields_of(approver.get(f"{send}/review").text) | SEEN
    assert approver.post(f"{send}/approve", data=again).url.query == b"done=approved"


def test_who_may_not_write_is_not_told_how_to_mend_what_is_warned_of(
    send: str, sign_in: SignIn
) -> None:
    editor = sign_in("editor@example.jp", Role.EDITOR)
    _ask(editor, send)
    told = "The editors correct these."
    approver = sign_in("approver@example.jp", Role.APPROVER)
    assert told in approver.get(f"{send}/review").text
    assert told not in editor.get(f"{send}/review").text


def test_an_approver_confirms_what_preflight_warns_of_beside_the_answer(
    send: str, sign_in: SignIn
) -> None:
    _ask(sign_in("editor@example.jp", Role.EDITOR), send)
    approver = sign_in("approver@example.jp", Role.APPROVER)
    page = html.fromstring(approver.get(f"{send}/review").text)

    (answer,) = page.xpath("//*[@id='review-answer']")
    assert answer.xpath(".//li[contains(@class, 'notice warn')]")
    assert "Everyone" in answer.text_content()
    (box,) = answer.xpath(".//form[contains(@action, '/approve')]//input[@name='warnings']")
    assert "required" in box.attrib
    form = fields_of(html.tostring(answer, encoding="unicode"))
    refused = approver.post(f"{send}/approve", data=form)
    assert (refused.status_code, "despite them" in refused.text) == (409, True)
    assert "Approved." in approver.post(f"{send}/approve", data=form | SEEN).text


def test_what_was_approved_goes_on_to_the_last_look_as_it_was_planned(
    send: str, sign_in: SignIn
) -> None:
    editor = sign_in("editor@example.jp", Role.EDITOR)
    _ask(editor, send, when="later", hour=f"{LATER}T08:00")
    approver = sign_in("approver@example.jp", Role.APPROVER)
    review = approver.get(f"{send}/review").text
    assert review.index('id="review-mail"') < review.index('id="review-difference"')
    approver.post(f"{send}/approve", data=fields_of(review) | SEEN)

    last_look = editor.get(send).url
    assert last_look.path == f"{send}/confirm"
    assert f"hour={LATER}T08%3A00" in str(last_look)


def test_the_mail_is_shown_as_tall_as_it_is_on_each_background(review: Page) -> None:
    frame = review.locator("iframe.sent-mail")
    mail = review.frame_locator("iframe.sent-mail")
    hides = "() => { const each = document.querySelector('iframe.sent-mail'); "
    hides += "return each.contentDocument.body.scrollHeight <= each.clientHeight; }"

    expect(mail.get_by_text("二つ目の段落です。", exact=True)).to_be_visible()
    review.wait_for_function(hides)
    review.get_by_role("button", name="Telephone").click()
    expect(frame).to_have_css("width", "375px")
    review.wait_for_function(hides)
    light = mail.locator("body").evaluate("each => getComputedStyle(each).backgroundColor")
    review.get_by_role("button", name="Dark mode").click()
    expect(mail.locator("body")).not_to_have_css("background-color", light)


def test_another_hour_and_a_comparison_that_is_left_out_are_among_the_changes(
    stage: Stage, send: str, sign_in: SignIn
) -> None:
    with transaction(stage.engine) as session:
        session.execute(update(NewsletterRow).values(count_clicks=True))
    editor = sign_in("editor@example.jp", Role.EDITOR)
    approver = sign_in("approver@example.jp", Role.APPROVER)
    later = {"when": "later", "hour": f"{LATER}T08:00"}
    # Its digest is of the content alone; the page that waits for an answer has none.
    later |= {"digest": fields_of(editor.get(send).text)["digest"]}
    _ask(editor, send, subject="別の件名", share="20", decide=f"{LATER}T14:00", **later)
    assert "How it is to be sent" not in approver.get(f"{send}/review").text

    _ask(editor, send, **later)
    dropped = tight(approver.get(f"{send}/review").text)
    assert "<dt>Subjects compared</dt>" in dropped
    assert "別の件名</del>" in dropped
    assert "sender or design changed" not in dropped

    _ask(editor, send, **later | {"hour": f"{LATER + timedelta(days=1)}T09:00"})
    moved = tight(approver.get(f"{send}/review").text)
    assert f"{_day(LATER)}, 08:00</del>" in moved
    assert f"{_day(LATER + timedelta(days=1))}, 09:00</ins>" in moved
    assert "<dt>Subjects compared</dt>" not in moved


def test_what_is_wrong_with_a_compared_subject_is_shown_to_whoever_asks(
    send: str, sign_in: SignIn
) -> None:
    editor = sign_in("editor@example.jp", Role.EDITOR)
    found = editor.get(f"{send}/subjects", params={"subject": "【重要】" + "長" * 90}).text
    assert "In subject B" in found
    again = editor.get(send, params={"segment": "", "subject": "【重要】" + "長" * 90}).text
    assert "In subject B" in again
    assert "In subject B" not in editor.get(f"{send}/subjects", params={"subject": "短い件名"}).text


def test_once_sent_the_approvers_link_leads_to_what_was_sent(
    stage: Stage, send: str, sign_in: SignIn
) -> None:
    approver = sign_in("approver@example.jp", Role.APPROVER)
    editor = sign_in("editor@example.jp", Role.EDITOR)
    _ask(editor, send)
    form = fields_of(approver.get(f"{send}/review").text)
    approver.post(f"{send}/approve", data=form | SEEN)
    home = editor.get("/home").text
    assert "Approved, to send" in home
    assert home.count(f'{send}"') == 1
    stage.mail()
    assert approver.get(f"{send}/review").url.path == send.removesuffix("/send")
    assert "Approved, to send" not in editor.get("/home").text


def test_without_an_approver_an_administrator_finds_where_to_invite_one(
    send: str, sign_in: SignIn
) -> None:
    editor = sign_in("editor@example.jp", Role.EDITOR).get(send).text
    assert "Ask an administrator to add an approver." in editor
    assert "Invite an approver" not in editor

    administrator = html.fromstring(sign_in("admin@example.jp", Role.ADMINISTRATOR).get(send).text)
    (invite,) = administrator.xpath("//a[.='Invite an approver']")
    assert invite.get("href") == "/accounts"


def test_whoever_is_named_is_asked_and_nobody_else(
    stage: Stage, send: str, sign_in: SignIn
) -> None:
    editor = sign_in("editor@example.jp", Role.EDITOR)
    named = sign_in("named@example.jp", Role.APPROVER)
    other = sign_in("other@example.jp", Role.APPROVER)
    with reading(stage.engine) as session:
        number = session.scalars(
            select(AccountRow.id).where(AccountRow.address == "named@example.jp")
        ).one()
    _ask(editor, send, asked=str(number))

    assert [address for address, *_ in _notices(stage)] == ["named@example.jp"]
    assert f"{send}/review" not in other.get("/home").text
    form = fields_of(named.get(f"{send}/review").text)
    csrf = csrf_of(other.get(f"{send}/review").text)
    assert other.post(f"{send}/approve", data=form | {"csrf": csrf} | SEEN).status_code == 403
    assert named.post(f"{send}/approve", data=form | SEEN).status_code == 200


def test_an_approver_sees_what_changed_since_the_last_approval(
    stage: Stage, send: str, issue_id: int, sign_in: SignIn
) -> None:
    editor = sign_in("editor@example.jp", Role.EDITOR)
    approver = sign_in("approver@example.jp", Role.APPROVER)
    _ask(editor, send)
    approver.post(f"{send}/approve", data=fields_of(approver.get(f"{send}/review").text) | SEEN)
    with transaction(stage.engine) as session:
        row = session.get_one(IssueRow, issue_id)
        row.content = row.content | {"title": "別の件名"}
    _ask(editor, send)

    review = approver.get(f"{send}/review").text
    assert 'class="difference-changed"' in review
    assert "別の件名" in review
    # What was looked at before is no longer what is asked for.
    with transaction(stage.engine) as session:
        row = session.get_one(IssueRow, issue_id)
        row.content = row.content | {"title": "また別の件名"}
    refused = approver.post(f"{send}/approve", data=fields_of(review) | SEEN)
    assert refused.status_code == 409
    assert "has changed since approval was requested" in refused.text


def test_no_page_speaks_of_an_approval_as_still_to_come_once_it_is_given(
    stage: Stage, send: str, sign_in: SignIn
) -> None:
    editor = sign_in("editor@example.jp", Role.EDITOR)
    approver = sign_in("approver@example.jp", Role.APPROVER)

    def said() -> tuple[bool, bool]:
        sending, review = (editor.get(path).text for path in (send, f"{send}/review"))
        later = "As soon as it is approved and confirmed"
        return later in sending, later in review

    _ask(editor, send)
    assert said() == (True, True)
    answer = fields_of(approver.get(f"{send}/review").text) | {"because": "日付"}
    approver.post(f"{send}/return", data=answer)
    assert said() == (True, True)
    _ask(editor, send)
    approver.post(f"{send}/approve", data=fields_of(approver.get(f"{send}/review").text) | SEEN)
    assert said() == (False, False)
    assert "As soon as it is confirmed" in editor.get(f"{send}/review").text
    with transaction(stage.engine) as session:
        session.execute(update(NewsletterRow).values(approval_required=False))
    assert said() == (False, False)


def test_the_sending_page_counts_whom_was_chosen_and_offers_to_ask(
    stage: Stage, send: str, sign_in: SignIn
) -> None:
    stage.subscribe("other@example.com")
    editor = sign_in("editor@example.jp", Role.EDITOR)
    refused = editor.get(f"{send}/confirm", params={"segment": 'domain = "example.com"'})
    assert refused.status_code == 409
    assert "<dd>1<small>" in tight(refused.text)
    assert "Request approval" in refused.text
    assert "Back to the text" in refused.text


def test_approval_asked_from_the_text_says_to_whom_and_when(
    stage: Stage, send: str, sign_in: SignIn
) -> None:
    with transaction(stage.engine) as session:
        draft = open_issue(session, stage.newsletter_id, stage.issue, author="葵").id
    editor = sign_in("editor@example.jp", Role.EDITOR)
    approver = sign_in("approver@example.jp", Role.APPROVER)
    text = f"/newsletters/digest/drafts/{draft}"
    page = editor.get(f"{text}/blocks")
    assert "A second person has to approve it." in page.text
    plan = {"when": "later", "hour": f"{LATER}T08:00", "segment": 'domain = "example.jp"'}
    asked = editor.post(f"{text}/approval", data=fields_of(page.text) | plan)
    assert asked.url.path.startswith(text)
    assert "Next step by: approver" in asked.text

    review = approver.get(f"{send}/review").text
    assert f"{_day(LATER)}, 08:00" in review
    assert "domain = &#34;example.jp&#34;" in review
    assert "asks for your approval" in review
    answered = approver.post(f"{send}/approve", data=fields_of(review) | SEEN)
    assert "Next step by: editor" in answered.text
    looked = editor.post(f"{text}/order", data=fields_of(editor.get(text).text) | plan)
    assert looked.url.path == f"{send}/confirm"


def test_what_cannot_be_asked_for_is_told_and_the_form_keeps_what_was_chosen(
    stage: Stage, send: str, sign_in: SignIn
) -> None:
    with transaction(stage.engine) as session:
        draft = open_issue(session, stage.newsletter_id, stage.issue, author="葵").id
        session.execute(update(NewsletterRow).values(count_clicks=True))
    approver, _ = (sign_in(f"{name}@example.jp", Role.APPROVER) for name in ("first", "second"))
    editor = sign_in("editor@example.jp", Role.EDITOR)
    text = f"/newsletters/digest/drafts/{draft}"
    page = editor.get(text).text
    number, other = re.findall(r'name="asked"\s+value="(\d+)"', page)
    for change, words in (
        ({"when": "later", "hour": ""}, "The date and time are missing."),
        ({"subject": "x\u202ey", "decide": f"{LATER}T08:00"}, "In subject B: Control characters"),
    ):
        typed = fields_of(page) | {"asked": number} | change
        refused = html.fromstring(editor.post(f"{text}/approval", data=typed).text)

        assert words in refused.text_content()
        assert refused.get_element_by_id("panel").get("data-first") == "send"
        chosen = {each.get("value"): each.get("checked") for each in refused.xpath(_ASKED)}
        assert (chosen[number] is None, chosen[other] is None) == (False, True)
    assert "asks for your approval" not in approver.get(f"{send}/review").text


def test_a_comment_on_a_part_stands_beside_the_text_until_it_is_resolved(
    stage: Stage, send: str, sign_in: SignIn
) -> None:
    with transaction(stage.engine) as session:
        draft = open_issue(session, stage.newsletter_id, stage.issue, author="葵").id
    text = f"/newsletters/digest/drafts/{draft}"
    comments = send.removesuffix("/send") + "/comments"
    editor = sign_in("editor@example.jp", Role.EDITOR)
    approver = sign_in("approver@example.jp", Role.APPROVER)
    _ask(editor, send)
    form = {"csrf": csrf_of(approver.get(f"{send}/review").text), "anchor": "c1"}
    said = approver.post(comments, data=form | {"words": "<b>日付</b>を確かめてください。"})
    assert said.url.path == f"{send}/review"
    assert "&lt;b&gt;日付&lt;/b&gt;" in said.text

    page = editor.get(text).text
    assert "を確かめてください。" in page
    assert 'data-block="c1"' in page
    assert "1 comment is not resolved yet." in page
    answer = {"csrf": csrf_of(page)} | fields_of(approver.get(f"{send}/review").text)
    approver.post(f"{send}/approve", data=answer | SEEN)
    assert "1 comment is not resolved yet." in editor.get(f"{send}/confirm?when=now").text

    done = {"csrf": csrf_of(page), "back": "draft"}
    settled = editor.post(f"{comments}/1/resolve", data=done)
    assert settled.url.path == text
    assert "Resolved by editor" in settled.text
    operator = sign_in("operator@example.jp", Role.OPERATOR)
    form = {"csrf": csrf_of(operator.get("/account").text), "words": "x"}
    assert operator.post(comments, data=form).status_code == 403


@pytest.fixture
def review(stage: Stage, send: str, sign_in: SignIn, browser: Browser) -> Iterator[Page]:
    """Return a page of an approver, at what is to be approved."""
    text = """---
title: 十二月号
date: 2026-12-01
---

# 一章

### 声

はじめの段落です。

> 市民の声を引きます。
>
> 二つ目の段落です。

| 施設 | 電話 | 開館時間と休館日、貸し出しの期間、予約のしかた |
|---|---|---|
| 図書館 | 03-0000-0000 | 九時から |

図書館
"""
    with transaction(stage.engine) as session:
        row = session.scalars(select(IssueRow)).one()
        row.content = issue_to_json(read_issue(text.encode(), source="text").issue)
    approver = sign_in("approver@example.jp", Role.APPROVER)
    context = browser.new_context(locale="en")
    url = str(approver.base_url).rstrip("/")
    for name, value in approver.cookies.items():
        context.add_cookies([{"name": name, "value": value, "url": url}])
    page = context.new_page()
    page.goto(f"{url}{send}/review")
    yield page
    context.close()


def test_a_block_clicked_in_the_mail_is_the_one_commented_on(review: Page) -> None:
    mail, about = review.frame_locator("iframe.sent-mail"), review.get_by_label("Comment on")
    expect(review.get_by_text("Or click the part in the mail.")).to_be_visible()
    mail.get_by_text("二つ目の段落です。", exact=True).click()
    expect(about).to_have_value("c1-i1-b2")
    mail.get_by_text("はじめの段落です。", exact=True).click()
    expect(about).to_have_value("c1-i1-b1")
    mail.get_by_role("heading", name="声").click()
    expect(about).to_have_value("c1-i1")
    about.select_option("c1-i1-b2")
    expect(mail.locator("[data-chosen]")).to_contain_text("市民の声を引きます。")
    review.get_by_label("Comment", exact=True).fill("出典が要ります。")
    review.get_by_role("button", name="Add the comment").click()
    review.get_by_role("link", name="市民の声を引きます。").click()
    expect(mail.locator("[data-chosen]")).to_contain_text("市民の声を引きます。")


def test_a_cell_clicked_in_the_mail_stands_for_its_table(review: Page) -> None:
    mail, about = review.frame_locator("iframe.sent-mail"), review.get_by_label("Comment on")
    expect(review.get_by_text("Or click the part in the mail.")).to_be_visible()
    for cell in ("施設", "03-0000-0000"):
        mail.get_by_text(cell, exact=True).click()
        expect(about).to_have_value("c1-i1-b3")
        expect(about.locator("option:checked")).to_contain_text("施設 電話 開館時間")
        expect(mail.locator("table[data-chosen]")).to_contain_text("図書館")
    # A block that says what a cell says is another one.
    mail.get_by_text("図書館", exact=True).last.click()
    expect(about).to_have_value("c1-i1-b4")
    expect(mail.locator("p[data-chosen], div[data-chosen]")).to_have_text("図書館")


def test_a_comment_opened_while_the_mail_loads_is_shown_once_it_is_there(review: Page) -> None:
    mail = review.frame_locator("iframe.sent-mail")
    expect(review.get_by_text("Or click the part in the mail.")).to_be_visible()
    mail.get_by_text("二つ目の段落です。", exact=True).click()
    review.get_by_label("Comment", exact=True).fill("出典が要ります。")
    held: list[Route] = []
    is_released = False

    def hold(route: Route) -> None:
        # The browser may tell of the request only after the link was pressed.
        if is_released:
            route.continue_()
        else:
            held.append(route)

    review.route("**/mail", hold)
    with review.expect_request("**/mail"):
        review.get_by_role("button", name="Add the comment").click(no_wait_after=True)
    # The page's scripts have run by then; the mail is still to come.
    review.wait_for_load_state("domcontentloaded")

    review.get_by_role("link", name="市民の声を引きます。").click(no_wait_after=True)
    is_released = True
    for each in held:
        each.continue_()

    expect(mail.locator("[data-chosen]")).to_contain_text("市民の声を引きます。")
