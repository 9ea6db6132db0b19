"""The mail itself is written in: what is typed is the issue, and nothing of it is lost."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from datetime import date
from io import BytesIO
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from PIL import Image
from playwright.sync_api import CDPSession, Page, expect

from newsletter.database.engine import open_engine, reading, transaction
from newsletter.database.tables import DraftRow
from newsletter.i18n.formats import format_day
from newsletter.i18n.language import Language
from newsletter.issues.cards import Event
from newsletter.issues.conditions import part_conditions, placed_conditions
from newsletter.issues.events import when_words
from newsletter.issues.markdown.writer import to_markdown
from newsletter.issues.model import Issue, issue_from_json, issue_to_json
from newsletter.issues.sources.editor_json import read_json
from newsletter.newsletters.publications import find_newsletter
from newsletter.tokens import TokenSigner
from subscribers.lists.imports.imports import import_csv
from subscribers.segments.saved import save_segment
from tests.issues.test_markdown_writer import ISSUES
from tests.support.accessible import violations
from tests.support.examples import examples
from tests.support.site import serving
from tests.support.stage import set_stage
from tests.web.issues.desk import PLAIN, Desk

TEXT = """---
title: 十二月号
date: 2026-12-01
preheader: 年末の窓口の案内と、来年から変わる手続きをまとめました。
---

# 1. お知らせ

## 市役所

### 窓口の時間

年末は二十八日までです。

<https://example.jp/hours>

### 税の申告

二月から始まります。

# 2. 催し

### 祭り

雨でも開きます。
"""
_NUMBERS = count(1)
_ROUND_TRIP = """async (issues) => {
  const editor = await import("/static/vendor/editor/editor.js");
  return issues.map((issue) => editor.toIssue(editor.toDocument(issue)));
}"""


@pytest.fixture(scope="module")
def studio(
    _servers: None, _sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Desk]:
    folder = tmp_path_factory.mktemp("studio")
    shutil.copy(_sqlite_template, folder / "newsletter.sqlite3")
    engine = open_engine(f"sqlite:///{folder / 'newsletter.sqlite3'}")
    set_stage(engine)
    with serving(engine, TokenSigner([b"k" * 40]), folder, secret_keys=("k" * 40,)) as url:
        yield Desk(engine=engine, url=url)
    engine.dispose()


@pytest.fixture
def page(studio: Desk, window: Page) -> Page:
    studio.sign_in(window, f"editor{next(_NUMBERS)}@example.jp")
    return window


@pytest.fixture
def mail(studio: Desk, page: Page) -> Page:
    """A page where the text of these tests can be written in."""
    with page.expect_response("**/findings"):
        studio.start(page, TEXT, view="mail")
    expect(page.locator(".mail .item").first).to_be_visible()
    return page


def kept(studio: Desk, page: Page) -> Issue:
    """Return the draft once the page has saved it."""
    # What was typed is in the document, and no longer saved, before the next frame.
    page.evaluate("() => new Promise(requestAnimationFrame)")
    expect(page.locator("#state")).to_have_text("Saved")
    return stored(studio, page)


def stored(studio: Desk, page: Page) -> Issue:
    """Return the draft of a page as the database has it."""
    number = int(re.findall(r"/drafts/(\d+)", page.url)[0])
    with reading(studio.engine) as session:
        return issue_from_json(session.get_one(DraftRow, number).content)


def write_in(page: Page, words: str) -> None:
    """Put the caret at the end of the text that says so."""
    line = page.locator(".mail").get_by_text(words, exact=True).last
    # The head of the page grows when the first findings arrive, which moves the mail.
    for _ in range(3):
        line.click()
        if line.evaluate("line => line.contains(getSelection().anchorNode)"):
            break
    page.keyboard.press("End")
    # The editor learns where the caret is by an event that comes before the next frame.
    page.evaluate("() => new Promise(requestAnimationFrame)")


def lines(page: Page) -> list[str]:
    """Return what the mail says, a line a block."""
    found: list[str] = page.evaluate(
        "[...document.querySelectorAll('.mail > :not(.drawn-contents, .head-part)')]"
        ".map((each) => each.innerText.trim())"
    )
    return [line for line in found if line]


@given(ISSUES)
@settings(
    max_examples=examples(60),
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_any_issue_goes_through_the_editor_unchanged(mail: Page, issue: Issue) -> None:
    value = issue_to_json(issue)

    assert mail.evaluate(_ROUND_TRIP, [value]) == [value]


def test_kinds_that_the_editor_does_not_know_are_kept(mail: Page) -> None:
    block = {"kind": "hologram", "depth": 3, "content": [{"kind": "text", "text": "あ"}]}
    run = {"kind": "scent", "of": "桜"}
    value = issue_to_json(read_json(_value(title="題")))
    value["lead"] = [{"kind": "paragraph", "content": [run]}, block]

    assert mail.evaluate(_ROUND_TRIP, [value]) == [value]


def test_days_and_hours_read_as_in_the_mail(studio: Desk, page: Page) -> None:
    event = Event(name="Market", starts="2026-09-01T08:00", ends="2026-09-01T09:30")
    issue = Issue(
        title="Autumn", language=Language.ENGLISH, issue_date=date(2026, 9, 1), lead=(event,)
    )
    studio.start(page, to_markdown(issue), view="mail")

    # A draft that is begun from an issue has a day of its own.
    day = stored(studio, page).issue_date
    expect(page.locator(".date-button")).to_have_text(format_day(day, issue.language))
    fact = page.locator(".mail .fact").first
    expect(fact).to_have_text(when_words(event, issue.language))
    expect(page.locator(".mail .day-month")).to_have_text(["Sept", "Tue"])


def _value(**fields: Any) -> str:
    blank = {"masthead": "", "number": "", "preheader": "", "lead": [], "chapters": []}
    return json.dumps(
        {"title": "題", "issue_date": "2026-12-01", "language": "ja"} | blank | fields
    )


def test_a_headline_and_a_paragraph_are_typed_into(studio: Desk, mail: Page) -> None:
    write_in(mail, "税の申告")
    mail.keyboard.type("と相談")
    write_in(mail, "雨でも開きます。")
    mail.keyboard.press("Enter")
    mail.keyboard.type("入場は ")
    mail.keyboard.press("Control+b")
    mail.keyboard.type("無料")
    mail.keyboard.press("Control+b")
    mail.keyboard.type(" です。")

    issue = kept(studio, mail)
    assert issue.chapters[0].sections[0].items[1].headline == "税の申告と相談"
    second = issue_to_json(issue)["chapters"][1]["items"][0]["body"][1]["content"]
    assert [run["kind"] for run in second] == ["text", "strong", "text"]


def test_markdown_signs_become_what_they_stand_for(studio: Desk, mail: Page) -> None:
    write_in(mail, "雨でも開きます。")
    for typed in (
        "### 新しい記事",
        "- 一つ",
        "二つ",
        "",
        "> 引用",
        "",
        "",
        "**太い** と [表](example.jp/a) ",
        "---",
    ):
        mail.keyboard.press("Enter")
        mail.keyboard.type(typed)

    items = issue_to_json(kept(studio, mail))["chapters"][1]["items"]
    assert [item["headline"] for item in items] == ["祭り", "新しい記事"]
    body = items[1]["body"]
    assert [block["kind"] for block in body][:3] == ["list", "quotation", "paragraph"]
    strong, _, anchor = body[2]["content"][:3]
    assert (strong["kind"], anchor["url"]) == ("strong", "https://example.jp/a")


def test_an_address_is_a_link_as_soon_as_its_end_is_typed(studio: Desk, mail: Page) -> None:
    write_in(mail, "雨でも開きます。")
    mail.keyboard.press("Enter")
    mail.keyboard.type("案内はhttps://example.jp/a をどうぞ。")
    mail.keyboard.press("Shift+Enter")
    mail.keyboard.type("宛先 koho@example.jp")
    mail.keyboard.press("Enter")
    mail.keyboard.type("example.jp と https://example.jp/b")

    body = issue_to_json(kept(studio, mail))["chapters"][1]["items"][0]["body"]
    first, second = body[1]["content"], body[2]["content"]
    assert [run["url"] for run in first if run["kind"] == "anchor"] == [
        "https://example.jp/a",
        "mailto:koho@example.jp",
    ]
    assert [run["kind"] for run in second] == ["text"]


def test_the_list_of_blocks_opens_by_a_slash_and_is_searched(studio: Desk, mail: Page) -> None:
    write_in(mail, "二月から始まります。")
    mail.keyboard.press("Enter")
    mail.keyboard.type("/hyou")
    options = mail.get_by_role("listbox", name="Blocks").get_by_role("option")
    expect(options).to_have_count(1)
    assert violations(mail) == []
    mail.keyboard.press("Enter")
    mail.keyboard.type("日時")
    mail.keyboard.press("Tab")
    mail.keyboard.type("場所")

    table = issue_to_json(kept(studio, mail))["chapters"][0]["sections"][0]["items"][1]["body"][1]
    assert [cell[0]["text"] for cell in table["head"][:2]] == ["日時", "場所"]


def test_escape_leaves_the_slash_as_text(mail: Page) -> None:
    write_in(mail, "二月から始まります。")
    mail.keyboard.press("Enter")
    mail.keyboard.type("/a")
    mail.keyboard.press("Escape")
    expect(mail.get_by_role("listbox", name="Blocks")).to_be_hidden()
    assert "/a" in lines(mail)


def test_a_field_of_the_reader_comes_into_the_middle_of_a_sentence(mail: Page) -> None:
    blocks, dialog = mail.get_by_role("listbox", name="Blocks"), mail.get_by_role("dialog")
    field = {"kind": "field", "field": "name", "fallback": "読者"}
    write_in(mail, "雨でも開きます。")
    mail.keyboard.type("/脚注")
    mail.keyboard.press("Enter")
    dialog.get_by_role("button", name="Cancel").click()
    mail.keyboard.press("ArrowLeft")
    mail.keyboard.type("/sashikomi")
    mail.keyboard.press("Enter")
    dialog.get_by_role("button", name="Insert").click()
    mail.get_by_role("toolbar").get_by_role("button", name="Reader’s name or field").click()
    dialog.get_by_role("button", name="Insert").click()
    mail.keyboard.type("大人/")
    expect(blocks).to_be_visible()
    mail.keyboard.press("Escape")

    (paragraph,) = kept_now(mail)["chapters"][1]["items"][0]["body"]
    assert paragraph["content"] == [
        _text("雨でも開きます"),
        field,
        field,
        _text("大人/。"),
    ]


def test_a_slash_that_is_text_stays_text_whatever_follows(mail: Page) -> None:
    typed = (
        "1/2",
        "https://example.jp/a",
        "and/or",
        "大人/子供",
        "氏名/名前",
        "12月/表",
        "3日/4日",
    )
    write_in(mail, "雨でも開きます。")
    for words in typed:
        mail.keyboard.press("Enter")
        mail.keyboard.type(words)
    mail.keyboard.press("Enter")

    body = kept_now(mail)["chapters"][1]["items"][0]["body"]
    first = [block["content"][0] for block in body[1:]]
    assert [run.get("text") or run["content"][0]["text"] for run in first] == list(typed)


def test_a_link_is_asked_for_beside_its_words(studio: Desk, mail: Page) -> None:
    write_in(mail, "雨でも開きます。")
    for _ in range(4):
        mail.keyboard.press("Shift+ArrowLeft")
    mail.keyboard.press("Control+k")
    address = mail.get_by_role("dialog").get_by_label("Address")
    address.fill("javascript:alert(1)")
    address.press("Enter")
    expect(mail.get_by_role("alert").filter(has_text="This is not an address")).to_be_visible()
    assert violations(mail) == []
    address.fill("example.jp/festival")
    address.press("Enter")

    content = issue_to_json(kept(studio, mail))["chapters"][1]["items"][0]["body"][0]["content"]
    assert content[1]["url"] == "https://example.jp/festival"


def test_parts_and_blocks_move_by_keys_and_everything_is_undone(mail: Page) -> None:
    before = kept_now(mail)
    write_in(mail, "税の申告")
    mail.keyboard.press("Alt+ArrowUp")
    write_in(mail, "催し")
    mail.keyboard.press("Alt+ArrowUp")
    write_in(mail, "雨でも開きます。")
    mail.get_by_role("toolbar").get_by_role("button", name="Delete", exact=True).click()

    after = kept_now(mail)
    assert [chapter["heading"] for chapter in after["chapters"]] == ["催し", "お知らせ"]
    assert [chapter["number"] for chapter in after["chapters"]] == [1, 2]
    items = after["chapters"][1]["sections"][0]["items"]
    assert [item["headline"] for item in items] == ["税の申告", "窓口の時間"]
    assert after["chapters"][0]["items"][0]["body"] == []
    for _ in range(6):
        mail.keyboard.press("Control+z")
    assert kept_now(mail) == before
    mail.keyboard.press("Control+Shift+z")
    assert kept_now(mail) != before


def kept_now(page: Page) -> dict[str, Any]:
    """Return the value that the page holds."""
    value: dict[str, Any] = page.evaluate(
        """async () => {
          const editor = await import("/static/vendor/editor/editor.js");
          return editor.toIssue(editor.view.state.doc);
        }"""
    )
    return value


def test_who_sees_a_part_is_chosen_among_the_segments_by_the_keyboard_alone(
    studio: Desk, page: Page
) -> None:
    with transaction(studio.engine) as session:
        newsletter = find_newsletter(session, "digest").id
        save_segment(session, newsletter, name="子育て", query='tag = "child"')
    with page.expect_response("**/findings"):
        studio.start(page, TEXT, view="mail")

    def choose(words: str, readers: str) -> None:
        write_in(page, words)
        page.get_by_role("button", name="Choose who sees it…").focus()
        page.keyboard.press("Enter")
        pick = page.get_by_role("group", name="Shown to").get_by_role("button", name=readers)
        pick.focus()
        page.keyboard.press("Space")
        expect(pick).to_have_attribute("aria-pressed", "true")
        assert violations(page) == []
        page.get_by_role("button", name="Apply").focus()
        page.keyboard.press("Enter")
        expect(page.locator(".mail.ProseMirror")).to_be_focused()

    choose("年末は二十八日までです。", "子育て")
    page.keyboard.type("朝")
    expect(page.locator(".mail .for-some .body")).to_have_text("年末は二十八日までです。朝")
    choose("祭り", "子育て")
    assert part_conditions(kept(studio, page)) == ("子育て",)
    assert [place.heading for place, _ in placed_conditions(kept(studio, page))] == [
        "窓口の時間",
        "祭り",
    ]
    choose("祭り", "Everybody")
    choose("年末は二十八日までです。朝", "Everybody")
    page.keyboard.type("夕")
    expect(page.get_by_text("年末は二十八日までです。朝夕", exact=True)).to_be_visible()
    assert part_conditions(kept(studio, page)) == ()


def test_readers_are_chosen_by_a_tag_or_by_a_segment_that_is_built_for_it(
    studio: Desk, page: Page
) -> None:
    with reading(studio.engine) as session:
        newsletter = find_newsletter(session, "digest").id
    lines = ["email,tags\n", "press@example.jp,press\n"]
    import_csv(studio.engine, newsletter, lines, source="test", basis="test")
    studio.start(page, TEXT, view="mail")

    write_in(page, "祭り")
    page.get_by_role("button", name="Choose who sees it…").click()
    page.get_by_role("group", name="Tags").get_by_role("button", name="press").click()
    page.get_by_role("button", name="Apply").click()
    assert part_conditions(kept(studio, page)) == ('tag = "press"',)
    heading = page.locator(".mail .item", has_text="祭り")
    expect(heading).to_have_attribute("data-readers", "Tags: press")

    write_in(page, "祭り")
    page.get_by_role("button", name="Choose who sees it…").click()
    with page.expect_popup() as opened:
        page.get_by_role("button", name="Build a new segment…").click()
    builder = opened.value
    builder.get_by_label("Name", exact=True).last.fill("everyone-else")
    builder.get_by_label("What is asked about").select_option("domain")
    builder.get_by_label("Value").fill("example.jp")
    with builder.expect_event("close"):
        builder.get_by_role("button", name="Save", exact=True).click()
    chosen = page.get_by_role("group", name="Shown to").get_by_role("button", name="everyone-else")
    expect(chosen).to_have_attribute("aria-pressed", "true")
    page.get_by_role("button", name="Apply").click()
    assert part_conditions(kept(studio, page)) == ("everyone-else",)


def test_a_segment_that_was_deleted_is_marked_where_readers_are_chosen(
    studio: Desk, page: Page
) -> None:
    studio.start(page, TEXT.replace("### 祭り", "### 祭り\n:for[退会者]"), view="mail")
    write_in(page, "祭り")
    page.get_by_role("button", name="Choose who sees it…").click()

    choices = page.get_by_role("group", name="Shown to")
    gone = choices.get_by_role("button", name="退会者 (deleted segment)")
    expect(gone).to_have_attribute("aria-pressed", "true")
    assert violations(page) == []


def test_a_block_is_dragged_by_its_handle(mail: Page) -> None:
    mail.set_viewport_size({"width": 1280, "height": 1600})
    mail.locator(".mail").get_by_text("祭り", exact=True).hover()
    mail.get_by_role("button", name="Move or change this block").drag_to(
        mail.locator(".mail").get_by_text("窓口の時間", exact=True),
        target_position={"x": 4, "y": 2},
    )
    items = kept_now(mail)["chapters"][0]["sections"][0]["items"]
    assert [item["headline"] for item in items] == ["祭り", "窓口の時間", "税の申告"]
    mail.set_viewport_size({"width": 1280, "height": 720})


def test_a_dragged_block_shows_one_line_where_it_lands_and_none_after(mail: Page) -> None:
    mail.set_viewport_size({"width": 1280, "height": 1600})
    lines = mail.locator(".prosemirror-dropcursor-block, .prosemirror-dropcursor-inline")
    mail.locator(".mail").get_by_text("祭り", exact=True).hover()
    mail.get_by_role("button", name="Move or change this block").hover()
    mail.mouse.down()
    mail.locator(".mail").get_by_text("窓口の時間", exact=True).hover(position={"x": 4, "y": 2})
    mail.locator(".mail").get_by_text("窓口の時間", exact=True).hover(position={"x": 4, "y": 3})
    expect(mail.locator(".landing-line")).to_be_visible()
    assert lines.count() == 0, "asked at once: it goes by itself in time"
    mail.mouse.up()
    expect(mail.locator(".landing-line")).to_be_hidden()
    assert lines.count() == 0
    mail.set_viewport_size({"width": 1280, "height": 720})


def test_a_dropped_picture_is_kept_and_described(studio: Desk, mail: Page) -> None:
    drawn = BytesIO()
    Image.new("RGB", (40, 20), "teal").save(drawn, "PNG")
    write_in(mail, "雨でも開きます。")
    with mail.expect_file_chooser() as chooser:
        mail.get_by_role("button", name="Picture", exact=True).click()
    chooser.value.set_files(
        {"name": "map.png", "mimeType": "image/png", "buffer": drawn.getvalue()}
    )
    asked = mail.get_by_role("dialog")
    expect(asked.locator("img")).to_have_js_property("naturalWidth", 40)
    asked.get_by_label("Alternative text").fill("会場の地図")
    asked.get_by_role("button", name="Insert").click()
    expect(mail.locator(".mail img.picture")).to_have_js_property("naturalWidth", 40)

    picture = issue_to_json(kept(studio, mail))["chapters"][1]["items"][0]["body"][1]
    assert (picture["kind"], picture["alt"]) == ("picture", "会場の地図")


def test_a_picture_of_a_kind_that_mail_cannot_show_is_refused_before_anything_is_asked(
    mail: Page,
) -> None:
    write_in(mail, "雨でも開きます。")
    mail.locator(".mail").evaluate(
        """mail => {
          const clipboardData = new DataTransfer();
          clipboardData.items.add(new File(["x"], "IMG_1.HEIC", { type: "image/heic" }));
          const event = { clipboardData, bubbles: true, cancelable: true };
          mail.dispatchEvent(new ClipboardEvent("paste", event));
        }"""
    )
    expect(mail.locator("#notice")).to_contain_text("Save it as JPEG or PNG")
    expect(mail.get_by_role("dialog")).to_have_count(0)


def paste(page: Page, name: str) -> list[dict[str, Any]]:
    """Paste what another program puts on the clipboard; return the text of its part."""
    write_in(page, "雨でも開きます。")
    page.keyboard.press("Enter")
    html = (Path(__file__).parent / "clipboard" / f"{name}.html").read_text()
    page.evaluate(
        """async (html) => {
          const editor = await import("/static/vendor/editor/editor.js");
          editor.view.pasteHTML(html);
        }""",
        html,
    )
    found: list[dict[str, Any]] = kept_now(page)["chapters"][1:]
    return found


def test_lists_tables_and_bold_come_from_word_without_its_styles(mail: Page) -> None:
    (section,) = paste(mail, "word")[0]["sections"]

    assert section["heading"] == "見出し"
    words, bullets, numbers, table, link = section["body"]
    assert [run["kind"] for run in words["content"]] == ["strong", "text", "emphasis", "text"]
    assert (bullets["ordered"], numbers["ordered"]) == (False, True)
    assert [block["kind"] for block in bullets["items"][0]] == ["paragraph", "list"]
    assert table["rows"] == [[[{"kind": "text", "text": "未定"}], []]]
    assert link["content"][0]["url"] == "https://example.jp/a"
    notice = mail.locator("#notice")
    expect(notice).to_contain_text("Pictures could not be pasted: 1")


def test_google_documents_keep_bold_and_lose_googles_detour(mail: Page) -> None:
    chapter = paste(mail, "google")[1]

    assert chapter["heading"] == "大見出し"
    words, bullets = chapter["body"]
    assert [run["kind"] for run in words["content"]] == ["strong", "emphasis", "anchor"]
    assert words["content"][2]["url"] == "https://example.jp/b"
    assert len(bullets["items"]) == 2


_STYLED = (
    (
        '<b style="font-weight:normal" id="docs-internal-guid-1"><p>'
        '<span style="font-weight:400">素の</span>'
        '<span style="font-size:11pt;font-weight:600;font-style:normal">太い</span>'
        '<span style="font-weight:400;font-style:italic">斜め</span>'
        '<span style="text-decoration:line-through"><span>取消</span></span></p></b>'
    ),
    (
        '<p style="font-weight:normal"><span class="TextRun">素の</span>'
        '<span style="font-weight: bold"><span class="NormalTextRun">太い</span></span>'
        '<span style="font-style: oblique">斜め</span>'
        '<span style="text-decoration-line: line-through">取消</span></p>'
    ),
    "<p><font>素の</font><b><font>太い</font></b><i>斜め</i><strike>取消</strike></p>",
    (
        '<p class="p1"><b><span style="font-weight:400">素の</span>太い</b>'
        '<em style="font-weight:300">斜め</em><s>取消</s></p>'
    ),
)


def paste_html(page: Page, html: str) -> None:
    """Paste it where the caret is."""
    page.evaluate(
        """async (html) => {
          const editor = await import("/static/vendor/editor/editor.js");
          editor.view.pasteHTML(html);
        }""",
        html,
    )


def test_words_keep_what_their_styles_say(mail: Page) -> None:
    for html in _STYLED:
        write_in(mail, "雨でも開きます。")
        mail.keyboard.press("Enter")
        paste_html(mail, html)
        body = kept_now(mail)["chapters"][1]["items"][0]["body"]
        assert len(body) > 1, lines(mail)
        runs = body[1]["content"]
        kinds = [run["kind"] for run in runs]
        assert kinds == ["text", "strong", "emphasis", "strikethrough"], html


_TABLE = "<table><tr><th>日</th></tr><tr><td>一日</td></tr></table>"


@pytest.mark.parametrize("block", ["hr", "table", "list", "picture"])
def test_text_goes_on_behind_what_was_pasted_last(mail: Page, block: str) -> None:
    html = {
        "hr": "<p>あ</p><hr>",
        "table": f"<p>あ</p>{_TABLE}",
        "list": "<ul><li>あ</li></ul>" + _TABLE,
        "picture": '<p>あ</p><img src="https://example.jp/a.png" alt="絵">',
    }[block]
    write_in(mail, "雨でも開きます。")
    paste_html(mail, html)
    mail.keyboard.type("続き")

    value = kept_now(mail)
    assert value["credits"] == []
    assert value["chapters"][1]["items"][0]["body"][-1] == _paragraph("続き")


def _paragraph(text: str) -> dict[str, Any]:
    return {"kind": "paragraph", "content": [{"kind": "text", "text": text}]}


@pytest.mark.parametrize("name", ["botan", "ibento", "renraku", "kugiri", "mokuji", "read"])
def test_text_goes_on_below_a_block_that_was_put_in(mail: Page, name: str) -> None:
    write_in(mail, "雨でも開きます。")
    mail.keyboard.press("Enter")
    before = kept_now(mail)
    mail.keyboard.type(f"/{name}")
    mail.keyboard.press("Enter")
    dialog = mail.get_by_role("dialog")
    if name not in ("kugiri", "mokuji"):
        assert kept_now(mail) == before
        expect(dialog.get_by_role("button", name="Delete")).to_have_count(0)
        for field in dialog.locator("input[required]").all():
            is_time = field.get_attribute("type") == "datetime-local"
            field.fill("2026-12-12T14:00" if is_time else "example.jp/a")
        dialog.get_by_role("button", name="Insert").click()
    if name == "ibento":
        expect(mail.locator(".block-card")).to_contain_text("2026年12月12日(土) 14:00")
    mail.keyboard.type("続き")

    value = kept_now(mail)
    assert value["credits"] == before["credits"]
    assert value["chapters"][1]["items"][0]["body"][-1] == _paragraph("続き")


def test_a_line_takes_words_and_tells_what_it_loses(mail: Page) -> None:
    title = kept_now(mail)["title"]
    mail.locator(".mail > .title").click()
    mail.keyboard.press("End")
    paste_html(mail, f'<p><a href="https://example.jp">の</a></p>{_TABLE}')
    assert kept_now(mail)["title"] == f"{title}の 日 一日"
    expect(mail.locator("#notice")).to_contain_text("left out")
    mail.locator(".mail .credits p").last.click()
    paste_html(mail, "<ul><li>発行</li><li>編集</li></ul>")
    assert kept_now(mail)["credits"] == ["発行", "編集"]
    write_in(mail, "祭り")
    paste_html(mail, f"<p>と市</p><p>本文</p>{_TABLE}")
    item = kept_now(mail)["chapters"][1]["items"][0]
    assert item["headline"] == "祭りと市"
    assert [block["kind"] for block in item["body"]] == ["paragraph", "table", "paragraph"]


PROGRAMS = (
    "word_full",
    "google_full",
    "pages",
    "outlook_web",
    "gmail",
    "writer",
    "ichitaro",
)


def _text(words: str) -> dict[str, Any]:
    return {"kind": "text", "text": words}


def test_one_text_comes_alike_from_every_program(mail: Page) -> None:
    """Each clipboard has the same text, as these programs write it."""
    before = kept_now(mail)
    inner = {"kind": "list", "items": [[_paragraph("鉛筆")]], "ordered": False, "start": 1}
    for name in PROGRAMS:
        item = paste(mail, name)[0]["items"][-1]

        assert item["headline"] == "募集のお知らせ", name
        words, bullets, numbers, table = item["body"]
        kinds = [run["kind"] for run in words["content"]]
        assert kinds == ["text", "strong", "text", "emphasis", "text", "anchor"], name
        assert words["content"][-1]["url"] == "https://example.jp/form", name
        assert words["content"][-1]["content"] == [_text("申込フォーム")], name
        assert "title" not in words["content"][-1], name
        assert bullets["items"] == [
            [_paragraph("筆記用具"), inner],
            [_paragraph("飲み物")],
        ], name
        assert (numbers["ordered"], len(numbers["items"])) == (True, 2), name
        assert [table["head"], *table["rows"]] == [
            [[_text("日付")], [_text("定員")]],
            [[_text("12月3日")], [_text("20名")]],
        ], name
        assert table["alignments"] == ["", "right"], name
        for _ in range(4):
            mail.keyboard.press("Control+z")
        assert kept_now(mail) == before


@pytest.mark.parametrize("name", ["excel", "sheets"])
def test_cells_come_as_a_table_with_their_figures_at_the_right(mail: Page, name: str) -> None:
    (table,) = (
        block for block in paste(mail, name)[0]["items"][-1]["body"] if block["kind"] == "table"
    )
    assert table["rows"] == [[[_text("12月3日")], [_text("20名")]]]
    assert table["alignments"][1] == "right"


def test_web_pages_bring_no_scripts(mail: Page) -> None:
    item = paste(mail, "page")[0]["items"][1]

    assert item["headline"] == "記事"
    kinds = [block["kind"] for block in item["body"]]
    text, picture = ["paragraph", "paragraph"], ["picture"]
    assert kinds == [*text, *picture, "quotation", "verbatim", "thematic-break", "list"]
    assert "javascript" not in json.dumps(item)


def test_both_views_show_one_value(studio: Desk, mail: Page) -> None:
    before = kept_now(mail)
    write_in(mail, "雨でも開きます。")
    mail.keyboard.type("傘は要ります。")
    mail.get_by_role("tab", name="Markdown").click()
    text = mail.locator("#text")
    expect(text).to_have_value(re.compile("雨でも開きます。傘は要ります。"))
    studio.write(mail, text.input_value().replace("傘は要ります。", ""))
    assert violations(mail) == []
    mail.get_by_role("tab", name="Write", exact=True).click()
    expect(mail.locator(".mail")).not_to_contain_text("傘")
    assert kept_now(mail) == before
    assert issue_to_json(kept(studio, mail)) == before


def test_a_finding_is_marked_at_its_block_and_leads_there(mail: Page) -> None:
    write_in(mail, "税の申告")
    mail.keyboard.type("の⽇")
    finding = mail.locator("#findings li", has_text="⽇")
    dot = mail.locator(".finding-dot")
    expect(dot).to_have_attribute("aria-label", re.compile("⽇"))
    write_in(mail, "雨でも開きます。")
    mail.locator(".panel-tabs [data-panel=checks]").click()
    finding.get_by_role("link").click()
    mail.keyboard.type("新・")
    assert "新・税の申告の⽇" in lines(mail)
    finding.get_by_role("button").click()
    expect(mail.locator(".mail")).to_contain_text("新・税の申告の日")


def test_composition_is_never_disturbed(studio: Desk, mail: Page) -> None:
    session: CDPSession = mail.context.new_cdp_session(mail)

    def compose(text: str) -> None:
        session.send(
            "Input.imeSetComposition",
            {"text": text, "selectionStart": len(text), "selectionEnd": len(text)},
        )

    write_in(mail, "雨でも開きます。")
    mail.keyboard.press("Enter")
    # What Markdown's signs and the list of blocks wait for, as half a word of an input method.
    for text in ("- ", "/", "#", "**あ**", "に", "にh", "にほんご"):
        compose(text)
        expect(mail.get_by_role("listbox", name="Blocks")).to_be_hidden()
    # A save falls due, findings come back, while the word is not yet chosen.
    mail.wait_for_timeout(1500)
    compose("日本語")
    expect(mail.locator("#state")).not_to_have_text("Saved")
    session.send("Input.insertText", {"text": "日本語"})
    body = issue_to_json(kept(studio, mail))["chapters"][1]["items"][0]["body"]
    assert [run["text"] for block in body for run in block["content"]] == [
        "雨でも開きます。",
        "日本語",
    ]
    session.detach()


def test_a_quotation_gets_its_source(mail: Page) -> None:
    write_in(mail, "雨でも開きます。")
    mail.keyboard.press("Control+Shift+9")
    mail.get_by_role("toolbar").get_by_role("button", name="Add the quotation’s source").click()
    mail.keyboard.type("市民課")
    (quotation,) = kept_now(mail)["chapters"][1]["items"][0]["body"]
    assert quotation["source"] == [{"kind": "text", "text": "市民課"}]


def test_a_slash_composed_with_letters_opens_the_list(mail: Page) -> None:
    session: CDPSession = mail.context.new_cdp_session(mail)
    write_in(mail, "雨でも開きます。")
    mail.keyboard.press("Enter")
    for text in ("／", "／ひょ", "／ひょう", "／表"):
        session.send(
            "Input.imeSetComposition", {"text": text, "selectionStart": 2, "selectionEnd": 2}
        )
        expect(mail.get_by_role("listbox", name="Blocks")).to_be_hidden()
    session.send("Input.insertText", {"text": "／表"})
    options = mail.get_by_role("listbox", name="Blocks").get_by_role("option")
    expect(options.first).to_contain_text("Table")
    mail.keyboard.press("Enter")
    mail.keyboard.type("日時")
    assert kept_now(mail)["chapters"][1]["items"][0]["body"][1]["kind"] == "table"
    session.detach()


def test_a_footnote_keeps_its_link_when_a_word_of_it_changes(mail: Page) -> None:
    write_in(mail, "雨でも開きます。")
    note: dict[str, Any] = {
        "kind": "footnote",
        "content": [
            {"kind": "text", "text": "詳しくは"},
            {
                "kind": "anchor",
                "url": "https://example.jp",
                "content": [{"kind": "text", "text": "案内"}],
            },
            {"kind": "text", "text": "へ。"},
        ],
    }
    mail.evaluate(
        """async (note) => {
          const { view } = await import("/static/vendor/editor/editor.js");
          view.dispatch(view.state.tr.insert(view.state.selection.from,
            view.state.schema.nodes.footnote.create({ content: note.content })));
        }""",
        note,
    )
    mail.locator(".mail .footnote button").click()
    mail.get_by_role("dialog").get_by_role("textbox").fill("詳しくは案内と市報へ。")
    mail.get_by_role("button", name="Apply").click()
    runs = kept_now(mail)["chapters"][1]["items"][0]["body"][0]["content"][-1]["content"]
    assert runs[1] == note["content"][1]
    assert runs[2]["text"] == "と市報へ。"


_TWO_LINKS = """async () => {
  const { view } = await import("/static/vendor/editor/editor.js");
  const { schema, doc, tr, selection } = view.state, { nodes, marks } = schema;
  const link = (name) => schema.text(name, [marks.anchor.create({ url: `https://${name}.jp/` })]);
  const content = [{ kind: "strong", content: [{ kind: "text", text: "無料" }] }];
  const note = nodes.footnote.create({ content });
  const line = nodes.paragraph.create(null, [link("one"), link("two"), note]);
  const at = doc.content.size - doc.lastChild.nodeSize, range = selection.constructor;
  tr.insert(at, line);
  view.dispatch(tr.setSelection(range.create(tr.doc, at + 4, at + 7)));
  view.focus();
  return view.serializeForClipboard(view.state.doc.slice(at, at + line.nodeSize)).dom.textContent;
}"""


def test_of_two_links_side_by_side_the_chosen_one_is_changed(mail: Page) -> None:
    write_in(mail, "雨でも開きます。")
    assert mail.evaluate(_TWO_LINKS) == "onetwo（無料）"
    mail.keyboard.press("Control+k")
    expect(mail.get_by_role("dialog").get_by_label("Address")).to_have_value("https://two.jp/")


def test_a_table_grows_by_tab_and_is_left_by_enter(mail: Page) -> None:
    write_in(mail, "雨でも開きます。")
    paste_html(mail, _TABLE)
    write_in(mail, "一日")
    mail.keyboard.press("Tab")
    mail.keyboard.type("二日")
    mail.keyboard.press("Shift+Enter")
    mail.keyboard.type("三日")
    mail.keyboard.press("Enter")
    mail.keyboard.type("続き")

    body = kept_now(mail)["chapters"][1]["items"][0]["body"]
    assert len(body[1]["rows"]) == 2, body
    assert [run.get("text") for run in body[1]["rows"][1][0]] == ["二日", None, "三日"]
    assert body[2] == _paragraph("続き")


def test_enter_at_the_end_of_a_table_leaves_it(mail: Page) -> None:
    write_in(mail, "雨でも開きます。")
    paste_html(mail, _TABLE)
    write_in(mail, "一日")
    mail.keyboard.press("Shift+Enter")
    mail.keyboard.type("二日")
    mail.keyboard.press("Enter")
    mail.keyboard.type("続き")

    body = kept_now(mail)["chapters"][1]["items"][0]["body"]
    assert [run.get("text") for run in body[1]["rows"][0][0]] == ["一日", None, "二日"]
    assert body[2] == _paragraph("続き")


@pytest.mark.parametrize(
    ("keys", "is_followed"),
    [
        ("ArrowDown", False),
        ("Tab Enter", False),
        ("Tab Tab", False),
        ("Tab ArrowDown", False),
        ("Tab Tab ArrowDown", True),
    ],
)
def test_a_table_is_left_by_the_keyboard(mail: Page, keys: str, *, is_followed: bool) -> None:
    write_in(mail, "雨でも開きます。")
    paste_html(mail, _TABLE.replace("</tr>", "<td>午前</td></tr>") if is_followed else _TABLE)
    if not is_followed:
        mail.keyboard.press("Backspace")
    write_in(mail, "一日")
    for key in keys.split():
        mail.keyboard.press(key)
    mail.keyboard.type("続き")

    value = kept_now(mail)
    table, paragraph = value["chapters"][1]["items"][0]["body"][1:]
    assert len(table["rows"]) == 1
    assert paragraph == _paragraph("続き")
    assert value["credits"] == []


_WHOLE = [
    {"kind": "table", "alignments": ["", ""], "head": [[], []], "rows": [[[], []], [[], []]]},
    {"kind": "gallery", "pictures": [{"kind": "picture", "source": "/a", "alt": "木"}] * 2},
    {"kind": "columns", "left": [], "right": []},
]
#: Puts blocks at the end of the text; returns where a caret can begin in the whole mail.
_CARETS = """async (blocks) => {
  const { view, toDocument, toIssue } = await import("/static/vendor/editor/editor.js");
  const issue = toIssue(view.state.doc);
  issue.chapters[1].items[0].body.push(...blocks);
  const doc = toDocument(issue), found = [];
  view.dispatch(view.state.tr.replaceWith(0, view.state.doc.content.size, doc.content));
  view.state.doc.descendants((node, pos) => { if (node.isTextblock) found.push(pos + 1); });
  window.began = view.state;
  return found;
}"""
#: Puts the caret into the mail as it was then; returns the kinds of what is in it meanwhile.
_BEGIN_AT = """async (at) => {
  const { view } = await import("/static/vendor/editor/editor.js"), found = [];
  view.state.doc.check();
  view.state.doc.descendants(({ type: { name } }) => {
    if (!["text", "paragraph"].includes(name)) found.push(name);
  });
  view.updateState(window.began);
  const { tr, doc } = view.state, { constructor } = Object.getPrototypeOf(view.state.selection);
  view.dispatch(tr.setSelection(constructor.near(doc.resolve(at))));
  view.focus();
  return found;
}"""


def test_what_is_typed_after_an_arrow_key_adds_no_cell_picture_or_line(mail: Page) -> None:
    carets = mail.evaluate(_CARETS, _WHOLE)
    kinds = mail.evaluate(_BEGIN_AT, carets[0])

    for caret in [*carets[:2], *carets[10:15], *carets[16:20]]:
        for key in ("ArrowDown", "ArrowRight"):
            mail.evaluate(_BEGIN_AT, caret)
            mail.keyboard.press(key)
            mail.keyboard.type("a")
            assert mail.evaluate(_BEGIN_AT, caret) == kinds, (caret, key)


def test_text_that_no_key_brings_leaves_what_follows_a_chosen_line(mail: Page) -> None:
    before = kept_now(mail)["chapters"]
    cdp = mail.context.new_cdp_session(mail)
    for send in ("Input.insertText", "Input.imeSetComposition"):
        mail.locator(".mail .title").click()
        mail.keyboard.press("ArrowDown")
        expect(mail.locator(".mail .ProseMirror-selectednode")).to_have_count(1)
        more = {"selectionStart": 1, "selectionEnd": 1} if "ime" in send else {}
        cdp.send(send, {"text": "字", **more})
        assert len(kept_now(mail)["chapters"]) == len(before), send


def test_a_letter_goes_behind_a_chosen_block_and_backspace_takes_it(mail: Page) -> None:
    rule, event = {"kind": "thematic-break"}, {"kind": "event", "name": "市", "starts": ""}
    mail.evaluate(_CARETS, [rule, event])
    cdp = mail.context.new_cdp_session(mail)
    for place, typed in ((".rule-line", "keys"), (".block-card", "ime"), (".rule-line", "text")):
        mail.locator(f".mail {place}").last.click(position={"x": 4, "y": 4})
        expect(mail.locator(".mail .ProseMirror-selectednode")).to_have_count(1)
        if typed == "keys":
            mail.keyboard.type("字")
        else:
            if typed == "ime":
                at = {"selectionStart": 1, "selectionEnd": 1}
                cdp.send("Input.imeSetComposition", {"text": "じ", **at})
            cdp.send("Input.insertText", {"text": "文"})
    body = kept_now(mail)["chapters"][1]["items"][0]["body"]
    assert [block["kind"] for block in body[-5:]] == [
        "thematic-break",
        "paragraph",
        "paragraph",
        "event",
        "paragraph",
    ]
    assert body[-4:-2] == [_paragraph("文"), _paragraph("字")]
    assert body[-1] == _paragraph("文")

    mail.locator(".mail .block-card").last.click(position={"x": 4, "y": 4})
    expect(mail.locator(".mail .ProseMirror-selectednode")).to_have_count(1)
    mail.keyboard.press("Backspace")
    assert event not in kept_now(mail)["chapters"][1]["items"][0]["body"]


def test_arrow_keys_go_from_cell_to_cell(mail: Page) -> None:
    mail.evaluate(_CARETS, _WHOLE[:1])
    mail.locator(".mail .cell").first.click()
    for key, word in (("ArrowDown", "い"), ("ArrowRight", "ろ"), ("ArrowUp", "は")):
        mail.keyboard.press(key)
        mail.keyboard.insert_text(word)

    cells = mail.locator(".mail .cell").all_inner_texts()
    assert [cell.strip() for cell in cells] == ["", "は", "い", "ろ", "", ""]


@given(data=st.data())
@settings(
    max_examples=examples(8),
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_no_order_of_keys_and_pastes_breaks_the_mail(mail: Page, data: st.DataObject) -> None:
    """Anything is pasted and pressed anywhere: nothing is thrown, and what is typed arrives."""
    keys = (
        "Enter",
        "Control+a",
        "Control+Enter",
        "Escape",
        "ArrowDown",
        "ArrowUp",
        "Backspace",
        "Delete",
    )
    pastes = (*_STYLED[:2], _TABLE, f"<p>あ</p>{_TABLE}", "<hr>", "<ul><li>あ<ul><li>い</ul></ul>")
    shown = st.sampled_from([".masthead", ".title", ".item", ".body", ".credits p", ".cell"])
    thrown: list[str] = []
    mail.on("pageerror", lambda error: thrown.append(str(error)))
    for _ in range(data.draw(st.integers(4, 10))):
        mail.evaluate(_CHECK)
        act = data.draw(st.sampled_from(["click", "key", "key", "paste", "paste", "type"]))
        if act == "click":
            place = mail.locator(f".mail {data.draw(shown)}")
            if place.count():
                place.last.click()
        elif act == "key":
            mail.keyboard.press(data.draw(st.sampled_from(keys)))
        elif act == "paste":
            paste_html(mail, data.draw(st.sampled_from(pastes)))
        else:
            mail.keyboard.type("語")
    mail.evaluate(_CHECK)
    word = "〆切" + str(next(_NUMBERS))
    was_shown = mail.evaluate(_CARET)
    mail.keyboard.type(word)
    assert thrown == []
    if was_shown is not None:
        assert word in mail.evaluate(
            "getSelection().focusNode.parentElement.closest('.mail *').textContent"
        )
        assert word in json.dumps(kept_now(mail), ensure_ascii=False)


_CHECK = """async () => {
  const editor = await import("/static/vendor/editor/editor.js");
  editor.view.state.doc.check();
  editor.view.focus();
}"""
_CARET = """async () => {
  const editor = await import("/static/vendor/editor/editor.js");
  const { selection } = editor.view.state;
  return selection.$cursor ? selection.from : null;
}"""


def test_bad_values_are_refused_with_their_place(studio: Desk, mail: Page) -> None:
    here = mail.url.split("?")[0]
    csrf = mail.locator("#write [name=csrf]").get_attribute("value") or ""

    def send(value: str) -> tuple[int, Any]:
        answer = mail.request.post(
            here,
            form={"view": "mail", "issue": value, "template": "", "revision": "1"},
            headers={"X-CSRF-Token": csrf, "Accept": "application/json", "Origin": studio.url},
        )
        return answer.status, answer.json()

    link = {"url": "javascript:alert(1)", "label": "x"}
    item = {"headline": "記事", "body": [], "links": [link]}
    chapter = {"heading": "章", "items": [item]}
    status, told = send(_value(chapters=[chapter]))
    assert (status, told["block"]) == (422, "c1-i1")
    assert send(_value(title=" "))[1]["block"] == "title"
    assert send(_value(issue_date=""))[1]["block"] == "date"
    for broken in ("", "[]", "{}", "[" * 100_000, _value(lead=[{"kind": "hologram"}])):
        assert send(broken)[0] == 422


def test_the_editor_needs_no_mouse_and_axe_finds_nothing(mail: Page) -> None:
    write_in(mail, "雨でも開きます。")
    toolbar = mail.get_by_role("toolbar", name="Formatting")
    first = toolbar.get_by_role("button").first
    first.focus()
    mail.keyboard.press("End")
    expect(toolbar.get_by_role("button", name="Redo")).to_be_focused()
    mail.keyboard.press("Escape")
    expect(mail.locator(".mail")).to_be_focused()
    first.focus()
    mail.keyboard.press("Home")
    mail.keyboard.press("Enter")
    expect(mail.get_by_role("listbox", name="Blocks")).to_be_visible()
    mail.keyboard.press("Escape")
    for width, scheme in ((1280, "light"), (375, "dark")):
        mail.set_viewport_size({"width": width, "height": 800})
        mail.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        assert violations(mail) == []
        assert mail.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    mail.emulate_media(color_scheme="light")
    mail.set_viewport_size({"width": 1280, "height": 720})


def test_the_value_that_is_kept_is_what_its_markdown_says(mail: Page) -> None:
    assert PLAIN
    kept_value = kept_now(mail)
    assert issue_to_json(read_json(json.dumps(kept_value))) == kept_value
