"""Preflight of content: what is found in an issue, and what one click mends."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from newsletter.i18n.language import Language
from newsletter.issues.checks.content import check_issue
from newsletter.issues.checks.findings import Finding, IssueField, IssuePlace, Severity
from newsletter.issues.checks.links import find_url_fault
from newsletter.issues.markdown.reader import read_body
from newsletter.issues.model import (
    Chapter,
    ContentsLine,
    Issue,
    Item,
    Link,
    Paragraph,
    Picture,
    Section,
    Text,
)
from newsletter.issues.sources.normalise import (
    ORDINARY,
    find_character_faults,
    mend_characters,
)
from newsletter.issues.sources.reading import read_issue
from newsletter.samples import sample_issue

BLANK = Issue(
    title="十月の便り",
    issue_date=date(2026, 10, 1),
    preheader="今月は図書館の新しい窓口と、秋の催しをお知らせします。",
)


def _paragraph(text: str) -> Paragraph:
    return Paragraph(content=(Text(text=text),))


def _issue(*items: Item) -> Issue:
    return replace(BLANK, chapters=(Chapter(heading="お知らせ", items=items),))


def _with_link(url: str) -> Issue:
    return _issue(Item(headline="見出し", links=(Link(url=url),)))


def _found(issue: Issue, code: str) -> Finding:
    return next(finding for finding in check_issue(issue) if finding.code == code)


def _codes(issue: Issue) -> list[str]:
    return [finding.code for finding in check_issue(issue)]


@pytest.mark.parametrize("language", Language)
def test_the_sample_issues_have_nothing_to_mend(language: Language) -> None:
    assert check_issue(read_issue(sample_issue(language), source="sample").issue) == ()


def test_a_place_under_no_heading_is_named_without_its_anchor() -> None:
    place = IssuePlace(field=IssueField.BODY, chapter=1)
    assert place.anchor not in place.described().in_language(Language.JAPANESE)


def test_a_digest_is_clean_once_it_is_read(each_digest: bytes) -> None:
    issue = read_issue(each_digest, source="digest").issue

    # The real one says 「共同で実します」.
    slips = {"spelling-lost"}
    assert [code for code in _codes(issue) if code not in slips] == ["preheader-missing"]


@pytest.mark.parametrize(
    ("url", "mended"),
    [
        ("https://example.jp/news\u3001", "https://example.jp/news"),
        ("https://example.jp/news\uff09", "https://example.jp/news"),
        ("https://exa mple.jp/", None),
        ("https:///path", None),
        ("https://example", None),
        ("https://-bad-.jp/", None),
        ("https://user@example.jp/", None),
        ("https://example.jp/https://example.jp/", None),
        ("https://example.jp:99999/", None),
        ("https://localhost/preview", None),
        ("https://192.168.1.4/", None),
    ],
)
def test_a_malformed_url_blocks_and_is_mended_where_what_was_meant_is_plain(
    url: str, mended: str | None
) -> None:
    finding = _found(_with_link(url), "url-malformed")

    assert finding.severity is Severity.ERROR
    assert finding.place.anchor == "c1-i1"
    if mended is None:
        assert finding.fix is None
    else:
        assert finding.fix is not None
        assert finding.fix(_with_link(url)) == _with_link(mended)


@pytest.mark.parametrize(
    "url",
    [
        "https://www.city.example.lg.jp/a_b/c.html?q=1&r=%E3%81%82#top",
        "https://例え.テスト.jp/道",
        "https://web.archive.org/web/2020/https://example.jp/",
        "https://8.8.8.8/",
        "https://ja.example.org/wiki/Mail_(post)",
        "mailto:digest@example.jp",
    ],
)
def test_a_good_url_passes(url: str) -> None:
    assert find_url_fault(url) is None


def test_an_http_link_asks_and_one_click_makes_it_https() -> None:
    issue = _with_link("http://example.jp/a")
    finding = _found(issue, "url-http")

    assert finding.severity is Severity.WARNING
    assert finding.fix is not None
    assert finding.fix(issue) == _with_link("https://example.jp/a")


@pytest.mark.parametrize(
    ("copied", "bare"),
    [
        ("https://example.jp/a?fbclid=IwAR0x", "https://example.jp/a"),
        (
            "https://example.jp/a?id=1&gclid=x&b=%E3%81%82#top",
            "https://example.jp/a?id=1&b=%E3%81%82#top",
        ),
        ("https://example.jp/?MC_EID=1&q#x", "https://example.jp/?q#x"),
    ],
)
def test_marks_of_whoever_copied_a_link_are_taken_out_by_one_click(copied: str, bare: str) -> None:
    finding = _found(_with_link(copied), "url-marked")
    assert finding.severity is Severity.WARNING
    assert finding.fix is not None
    assert finding.fix(_with_link(copied)) == _with_link(bare)


@pytest.mark.parametrize(
    "url",
    [
        "https://example.jp/?utm_source=mail",
        "https://example.jp/fbclid=1",
        "https://a.jp/?id=gclid",
    ],
)
def test_other_parameters_of_a_link_stay(url: str) -> None:
    assert "url-marked" not in _codes(_with_link(url))


@pytest.mark.parametrize("link", ["https://example.org/agenda|Agenda", "mailto:a@example.org|Max"])
def test_words_within_an_address_behind_a_bar_are_named(link: str) -> None:
    lead = read_body(f"See <{link}>.", source="test")
    assert "url-bar" in _codes(replace(BLANK, lead=lead))


def test_a_link_that_stands_twice_is_kept_once_by_one_click() -> None:
    link = Link(url="https://example.jp/a")
    issue = _issue(Item(headline="見出し", links=(link, link, Link(url="https://example.jp/b"))))
    found = _found(issue, "link-repeated")
    assert found.severity is Severity.WARNING
    assert found.fix is not None
    assert [each.url for each in found.fix(issue).chapters[0].items[0].links] == [
        "https://example.jp/a",
        "https://example.jp/b",
    ]


def test_later_links_to_one_url_are_taken_out_by_one_click() -> None:
    link = Link(url="https://example.jp/a")
    issue = _issue(Item(headline="一", links=(link,)), Item(headline="二", links=(link,)))
    fix = _found(issue, "url-duplicate").fix
    assert fix is not None
    first, second = fix(issue).chapters[0].items
    assert (first.links, second.links) == ((link,), ())


def test_contents_in_another_order_are_derived_anew_by_one_click() -> None:
    contents = (ContentsLine(text="催し"), ContentsLine(text="お知らせ"))
    chapters = (
        Chapter(heading="お知らせ", body=(_paragraph("一"),)),
        Chapter(heading="催し", body=(_paragraph("二"),)),
    )
    issue = replace(BLANK, chapters=chapters, contents=contents)
    fix = _found(issue, "contents-order").fix
    assert fix is not None
    assert fix(issue).contents == ()


def test_the_same_url_in_two_items_asks_once() -> None:
    link = Link(url="https://example.jp/a")
    issue = _issue(Item(headline="一", links=(link,)), Item(headline="二", links=(link,)))

    assert _codes(issue) == ["url-duplicate"]


@pytest.mark.parametrize(
    ("text", "code", "severity", "ends", "mended"),
    [
        ("⽇本の⾏政", "character-lookalike", Severity.WARNING, ": ⽇ and ⾏", "日本の行政"),
        ("市⻑の⻘", "character-lookalike", Severity.WARNING, ": ⻑ and ⻘", "市長の青"),
        ("一\u00a0二", "character-lookalike", Severity.WARNING, ": unusual spaces", "一 二"),
        ("一\u202e二", "character-bidi", Severity.ERROR, "writing direction", "一二"),
        ("一\u2060二", "character-invisible", Severity.WARNING, "Invisible characters", "一二"),
        (
            "\uff86\uff6d\uff70\uff7d",
            "character-half-kana",
            Severity.HINT,
            ": ﾆ, ｭ, ｰ and ｽ",
            "ニュース",
        ),
        ("一\ufffd二", "character-damaged", Severity.ERROR, ": \ufffd", None),
        ("一\ue000二", "character-private", Severity.ERROR, "cannot see", None),
    ],
)
def test_unsuitable_characters_are_named_and_mended(
    text: str, code: str, severity: Severity, ends: str, mended: str | None
) -> None:
    issue = _issue(Item(headline="見出し", body=(_paragraph(text),)))
    finding = _found(issue, code)

    assert finding.severity is severity
    assert str(finding.message).endswith(ends)
    if mended is None:
        assert finding.fix is None
    else:
        assert finding.fix is not None
        assert finding.fix(issue) == _issue(Item(headline="見出し", body=(_paragraph(mended),)))


def test_joined_emoji_are_left_alone() -> None:
    assert _codes(_issue(Item(headline="👩\u200d💻", body=(_paragraph("一"),)))) == []


def test_a_flag_of_a_region_survives_mending() -> None:
    flag = "🏴\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f"
    assert find_character_faults(f"{flag}の日") == ()
    assert mend_characters(f"一\u2060{flag}二\U000e0067") == f"一{flag}二"


@pytest.mark.parametrize(
    "text", ["ශ්\u200dරී ලංකා", "क्\u200dष", "שלום\u200f (abc)\u200e.", "سلام\u061c 12"]
)
def test_a_script_keeps_the_invisible_characters_that_it_needs(text: str) -> None:
    assert _codes(_issue(Item(headline="一", body=(_paragraph(text),)))) == []


def test_an_override_is_a_fault_in_writing_from_right_to_left_too() -> None:
    issue = _issue(Item(headline="一", body=(_paragraph("שלום\u200f \u202eabc\u202c"),)))
    assert [(one.code, "200F" in str(one.message)) for one in check_issue(issue)] == [
        ("character-bidi", False)
    ]


def test_the_space_before_a_bold_word_survives_mending() -> None:
    issue = _issue(Item(headline="⽇", body=(_paragraph("Read on "),)))
    fix = _found(issue, "character-lookalike").fix

    assert fix is not None
    assert fix(issue).chapters[0].items[0].body == (_paragraph("Read on "),)


def test_a_picture_without_alternative_text_asks() -> None:
    picture = Picture(source="https://example.jp/a.png", alt=" ")

    assert _codes(_issue(Item(headline="一", body=(picture, _paragraph("文" * 60))))) == [
        "alt-missing"
    ]


def test_an_empty_part_is_taken_out_by_one_click() -> None:
    full, empty = Item(headline="一", body=(_paragraph("文"),)), Item(headline="二")
    section = Section(heading="節", items=(empty, full))
    issue = replace(BLANK, chapters=(Chapter(heading="章", items=(full,), sections=(section,)),))
    finding = _found(issue, "part-empty")

    assert finding.place.anchor == "c1-s1-i1"
    assert finding.fix is not None
    assert finding.fix(issue).chapters[0].sections[0].items == (full,)


def test_contents_that_lead_nowhere_are_derived_anew_by_one_click() -> None:
    issue = replace(
        _issue(Item(headline="一", body=(_paragraph("文"),))),
        contents=(ContentsLine(text="お知らせ"), ContentsLine(text="無い章")),
    )
    finding = _found(issue, "contents-dead")

    assert finding.about == "無い章"
    assert finding.fix is not None
    assert "contents-dead" not in _codes(finding.fix(issue))


def test_an_issue_without_title_or_text_is_blocked() -> None:
    assert _codes(replace(BLANK, title=" "))[:2] == ["title-empty", "issue-empty"]


@pytest.mark.parametrize(
    ("preheader", "code"),
    [("", "preheader-missing"), ("短い", "preheader-short"), ("長" * 150, "preheader-long")],
)
def test_the_preheader_is_judged(preheader: str, code: str) -> None:
    issue = _issue(Item(headline="一", body=(_paragraph("文"),)))

    assert _codes(replace(issue, preheader=preheader)) == [code]


def test_every_ordinary_character_is_suitable() -> None:
    ordinary = [chr(code) for code in range(0x10000) if ORDINARY.fullmatch(chr(code))]

    assert len(ordinary) > 21_000
    assert not [letter for letter in ordinary if find_character_faults(f"{letter}\ufffd")[1:]]


PICTURE = "![会場の入口に並ぶ人びとを写した写真](https://example.jp/a.png)"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("", True),
        ("冬の市は十二月十二日に開きます。", True),
        ("年末の窓口は二十八日までです。" * 5, False),
        ("The counters are open until the 28th. " * 5, False),
    ],
)
def test_pictures_with_hardly_any_text_are_told(words: str, *, told: bool) -> None:
    matter = f"title: 十二月号のお知らせ\ndate: 2026-12-01\ncredits: {'編集室' * 50}"
    text = f"---\n{matter}\n---\n\n{PICTURE}\n\n{words}\n"
    codes = _codes(read_issue(text.encode(), source="text").issue)

    assert ("image-only" in codes) is told
