"""Markdown with front matter as a source of issues."""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import date

import pytest
from mdurl._decode import decode_cache
from mdurl._encode import encode_cache

from newsletter.errors import ContentError
from newsletter.i18n.language import Language
from newsletter.issues.checks.content import check_issue
from newsletter.issues.checks.lines import find_lines
from newsletter.issues.markdown.dialect import ReadCount
from newsletter.issues.markdown.reader import read_body, read_markdown
from newsletter.issues.markdown.runs import without_blank_edges
from newsletter.issues.markdown.writer import to_markdown
from newsletter.issues.model import (
    Anchor,
    Comment,
    ContentsLine,
    Issue,
    LineBreak,
    ListBlock,
    Paragraph,
    Picture,
    Quotation,
    Strong,
    Table,
    Text,
    ThematicBreak,
)
from newsletter.issues.outline import table_of_contents
from newsletter.issues.plain_text import block_text, inline_words
from newsletter.issues.sources.digest import read_digest
from newsletter.issues.sources.form import read_sheet, to_sheet
from newsletter.issues.sources.reading import read_issue
from newsletter.issues.walking import walk_blocks, walk_urls
from newsletter.samples import sample_issue
from tests.support.growth import assert_linear

HEAD = "---\ntitle: 題\ndate: 2026-11-20\n---\n"


def test_the_tables_of_addresses_are_whole_before_threads_read_them() -> None:
    whole = {len(table) for table in (*encode_cache.values(), *decode_cache.values())}
    assert whole == {128}


def _read(body: str, head: str = HEAD) -> Issue:
    return read_issue((head + body).encode(), source="issue.md").issue


def test_the_japanese_sample_has_its_parts() -> None:
    issue = read_issue(sample_issue(Language.JAPANESE), source="sample").issue
    assert [(chapter.number, chapter.heading) for chapter in issue.chapters] == [
        (1, "今月の特集"),
        (2, "デジタル化の話題"),
        (3, "編集後記"),
    ]
    assert [(part.heading, len(part.items)) for part in issue.chapters[1].sections] == [
        ("自治体", 3),
        ("学び", 1),
        ("海外", 1),
    ]


def test_contents_are_derived_when_none_are_given() -> None:
    issue = _read("# 1. 章\n## 節\n### 項\n\n# 2. 次\n")
    assert [(line.anchor, line.text) for line in table_of_contents(issue)] == [
        ("c1", "章"),
        ("c1-s1", "節"),
        ("c2", "次"),
    ]


def test_a_single_heading_has_no_contents_but_those_that_were_written() -> None:
    assert table_of_contents(_read("# 章\n\n本文\n")) == ()
    assert table_of_contents(_read("### 項\n\n本文\n")) == ()
    assert len(table_of_contents(_read("# 章\n\n### 項\n"))) == 2
    line = ContentsLine(text="章", anchor="c1")
    assert table_of_contents(replace(_read("# 章\n"), contents=(line,))) == (line,)


def test_a_link_by_itself_at_the_end_belongs_to_its_item() -> None:
    item = _read("### 項\n\n本文\n\n<https://example.jp/>\n").chapters[0].items[0]
    assert [link.url for link in item.links] == ["https://example.jp/"]
    assert [block_text(block) for block in item.body] == ["本文"]


def test_blocks_keep_their_kind() -> None:
    lead = _read(
        "**強**い[語](https://e.jp/)\n\n- 一\n- 二\n\n> 引用\n\n![図](https://e.jp/a.png)\n"
    ).lead
    assert [type(block) for block in lead] == [Paragraph, ListBlock, Quotation, Picture]
    assert isinstance(lead[0], Paragraph)
    assert isinstance(lead[0].content[0], Strong)
    assert isinstance(lead[0].content[2], Anchor)


@pytest.mark.parametrize("end", ["\n", "  \n", "\\\n", "<br>\n", "<br />"])
def test_a_line_that_is_typed_is_a_line_that_is_read(end: str) -> None:
    lead = _read(f"日時: 11月3日{end}場所: 公民館\n").lead
    assert [block_text(block) for block in lead] == ["日時: 11月3日\n場所: 公民館"]


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("3. 三\n1. 一\n2. 二", "3. 三\n\n1. 一\n2. 二"),
        ("1. 一\n2. 二\n\n5. 五", "1. 一\n2. 二\n\n5. 五"),
        ("2. 二\n2. 二の次", "2. 二\n3. 二の次"),
        ("1. 一\n1. 二\n1. 三", "1. 一\n2. 二\n3. 三"),
        ("> 9. 九\n> 7. 七", "> 9. 九\n> 7. 七"),
    ],
)
def test_numbers_of_a_list_are_those_typed_unless_all_are_the_same(typed: str, read: str) -> None:
    issue = _read(typed)
    assert "\n\n".join(map(block_text, issue.lead)) == read
    assert read_markdown(to_markdown(issue), source="written")[0] == issue


@pytest.mark.parametrize(
    ("behind", "first"),
    [
        ("python", ""),
        ("python name.py", "name.py\n"),
        ("python:name.py", "name.py\n"),
        ("name.py", "name.py\n"),
        ("設定.yml", "設定.yml\n"),
        ('yaml title="設定.yml" linenos=1', "設定.yml\n"),
        ("sh Run this first", "Run this first\n"),
        ("{.python .numberLines}", ""),
        ("js {1,3}", ""),
        ("c++", ""),
        ("objective-c", ""),
    ],
)
def test_words_behind_a_fence_are_the_first_line_but_for_a_languages_name(
    behind: str, first: str
) -> None:
    assert block_text(_read(f"~~~{behind}\ncode\n~~~").lead[0]) == f"{first}code"


@pytest.mark.parametrize(
    ("typed", "kinds"),
    [
        ("一行目\n二行目\n-----\n後", [Paragraph, ThematicBreak, Paragraph]),
        ("一行目\n二行目\n=====\n後", [Paragraph]),
    ],
)
def test_a_rule_below_several_lines_makes_no_heading_of_them(typed: str, kinds: list[type]) -> None:
    issue = _read(typed)
    assert ([type(block) for block in issue.lead], issue.chapters) == (kinds, ())


PATHS = [
    "C:\\Users\\_work\\.git\\#1",
    "\\\\server\\共有\\(旧)資料\\第1回_議事録_最終.pdf",
    "D:\\!重要\\",
]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "around", ["{}", "場所は{}です", "「{}」、**{}** [{}](https://a.jp/)", "| {} |\n|---|"]
)
def test_a_path_of_windows_is_read_as_it_is_typed(path: str, around: str) -> None:
    issue = _read(around.format(path, path, path))
    said = block_text(issue.lead[0])
    assert said.count(path) == around.count("{}")
    assert read_markdown(to_markdown(issue), source="written")[0] == issue


@pytest.mark.parametrize(
    "words", ["\\1*", "\\1_ x", "C:_ x", "C:*x*", "A:\\*", "\\\\a", "C:\\a_*b_"]
)
def test_what_looks_like_a_path_once_it_is_escaped_comes_back_the_same(words: str) -> None:
    lead = (Paragraph(content=(Text(text=words),)),)
    issue = Issue(title="題", issue_date=date(2026, 1, 1), lead=lead)
    assert read_markdown(to_markdown(issue), source="written")[0].lead == lead


@pytest.mark.parametrize("end", ["\x0b", "\x0c", "\u2028", "\u2029"])
def test_a_line_end_of_a_word_processor_is_one(end: str) -> None:
    read = read_issue(f"{HEAD}一\n日時: 3日{end}場所: 公民館\n".encode(), source="x")
    assert [block_text(block) for block in read.issue.lead] == ["一\n日時: 3日\n場所: 公民館"]
    (change,) = read.changes
    line = read.text.split("\n").index("日時: 3日") + 1
    assert (change.line, change.column, change.before) == (line, 7, end)


@pytest.mark.parametrize("below", ["※備考", "https://example.jp/x", "*注* 付き"])
def test_a_table_ends_at_a_line_without_a_bar(below: str) -> None:
    lead = _read(f"| 日 | 内容 |\n|---|---|\n| 1日 | 開会 |\n{below}\n").lead
    assert [type(block) for block in lead] == [Table, Paragraph]


def test_a_line_end_in_a_heading_is_a_blank() -> None:
    chapters = _read("# one<br>two\n\nこれは章\n===\n").chapters
    assert [chapter.heading for chapter in chapters] == ["one two", "これは章"]


def test_a_comment_stays_with_the_editor() -> None:
    lead = _read("<!-- 部長に確認。\n\n没なら消す -->\n\n一<!-- 二 -->三\n").lead
    assert [block_text(block) for block in lead] == ["", "一三"]
    assert isinstance(lead[0], Comment)
    assert "没なら消す" in lead[0].text


@pytest.mark.parametrize(
    ("typed", "url", "after"),
    [
        ("詳しくはhttps://e.jp/musi（無料）", "https://e.jp/musi", "（無料）"),
        ("(https://e.jp/a_(b)).", "https://e.jp/a_(b)", ")."),
        ("https://e.jp/?a=1&region=2、次", "https://e.jp/?a=1&region=2", "、次"),
        ("https://e.jp/?a=1&amp;b=2", "https://e.jp/?a=1&b=2", ""),
        ("**https://e.jp/_x_/**", "https://e.jp/_x_/", ""),
        ("https://e.jp/wiki/Foo_", "https://e.jp/wiki/Foo_", ""),
        ("https://e.jp/?r=_x_.", "https://e.jp/?r=_x_", "."),
        ("_詳細 https://e.jp/a_", "https://e.jp/a", ""),
        ("\\_詳細 https://e.jp/a_", "https://e.jp/a_", ""),
        ("https://総務省.jp/", "https://xn--lhr645fjve.jp/", ""),
        ("「info@e.jp」へ", "mailto:info@e.jp", "」へ"),
        ("https://e.de/sperrmüll?a=ä ab", "https://e.de/sperrm%C3%BCll?a=%C3%A4", " ab"),
        ("https://e.sa/أخبار، ثم", "https://e.sa/%D8%A3%D8%AE%D8%A8%D8%A7%D8%B1", "، ثم"),
        ("https://e.ru/новости.", "https://e.ru/%D0%BD%D0%BE%D0%B2%D0%BE%D1%81%D1%82%D0%B8", "."),
        ("https://e.jp/?l[]=b&f[a][0]=c[1]", "https://e.jp/?l%5B%5D=b&f%5Ba%5D%5B0%5D=c", "[1]"),
    ],
)
def test_a_bare_address_is_a_link_and_ends_where_text_goes_on(
    typed: str, url: str, after: str
) -> None:
    issue = _read(f"本文。{typed}\n")
    assert [found for _, found in walk_urls(issue)] == [url]
    assert block_text(issue.lead[0]).endswith(after)


@pytest.mark.parametrize(
    "typed", ["`https://e.jp/`", "https\\://e.jp/", "xhttps://e.jp/", "https://e"]
)
def test_what_is_no_address_is_no_link(typed: str) -> None:
    assert not list(walk_urls(_read(f"本文。{typed} 。\n")))


def test_pictures_step_out_of_marks_and_links_with_words() -> None:
    picture = "![図](https://e.jp/p.png)"
    lead = _read(f"**前{picture}後** [{picture} 詳細](https://e.jp/)\n").lead
    assert [block_text(block) for block in lead] == [
        "前",
        "[図] https://e.jp/p.png",
        "後",
        "[図] https://e.jp/p.png\n→ https://e.jp/",
        "詳細 <https://e.jp/>",
    ]


def test_a_link_in_a_heading_becomes_the_first_of_its_parts_links() -> None:
    item = _read("### [記事](https://e.jp/a) #2\n\n本文\n\n<https://e.jp/b>\n").chapters[0].items[0]
    assert item.headline == "記事 #2"
    assert [(link.label, link.url) for link in item.links] == [
        ("記事", "https://e.jp/a"),
        ("", "https://e.jp/b"),
    ]


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("title: 虫の便り #12", "虫の便り #12"),
        ("title: 速報: 開催は5日", "速報: 開催は5日"),
        ("title: [速報] 開催", "[速報] 開催"),
        ("title: *|FNAME|*さん", "*|FNAME|*さん"),
        ("title: '一' と '二'", "'一' と '二'"),
        ("title: '一 #2' # 注", "一 #2"),
        ('title: "a\\u3042"', "aあ"),
        ("title: >\n  一\n  二 #3", "一 二 #3\n"),
        ("title: 一\n  二", "一 二"),
        ("title: 2026", "2026"),
        ("title: yes", "yes"),
    ],
)
def test_a_title_is_what_is_typed(typed: str, read: str) -> None:
    assert _read("", head=f"---\n{typed}\ndate: 2026-11-20\n---\n").title == read


@pytest.mark.parametrize(
    ("matter", "message"),
    [
        ("title: a\ntitle: b", r"issue\.md:3: .*has “title” twice"),
        ("title: &a b\ncontents: &b []", r"issue\.md:3: .*are not read"),
        ("contents: *a", r"issue\.md:2: .*are not read"),
        ('title: "a\\0b"\ndate: 2026-01-01', r"issue\.md:2: .*U\+0000"),
        ('date: 2026-01-01\ntitle: "a\\uFFFE"', r"issue\.md:3: .*U\+FFFE"),
        ("contents: " + "[" * 3000, "issue"),
        ("contents:\n  - " + "- " * 3000, "issue"),
        ("title: " + "a" * 70_000, "larger than 64 kB"),
        ("date: !!int 1:59:59:59\ntitle: a", r"issue\.md:2: "),
    ],
)
def test_front_matter_that_is_no_words_is_refused_with_its_line(matter: str, message: str) -> None:
    with pytest.raises(ContentError, match=message):
        _read("", head=f"---\n{matter}\n---\n")


def test_html_is_text_like_any_other() -> None:
    assert block_text(_read("a <b>c</b>\n").lead[0]) == "a <b>c</b>"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (HEAD + "[x](javascript:alert)\n", r"issue\.md:5"),
        (HEAD + "\n\n![x](file:///etc/passwd)\n", r"issue\.md:7"),
        (HEAD + "[^1]\n\n[^1]: a [^1]\n", r"issue\.md:7: There is a footnote inside a footnote"),
        (HEAD + "[a]\n\n[a]: /b\n[a]: /c\n", r"issue\.md:8: The link “A” is defined twice"),
        (HEAD + "[^1]\n\n[^1]: - a\n", r"issue\.md:7: A footnote contains more than plain text"),
        (HEAD + "# 章[^1]\n\n[^1]: 注\n", r"issue\.md:5: There is a footnote in a heading"),
        (
            HEAD + "|a|\n|-|\n" + f"{'|a' * 200}|\n" * 60,
            r"issue\.md:5: The tables have more than 10,000 cells",
        ),
        (
            HEAD + f"a\n\n{'|a' * 200}|\n{'|-' * 200}|\n" + "|\n" * 60,
            r"issue\.md:7: The tables have more than 10,000 cells",
        ),
        (
            HEAD + (f"{'|a' * 100}|\n{'|-' * 100}|\n" + "|\n" * 60 + "\n") * 2,
            r"issue\.md:68: The tables have more than 10,000 cells",
        ),
        (
            HEAD + "|![a](https://e.jp/p)|\n|---|\n",
            r"issue\.md:5: There is a picture in a table cell",
        ),
        (HEAD + "a <!-- b\n\nc -->\n", r"issue\.md:5: A comment does not end"),
        (HEAD + "a\n\n" + "> " * 60 + "b\n", r"issue\.md:7: .* too deep"),
        (HEAD + "a\n\n" + "*a **b " * 60 + "c" + "** c*" * 60, r"issue\.md:7: .* too deep"),
        ("---\ntitle: 題\n---\n", r"The front matter lacks the field date"),
        ("---\ntitle: 題\ndate: 2026-11-20\ncolour: red\n---\n", r"issue\.md:4: colour"),
        (
            "---\nlayout: post\ntitle: T\ndate: 2026-11-20\ntags: [a]\n---\n",
            r"md:2: .* layout and tags\.",
        ),
        ("---\ntitle: T\ndate: Nov 20, 2026\n---\n", r"md:3: date: “Nov 20, 2026” is not a date"),
        (HEAD + "[out](*|UNSUB|*)\n", r"issue\.md:5: .* field of another mail system: \*\|UNSUB"),
        (HEAD + "[申込]()\n", r"issue\.md:5: The link leads nowhere"),
        ("---\ncontents: [\n---\n", r"issue\.md:\d: The front matter is not valid YAML"),
        ("---\ntitle: 題\n", r"issue\.md:1: The front matter is not closed"),
        (
            "---\n\n件名：題\n番号：12\n---\n",
            r"issue\.md:3: The front matter has no field .*件名：題",
        ),
        ("---\n- title\n---\n", r"issue\.md:2: The front matter has no field with a value"),
        ("---\n\n---\n", r"issue\.md:2: The front matter is empty"),
        ("just words", r"neither Markdown"),
    ],
)
def test_a_fault_is_named_with_its_line(text: str, message: str) -> None:
    with pytest.raises(ContentError, match=message):
        read_issue(text.encode(), source="issue.md")


@pytest.mark.parametrize(
    "written",
    [
        "2026-11-20",
        "2026/11/20",
        "2026年11月20日",
        "2026-11-20T23:30:00+09:00",
        "2026-11-20 23:30:00 -0800",
        '"2026.11.20"',
    ],
)
def test_the_day_of_an_edition_is_read_as_other_systems_write_it(written: str) -> None:
    read = read_issue(f"---\ntitle: T\ndate: {written}\n---\n".encode(), source="issue.md")
    assert f"{read.issue.issue_date}" == "2026-11-20"


def _read_or_refuse(text: str) -> None:
    with contextlib.suppress(ContentError):
        check_issue(_read(text))


@pytest.mark.parametrize(
    "typed",
    ["*", "*a ", "[", "a@", "https://", "~~a ", "![a](", "{{a ", "`", ":field[a|", ":field[a|\\]"],
)
def test_signs_again_and_again_take_as_long_as_their_number(typed: str) -> None:
    assert_linear(_read_or_refuse, lambda count: typed * count + "\n", size=5_000)


def test_very_many_breaks_are_dropped_in_the_time_of_their_number() -> None:
    assert_linear(without_blank_edges, lambda count: [LineBreak()] * count, size=400_000)


@pytest.mark.parametrize("end", ["", "]", "](https://example.jp/a.png)", " a]" * 100])
@pytest.mark.parametrize("typed", ["![", "[", "[!["])
def test_brackets_that_nothing_ends_take_as_long_as_other_text(typed: str, end: str) -> None:
    assert_linear(
        _read_or_refuse, lambda length: typed * (length // len(typed)) + end + "\n", size=16_000
    )


def test_a_picture_within_a_link_among_brackets_is_still_one() -> None:
    typed = "[[[[[[[[ [![図](https://example.jp/a.png)](https://example.jp/) と [記](https://example.jp/b)"
    assert sorted(walked for _, walked in walk_urls(_read(typed + "\n"))) == [
        "https://example.jp/",
        "https://example.jp/a.png",
        "https://example.jp/b",
    ]


@pytest.mark.parametrize(
    ("language", "nearest"),
    [
        ("ja-JP", Language.JAPANESE),
        ("JA", Language.JAPANESE),
        ("ja_JP.UTF-8", Language.JAPANESE),
        ("日本語", Language.JAPANESE),
        ("ja-Jpan-JP-x-office", Language.JAPANESE),
        ('""', Language.JAPANESE),
        ("en-GB", Language.ENGLISH),
        ("English", Language.ENGLISH),
        ("pt-BR", Language.ENGLISH),
    ],
)
def test_any_language_has_a_nearest_one(language: str, nearest: Language) -> None:
    head = f"---\ntitle: 題\ndate: 2026-11-01\nlanguage: {language}\n---\n"
    assert _read("", head=head).language is nearest


@pytest.mark.parametrize("line", ["", "language:\n", 'language: ""\n'])
def test_an_issue_that_names_no_language_has_that_of_its_newsletter(line: str) -> None:
    text = f"---\ntitle: News\ndate: 2026-11-01\n{line}---\n"
    issue, _ = read_markdown(text, source="news.md", language=Language.ENGLISH)
    assert issue.language is Language.ENGLISH


@pytest.mark.parametrize(
    "head",
    [
        "Title: 号 #12: 速報\nDate: 2026-11-01\nNUMBER: 007",
        "TITLE : 号 #12: 速報\ndate : 2026-11-01\nnumber : 007",
        '"title": 号 #12: 速報\n"date": 2026-11-01\n"number": 007',
        "title:\t号 #12: 速報\ndate:\t2026-11-01\nnumber:\t007",
        "title：号 #12: 速報\nDate ： 2026-11-01\nnumber：　007",
        "Title: >\n  号\n  #12:\n  速報\nDate: 2026-11-01\nNumber: '007'",
    ],
)
def test_keys_are_read_however_other_systems_write_them(head: str) -> None:
    issue = _read("", head=f"---\n{head}\n---\n")
    assert (issue.title.strip(), issue.number) == ("号 #12: 速報", "007")


@pytest.mark.parametrize(
    ("matter", "line", "message"),
    [
        ("title: 題\nTitle: 題\ndate: 2026-11-01", 3, "has “Title” twice"),
        ("title: 題\ndate: 2026-11-01\nLanguage: 言葉", 4, "“言葉” is not a language"),
        ("title: 題\nDate: 明日", 3, "is not a date"),
        ("title: 題\ndate: 2026-11-01\nTags: [a]\nLayout: b", 4, "unknown fields: tags and layout"),
    ],
)
def test_what_is_wrong_is_named_with_its_line_in_any_case(
    matter: str, line: int, message: str
) -> None:
    with pytest.raises(ContentError, match=message) as failure:
        _read("", head=f"---\n{matter}\n---\n")
    assert failure.value.place is not None
    assert failure.value.place.line == line


def test_all_faults_of_the_front_matter_are_told_at_once() -> None:
    with pytest.raises(ContentError) as failure:
        _read("", head="---\ntitel: 題\nlanguage: 言葉\ndate: 明日\n---\n")
    told = failure.value
    for words in ("unknown fields: titel", "lacks the field title", "“明日”", "“言葉”"):
        assert words in told.what
    assert told.place is not None
    assert told.place.line == 2
    assert told.remedy is not None
    assert "2026-12-01" in told.remedy
    for words in ("Line 2: The front matter has unknown", "Line 3: “言葉”", "Line 4: “明日”"):
        assert words in told.what

    with pytest.raises(ContentError) as bare:
        _read("", head="---\nnumber: 1\n---\n")
    assert bare.value.what.count("lacks the field") == 2
    assert str(bare.value.remedy).count("title and date are required") == 1


def _footnotes(count: int) -> str:
    marks = "".join(f"[^{n}]\n" for n in range(count))
    return f"a[^1]\n{marks}\n" + "".join(f"[^{n}]: n\n\n" for n in range(count))


def _event(field: str) -> Callable[[int], str]:
    return lambda count: f"::: event\nname: N\n{field.format(' ' * count)}\n:::\n"


@pytest.mark.parametrize(
    ("body", "size"),
    [
        pytest.param(lambda n: "<!-- a\n" * n, 4_000, id="comments without end"),
        pytest.param(
            lambda n: "<!-- a\n" * n + "b --> c\n", 4_000, id="comments that end in a sentence"
        ),
        pytest.param(lambda n: "- <!-- a\n" * n + "\nb --> c\n", 1_000, id="comments in a list"),
        pytest.param(lambda n: "<a" + " " * n + "\n\n", 100_000, id="a tag without end"),
        pytest.param(_footnotes, 1_000, id="footnotes"),
        pytest.param(_event("date: 2026-1-1{}x"), 16_000, id="a day before a gap"),
        pytest.param(_event("date: x{}x"), 16_000, id="a gap in a span"),
        pytest.param(_event("starts: 2026-1-1 {}(a)x"), 16_000, id="a gap in a beginning"),
    ],
)
def test_what_is_long_takes_no_longer_than_its_length(
    body: Callable[[int], str], size: int
) -> None:
    assert_linear(_read_or_refuse, body, size=size)


@pytest.mark.parametrize("day", ["9999-12-31", "2201-01-01", "0206-11-20"])
def test_a_day_that_nobody_meant_is_refused_wherever_it_is_typed(day: str) -> None:
    far = rf"{day} is out of range.*1900 to 2200"
    with pytest.raises(ContentError, match=rf"md:3: date: {far}"):
        read_markdown(f"---\ntitle: T\ndate: {day}\n---\n", source="md")
    with pytest.raises(ContentError, match=rf"txt:1: date: {far}"):
        read_digest(f"{day}\nTitle\n1. Chapter\ntext\n", source="txt")
    issue, _ = read_markdown("---\ntitle: T\ndate: 2026-11-20\n---\n\nText\n", source="md")
    with pytest.raises(ContentError, match=rf"{far}"):
        read_sheet(replace(to_sheet(issue), date=day), issue, template="")


def test_a_number_that_no_edition_has_is_refused() -> None:
    with pytest.raises(ContentError, match=r"md:4: number: .* at most 100 characters"):
        read_markdown(f"---\ntitle: T\ndate: 2026-11-20\nnumber: {'4' * 101}\n---\n", source="md")


@pytest.mark.parametrize("day", ["令和8年12月1日", "令和 8年 12月 1日", "R8.12.1", "2026年12月1日"])
def test_a_day_of_reiwa_is_read_as_one_of_the_common_calendar(day: str) -> None:
    issue, _ = read_markdown(f"---\ntitle: T\ndate: {day}\n---\n", source="md")
    assert issue.issue_date == date(2026, 12, 1)


@pytest.mark.parametrize(
    "matter",
    ["title: 題\ntitle: 題", "title: &a 題", "contents: [", "title: 題\n  x: y: z", "\t- a"],
)
def test_what_is_wrong_with_front_matter_is_said_in_the_reader_s_language(matter: str) -> None:
    with pytest.raises(ContentError) as refused:
        read_markdown(f"---\n{matter}\n---\n", source="md")
    shown = refused.value.in_language(Language.JAPANESE)
    assert not re.search(r"[A-Za-z]+ [A-Za-z]+ [A-Za-z]+", shown), shown
    assert refused.value.remedy


@pytest.mark.parametrize(
    ("body", "line"),
    [
        ("```python\nprint(1)\n\n# 章\n", 6),
        ("本文\n\n```\na\n~~~\n", 8),
        ("- 項\n\n  ```\n  a\n\n後\n", 8),
        ("````\na\n```\n", 6),
        ("```", 6),
    ],
)
def test_code_that_is_not_closed_is_refused_where_it_begins(body: str, line: int) -> None:
    with pytest.raises(ContentError, match=rf"md:{line}: The code block is not closed"):
        read_markdown(f"{HEAD}\n{body}", source="md")


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        ("[^1]: 使わない脚注 **太字**", ["[^1]: 使わない脚注 太字"]),
        ("本文[^1]\n\n[^1]: 一\n\n[^1]: 二", ["本文", "[^1]: 二"]),
        ("本文\n\n[^1]: 自分を指す[^1]", ["本文", "[^1]: 自分を指す[^1]"]),
        ("[^1]: 段\n\n    次の段", ["[^1]: 段", "次の段"]),
        ("[^1]: - 項", ["[^1]:", "項"]),
        ("[注]: 雨天中止\n[持ち物]: 水筒", ["[注]: 雨天中止\n[持ち物]: 水筒"]),
        ("[a]: https://e.example/\n続き", ["[a]: https://e.example/\n続き"]),
        ("[a]: https://e.example/1\n[b]: https://e.example/2\n\n[b]", None),
        ("[a]: https://e.example/\n[a]: https://e.example/\n\n[a]", ["a"]),
        ("a[0] = b[i](x) + c[i](0.5)", ["a[0] = b[i](x) + c[i](0.5)"]),
        ("callbacks[0]() と f(x)[1]()", ["callbacks[0]() と f(x)[1]()"]),
        ("[会場](雨天時は体育館)", ["[会場](雨天時は体育館)"]),
        ("![図](次ページ)", ["![図](次ページ)"]),
        ("<FAX:042-000-0000>", ["<FAX:042-000-0000>"]),
        ("お知らせ\n~~~ 次回 ~~~\n12月", ["お知らせ\n~~~ 次回 ~~~\n12月"]),
        ("~~~ 次回 ~~~\n12月\n~~~~~~~", ["~~~ 次回 ~~~\n12月\n~~~~~~~"]),
        ("~~~~~ ~~~~~\n\n後", ["~~~~~ ~~~~~", "後"]),
        ("~~~\n本文", ["~~~\n本文"]),
        (f"{'~' * 20}\n見出し\n{'~' * 20}", [f"{'~' * 20}\n見出し\n{'~' * 20}"]),
        ("2*3*4=24、2**3**4", ["2*3*4=24、2**3**4"]),
    ],
)
def test_what_nothing_refers_to_or_ends_is_text_as_it_was_typed(
    body: str, shown: list[str] | None
) -> None:
    issue, _ = read_markdown(f"{HEAD}\n{body}\n", source="md")
    if shown is None:
        shown = ["[a]: https://e.example/1", "b"]
    blocks = [block for block in walk_blocks(issue.lead) if isinstance(block, Paragraph)]
    assert [inline_words(block.content) for block in blocks] == shown
    again, _ = read_markdown(to_markdown(issue), source="md")
    assert again == issue


def test_many_lines_that_begin_code_and_are_none_are_read_in_the_time_of_their_number() -> None:
    began = time.process_time()
    read_markdown(f"{HEAD}\n" + "~~~~a\n" * 9_000 + "~~~\n", source="md")
    assert time.process_time() - began < 6


@pytest.mark.parametrize("body", ["```\na\n```", "> ~~~\n> a\n> ~~~", "- x\n\n  ```\n  a\n  ```"])
def test_code_that_is_closed_is_taken(body: str) -> None:
    read_markdown(f"{HEAD}\n{body}\n\n後\n", source="md")


@pytest.mark.parametrize(
    "words",
    [
        "設定は __init__.py にあります",
        "呼び出しは __len__() です",
        "名前は obj.__class__.__name__ です",
        r"式は \(x^2+y\) です",
        r"値 \(n\) を入れる",
    ],
)
def test_names_of_python_and_formulas_keep_their_signs(words: str) -> None:
    issue, _ = read_markdown(f"{HEAD}\n{words}\n", source="md")
    assert [block_text(block) for block in issue.lead] == [words]
    again, _ = read_markdown(to_markdown(issue), source="md")
    assert again == issue


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        (r"1\. 持ち物　上履き\(必須\)、筆記用具", "1. 持ち物　上履き(必須)、筆記用具"),
        (r"A\-101 \(1年1組\) は \(optional, bring it\)", "A-101 (1年1組) は (optional, bring it)"),
        (r"定員\(10\)人", "定員(10)人"),
    ],
)
def test_brackets_of_words_that_a_program_escaped_are_brackets(typed: str, words: str) -> None:
    issue = _read(typed)
    assert [block_text(block) for block in issue.lead] == [words]
    assert {each.code for each in check_issue(issue)} <= {"preheader-missing"}


@pytest.mark.parametrize(
    "words",
    [
        "~/Documents/__backup__/list.csv を開く",
        "場所は /srv/www/_new_/*.html です",
        "（./_build_/a.txt）",
        "/home/hana/*.*",
    ],
)
def test_signs_of_a_name_in_a_path_are_its_own(words: str) -> None:
    issue = _read(words)
    assert [block_text(block) for block in issue.lead] == [words]
    again, _ = read_markdown(to_markdown(issue), source="md")
    assert again == issue


def test_a_table_is_as_wide_as_its_longest_row() -> None:
    lines = [
        "| 日 | 場所 |",
        "|---|---|",
        "| 5日 | 本庁 | 要*予約* |",
        "| 6日 |",
        "| 7日 | 支所 | |",
    ]
    issue = _read("\n".join([*lines, "", *(f"> {line}" for line in lines)]))
    table, quotation = issue.lead
    assert isinstance(table, Table)
    assert isinstance(quotation, Quotation)
    assert quotation.blocks == (table,)
    assert [[inline_words(cell) for cell in row] for row in (table.head, *table.rows)] == [
        ["日", "場所", ""],
        ["5日", "本庁", "要予約"],
        ["6日", "", ""],
        ["7日", "支所", ""],
    ]
    again, _ = read_markdown(to_markdown(issue), source="md")
    assert again == issue


@pytest.mark.parametrize(
    "words",
    [
        "大人*、子ども*は無料",
        "大人*, 子ども*",
        "8日*・15日*",
        "詳細は(*注)と(*注2)の通り",
        "（大人*）と（子ども*）",
    ],
)
def test_the_star_of_a_note_that_can_be_no_emphasis_stays(words: str) -> None:
    issue = _read(words)
    assert [block_text(block) for block in issue.lead] == [words]
    again, _ = read_markdown(to_markdown(issue), source="md")
    assert again == issue


@pytest.mark.parametrize("words", ["月/火/**水**/木", "a/*b*/c", "Mon/Tue/**Wed**/Thu", "and/_or_"])
def test_emphasis_between_slashes_is_emphasis(words: str) -> None:
    assert block_text(_read(words).lead[0]) == re.sub(r"[*_]", "", words)


@pytest.mark.parametrize(
    "lines",
    [
        ["2026. 12. 6. 일요일 오전 10시"],
        ["2026. 12. 13", "2026. 12. 20"],
        ["24. 12. Heiligabend", "25. 12. Weihnachten"],
        ["1) 2) 持ち物"],
    ],
)
def test_a_day_whose_parts_end_in_full_stops_is_one_text(lines: list[str]) -> None:
    issue = _read("\n".join(lines))
    shown = []
    for block in issue.lead:
        assert isinstance(block, ListBlock)
        for number, item in enumerate(block.items, block.start):
            (paragraph,) = item
            shown.append((str(number), block_text(paragraph)))
    assert shown == [tuple(re.split(r"[.)] ", line, maxsplit=1)) for line in lines]


@pytest.mark.parametrize("words", ["__太字__です", "This is __bold__. Next", r"\(注\[1\]\)"])
def test_what_is_no_name_and_no_formula_is_read_as_ever(words: str) -> None:
    issue, _ = read_markdown(f"{HEAD}\n{words}\n", source="md")
    assert "__" not in block_text(issue.lead[0])
    assert "\\" not in block_text(issue.lead[0])


@pytest.mark.parametrize(
    ("octets", "said"),
    [
        (b"PK\x03\x04\x14\x00", "Word, Excel"),
        (b"%PDF-1.7", "a PDF"),
        (b"+++\ntitle = 'a'\n+++\n", "begins with TOML"),
        (b'{\n "title": "a"}', "begins with JSON"),
    ],
)
def test_what_other_programs_write_is_named_with_what_to_do(octets: bytes, said: str) -> None:
    with pytest.raises(ContentError, match=said) as refused:
        read_issue(octets, source="issue")
    assert refused.value.remedy


@pytest.mark.parametrize(
    ("body", "code", "line"),
    [
        ("### 記事\n\n👨\u200d👩 一\n\n二\n三\u200d孤立\n", "character-invisible", 11),
        ("### 記事\n\n一\n\n**四**\ufffd五\n", "character-damaged", 10),
        ("一\n\n[外[内](https://a.example/)側](https://b.example/)\n", "link-broken", 8),
    ],
)
def test_a_finding_names_the_line_that_it_is_about(body: str, code: str, line: int) -> None:
    read = read_issue(f"{HEAD}\n{body}".encode(), source="md")
    found = [each for each in check_issue(read.issue) if each.code == code]
    assert [find_lines(read.text, each) for each in found] == [(line, line)]


def test_a_text_of_more_lines_than_any_newsletter_has_is_refused() -> None:
    with pytest.raises(ContentError, match=r"issue\.md:1000\d: The text has more than 10,000"):
        _read("a\n" * 10_001)


def test_a_text_of_more_headings_than_any_newsletter_has_is_refused() -> None:
    many = "# a\n\n## b\n\nc\n" * 500
    _read(many)
    with pytest.raises(ContentError, match=r"md:2505: The text has more than 1,000 headings"):
        _read(f"{many}### d\n")


@pytest.mark.parametrize(
    "path",
    [
        "C:\\[x]",
        "C:\\[設定]\\一覧.txt",
        "D:\\<課名>\\2026",
        "\\\\server\\*",
        "\\\\nas\\[旧]\\b",
        "C:\\*.pdf",
        "C:\\data\\*.*",
        "\\(^o^)/",
    ],
)
def test_a_path_of_windows_and_a_face_keep_their_backslashes(path: str) -> None:
    (paragraph,) = read_body(f"共有は {path} です", source="x")
    assert block_text(paragraph) == f"共有は {path} です"


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("Q:\\[x\\]", "Q:[x]"),
        ("A:\\*重要\\*", "A:*重要*"),
        ("C:\\[x](https://example.jp/)", "C:[x](https://example.jp/)"),
    ],
)
def test_what_is_no_path_keeps_its_escapes(typed: str, read: str) -> None:
    (paragraph,) = read_body(typed, source="x")
    assert block_text(paragraph) == read


def test_a_text_has_at_most_two_hundred_thousand_characters_whatever_its_lines() -> None:
    with pytest.raises(ContentError, match=r"issue\.md:\d: The text has more than 200,000 char"):
        _read("a\n\n" + "*a**b" * 40_000 + "\n\n" + "b" * 10)


def test_the_fields_of_a_form_have_no_more_together() -> None:
    count = ReadCount()
    for _ in range(2):
        read_body("a" * 90_000, source="blocks", count=count)
    with pytest.raises(ContentError, match="more than 200,000 char"):
        read_body("a" * 90_000, source="blocks", count=count)
