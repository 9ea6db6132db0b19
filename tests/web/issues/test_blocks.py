"""Without scripts an issue is written in the forms of its blocks: nothing is lost by any press."""

from __future__ import annotations

from playwright.sync_api import Browser, Page, expect

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


def expect_order(page: Page, *expected: str) -> None:
    for index, heading in enumerate(expected):
        expect(page.locator(".heading").nth(index)).to_have_value(heading)


def test_a_digest_becomes_blocks(desk: Desk, browser: Browser, digest: bytes) -> None:
    context = browser.new_context(locale="en", java_script_enabled=False)
    page = context.new_page()
    desk.sign_in(page)
    desk.bring_in(page, digest.decode(), view="blocks")
    expect(page.locator(".level-3")).to_have_count(24)
    expect(page.locator("#findings .error")).to_have_count(0)
    page.get_by_role("button", name="Handled").click()
    expect(page.get_by_text("Import result")).to_have_count(0)
    context.close()


def test_blocks_work_without_scripts(desk: Desk, browser: Browser) -> None:
    context = browser.new_context(locale="en", java_script_enabled=False)
    page = context.new_page()
    desk.sign_in(page)
    desk.bring_in(page, BLOCKS, view="blocks")
    page.locator(".heading").nth(3).fill("税の相談")
    page.get_by_role("button", name="Move “税の申告” up").click()
    expect_order(page, "お知らせ", "市役所", "税の相談", "窓口の時間")
    page.get_by_role("button", name="Remove “図書館”").click()
    expect_order(page, "お知らせ", "市役所", "税の相談", "窓口の時間", "催し")
    page.get_by_role("button", name="Undo").click()
    expect_order(page, "お知らせ", "市役所", "税の相談", "窓口の時間", "図書館")
    context.close()
