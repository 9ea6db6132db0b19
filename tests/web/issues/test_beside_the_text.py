"""What opens beside the text that is written stands at it, and covers nothing of it."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from io import BytesIO
from itertools import pairwise
from typing import Literal
from zoneinfo import ZoneInfo

import pytest
from PIL import Image
from playwright.sync_api import FloatRect, Locator, Page, expect
from sqlalchemy import select, update

from newsletter.accounts.audit import COMMAND_LINE, Actor
from newsletter.database.engine import transaction
from newsletter.database.tables import AccountRow, NewsletterRow
from newsletter.database.types import now
from newsletter.database.vocabulary import Role
from newsletter.issues.drafts.saving import get_draft
from newsletter.mailings.approvals.comments import parts_of, write_comment
from newsletter.mailings.approvals.requests import ready_draft
from newsletter.newsletters.publications import find_newsletter
from newsletter.rendering.contrast import Colour, contrast_ratio
from newsletter.settings import Settings
from tests.support.stage import set_subscribers
from tests.web.issues.desk import PLAIN, Desk
from tests.web.issues.test_together import stored

TABLE = """
| 日 | 場所 |
|---|---|
| 一日 | 本庁 |
| 二日 | 支所 |
"""
LINES = "\n\n".join(f"{number}行目" for number in range(20))
SCREENS = pytest.mark.parametrize("width", [375, 1280])


def box_of(place: Locator) -> FloatRect:
    found = place.bounding_box()
    assert found is not None
    return found


@SCREENS
@pytest.mark.parametrize("line", ["0行目", "9行目", "19行目"])
def test_the_list_of_blocks_covers_no_line_that_is_written(
    desk: Desk, page: Page, width: int, line: str
) -> None:
    page.set_viewport_size({"width": width, "height": 640})
    desk.start(page, f"{PLAIN}\n{LINES}\n", view="mail")
    page.locator(".mail .body", has_text=line).last.click()
    page.keyboard.press("End")
    page.keyboard.press("Enter")
    page.keyboard.type("/")
    opened, written = page.locator("#slash"), page.locator(".mail .body", has_text="/").last
    expect(opened).to_be_visible()

    def stands_beside() -> None:
        menu, text = box_of(opened), box_of(written)
        assert menu["x"] >= 0
        assert menu["y"] >= 0
        assert menu["x"] + menu["width"] <= width
        assert menu["y"] + menu["height"] <= 640
        top, bottom = text["y"] + text["height"] / 4, text["y"] + text["height"] * 3 / 4
        assert menu["y"] + menu["height"] <= top or menu["y"] >= bottom

    page.evaluate("() => new Promise(requestAnimationFrame)")
    stands_beside()
    page.keyboard.type("c")
    stands_beside()


def test_what_is_asked_of_a_block_is_on_the_screen_wherever_the_text_went(
    desk: Desk, page: Page
) -> None:
    page.set_viewport_size({"width": 1280, "height": 640})
    desk.start(page, f"{PLAIN}\n{LINES}\n", view="mail")
    page.locator(".mail .body", has_text="19行目").last.click()
    # As a picture does that comes while nobody scrolls.
    page.evaluate("() => scrollTo({ top: 0, behavior: 'instant' })")
    page.get_by_role("button", name="Add a block").click()
    menu = box_of(page.locator("#slash"))
    assert menu["y"] >= 0
    assert menu["y"] + menu["height"] <= 640
    page.locator("#slash [role=option]", has_text="Button").first.click()
    asked = page.locator("dialog[open]")
    expect(asked).to_be_visible()
    page.evaluate("() => scrollTo({ top: 0, behavior: 'instant' })")
    box = box_of(asked)
    assert box["y"] >= 0
    assert box["y"] + box["height"] <= 640


@SCREENS
def test_the_tools_of_a_table_stand_at_it(desk: Desk, page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 640})
    desk.start(page, f"{PLAIN}\n{LINES}\n{TABLE}\n{LINES}\n", view="mail")
    tools = page.get_by_role("toolbar", name="Tools of the table")
    expect(tools).to_have_count(0)
    page.locator(".mail .cell", has_text="支所").click()
    expect(tools).to_be_visible()
    mail = box_of(page.locator(".mail"))
    shown, table = box_of(tools), box_of(page.locator(".mail .table"))
    is_beside = shown["x"] >= mail["x"] + mail["width"]
    assert is_beside == (width == 1280)
    assert is_beside or 0 <= table["y"] - (shown["y"] + shown["height"]) <= 8
    assert shown["x"] >= 0
    assert shown["x"] + shown["width"] <= width
    # They go with the table.
    page.mouse.wheel(0, 60)
    page.wait_for_function(
        "y => document.querySelector('.mail .table').getBoundingClientRect().y < y", arg=table["y"]
    )
    shown, table = box_of(tools), box_of(page.locator(".mail .table"))
    assert is_beside or shown["y"] + shown["height"] <= table["y"] + table["height"]
    assert shown["y"] <= table["y"]

    tools.get_by_role("button", name="Add a row").click()
    page.keyboard.type("三日")
    expect(page.locator("#state")).to_have_text("Saved")
    assert "三日" in stored(desk, page)
    page.locator(".mail .body", has_text="0行目").last.click()
    expect(tools).to_be_hidden()


def test_a_comment_leads_to_the_block_that_it_is_about(desk: Desk, page: Page) -> None:
    desk.start(page, f"{PLAIN}\n{TABLE}\n\n終わりに。\n", view="mail")
    number = int(re.findall(r"/drafts/(\d+)", page.url)[0])
    with transaction(desk.engine) as session:
        draft = get_draft(session, find_newsletter(session, "digest").id, number)
        issue, _ = ready_draft(session, COMMAND_LINE, draft, Settings(_env_file=None))
        account = session.scalars(select(AccountRow.id)).first()
        author = Actor(account_id=account, name="蓮", door="")
        anchors = {words: anchor for anchor, words in parts_of(draft.issue).items()}
        anchor = next(anchors[words] for words in anchors if words.startswith("日 場所"))
        write_comment(session, author, issue, "時刻も入れてください。", anchor=anchor)
    page.goto(f"{page.url}?panel=approval")
    page.locator("a[data-panel=approval]").first.click()

    page.locator(".thread a[data-block]").click()

    caret = page.evaluate("() => document.getSelection().anchorNode.parentElement.closest('table')")
    assert caret is not None


def test_the_row_that_comes_first_is_the_head_at_once(desk: Desk, page: Page) -> None:
    desk.start(page, f"{PLAIN}{TABLE}", view="mail")
    rows = page.locator(".mail .table tr")
    (second,) = [rows.nth(1).inner_text()]
    rows.first.locator("th").first.click()
    page.get_by_role("button", name="Delete the row").click()
    expect(rows.first).to_have_text(re.sub(r"\s+", "", second))
    expect(rows.first.locator("td")).to_have_count(0)

    page.keyboard.press("Control+z")
    expect(rows.nth(1).locator("th")).to_have_count(0)
    expect(rows.first.locator("td")).to_have_count(0)


def test_keys_lead_to_the_tools_of_a_table_and_back(desk: Desk, page: Page) -> None:
    desk.start(page, f"{PLAIN}{TABLE}", view="mail")
    page.locator(".mail .cell", has_text="支所").click()
    page.keyboard.press("Alt+F10")
    expect(page.get_by_role("button", name="Add a row")).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("button", name="Delete the row")).to_be_focused()
    page.keyboard.press("Escape")
    page.keyboard.type("二階")
    expect(page.locator(".mail .cell", has_text="二階")).to_be_visible()


def test_the_contents_are_drawn_once_there_are_two_headings(desk: Desk, page: Page) -> None:
    desk.start(page, PLAIN.replace("### 窓口の時間\n\n", ""), view="mail")
    drawn = page.locator(".mail .drawn-contents .toc")
    expect(page.locator(".mail .chapter").first).to_have_text("お知らせ")
    expect(drawn).to_have_count(0)
    page.locator(".mail .body").last.click()
    page.keyboard.press("End")
    page.keyboard.press("Enter")
    page.keyboard.type("### 催し")
    expect(drawn).to_have_text(["お知らせ", "催し"])
    page.get_by_role("tab", name="Telephone").click()
    expect(page.frame_locator("#mail").locator(".toc")).to_have_text(["お知らせ", "催し"])


def test_a_telephone_is_looked_at_in_the_dark_too(desk: Desk, page: Page) -> None:
    desk.start(page, PLAIN, view="mail")
    page.get_by_role("tab", name="Telephone").click()
    drawn = page.locator("#mail")
    expect(drawn).to_be_visible()
    light = (
        page.frame_locator("#mail")
        .locator("body")
        .evaluate("each => getComputedStyle(each).backgroundColor")
    )
    page.get_by_role("button", name="Dark mode").click()
    expect(drawn).to_have_class("phone")
    paper = page.frame_locator("#mail").locator("body")
    expect(paper).not_to_have_css("background-color", light)
    page.get_by_role("tab", name="Desktop").click()
    expect(page.get_by_role("button", name="Dark mode")).to_have_attribute("aria-pressed", "true")
    page.get_by_role("button", name="Source").click()
    expect(page.locator("#words")).to_contain_text("<html")


def test_the_hour_that_is_chosen_says_its_weekday(desk: Desk, page: Page) -> None:
    page.set_viewport_size({"width": 1280, "height": 900})
    desk.start(page, f"{PLAIN}\n{LINES}\n", view="mail")
    page.locator(".panel-tabs [data-panel=send]").click()
    page.get_by_label("At a time", exact=True).check()
    told = page.locator("#hour-told")
    expect(told).to_contain_text("09:00")
    page.get_by_label("Day and hour").fill("2027-12-02T09:30")
    page.keyboard.press("Tab")
    expect(told).to_contain_text("Thu 2 Dec 2027, 09:30")
    expect(told).to_contain_text("The issue is dated")


@SCREENS
def test_the_next_step_brings_the_form_and_its_button_into_sight(
    desk: Desk, page: Page, width: int
) -> None:
    page.set_viewport_size({"width": width, "height": 720})
    with transaction(desk.engine) as session:
        session.execute(update(NewsletterRow).values(approval_required=True))
    desk.sign_in(page.context.new_page(), "approver@example.jp", Role.APPROVER)
    desk.sign_in(page, "second@example.jp")
    desk.start(page, f"{PLAIN}\n{LINES}\n", view="mail")
    page.get_by_role("link", name="Request approval…").click()
    order = page.get_by_role("form", name="To whom, when and how")
    decide = order.get_by_role("button", name="Request approval")
    expect(order.get_by_label("To whom", exact=True)).to_be_focused()
    expect(order.get_by_role("heading", name="To whom, when and how")).to_be_in_viewport(ratio=1)
    expect(decide).to_be_in_viewport(ratio=1)
    decide.click(trial=True)  # nothing stands above it

    page.goto(page.url.partition("#")[0] + "#order")
    page.reload()
    expect(decide).to_be_in_viewport(ratio=1)


def test_what_is_chosen_beside_the_text_is_confirmed_and_changed_there_alone(
    desk: Desk, page: Page
) -> None:
    with transaction(desk.engine) as session:
        session.execute(update(NewsletterRow).values(count_clicks=True))
    set_subscribers(desk.engine, "digest", {"hanako@example.jp": "山田花子"})
    desk.start(page, PLAIN, view="mail")
    page.get_by_role("button", name="Send…").click()
    expect(page.get_by_role("button", name="Send it")).to_be_visible()
    page.get_by_role("link", name="Change audience or time").click()
    expect(page).to_have_url(re.compile(r"/drafts/\d+\?.*#panel-send$"))

    page.locator("#order").get_by_label("At a time").check()
    begins = datetime.fromisoformat(page.locator("#hour").input_value())
    assert begins.replace(tzinfo=ZoneInfo("Asia/Tokyo")) > now()
    decides = page.locator("#decide").input_value()
    assert datetime.fromisoformat(decides) == begins + timedelta(hours=4)

    page.locator("#hour").fill("2020-01-01T09:00")
    page.get_by_role("button", name="Send…").click()
    expect(page.locator("#fault")).to_contain_text("has already passed")
    page.locator("#hour").fill(f"{begins:%Y-%m-%dT%H:%M}")
    page.get_by_role("button", name="Send…").click()
    expect(page.get_by_role("button", name="Schedule it")).to_be_visible()
    page.get_by_role("button", name="Telephone").click()
    page.get_by_role("button", name="Dark mode").click()
    expect(page.locator(".sent-mail.phone")).to_have_attribute("src", re.compile("dark=1"))


def test_what_is_planned_is_still_there_after_a_look_at_the_translations(
    desk: Desk, page: Page
) -> None:
    desk.start(page, PLAIN, view="mail")
    page.locator(".panel-tabs").get_by_role("link", name="Send").click()
    page.locator("#order").get_by_label("At a time").check()
    page.locator("#hour").fill("2099-12-24T08:00")
    page.locator(".panel-tabs").get_by_role("link", name="Translations").click()
    page.get_by_role("link", name="Back to writing").click()
    page.locator(".panel-tabs").get_by_role("link", name="Send").click()

    expect(page.locator("#order").get_by_label("At a time")).to_be_checked()
    expect(page.locator("#hour")).to_have_value("2099-12-24T08:00")


def test_the_state_of_saving_stands_in_one_line(desk: Desk, page: Page) -> None:
    page.set_viewport_size({"width": 1280, "height": 800})
    desk.start(page, PLAIN, view="mail")
    page.locator("#state").evaluate("state => { state.textContent = '保存しました'; }")

    lines = page.locator("#state").evaluate(
        "it => it.getBoundingClientRect().height / parseFloat(getComputedStyle(it).lineHeight)"
    )

    assert lines < 1.5


def test_the_states_stand_whole_and_apart_on_a_telephone(desk: Desk, page: Page) -> None:
    page.set_viewport_size({"width": 375, "height": 800})
    with transaction(desk.engine) as session:
        session.execute(update(NewsletterRow).values(approval_required=True))
    desk.start(page, PLAIN, view="mail")

    lines = page.locator(".stages li").evaluate_all(
        """each => each.map((it) => {
            const words = document.createRange();
            words.selectNodeContents(it);
            const boxes = [...words.getClientRects()].filter((box) => box.width > 1);
            return [
                it.innerText.trim(),
                new Set(boxes.map((box) => box.top)).size,
                Math.min(...boxes.map((box) => box.left)),
                Math.max(...boxes.map((box) => box.right)),
            ];
        })"""
    )

    assert ["Scheduled", 1] in [line[:2] for line in lines], lines
    gaps = [after[2] - before[3] for before, after in pairwise(lines)]
    assert min(gaps) > 6, lines
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0


@pytest.mark.parametrize(
    ("table", "row", "mended"),
    [
        ("| 日 | 場所 |\n|---|---|\n| 一日 | 本庁 |\n| | |\n", 2, "Delete empty rows"),
        ("| | |\n|---|---|\n| | |\n", 0, "Delete the table"),
    ],
    ids=["a row", "all of it"],
)
def test_a_finding_about_an_empty_row_leads_into_that_row(
    desk: Desk, page: Page, table: str, row: int, mended: str
) -> None:
    lines = "\n\n".join(f"{number}行目" for number in range(40))
    desk.start(page, f"{PLAIN}\n{lines}\n\n{TABLE}\n続き\n\n{table}", view="mail")
    finding = page.locator("#findings li", has=page.get_by_role("button", name=mended))

    finding.get_by_role("link").click()

    cell = page.locator(".mail table").last.locator("tr").nth(row).locator("th, td").first
    expect(cell).to_be_in_viewport()
    expect(page.locator(".mail")).to_be_focused()
    page.keyboard.type("二十日")
    expect(cell).to_have_text("二十日")


def test_on_a_telephone_the_formats_lie_over_nothing_but_the_text(desk: Desk, page: Page) -> None:
    page.set_viewport_size({"width": 375, "height": 667})
    desk.start(page, f"{PLAIN}\n{LINES}\n", view="mail")
    bar = page.locator("#toolbar")
    page.locator(".mail").get_by_text("1行目", exact=True).click()
    shown = box_of(bar)
    assert shown["x"] == 0
    assert shown["width"] == 375
    assert shown["y"] + shown["height"] == 667

    order = page.locator("#order")
    page.locator(".panel-tabs").get_by_role("link", name="Send").click()
    for field in order.locator("input:visible, select:visible, button:visible").all():
        field.scroll_into_view_if_needed()
        assert box_of(bar)["y"] + box_of(bar)["height"] <= box_of(field)["y"]
    page.get_by_role("contentinfo").scroll_into_view_if_needed()
    expect(bar).not_to_be_in_viewport()


def test_who_comes_back_to_the_text_reads_what_the_approver_answered(
    desk: Desk, page: Page
) -> None:
    with transaction(desk.engine) as session:
        find_newsletter(session, "digest").approval_required = True
    page.set_viewport_size({"width": 375, "height": 800})
    assert page.context.browser is not None
    other = page.context.browser.new_context(locale="en").new_page()
    desk.sign_in(other, "approver@example.jp", Role.APPROVER)
    desk.start(page, PLAIN, view="mail")
    page.get_by_role("link", name="Request approval…").click()
    page.get_by_role("button", name="Request approval", exact=True).click()
    expect(page.locator("#line")).to_contain_text("It is waiting for approval.")

    other.goto(f"{desk.url}/home")
    other.get_by_role("link", name="十二月号").first.click()
    other.get_by_text("Return for changes…").click()
    other.get_by_label("What to change").fill(
        "二段落目の日付が違います。" + "ご確認ください。" * 20
    )
    other.get_by_role("button", name="Return with this comment").click()
    expect(other.get_by_text("Your comment is sent to the requester")).to_be_visible()
    page.evaluate("dispatchEvent(new Event('focus'))")

    said = page.locator("#next-words")
    expect(said).to_contain_text("returned it: “二段落目の日付が違います。")
    expect(said).to_be_in_viewport()
    said.get_by_role("link", name="Read all of it").click()
    expect(page.locator(".returned-reason")).to_be_in_viewport()
    other.context.close()


@SCREENS
def test_a_new_table_is_seen_whole_clear_of_the_bars(desk: Desk, page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 700})
    desk.start(page, f"{PLAIN}\n{LINES}\n", view="mail")
    page.locator(".mail").get_by_text("19行目", exact=True).click()
    page.keyboard.press("End")
    page.keyboard.press("Enter")
    page.keyboard.type("/table")
    page.get_by_role("option", name="Rows and columns").click()

    table = page.locator(".mail table")
    expect(table).to_be_in_viewport(ratio=1)
    seen, bar = box_of(table), box_of(page.locator("#toolbar"))
    assert seen["width"] > 200
    assert seen["y"] >= bar["y"] + bar["height"] or seen["y"] + seen["height"] <= bar["y"]


def test_the_caret_below_a_new_picture_is_in_sight(desk: Desk, page: Page) -> None:
    page.set_viewport_size({"width": 1280, "height": 800})
    output = BytesIO()
    Image.new("RGB", (1200, 1200), (240, 180, 200)).save(output, "PNG")
    desk.start(page, PLAIN, view="mail")
    page.locator(".mail").get_by_text("年末は二十八日までです。").click()
    page.keyboard.press("End")
    page.keyboard.press("Enter")
    with page.expect_file_chooser() as chooser:
        page.get_by_role("toolbar").get_by_role("button", name="Picture").click()
    chooser.value.set_files({"name": "a.png", "mimeType": "image/png", "buffer": output.getvalue()})
    page.get_by_role("dialog").get_by_label("Alternative text").fill("桜")
    page.get_by_role("dialog").get_by_role("button", name="Insert").click()

    caret = page.locator(".mail > .picture-block + p.body")
    page.locator(".mail .picture-block img").evaluate("image => image.decode()")
    expect(caret).to_be_in_viewport()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_words_in_an_empty_field_can_be_read(
    desk: Desk, page: Page, scheme: Literal["light", "dark"]
) -> None:
    page.emulate_media(color_scheme=scheme)
    desk.start(page, PLAIN.replace("preheader: ", "# "), view="mail")
    field = page.locator("[data-issue-field=preheader]")

    shown, ground = field.evaluate(
        "each => [getComputedStyle(each, '::placeholder').color, "
        "getComputedStyle(each).backgroundColor]"
    )

    assert contrast_ratio(_colour(shown), _colour(ground)) >= 4.5


def _colour(words: str) -> Colour:
    red, green, blue = (int(part) for part in re.findall(r"\d+", words)[:3])
    return red, green, blue
