"""Markdown with front matter as a source of issues."""

from __future__ import annotations

import pytest

from newsletter.errors import ContentError
from newsletter.issues.contents import table_of_contents
from newsletter.issues.model import Anchor, Issue, ListBlock, Paragraph, Picture, Quotation, Strong
from newsletter.issues.plain import block_text
from newsletter.issues.sources import read_issue
from newsletter.language import Language
from newsletter.samples import sample_issue

HEAD = "---\ntitle: 題\ndate: 2026-11-20\n---\n"


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


def test_a_line_end_between_japanese_characters_means_nothing() -> None:
    assert block_text(_read("これは\n一文です。\n").lead[0]) == "これは一文です。"


def test_a_line_end_between_western_words_is_a_space() -> None:
    assert block_text(_read("one\ntwo\n").lead[0]) == "one two"


def test_html_is_text_like_any_other() -> None:
    assert block_text(_read("a <b>c</b>\n").lead[0]) == "a <b>c</b>"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (HEAD + "[x](javascript:alert)\n", r"issue\.md:5"),
        (HEAD + "\n\n![x](file:///etc/passwd)\n", r"issue\.md:7"),
        (HEAD + "## 節\n", r"issue\.md:5: A section"),
        (HEAD + "#### 深い\n", r"issue\.md:5: Headings"),
        ("---\ntitle: 題\n---\n", r"date: Field required"),
        ("---\ntitle: 題\ndate: 2026-11-20\ncolour: red\n---\n", r"issue\.md:4: colour"),
        ("---\ntitle: [\n---\n", r"issue\.md:\d: The front matter is no YAML"),
        ("---\ntitle: 題\n", r"issue\.md:1: The front matter does not end"),
        ("just words", r"neither Markdown"),
    ],
)
def test_a_fault_is_named_with_its_line(text: str, message: str) -> None:
    with pytest.raises(ContentError, match=message):
        read_issue(text.encode(), source="issue.md")
