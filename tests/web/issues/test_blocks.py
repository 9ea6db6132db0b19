"""An editor works in blocks: nothing is lost by switching, moving, deleting or two at once."""

from __future__ import annotations

import re
from io import BytesIO

import pytest
from PIL import Image
from playwright.sync_api import APIResponse, Browser, FilePayload, Page, Route, expect

from newsletter.database.engine import reading
from newsletter.database.tables import DraftRow
from tests.support.ports import await_condition
from tests.support.stage import set_subscribers
from tests.web.issues.desk import Desk

BLOCKS = """---
title: 十二月号
date: 2026-12-01
preheader: 年末の窓口の案内と、来年から変わる手続きをまとめました。
contents:
- text: お知らせ
---

# 1. お知らせ

## 市役所

### 窓口の時間

年末は二十八日までです。

<https://example.jp/hours>

### 税の申告

二月から始まります。

## 図書館

### 休館

# 2. 催し

### 祭り

雨でも開きます。
"""
ORDER = ["お知らせ", "市役所", "窓口の時間", "税の申告", "図書館", "休館", "催し", "祭り"]


def headings(page: Page) -> list[str]:
    found: list[str] = page.locator(".heading").evaluate_all("all => all.map(e => e.value)")
    return found


def expect_order(page: Page, *expected: str) -> None:
    for index, heading in enumerate(expected):
        expect(page.locator(".heading").nth(index)).to_have_value(heading)


def kept(desk: Desk) -> dict[str, object]:
    with reading(desk.engine) as session:
        content: dict[str, object] = session.query(DraftRow).one().content
    return content


@pytest.fixture
def blocks(desk: Desk, page: Page) -> Page:
    desk.start(page, BLOCKS, view="blocks")
    expect(page.frame_locator("#mail").get_by_text("二月から始まります。")).to_be_visible()
    return page


def test_an_imported_text_is_shown_in_blocks(desk: Desk, page: Page) -> None:
    desk.bring_in(page, BLOCKS, view="blocks")
    assert headings(page) == ORDER
    expect(page.get_by_text("How the text was read")).to_be_visible()


def test_a_digest_becomes_blocks(desk: Desk, page: Page, digest: bytes) -> None:
    desk.bring_in(page, digest.decode(), view="blocks")
    expect(page.locator(".level-3")).to_have_count(24)
    expect(page.locator("#findings .error")).to_have_count(0)
    page.get_by_text("What was mended").click()
    expect(page.get_by_role("cell", name="U+2F", exact=False).first).to_be_visible()
    page.get_by_role("button", name="Seen to").click()
    expect(page.get_by_text("How the text was read")).to_have_count(0)


def test_switching_views_keeps_the_value(desk: Desk, blocks: Page) -> None:
    before = kept(desk)
    blocks.get_by_role("link", name="Markdown").click()
    expect(blocks.locator("#text")).to_have_value(re.compile("contents:"))
    blocks.get_by_role("link", name="Blocks").click()
    blocks.get_by_role("button", name="Save").last.click()
    blocks.wait_for_load_state()
    assert kept(desk) == before


def test_switching_saves_what_is_typed_first(blocks: Page) -> None:
    blocks.locator(".heading").nth(2).fill("窓口の年末")
    blocks.get_by_role("link", name="Markdown").click()
    expect(blocks.locator("#text")).to_have_value(re.compile("### 窓口の年末"))


def test_the_preview_follows_a_block(blocks: Page) -> None:
    blocks.locator("#block-c1-s1-i1 summary").click()
    blocks.locator("#block-c1-s1-i1 .words").fill("年末は**三十日**まで。")
    expect(blocks.frame_locator("#mail").get_by_text("三十日")).to_be_visible()
    expect(blocks.locator("#state")).to_have_text("Saved")


def test_a_block_moves_by_button_and_says_where_it_is(blocks: Page) -> None:
    blocks.get_by_role("button", name="Move “税の申告” down").click()
    expect(blocks.locator("#said")).to_have_text("“税の申告” is now 1 of 2 in “図書館”.")
    expect_order(blocks, *ORDER[:3], "図書館", "税の申告", "休館")
    focused = "document.activeElement.getAttribute('aria-label')"
    assert blocks.evaluate(focused) == "Move “税の申告” down"


def test_a_block_moves_by_keys_with_what_is_typed(blocks: Page) -> None:
    heading = blocks.locator(".heading").nth(4)
    heading.fill("市立図書館")
    heading.press("Alt+ArrowUp")
    expect_order(blocks, "お知らせ", "市立図書館", "休館", "市役所")
    assert blocks.evaluate("document.activeElement.value") == "市立図書館"
    blocks.reload()
    expect_order(blocks, "お知らせ", "市立図書館")


def test_a_block_is_dragged_elsewhere(blocks: Page) -> None:
    blocks.set_viewport_size({"width": 1280, "height": 1800})
    handle = blocks.locator("#block-c2-i1 .handle")
    handle.drag_to(blocks.locator("#block-c1-s1-i1 .block-head"))
    expect_order(blocks, *ORDER[:3], "祭り", "税の申告")


def test_chapters_count_anew_when_they_move(blocks: Page) -> None:
    blocks.get_by_role("button", name="Move “催し” up").click()
    expect_order(blocks, "催し", "祭り", "お知らせ")
    assert blocks.locator(".count").evaluate_all("all => all.map(e => e.value)") == ["1", "2"]


def test_a_block_is_added_and_written(blocks: Page) -> None:
    blocks.locator("#block-c1-s2-i1").get_by_role("button", name="+ Item").click()
    expect(blocks.locator(".heading")).to_have_count(9)
    blocks.keyboard.type("新しい記事")
    expect(blocks.locator("#block-c1-s2-i2 .heading")).to_have_value("新しい記事")
    expect(blocks.locator("#state")).to_have_text("Saved")


def test_a_deleted_block_comes_back(desk: Desk, blocks: Page) -> None:
    before = kept(desk)
    blocks.get_by_role("button", name="Take “市役所” out").click()
    expect(blocks.locator("#said")).to_have_text("“市役所” is taken out.")
    expect_order(blocks, "お知らせ", "図書館")
    blocks.get_by_role("button", name="Undo").click()
    expect_order(blocks, *ORDER)
    assert kept(desk) == before


def test_a_wrong_field_leads_to_its_block(blocks: Page) -> None:
    blocks.locator("#block-c2-i1 summary").click()
    blocks.locator("#block-c2-i1 [name=link]").fill("example.jp")
    blocks.locator("#fault").get_by_role("link", name="Here").click()
    expect(blocks.locator("#block-c2-i1 .heading")).to_be_focused()


def test_a_finding_leads_to_its_block_and_is_mended(blocks: Page) -> None:
    blocks.locator("#block-c1-s1-i2 .heading").fill("税の⽇")
    finding = blocks.locator("#findings li", has_text="U+2F47")
    finding.get_by_role("link").click()
    expect(blocks.locator("#block-c1-s1-i2 .heading")).to_be_focused()
    finding.get_by_role("button", name="Replace them").click()
    expect(blocks.locator("#block-c1-s1-i2 .heading")).to_have_value("税の日")


def test_a_press_while_the_text_is_being_saved_waits_for_it(blocks: Page) -> None:
    on_its_way: list[tuple[Route, APIResponse]] = []

    def hold(route: Route) -> None:
        if route.request.resource_type == "fetch" and not on_its_way:
            on_its_way.append((route, route.fetch()))
        else:
            route.continue_()

    blocks.route(blocks.url.removesuffix("/blocks"), hold)
    blocks.locator("#block-c1-s1-i2 .heading").fill("税の⽇")
    mend = blocks.locator("#findings li", has_text="U+2F47").get_by_role("button")
    # Asking the page for anything lets its requests be seen.
    await_condition(
        lambda: blocks.title() != "" and bool(on_its_way), seconds=10, what="a save on its way"
    )
    mend.click()
    blocks.locator("#findings").evaluate("findings => findings.replaceChildren()")
    (route, answer) = on_its_way[0]
    route.fulfill(response=answer)
    expect(blocks.locator("#block-c1-s1-i2 .heading")).to_have_value("税の日")


def test_two_editors_in_blocks_never_overwrite_each_other(
    desk: Desk, blocks: Page, browser: Browser
) -> None:
    context = browser.new_context(locale="en")
    other = context.new_page()
    desk.sign_in(other, "other@example.jp")
    other.goto(blocks.url)
    other.locator(".heading").nth(2).fill("相手の見出し")
    expect(other.locator("#state")).to_have_text("Saved")
    blocks.locator(".heading").nth(3).fill("私の見出し")
    blocks.get_by_role("button", name="Compare").click()
    expect(blocks.locator(".removed", has_text="相手の見出し")).to_be_visible()
    expect(blocks.locator(".added", has_text="私の見出し")).to_be_visible()
    context.close()


def test_a_picture_goes_where_the_text_is(blocks: Page) -> None:
    drawn = BytesIO()
    Image.new("RGB", (40, 20), "teal").save(drawn, "PNG")
    blocks.locator("#block-c1-s1-i1 summary").click()
    blocks.locator("#block-c1-s1-i1 .add-picture").click()
    picture = FilePayload(name="map.png", mimeType="image/png", buffer=drawn.getvalue())
    blocks.locator("#picture-file").set_input_files(picture)
    blocks.get_by_label("Alternative text").fill("窓口の地図")
    blocks.get_by_role("button", name="Add it").click()
    expect(blocks.locator("#block-c1-s1-i1 .picture-entry img")).to_have_js_property(
        "naturalWidth", 40
    )
    expect(blocks.frame_locator("#mail").get_by_alt_text("窓口の地図")).to_be_visible()


def test_the_mail_is_seen_as_a_subscriber_dark_and_in_an_inbox(desk: Desk, blocks: Page) -> None:
    set_subscribers(desk.engine, "digest", {"hanako@example.jp": "山田花子"})
    blocks.locator("#reader").press_sequentially("山田")
    expect(blocks.locator("#readers option")).to_have_attribute("value", "hanako@example.jp")
    blocks.locator("[data-look=dark]").click()
    body = blocks.frame_locator("#mail").locator("body")
    expect(body).to_have_css("background-color", "rgb(17, 22, 28)")
    blocks.get_by_role("button", name="Inbox").click()
    expect(blocks.locator(".gmail .snippet")).to_contain_text("年末の窓口の案内")


def test_blocks_work_without_scripts(desk: Desk, browser: Browser) -> None:
    context = browser.new_context(locale="en", java_script_enabled=False)
    page = context.new_page()
    desk.sign_in(page)
    desk.bring_in(page, BLOCKS, view="blocks")
    page.locator(".heading").nth(3).fill("税の相談")
    page.get_by_role("button", name="Move “税の申告” up").click()
    expect_order(page, "お知らせ", "市役所", "税の相談", "窓口の時間")
    page.get_by_role("button", name="Take “図書館” out").click()
    expect_order(page, "お知らせ", "市役所", "税の相談", "窓口の時間", "催し")
    page.get_by_role("button", name="Undo").click()
    expect_order(page, "お知らせ", "市役所", "税の相談", "窓口の時間", "図書館")
    context.close()
