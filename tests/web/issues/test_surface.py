"""What is written in looks as the mail will: the same words in the same order, in every look."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from itertools import count

import pytest
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import select

from newsletter.database.engine import open_engine, reading, transaction
from newsletter.database.tables import NewsletterRow, SeriesStepRow
from newsletter.newsletters.look.designs import with_design
from newsletter.newsletters.look.model import LookPicture, look_of, look_to_json
from newsletter.tokens import TokenSigner
from tests.support.accessible import violations
from tests.support.series import BODY, begin_series
from tests.support.site import serving
from tests.support.stage import set_stage
from tests.web.issues.desk import Desk

TEXT = """---
title: 年末年始の窓口
number: 第42号
date: 2026-12-01
preheader: 年末の窓口の案内と、来年から変わる手続きをまとめました。
credits: [編集：広報課, 電話：03-0000-0000]
---

寒くなりました。

# 1. お知らせ

## 市役所

### 窓口の時間

年末は二十八日までです。

### 税の申告

| 日付 | 場所 |
| --- | --- |
| 12月1日 | 市役所 |

# 2. 催し

:::event
name: 冬の市
date: 2026-12-12 14:00-16:00
place: 市民会館
capacity: 100名
url: https://example.jp/ichi
:::

:::contact
department: 広報課
phone: 03-1234-5678
hours: 平日 9:00–17:00
:::

:::file
name: 募集要項
url: https://example.jp/a.pdf
type: application/pdf
size: 1200000
:::
"""
#: One of each form of masthead, and items in boxes.
DESIGNS = ("standard", "technology", "museum", "events")
_LAST = "電話：03-0000-0000"
_NUMBERS = count(1)
_LOGO = LookPicture(url=f"https://news.example.jp/images/{'a' * 64}-160w.png", alt="市の紋章")
#: Whether the logo fills its line, with nothing of the application's before it.
_LOGO_ALONE = """line => getComputedStyle(line, "::before").content === "none"
  && line.offsetWidth >= line.parentElement.clientWidth - 1"""
#: Words on a page, without the numbers of chapters, which are a style where they are counted.
_WORDS = """root => {
  const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT), found = [];
  while (walker.nextNode()) found.push(walker.currentNode);
  return found.filter((each) => !each.parentElement.closest("style, title, .back"))
    .map((each) => each.data).join("").replace(/\\s+|\\d\\./g, "");
}"""


@pytest.fixture(scope="module")
def studio(
    _servers: None, _sqlite_template: object, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Desk]:
    folder = tmp_path_factory.mktemp("surface")
    shutil.copy(str(_sqlite_template), folder / "newsletter.sqlite3")
    engine = open_engine(f"sqlite:///{folder / 'newsletter.sqlite3'}")
    set_stage(engine)
    with serving(engine, TokenSigner([b"k" * 40]), folder, secret_keys=("k" * 40,)) as url:
        yield Desk(engine=engine, url=url)
    engine.dispose()


@pytest.fixture
def page(studio: Desk, window: Page) -> Page:
    studio.sign_in(window, f"editor{next(_NUMBERS)}@example.jp")
    studio.start(window, TEXT, view="mail")
    expect(window.locator(".mail .item").first).to_be_visible()
    return window


def _wear(studio: Desk, design: str) -> None:
    with transaction(studio.engine) as session:
        row = session.scalars(select(NewsletterRow)).one()
        worn = replace(with_design(look_of(row), design), tagline="毎月一日", logo=_LOGO)
        row.look = look_to_json(worn)


def test_the_surface_says_what_the_mail_says_in_its_order(
    studio: Desk, page: Page, browser: Browser
) -> None:
    sent = browser.new_page()
    for design in DESIGNS:
        _wear(studio, design)
        page.reload()
        expect(page.locator(".mail .item").first).to_be_visible()
        sent.set_content(page.request.get(f"{page.url.partition('?')[0]}/mail").text())

        typed = str(page.locator(".mail").evaluate(_WORDS))
        mailed = str(sent.locator("body").evaluate(_WORDS))

        # An empty masthead is printed with the newsletter's name, which is a style as it is typed.
        shown = mailed.partition("ブラウザーで表示")[2].replace("まちのデジタル便り", "", 1)
        assert typed.partition(_LAST)[0] == shown.partition(_LAST)[0], design
        assert page.locator(".mail > .mark").evaluate(_LOGO_ALONE), design
    assert violations(page) == []
    _wear(studio, "standard")


def test_a_step_of_a_series_has_no_date_as_its_mail_has_none(studio: Desk, page: Page) -> None:
    _wear(studio, "events")
    page.reload()
    expect(page.locator(".mail .day")).to_be_visible()
    begin_series(studio.engine, active=False)
    with reading(studio.engine) as session:
        draft = session.scalars(select(SeriesStepRow.draft_id)).one()
    page.goto(f"{studio.url}/newsletters/digest/drafts/{draft}")
    expect(page.locator(".mail")).to_contain_text(BODY[:4])

    expect(page.locator(".mail .day")).to_have_count(0)
    expect(page.locator(".mail .date")).not_to_contain_text("12")
    _wear(studio, "standard")


def test_the_contents_follow_the_headings_that_are_typed(page: Page) -> None:
    page.locator(".mail .chapter", has_text="催し").click()
    page.keyboard.press("End")
    page.keyboard.type("と講座")

    expect(page.locator(".drawn-contents .toc")).to_have_text(
        ["1. お知らせ", "市役所", "2. 催しと講座"]
    )


def test_tab_goes_through_the_closing_lines_and_leaves_behind_the_last(page: Page) -> None:
    page.locator(".mail .credits").get_by_text("編集：広報課").click()
    page.keyboard.press("Home")
    page.keyboard.press("Tab")
    page.keyboard.type("直通")

    expect(page.locator(".mail .credits .small").last).to_have_text("直通電話：03-0000-0000")
    page.keyboard.press("Tab")
    assert not page.evaluate("document.activeElement.classList.contains('mail')")


def test_a_slash_in_a_closing_line_puts_the_block_below_the_text(page: Page) -> None:
    page.locator(".mail .credits").get_by_text("編集：広報課").click()
    page.keyboard.press("Home")
    page.keyboard.type("/line")
    page.keyboard.press("Enter")
    page.keyboard.type("くわしくは次号で。")

    blocks = page.locator(".mail > *:not(.finding-dot, .credits)")
    expect(blocks.last).to_have_text("くわしくは次号で。")
    expect(page.locator(".mail > .rule-line")).to_have_count(1)
    expect(page.locator(".mail .credits .small").first).to_have_text("編集：広報課")


#: What the browser does with a key, before its selectionchange event, which comes a task later.
_AT_ONCE = """([selector, act, words]) => {
  const walker = document.createTreeWalker(document.querySelector(selector), NodeFilter.SHOW_TEXT);
  getSelection().collapse(walker.nextNode(), 0);
  if (act === "type") document.execCommand("insertText", false, words);
  else if (act === "press") document.activeElement.dispatchEvent(
    new KeyboardEvent("keydown", {key: words, bubbles: true, cancelable: true}));
  else {
    const field = document.querySelector("[data-issue-field=preheader]");
    field.value = words;
    field.dispatchEvent(new Event("input", {bubbles: true}));
  }
}"""


def test_a_slash_typed_as_the_caret_moves_asks_where_it_is_then(page: Page) -> None:
    page.locator(".mail .credits").get_by_text("編集：広報課").click()
    page.evaluate(_AT_ONCE, [".mail .credits .small", "type", "/"])
    page.keyboard.type("line")
    page.keyboard.press("Enter")

    expect(page.locator(".mail > .rule-line")).to_have_count(1)
    expect(page.locator(".mail .credits .small").first).to_have_text("編集：広報課")


def test_a_key_pressed_as_the_caret_moves_acts_where_it_is_then(page: Page) -> None:
    page.locator(".mail .credits").get_by_text("編集：広報課").click()
    page.evaluate(_AT_ONCE, [".mail .credits .small", "press", "Enter"])

    expect(page.locator(".mail .credits .small")).to_have_text(["", "編集：広報課", _LAST])


def test_what_the_page_draws_as_the_caret_moves_leaves_it_where_it_is_then(page: Page) -> None:
    page.locator(".mail .credits").get_by_text("編集：広報課").click()
    page.evaluate(_AT_ONCE, [".mail .credits .small", "fill", "年末の案内"])
    page.keyboard.type("＊")

    expect(page.locator(".mail .credits .small").first).to_have_text("＊編集：広報課")
