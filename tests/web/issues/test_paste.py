"""What comes from the clipboard arrives, or the page says what did not."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from playwright.sync_api import Browser, Page, expect

from newsletter.database.engine import open_engine
from newsletter.tokens import TokenSigner
from tests.support.examples import examples
from tests.support.site import serving
from tests.support.stage import set_stage
from tests.web.issues.desk import PLAIN, Desk

#: Pastes each below the text; returns what came in, and what the page says of it.
_PASTES = """async (clipboards) => {
  const { view, toIssue } = await import("/static/vendor/editor/editor.js");
  const before = view.state, found = [];
  for (const html of clipboards) {
    view.updateState(before);
    const { doc, schema } = before, start = toIssue(doc).chapters[0].items[0].body.length;
    const end = doc.content.size - doc.lastChild.nodeSize;
    const tr = view.state.tr.insert(end, schema.nodes.paragraph.create());
    view.dispatch(tr.setSelection(view.state.selection.constructor.near(tr.doc.resolve(end + 1))));
    view.pasteHTML(html);
    const [chapter] = toIssue(view.state.doc).chapters, notice = document.querySelector("#notice");
    found.push({
      blocks: chapter.items[0].body.slice(start),
      told: [...notice.querySelectorAll("li")].map((each) => each.textContent),
    });
  }
  view.updateState(before);
  return found;
}"""


@pytest.fixture(scope="module")
def studio(
    _servers: None, _sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Desk]:
    folder = tmp_path_factory.mktemp("paste")
    shutil.copy(_sqlite_template, folder / "newsletter.sqlite3")
    engine = open_engine(f"sqlite:///{folder / 'newsletter.sqlite3'}")
    set_stage(engine)
    with serving(engine, TokenSigner([b"k" * 40]), folder, secret_keys=("k" * 40,)) as url:
        yield Desk(engine=engine, url=url)
    engine.dispose()


@pytest.fixture(scope="module")
def mail(studio: Desk, _chromium: Browser) -> Iterator[Page]:
    page = _chromium.new_context(locale="en", reduced_motion="reduce").new_page()
    studio.sign_in(page)
    studio.start(page, PLAIN, view="mail")
    expect(page.locator(".mail .item").first).to_be_visible()
    yield page
    page.context.close()


def pasted(page: Page, *clipboards: str) -> list[dict[str, Any]]:
    """Paste each by itself; return the blocks that came of it and what the page said."""
    return cast("list[dict[str, Any]]", page.evaluate(_PASTES, list(clipboards)))


_CELLS = st.tuples(st.integers(0, 4), st.sampled_from([0, 1, 1, 1, 2, 3, 9]))
_TABLES = st.lists(
    st.lists(st.lists(_CELLS, max_size=4), min_size=1, max_size=4), min_size=1, max_size=3
).filter(lambda groups: any(cell for rows in groups for cell in rows))


def _html(groups: list[list[list[tuple[int, int]]]]) -> str:
    names = iter(range(1000))
    bodies = "".join(
        "<tbody>"
        + "".join(
            "<tr>"
            + "".join(
                f'<td colspan="{width}" rowspan="{height}">c{next(names)}</td>'
                for width, height in row
            )
            + "</tr>"
            for row in rows
        )
        + "</tbody>"
        for rows in groups
    )
    return f"<table>{bodies}</table>"


def _formed(groups: list[list[list[tuple[int, int]]]]) -> tuple[list[list[str]], int]:
    """Return the grid of a table, and how many of its cells are merged.

    The steps of HTML's "Forming a table" on a set of slots; a row or column in which no cell begins
    is not shown.
    """
    slots: set[tuple[int, int]] = set()
    begins: dict[tuple[int, int], tuple[int, int]] = {}
    top = 0
    for rows in groups:
        bottom = top + len(rows)
        for y, row in enumerate(rows, start=top):
            x = 0
            for colspan, rowspan in row:
                while (x, y) in slots:
                    x += 1
                right, below = x + (colspan or 1), min(y + rowspan, bottom) if rowspan else bottom
                slots |= {(a, b) for a in range(x, right) for b in range(y, below)}
                begins[x, y] = (right, below)
                x = right
        top = bottom
    names = {place: f"c{at}" for at, place in enumerate(begins)}
    columns, lines = sorted({x for x, _ in begins}), sorted({y for _, y in begins})
    merged = sum(
        any(x < each < right for each in columns) or any(y < each < below for each in lines)
        for (x, y), (right, below) in begins.items()
    )
    return [[names.get((x, y), "") for x in columns] for y in lines], merged


def _grid(table: dict[str, Any]) -> list[list[str]]:
    rows = [table["head"], *table["rows"]]
    return [["".join(run["text"] for run in cell) for cell in row] for row in rows]


@given(st.lists(_TABLES, min_size=12, max_size=12))
@settings(
    max_examples=examples(5),
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
    deadline=None,
)
def test_merged_cells_fill_their_grid(
    mail: Page, tables: list[list[list[list[tuple[int, int]]]]]
) -> None:
    for spans, found in zip(tables, pasted(mail, *map(_html, tables)), strict=True):
        grid, merged = _formed(spans)
        (table,) = (block for block in found["blocks"] if block["kind"] == "table")
        assert _grid(table) == grid, spans
        told = f"Merged cells became separate cells, with the text in the first: {merged}."
        assert found["told"] == ([told] if merged else []), spans


_WORD = """<p class=MsoNormal>定員は二十名<a style='mso-footnote-id:ftn1' href="#_ftn1"
name="_ftnref1" title=""><span class=MsoFootnoteReference><span lang=EN-US>[1]</span></span></a>で
す。</p><div style='mso-element:footnote-list'><![if !supportFootnotes]><br clear=all><hr size=1>
<![endif]><div style='mso-element:footnote' id=ftn1><p class=MsoFootnoteText><a href="#_ftnref1"
name="_ftn1" title=""><span lang=EN-US>[1]</span></a><span> 先着順。</span></p></div></div>"""
_GOOGLE = """<b style="font-weight:normal"><p>無料<sup><a href="#ftnt1" id="ftnt_ref1">[1]</a></sup>
です。</p><hr><div><p><a href="#ftnt_ref1" id="ftnt1">[1]</a><span>&nbsp;教材費は別。</span></p>
</div></b>"""
_WIKI = """<p>桜<sup id="ref-1"><a href="#note-1">[1]</a></sup>と松<sup id="ref-2">
<a href="#note-1">[1]</a></sup></p><ol><li id="note-1"><span>^ <a href="#ref-1"><sup>a</sup></a>
<a href="#ref-2"><sup>b</sup></a></span> <span>市勢要覧。</span></li></ol>"""


def test_footnotes_of_other_programs_stay_footnotes(mail: Page) -> None:
    for html, notes in (
        (_WORD, ["先着順。"]),
        (_GOOGLE, ["教材費は別。"]),
        (_WIKI, ["市勢要覧。"] * 2),
    ):
        (found,) = pasted(mail, html)
        (paragraph,) = found["blocks"]
        marks = [run for run in paragraph["content"] if run["kind"] == "footnote"]
        assert [mark["content"] for mark in marks] == [[_text(note)] for note in notes]
        assert "1" not in _words(paragraph)
        assert found["told"] == []


def test_what_has_another_form_in_a_mail_arrives_in_it(mail: Page) -> None:
    table = "<table><tr><th>物</th></tr><tr><td>{}</td></tr></table>"
    picture = '<img src="https://example.jp/s.jpg" alt="桜">'
    expected = {
        f"<table><caption>表1</caption>{table[7:].format('紙')}": ["表1", "物|紙"],
        table.format("<ul><li>紙<ul><li>白</li></ul></li><li>筆</li></ul>"): [
            "物|・紙\n\u3000・白\n・筆"
        ],
        table.format("<ol start=2><li>受付</li><li>開会</li></ol>"): ["物|2. 受付\n3. 開会"],
        table.format("<table><tr><td>一</td><td>二</td></tr></table>"): ["物|一 二"],
        table.format(f"枝{picture}"): ["物|枝", "https://example.jp/s.jpg "],
        f'<a href="https://example.jp/b">{picture}</a>': [
            "https://example.jp/s.jpg https://example.jp/b"
        ],
        "<p>H<sub>2</sub>O、30m<sup>2</sup></p>": ["H₂O、30m²"],
        "<p><ruby>躑躅<rt>つつじ</rt></ruby></p>": ["躑躅（つつじ）"],
        "<form><p>問合せ</p><button>送信</button></form>": ["問合せ", "送信"],
    }
    for found, (html, blocks) in zip(pasted(mail, *expected), expected.items(), strict=True):
        assert list(map(_words, found["blocks"])) == blocks, html
        assert found["told"] == [], html


def test_a_column_stands_as_its_cells_do_though_its_head_does_not(mail: Page) -> None:
    rows = "".join(
        f"<tr><td>{name}<td align=right>{seats}<td align={align}>{name}</tr>"
        for name, seats, align in (("公園", "1,200", "center"), ("広場", "300", "right"))
    )
    (found,) = pasted(mail, f"<table><tr><td>会場<td>定員<td>係</tr>{rows}</table>")

    assert found["blocks"][0]["alignments"] == ["", "right", ""]


def test_addresses_in_pasted_text_are_links_that_end_where_they_end(mail: Page) -> None:
    words = "詳しくはhttps://example.jp/a(b)。受付 koho@example.jp、https://a.jp?q=1&x=2. https://e.de/müll?l[]=ä"
    (found,) = pasted(mail, f"<p>{words}</p><p><code>https://example.jp/code</code></p>")

    linked, plain = (block["content"] for block in found["blocks"])
    assert [run["url"] for run in linked if run["kind"] == "anchor"] == [
        "https://example.jp/a(b)",
        "mailto:koho@example.jp",
        "https://a.jp?q=1&x=2",
        "https://e.de/m%C3%BCll?l%5B%5D=%C3%A4",
    ]
    assert "".join(run.get("text") or run["content"][0]["text"] for run in linked) == words
    assert [run["kind"] for run in plain] == ["code"]


def test_the_notice_counts_each_kind_that_did_not_arrive(mail: Page) -> None:
    link, raised = "Links that could not be kept, only their words: ", "Superscripts"
    expected = {
        '<p><a href="/a">申込</a>、<a href="b.html">案内</a></p>': [f"{link}2 (申込, 案内)."],
        '<base href="https://example.jp/x/"><p><a href="a">申込</a></p>': [],
        '<h4>催し<a href="https://example.jp/">詳細</a></h4>': [],
        '<h3>催し<a href="https://example.jp/">詳細</a></h3>': [f"{link}1 (詳細)."],
        '<p>動画</p><iframe src="https://example.jp/v"></iframe><video>再生</video>': [
            "Embedded content, such as videos and maps, could not be pasted: 2."
        ],
        '<p>広告</p><iframe width=1 height=1 src="https://example.jp/v"></iframe>': [],
        "<p>1<sup>st</sup>とC<sub>n</sub></p>": [
            f"{raised} and subscripts now stand in the line: 2."
        ],
        '<p>氏名<input value="花子"><select><option>一般</select></p>': [
            "Form fields could not be pasted: 2."
        ],
        '<p>図<svg width="300"><text>字</text></svg><img src="cid:1"></p>': [
            "Pictures could not be pasted: 2. Insert them as files."
        ],
    }
    for found, (html, told) in zip(pasted(mail, *expected), expected.items(), strict=True):
        assert found["told"] == told, html


_TASK = '<li role="checkbox" aria-checked="{}"><img src="data:image/png;base64,AA" alt="箱"><p>{}'
_NOTION = """<div class="notion-to_do-block"><div style="display:flex"><div><div><svg></svg>
<input type="checkbox"{}></div></div><div><div contenteditable="true">{}</div></div></div></div>"""
_SHEET = """<html xmlns:x="urn:schemas-microsoft-com:office:excel"><table border=0 width=216>
<tr><td colspan=2 class=xl65>健診の日程</td></tr><tr><td>日</td><td>会場</td></tr>
<tr><td>8日</td><td>公民館</td></tr><tr><td colspan=2>雨天も行います。</td></tr></table>"""
_REMARK = """<p class=MsoNormal>会場<span class=MsoCommentReference><a class=msocomanchor
href="#_msocom_1" name="_msoanchor_1">[山1]</a></span>です</p><div style='mso-element:comment-list'>
<div id="_com_1" class=msocomtxt><a name="_msocom_1"></a><p><a href="#_msoanchor_1">[山1]</a>要確認
</p></div></div>"""
_CHANGED = (
    '<p class=MsoNormal>開始<del cite="mailto:y">十時</del><ins cite="mailto:y">九時</ins></p>'
)
_PLACED = """<table border=0><tr><td><table border=0><tr><td>便り<td>12号</table></tr>
<tr><td bgcolor="#05a"><a href="https://example.jp/x">申込</a></tr></table>"""


def test_forms_of_pages_and_of_editing_arrive_as_blocks_or_are_told(mail: Page) -> None:
    left, lost = "Comments of the document were left out: 1.", "Links that could not be kept, only"
    expected: dict[str, tuple[list[str], list[str]]] = {
        "<details><summary>雨の日</summary><p>中止</p></details>": (["雨の日", "中止"], []),
        f"<ul>{_TASK.format('true', '予約')}{_TASK.format('false', '案内')}</ul>": (
            ["☑ 予約", "☐ 案内"],
            [],
        ),
        f"{_NOTION.format(' checked', '会場')}{_NOTION.format('', '講師へ<b>連絡</b>')}": (
            ["☑ 会場", "☐ 講師へ連絡"],
            [],
        ),
        _SHEET: (["健診の日程", "日|会場|8日|公民館", "雨天も行います。"], []),
        '<p>詳細</p><p><a class="btn" href="https://example.jp/a">申込</a></p>': (
            ["詳細", "申込 https://example.jp/a"],
            [],
        ),
        '<p>次の<a class="btn" href="https://example.jp/a">頁</a>へ</p>': (["次の頁へ"], []),
        _PLACED: (["便り", "12号", "申込 https://example.jp/x"], []),
        _REMARK: (["会場です"], [left]),
        _CHANGED: (
            ["開始九時"],
            ["Text that tracked changes had deleted was left out: 1."],
        ),
        '<p><a href="javascript:go(1)">押す</a><a href="javascript:void(0)">閉</a></p>': (
            ["押す閉"],
            [f"{lost} their words: 1 (押す)."],
        ),
        '<p>図</p><img src="data:image/png;base64,AA" alt="地図">': (
            ["図"],
            ["Pictures could not be pasted: 1 (地図). Insert them as files."],
        ),
    }
    for found, (html, (blocks, told)) in zip(
        pasted(mail, *expected), expected.items(), strict=True
    ):
        assert [line for block in found["blocks"] for line in _lines(block)] == blocks, html
        assert found["told"] == told, html


def _lines(block: dict[str, Any]) -> list[str]:
    match block:
        case {"kind": "list"}:
            return [line for item in block["items"] for inner in item for line in _lines(inner)]
        case {"kind": "button"}:
            return [f"{block['label']} {block['url']}"]
        case {"content": content}:
            return ["".join(run.get("text") or _lines(run)[0] for run in content)]
        case _:
            return [_words(block)]


def _text(words: str) -> dict[str, Any]:
    return {"kind": "text", "text": words}


def _words(block: dict[str, Any]) -> str:
    def inline(runs: list[dict[str, Any]]) -> str:
        return "".join("\n" if run["kind"] == "break" else run.get("text", "") for run in runs)

    match block:
        case {"kind": "table"}:
            return "|".join(inline(cell) for row in (block["head"], *block["rows"]) for cell in row)
        case {"kind": "picture"}:
            return f"{block['source']} {block['url']}"
        case _:
            return inline(block["content"])


_LOST = '<p>会場</p><p><img src="file:///C:/a.png"></p>'


def test_the_notice_of_a_paste_stays_until_it_is_closed(mail: Page) -> None:
    notice = mail.locator("#notice")
    mail.locator(".mail").get_by_text("年末は二十八日までです。").click()
    mail.keyboard.press("End")

    mail.evaluate(_PASTE, _LOST)
    expect(notice).to_contain_text("Pictures could not be pasted: 1")
    expect(mail.locator("#state")).to_have_text("Saved")
    mail.get_by_role("tab", name="Markdown").click()
    expect(mail.locator(".mail")).to_be_hidden()
    mail.get_by_role("tab", name="Write", exact=True).click()
    expect(mail.locator(".mail")).to_be_visible()
    expect(notice).to_contain_text("Pictures could not be pasted: 1")

    mail.evaluate(_PASTE, "<p>受付</p>")
    expect(notice).to_be_hidden()
    mail.evaluate(_PASTE, _LOST)
    notice.get_by_role("button", name="Close").click()
    expect(notice).to_be_hidden()


_KINDS = PLAIN.replace(
    "年末は二十八日までです。",
    """はじめ

:field[name|読者]様[^1]<!-- 要確認 -->

:::event
name: 冬の市
date: 2026-12-12
:::

:::button [申込](<https://example.jp/a>)

> 引用
> — 出典

:::columns
左
+++
右
:::

<!-- 編集メモ -->

おわり

[^1]: 注""",
)
_BETWEEN = """async () => {
  const { view } = await import("/static/vendor/editor/editor.js"), places = [];
  view.state.doc.descendants((node, pos) => {
    if (["はじめ", "おわり"].includes(node.text)) places.push(pos);
  });
  const { constructor: Selection } = view.state.selection;
  const chosen = Selection.create(view.state.doc, places[0], places[1] + 3);
  view.dispatch(view.state.tr.setSelection(chosen));
  view.focus();
}"""
_VALUE = """async () => {
  const { view, toIssue } = await import("/static/vendor/editor/editor.js");
  return toIssue(view.state.doc);
}"""


def test_what_is_cut_from_the_mail_is_whole_again_once_it_is_pasted(
    studio: Desk, mail: Page
) -> None:
    studio.start(mail, _KINDS, view="mail")
    mail.locator(".mail").get_by_text("はじめ", exact=True).click()
    before = mail.evaluate(_VALUE)
    mail.evaluate(_BETWEEN)

    mail.keyboard.press("Control+x")
    assert mail.evaluate(_VALUE)["chapters"][0]["items"][0]["body"] == []
    mail.keyboard.press("Control+v")

    assert mail.evaluate(_VALUE) == before


def test_on_a_telephone_no_bar_covers_the_line_and_mending_keeps_the_focus(
    studio: Desk, mail: Page
) -> None:
    mail.set_viewport_size({"width": 375, "height": 667})
    table = "| a | |\n| --- | --- |\n| | |\n"
    text = PLAIN + "\n段落です。\n" * 20 + f"\nコンピューターとコンピュータ。\n\n{table}"
    with mail.expect_response("**/findings"):
        studio.start(mail, text, view="mail")
    line = mail.locator(".mail").get_by_text("コンピューターと")
    line.evaluate("each => getSelection().collapse(each, 1)")
    mail.locator(".mail").focus()
    mail.keyboard.type("。")

    written, bar = line.bounding_box(), mail.locator("#toolbar").bounding_box()
    assert written
    assert bar
    assert written["y"] + written["height"] < bar["y"]

    fix = mail.locator('#findings button[name="fix"]')
    expect(fix.first).to_be_visible()
    count = fix.count()
    fix.first.click()
    expect(fix).to_have_count(count - 1)
    expect(mail.locator("#findings :focus")).to_have_count(1)
    mail.set_viewport_size({"width": 1280, "height": 720})


_PASTE = """async (html) => {
  const { view } = await import("/static/vendor/editor/editor.js");
  view.pasteHTML(html);
}"""
