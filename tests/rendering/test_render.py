"""An issue in a template: the result for readers, and the errors for template authors."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import html as lxml_html
from playwright.sync_api import Browser

from newsletter.errors import TemplateError
from newsletter.i18n.language import Language
from newsletter.issues.model import Issue
from newsletter.issues.sources.reading import read_issue
from newsletter.issues.walking import walk_texts, walk_urls
from newsletter.rendering.html import short_url
from newsletter.rendering.model import Publisher, RenderedIssue, Slot
from newsletter.rendering.render import derived_preheader, render_issue
from newsletter.rendering.slots import fill
from newsletter.rendering.wrap import width, wrap
from newsletter.samples import sample_issue
from newsletter.settings import Settings
from tests.issues.test_markdown_writer import ISSUES
from tests.support.examples import examples

TEMPLATES = Settings(_env_file=None).templates_dir
PUBLISHER = Publisher(
    name="まちのデジタル便り",
    sender_name="まちのデジタル便り編集室",
    sender_address="digest@example.jp",
    postal_address="〒100-0000 東京都千代田区例町1-2-3",
)
URLS: dict[str, str] = {
    Slot.UNSUBSCRIBE_URL: "https://news.example.jp/u/token",
    Slot.PREFERENCES_URL: "https://news.example.jp/p/token",
    Slot.VIEW_URL: "https://news.example.jp/v/token",
}


def _letters(text: str) -> str:
    """Return letters without white space, and without the marks of quoted lines."""
    return re.sub(r"[\s>]+", "", text)


def _render(issue: Issue, template: str = "digest", folder: Path = TEMPLATES) -> RenderedIssue:
    return render_issue(issue, template=template, templates_dir=folder, publisher=PUBLISHER)


@pytest.fixture(scope="module")
def rendered(each_digest: bytes) -> RenderedIssue:
    return _render(read_issue(each_digest, source="digest").issue)


@pytest.fixture(scope="module")
def html(rendered: RenderedIssue) -> str:
    return fill(rendered.html, URLS)


@pytest.fixture(scope="module")
def text(rendered: RenderedIssue) -> str:
    return fill(rendered.text, URLS)


def test_a_digest_has_at_most_60_kb(html: str) -> None:
    assert len(html.encode()) <= 60_000


def test_the_language_is_said(html: str) -> None:
    assert '<html lang="ja"' in html


def test_the_contents_lead_to_their_items_on_the_web_where_anchors_work(html: str) -> None:
    view = re.escape(URLS[Slot.VIEW_URL])
    targets = re.findall(rf'<p class="toc.*?href="{view}#([^"]+)"', html)
    assert targets == ["c1", "c2", "c2-s1-i4", "c2-s2-i13", "c2-s3-i1"]
    assert all(f'id="{target}"' in html for target in targets)
    assert 'href="#' not in html


def test_a_headline_leads_where_its_one_link_leads_and_addresses_are_short(html: str) -> None:
    headlines = re.findall(r'<h[34] class="item"[^>]*><a class="headline" href="([^"]+)"', html)
    shown = re.findall(
        r'<p class="more"[^>]*><a class="link named" href="([^"]+)"[^>]*>([^<]+)', html
    )
    assert len(headlines) > 15
    assert set(headlines) <= {url for url, _words in shown}
    assert [words for _url, words in shown if len(words) > 50 or words.startswith("http")] == []


def test_an_item_with_two_links_leads_nowhere_by_its_headline() -> None:
    source = (
        "---\ntitle: 題\ndate: 2026-11-20\n---\n# 章\n\n### 記事\n\n文。\n\n"
        "[一](https://example.jp/1)\n\n[二](https://example.jp/2)\n"
    )
    html = fill(_render(read_issue(source.encode(), source="x").issue).html, URLS)
    assert 'class="headline"' not in html


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://www.example.jp/", "example.jp"),
        ("https://example.jp/news/1", "example.jp/news/1"),
        ("https://example.jp/news?page=2", "example.jp/news…"),
        (
            "https://www.city.example.lg.jp/soshiki/joho/keikaku/2026.html",
            "city.example.lg.jp/soshiki/joho/k…",
        ),
        ("https://example.jp/%E6%83%85%E5%A0%B1", "example.jp/情報"),
        ("https://example.jp/%FF%00", "example.jp/%FF%00"),
        ("mailto:a@example.jp", "mailto:a@example.jp"),
        ("https://[", "https://["),
    ],
)
def test_an_address_is_shown_by_its_host_and_a_few_letters(url: str, shown: str) -> None:
    assert short_url(url) == shown


def test_an_inbox_shows_the_preheader_and_nothing_behind_it(html: str) -> None:
    hidden = re.search(r'<div style="display:none[^>]*>(.*?)</div>', html, re.DOTALL)
    assert hidden is not None
    assert len(re.sub(r"&\w+;", " ", hidden[1])) > 200


def test_outlook_is_given_a_font_that_windows_has(html: str) -> None:
    rule = re.search(r"<!--\[if mso\]><style[^>]*>[^<]*font-family: ([^,]+),", html)
    assert rule is not None
    assert rule[1] == "Meiryo"


@pytest.mark.parametrize(
    ("source", "width"),
    [
        (f"https://example.jp/images/{'a' * 64}-120w.png", "120"),
        (f"https://example.jp/images/{'a' * 64}-1200w.jpg", "576"),
        ("https://elsewhere.example/photo.jpg", "576"),
    ],
)
def test_a_picture_is_as_wide_as_its_column_and_never_wider_than_itself(
    source: str, width: str
) -> None:
    text = f"---\ntitle: 題\ndate: 2026-11-20\n---\n# 章\n\n![図]({source})\n"
    html = fill(_render(read_issue(text.encode(), source="x").issue).html, URLS)
    (picture,) = re.findall(r"<img[^>]*>", html)
    assert re.findall(r' width="([^"]*)"', picture) == [width]
    assert "max-width:100%" in picture
    assert "height=" not in picture


@pytest.mark.parametrize("width", [375, 680])
@pytest.mark.parametrize("count", [2, 3, 4])
def test_pictures_in_a_row_are_of_one_width_and_end_where_the_text_does(
    browser: Browser, count: int, width: int
) -> None:
    pictures = "\n".join(f"![図](https://example.jp/{at}.svg)" for at in range(count))
    text = f"---\ntitle: 題\ndate: 2026-11-20\n---\n# 章\n\n文。\n\n:::gallery\n{pictures}\n:::\n"
    drawn = '<svg xmlns="http://www.w3.org/2000/svg" width="900" height="600"/>'
    context = browser.new_context(viewport={"width": width, "height": 700})
    page = context.new_page()
    page.route("**/*.svg", lambda each: each.fulfill(body=drawn, content_type="image/svg+xml"))
    page.set_content(fill(_render(read_issue(text.encode(), source="x").issue).html, URLS))
    boxes = page.locator(".tile img").evaluate_all(
        "all => all.map(each => (({left, right, top}) => ({left, right, top}))"
        "(each.getBoundingClientRect()))"
    )
    line = page.locator("p.body", has_text="文。").bounding_box()
    context.close()
    assert line is not None
    sizes = {round(each["right"] - each["left"]) for each in boxes}
    assert max(sizes) - min(sizes) <= 1
    assert len({each["top"] for each in boxes}) == (1 if width > 480 else -(-count // 2))
    assert boxes[0]["left"] == pytest.approx(line["x"], abs=1)
    assert max(each["right"] for each in boxes) == pytest.approx(line["x"] + line["width"], abs=1)


@pytest.mark.parametrize("width", [375, 680])
def test_a_picture_that_fails_to_load_does_not_widen_the_mail(browser: Browser, width: int) -> None:
    text = (
        "---\ntitle: 題averyveryverylongwordwithoutanyplacetobreakit\ndate: 2026-11-20\n---\n"
        "# 章\n\n![図の説明](https://example.jp/missing.png)\n"
    )
    context = browser.new_context(viewport={"width": width, "height": 700}, offline=True)
    page = context.new_page()
    page.set_content(fill(_render(read_issue(text.encode(), source="x").issue).html, URLS))
    assert page.evaluate("document.compatMode") == "CSS1Compat"
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") == 0
    box = page.locator("img").bounding_box()
    assert box is not None
    assert box["height"] < 100
    assert box["width"] < width
    context.close()


def test_nothing_is_fetched_that_the_editor_did_not_choose(html: str) -> None:
    assert not re.findall(r"<(?:link|script|img|iframe)\b|@import|url\(", html)


def test_dark_mode_and_outlook_survive_the_inliner(html: str) -> None:
    assert "prefers-color-scheme: dark" in html
    assert "<!--[if mso" in html


def test_each_body_lets_its_reader_leave_and_names_the_sender(html: str, text: str) -> None:
    for wanted in (*URLS.values(), PUBLISHER.sender_name, PUBLISHER.postal_address):
        assert wanted in html
        assert wanted in text


def test_the_text_keeps_to_70_columns_but_for_urls(text: str) -> None:
    too_wide = [line for line in text.split("\n") if width(line) > 70]
    assert all(line.startswith("https://") for line in too_wide)


def test_marks_that_japanese_fonts_draw_wide_count_twice() -> None:
    assert width("■─…") == 6


def test_the_text_breaks_no_url(text: str) -> None:
    assert text.count("\nhttps://") == 25 + len(URLS)


def test_no_line_of_the_text_begins_with_a_mark_that_closes(text: str) -> None:
    assert not [line for line in text.split("\n") if line[:1] and line[0] in "、。」』)ー"]


@pytest.mark.parametrize("language", list(Language))
@pytest.mark.parametrize("template", ["digest", "letter"])
def test_each_sample_comes_out_in_each_template(language: Language, template: str) -> None:
    issue = read_issue(sample_issue(language), source="sample").issue
    assert _render(issue, template).subject == (issue.title,)


def test_what_an_editor_types_is_never_markup() -> None:
    source = "---\ntitle: a < b & {{ 7*7 }}\ndate: 2026-11-20\n---\n# <script>x</script>\n\n1 < 2\n"
    html = fill(_render(read_issue(source.encode(), source="x").issue).html, URLS)
    assert "<script>" not in html
    assert "a &lt; b &amp; {{ 7*7 }}" in html


@pytest.mark.parametrize("template", ["digest", "letter"])
def test_what_stands_around_the_text_is_no_markup_either(template: str) -> None:
    typed = "<b>1 & 2</b>"
    issue = read_issue(sample_issue(Language.ENGLISH), source="sample").issue
    issue = replace(issue, number=typed, masthead=typed, preheader=typed)
    rendered = _render(issue, template)
    assert "<b>1" not in fill(rendered.html, URLS)
    assert fill(rendered.text, URLS).count(typed) == len((issue.number, issue.masthead))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copytree(TEMPLATES / "email", tmp_path / "email")
    return tmp_path


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("<mj-column>", "<mj-colum>", r"digest/body\.mjml\.j2:\d+: MJML has no <mj-colum>"),
        ("<mj-text css-class", "<mj-text css-clas", r"digest/body\.mjml\.j2:\d+: .*“css-clas”"),
        ("issue.lead | html", "issue.leed | html", r"digest/body\.mjml\.j2:\d+: .*leed"),
        ("issue.lead | html", "issue.lead | htlm", r"digest/body\.mjml\.j2:\d+: .*htlm"),
        ("{{ frame.footer(words) }}", "", r"drops"),
        ("{{ issue.lead | html }}", "", r"drops"),
        ("{{ issue.lead | html }}", "<b>", r"not well-formed"),
        ("{{ issue.lead | html }}", "{{ issue.__class__.__mro__ }}", r"unsafe|undefined|access"),
    ],
)
def test_a_faulty_template_is_named(folder: Path, before: str, after: str, message: str) -> None:
    path = folder / "email/digest/body.mjml.j2"
    source = path.read_text(encoding="utf-8")
    assert before in source
    path.write_text(source.replace(before, after, 1), encoding="utf-8")
    issue = read_issue(sample_issue(Language.JAPANESE), source="sample").issue
    with pytest.raises(TemplateError, match=message):
        _render(issue, folder=folder)


@given(st.text(alphabet="あ漢字、。「」ー abcXYZ(),", max_size=300))
def test_wrapping_changes_white_space_alone(words: str) -> None:
    assert "".join(wrap(words).split()) == "".join(words.split())


@pytest.mark.parametrize("template", ["digest", "letter"])
@given(issue=ISSUES)
@settings(max_examples=examples(8))
def test_each_word_and_link_of_any_issue_is_in_both_bodies(template: str, issue: Issue) -> None:
    rendered = _render(issue, template)

    html, text = fill(rendered.html, URLS), fill(rendered.text, URLS)
    body = lxml_html.document_fromstring(
        html.encode(), parser=lxml_html.HTMLParser(encoding="utf-8")
    )
    shown = _letters("".join((*body.itertext(), *map(str, body.xpath("//@alt | //@title")))))
    for _, words in walk_texts(replace(issue, masthead="", preheader="", contents=())):
        assert _letters(words) in shown
        assert _letters(words) in _letters(text)
    for _, url in walk_urls(issue):
        assert body.xpath("//*[@href=$url or @src=$url]", url=url)
        assert url in text


CLUSTERS = [
    "👩\u200d👩\u200d👧\u200d👦",
    "葛\U000e0100",
    "か\u3099",
    "🇯🇵",
    "👍🏽",
    "☀\ufe0f",
    "é",
    "漢",
    "1️⃣",
    "A\u0301b",
]


@given(st.lists(st.sampled_from(CLUSTERS), max_size=80), st.integers(4, 20))
def test_what_people_see_as_one_letter_is_never_split(clusters: list[str], columns: int) -> None:
    lines = wrap("".join(clusters), columns=columns).split("\n")
    assert "".join(lines) == "".join(clusters)
    rest = list(clusters)
    for line in lines:
        while line:
            assert line.startswith(rest[0])
            line = line.removeprefix(rest.pop(0))  # noqa: PLW2901 - the line's rest
    assert rest == []


@pytest.mark.parametrize(
    "words",
    [
        "Fußgängerinnen überprüfen natürlich möglichst große Bögen",
        "l’été s’achève près de l’hôpital où l’élève préféré est né",
        "Новости города расскажем подробно",
        "Η εφημερίδα των πολιτών",
    ],
)
def test_words_of_any_script_with_blanks_stay_whole(words: str) -> None:
    for columns in range(14, 40):
        assert wrap(words, columns=columns).split() == words.split()


@pytest.mark.parametrize(
    "address",
    [
        "https://ja.wikipedia.org/wiki/A_(B)",
        "https://example.jp/q?x=(y)_z&n=1#a",
        "http://a.jp/(b_(c))/d",
    ],
)
def test_an_address_with_brackets_stays_on_one_line(address: str) -> None:
    for words in (f"記事（{address} ）です", f"Read ({address}) now", f"また{address} にあります"):
        for columns in range(6, 60):
            assert address in wrap(words, columns=columns)


@pytest.mark.parametrize(
    "words",
    [
        "詳しくは次の<https://example.jp/a>を見る",
        "詳しくは次の「https://example.jp/a 」、または",
        "詳しくは次の（https://example.jp/a ）。終わり",
        "詳しくは「次の（項）！」を見る",
    ],
)
def test_brackets_stay_with_what_they_embrace(words: str) -> None:
    for columns in range(6, 40):
        for line in wrap(words, columns=columns).split("\n"):
            assert line.lstrip()[:1] not in set(">」）、。！"), line
            assert line[-1] not in set("<「（"), line


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("**[案内](https://e.jp/a)**です", "案内 <https://e.jp/a> です"),
        ("*~~[案](https://e.jp/a)~~*は", "~~案 <https://e.jp/a>~~ は"),
        ("**https://e.jp/a**です", "https://e.jp/a です"),
        ("[案内](https://e.jp/a)PDF", "案内 <https://e.jp/a> PDF"),
        ("https://e.jp/a`x`", "https://e.jp/a x"),
        ("[案内](https://e.jp/a)<!-- 注 -->です", "案内 <https://e.jp/a> です"),
        ("**[案内](https://e.jp/a)**。(https://e.jp/b)", "案内 <https://e.jp/a>。(https://e.jp/b)"),
    ],
)
def test_no_mark_joins_an_address_and_the_words_behind_it(typed: str, shown: str) -> None:
    written = f"---\ntitle: 題\ndate: 2026-12-01\n---\n\n# 章\n\n{typed}\n"
    text = fill(_render(read_issue(written.encode(), source="x").issue).text, {})
    assert shown in text


def test_words_of_a_link_stay_on_one_line_where_they_fit() -> None:
    words = frozenset({"年末年始のご案内"})
    for columns in range(32, 70):
        text = wrap(
            "くわしくは" * 5 + "年末年始のご案内 <https://e.jp/>", columns=columns, whole=words
        )
        assert "年末年始のご案内" in text


def test_words_behind_a_link_stand_apart_from_its_address() -> None:
    body = "[ご案内](https://example.jp/a)をご覧ください。\n\n[地図](https://example.jp/b)、電話"
    written = f"---\ntitle: 題\ndate: 2026-12-01\n---\n\n# 章\n\n{body}\n"
    text = fill(_render(read_issue(written.encode(), source="x").issue).text, {})
    assert "<https://example.jp/a> をご覧ください。" in text
    assert "<https://example.jp/b>、電話" in text


def test_a_note_behind_an_address_is_no_part_of_it() -> None:
    issue = read_issue(
        b"---\ntitle: T\ndate: 2026-11-20\n---\nhttps://example.jp/a[^1]\n\n[^1]: b\n",
        source="x",
    ).issue
    assert "https://example.jp/a [1]" in fill(_render(issue).text, URLS)


def test_the_english_twin_has_english_marks() -> None:
    issue = read_issue(sample_issue(Language.ENGLISH), source="sample").issue
    publisher = Publisher(
        name="Harbour Letter",
        sender_name="Harbour Office",
        sender_address="letter@example.jp",
        postal_address="1-2-3 Rei-cho, Chiyoda, Tokyo",
    )
    for template in ("letter", "digest"):
        rendered = render_issue(
            issue, template=template, templates_dir=TEMPLATES, publisher=publisher
        )
        shown = fill(rendered.text, URLS)
        assert not re.findall("[\u3000-\u30ff\uff00-\uffef■◆・━─]", shown)


def test_an_address_in_running_text_is_short_in_html_and_whole_in_the_twin() -> None:
    url = "https://www.city.example.lg.jp/soshiki/joho/keikaku/2026/shiryo.html?page=2"
    source = f"---\ntitle: 題\ndate: 2026-11-20\n---\n# 章\n\n詳しくは{url}をご覧ください。\n"
    rendered = _render(read_issue(source.encode(), source="x").issue)
    html = fill(rendered.html, URLS)
    assert f'href="{url}"' in html
    assert ">city.example.lg.jp/soshiki/joho/k…</a>をご覧" in html
    assert url in fill(rendered.text, URLS)


def test_cells_of_a_table_are_not_in_the_derived_preheader() -> None:
    table = "| 手続き | 時間 |\n| --- | --- |\n| 転入届 | 28分 |\n"
    text = f"---\ntitle: t\ndate: 2026-12-04\n---\n窓口のご案内です。\n\n{table}\n\nお早めに。\n"

    found = derived_preheader(read_issue(text.encode(), source="x.md").issue)
    assert found == "窓口のご案内です。 お早めに。"


@pytest.mark.parametrize(
    ("lead", "expected"),
    [
        (
            "窓口のご案内です。https://city.example.jp/a をご覧ください。お早めに。",
            "窓口のご案内です。お早めに。",
        ),
        (
            "New hours. See https://city.example.jp/a today. Bring a card.",
            "New hours. Bring a card.",
        ),
        ("https://city.example.jp/a", "本文です。"),
        ("[ご案内](https://city.example.jp/a)をご覧ください。", "ご案内をご覧ください。"),
    ],
)
def test_a_sentence_with_an_address_is_not_in_the_derived_preheader(
    lead: str, expected: str
) -> None:
    text = f"---\ntitle: t\ndate: 2026-12-04\n---\n{lead}\n\n# 章\n\n### 項\n\n本文です。\n"

    assert derived_preheader(read_issue(text.encode(), source="x.md").issue) == expected
