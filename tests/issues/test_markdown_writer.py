"""Markdown and blocks are two views of one value: what is written reads back the same."""

from __future__ import annotations

from datetime import date
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsletter.i18n.language import Language
from newsletter.issues.cards import Button, Contact, Event, File
from newsletter.issues.markdown.reader import read_markdown
from newsletter.issues.markdown.writer import to_markdown
from newsletter.issues.model import (
    Alignment,
    Anchor,
    Block,
    Chapter,
    Code,
    Columns,
    Comment,
    Conditional,
    Contents,
    Emphasis,
    Footnote,
    Gallery,
    Heading,
    Inline,
    Issue,
    Item,
    LineBreak,
    Link,
    ListBlock,
    MergeField,
    Paragraph,
    Picture,
    Quotation,
    Section,
    Snippet,
    Strikethrough,
    Strong,
    Table,
    Text,
    ThematicBreak,
    Verbatim,
)
from newsletter.issues.sources.reading import read_issue
from newsletter.issues.translation_units import fields_of_block
from newsletter.issues.walking import content_of
from newsletter.samples import sample_issue
from tests.support.examples import examples

WORDS = (
    st.text("aあ「」。1 .#*_[]()<>!&;:`~^\\-+=|@/\u3000", min_size=1, max_size=8)
    | st.sampled_from(["https://e.jp/a", "b@e.jp", "<br>", "<!-- x -->", "[^1]", "☐ a", "[x] a"])
).filter(lambda text: text.strip() == text and not text[0].isdigit())
TITLES = WORDS.map(lambda text: " ".join(f"題 {text}".split()))
LINKED = st.builds(
    Anchor,
    url=st.just("https://example.jp/a?b=1&c=2"),
    content=st.tuples(st.builds(Text, text=WORDS)),
    title=st.just("") | TITLES,
)
CODE = st.builds(Code, text=st.sampled_from(["a", "a`b", "あ"]))


FALLBACKS = st.sampled_from(["", "読者", "a]b\\\\]|c", "皆 様"])


@st.composite
def runs(draw: st.DrawFn) -> tuple[Inline, ...]:
    """Text with something marked between: neighbours of one kind would be read as one."""
    found: list[Inline] = [draw(st.builds(Text, text=WORDS))]
    marked: st.SearchStrategy[Inline]
    for _ in range(draw(st.integers(0, 2))):
        inner = (draw(st.builds(Text, text=WORDS)),)
        nested = (*inner, Emphasis(content=inner), *inner)
        plain: tuple[Inline, ...] = (
            Strong(content=inner),
            Strong(content=nested),
            Emphasis(content=inner),
            Strikethrough(content=inner),
            LineBreak(),
            Footnote(content=inner),
            Footnote(content=(*inner, LineBreak(), *inner)),
            Comment(text=" 注 "),
            MergeField(field="name", fallback=draw(FALLBACKS)),
        )
        marked = st.one_of(st.sampled_from(plain), LINKED, CODE)
        found.append(draw(marked))
        found.append(draw(st.builds(Text, text=WORDS)))
    return tuple(found)


PARAGRAPHS = st.builds(Paragraph, content=runs())
PICTURES = st.builds(
    Picture,
    source=st.just("https://example.jp/a.png"),
    alt=WORDS,
    url=st.sampled_from(["", "https://example.jp/"]),
    title=st.just("") | TITLES,
    caption=st.just(()) | runs(),
)
CELLS = runs().filter(lambda cell: Comment(text=" 注 ") not in cell)


@st.composite
def tables(draw: st.DrawFn) -> Table:
    columns = draw(st.integers(1, 3))
    row = st.tuples(*[CELLS] * columns)
    alignments = tuple(draw(st.sampled_from(Alignment)) for _ in range(columns))
    rows = tuple(draw(st.lists(row, max_size=2)))
    return Table(alignments=alignments, head=draw(row), rows=rows)


LINES = st.lists(WORDS, max_size=2).map("\n".join)
ADDRESSES = st.sampled_from(["", "https://example.jp/a?b=1&c=%E3%81%82"])
DAYS = st.dates(date(2000, 1, 1), date(2100, 1, 1)).map(str)
MINUTES = st.builds("{}T{}".format, DAYS, st.sampled_from(["00:00", "09:05", "23:59"]))
CONDITIONS = st.sampled_from(
    [
        "members",
        "職員",
        'tag = "a]b" and not attributes."市" = "千\\"葉"',
        'name contains ":::  +++"',
    ]
)
LEAVES: dict[type, st.SearchStrategy[Block]] = {
    Paragraph: PARAGRAPHS,
    Picture: PICTURES,
    Table: tables(),
    ThematicBreak: st.just(ThematicBreak()),
    Comment: st.just(Comment(text=" 注\n\n- 二 ")),
    Heading: st.builds(Heading, level=st.integers(4, 6), content=runs()),
    Verbatim: st.builds(
        Verbatim, text=st.sampled_from(["a", "あ\n\n  b", "```\nx", "a\n", ":::\n+++"])
    ),
    Gallery: st.builds(Gallery, pictures=st.lists(PICTURES, max_size=3).map(tuple)),
    Button: st.builds(
        Button, label=WORDS | st.just(""), url=ADDRESSES | st.just("mailto:a@example.jp")
    ),
    Contents: st.just(Contents()),
    Snippet: st.builds(Snippet, name=TITLES | st.just("")),
    File: st.builds(
        File,
        url=ADDRESSES,
        name=LINES,
        media_type=st.sampled_from(["", "application/pdf", "text/csv", "image/svg+xml"]),
        size=st.integers(0, 10**9),
    ),
    Event: st.builds(
        Event,
        name=LINES,
        starts=st.just("") | DAYS | MINUTES | st.just("あした") | st.just("10:00"),
        ends=st.none() | DAYS | MINUTES | st.just("2026-13-45"),
        place=LINES,
        capacity=LINES,
        url=ADDRESSES,
    ),
    Contact: st.builds(
        Contact,
        **dict.fromkeys(("name", "department", "phone", "email", "hours", "address"), LINES),
        url=ADDRESSES,
    ),
}
NESTED = st.recursive(
    st.one_of(*LEAVES.values()),
    lambda inner: (
        st.builds(
            Quotation,
            blocks=st.lists(inner, min_size=1, max_size=2).map(tuple),
            source=st.just(()) | runs(),
        )
        | st.builds(
            Conditional, condition=CONDITIONS, blocks=st.lists(inner, max_size=2).map(tuple)
        )
        | st.builds(
            ListBlock,
            items=st.lists(
                st.lists(inner, min_size=1, max_size=2).map(tuple), min_size=1, max_size=3
            ).map(tuple),
            ordered=st.booleans(),
        )
    ),
    max_leaves=4,
)
SIDES = st.lists(NESTED, max_size=2).map(tuple)
BLOCKS = NESTED | st.builds(Columns, left=SIDES, right=SIDES)
BODIES = st.lists(BLOCKS, max_size=3).map(tuple)
LINKS = st.lists(
    st.builds(
        Link,
        url=st.sampled_from(["https://example.jp/a_b?c=1", "https://example.jp/%E3%81%82"]),
        label=st.just("") | WORDS,
    ),
    max_size=2,
).map(tuple)
FOR_SOME = st.just("") | CONDITIONS
ITEMS = st.lists(
    st.builds(Item, headline=WORDS, body=BODIES, links=LINKS, condition=FOR_SOME), max_size=2
).map(tuple)
SECTIONS = st.lists(
    st.builds(Section, heading=WORDS, body=BODIES, links=LINKS, items=ITEMS, condition=FOR_SOME),
    max_size=2,
).map(tuple)
CHAPTERS = st.builds(
    Chapter,
    heading=WORDS,
    number=st.none() | st.integers(1, 99),
    body=BODIES,
    links=LINKS,
    items=ITEMS,
    sections=SECTIONS,
    condition=FOR_SOME,
)
ISSUES = st.builds(
    Issue,
    title=WORDS,
    issue_date=st.dates(date(2000, 1, 1), date(2100, 1, 1)),
    language=st.sampled_from(Language),
    number=st.sampled_from(["", "42", "第42号"]),
    lead=BODIES,
    chapters=st.lists(CHAPTERS, max_size=2).map(tuple),
    credits=st.lists(WORDS, max_size=2).map(tuple),
)


@given(ISSUES)
@settings(max_examples=examples(30))
def test_an_issue_written_as_markdown_reads_back_the_same(issue: Issue) -> None:
    read, template = read_markdown(to_markdown(issue, template="letter"), source="written")

    assert read == issue
    assert template == "letter"


#: What begins something else in one of the extensions that are read, and what stands beside it.
MARKS = ["[^1]", "[^1]:", "[ ]", "[a]:", "☐ ", "— ", "https://e.jp", "b@e.jp"]
SIGNS = st.lists(
    st.sampled_from([*"^[]:!x |-+1#>=*_`()\\あ\u3000", "~~", ":::", ":for[a]", *MARKS]),
    min_size=1,
    max_size=4,
).map("".join)
STARTS = SIGNS.filter(lambda text: text.strip() == text and not text[0].isdigit())


@given(STARTS, STARTS)
@settings(max_examples=examples(300))
def test_a_label_is_none_of_what_could_begin_there(label: str, behind: str) -> None:
    url = "https://example.jp/"
    anchor = Anchor(url=url, content=(Text(text=label),))
    paragraph = Paragraph(content=(anchor, Text(text=behind)))
    issue = Issue(
        title="題",
        issue_date=date(2026, 1, 1),
        lead=(
            paragraph,
            Button(label=label, url=url),
            ListBlock(items=((paragraph,),)),
            Quotation(blocks=(paragraph,)),
            Quotation(blocks=(paragraph,), source=paragraph.content),
            Picture(source=f"{url}a.png", alt=label, url=url, caption=paragraph.content),
        ),
        chapters=(Chapter(heading="章", links=(Link(url=url, label=label),)),),
    )

    assert read_markdown(to_markdown(issue), source="written")[0] == issue


@pytest.mark.parametrize("language", Language)
def test_the_samples_read_back_the_same(language: Language) -> None:
    issue = read_issue(sample_issue(language), source="sample").issue

    assert read_markdown(to_markdown(issue), source="written")[0] == issue


def test_a_digest_becomes_markdown_and_back(each_digest: bytes) -> None:
    issue = read_issue(each_digest, source="digest").issue

    assert read_markdown(to_markdown(issue), source="written")[0] == issue


@pytest.mark.parametrize(
    "content",
    [
        (Text(text="は"), Strong(content=(Text(text="「例」"),)), Text(text="は")),
        (Strong(content=(Text(text="a"),)), Emphasis(content=(Text(text="b"),))),
        (Text(text="　字下げ"),),
        (Footnote(content=(Text(text="注"),)), Text(text=": 本文")),
        (Text(text="本文"), Footnote(content=(Text(text="注"),)), Text(text="(参考)")),
        (Text(text="本文"), Footnote(content=(Text(text="注"),)), Text(text="() 続き")),
        (MergeField(field="name"), Text(text="(様)")),
        (Comment(text="覚え"), Text(text="(参考)")),
        (Text(text=":for"), Footnote(content=(Text(text="注"),))),
        (Text(text="a"), LineBreak(), Footnote(content=(Text(text="注"),)), Text(text=":")),
    ],
)
def test_emphasis_beside_brackets_and_indented_text_survive(content: tuple[Inline, ...]) -> None:
    issue = Issue(title="題", issue_date=date(2026, 1, 1), lead=(Paragraph(content=content),))

    assert read_markdown(to_markdown(issue), source="written")[0] == issue


@pytest.mark.parametrize(
    "written",
    [
        "費用は**「無料」**です。",
        "新しい機器は買わず、**受付票の順番を変えただけ**です。",
        "**（注）**を読む",
        "この*傍点*も",
        "a**b**c",
    ],
)
def test_emphasis_stands_next_to_japanese_as_a_person_writes_it(written: str) -> None:
    text = f"---\ntitle: 題\ndate: 2026-11-01\n---\n\n{written}\n"
    issue, _ = read_markdown(text, source="typed")

    (paragraph,) = issue.lead
    assert isinstance(paragraph, Paragraph)
    assert any(isinstance(run, Strong | Emphasis) for run in paragraph.content)
    assert written in to_markdown(issue).splitlines()


@pytest.mark.parametrize(
    "written",
    [
        "[案内](https://example.jp/a?b=1&c=2)",
        "![図](https://example.jp/a.png)",
        "<info@example.jp> まで",
        "R&D と AT&T",
        "- あ\n\n1. い",
        "1. あ\n2. い\n\n- う",
        "**水**_火_土",
        "~~取消~~は",
        "[注] 3 * 4 = 12、5 < 6、<3、→ [参照]と【[速報]】",
        "- [参照] 項目\n- *[重要]の* 件",
        "[[注]はこちら](https://example.jp/)",
        "担当@総務課、a@b、@mention",
    ],
)
def test_markdown_in_its_plain_form_is_written_as_it_was(written: str) -> None:
    text = f"---\ntitle: 題\ndate: 2026-11-01\nlanguage: ja\n---\n\n{written}\n"

    assert to_markdown(read_markdown(text, source="typed")[0]) == text


def test_an_underscore_before_japanese_ends_emphasis_and_parts_no_name() -> None:
    text = "---\ntitle: 題\ndate: 2026-11-01\n---\n\n_斜体_です、書類_申請_書とa_b_c"
    issue, _ = read_markdown(text, source="typed")

    assert issue.lead == (
        Paragraph(
            content=(
                Emphasis(content=(Text(text="斜体"),)),
                Text(text="です、書類_申請_書とa_b_c"),
            )
        ),
    )


def test_the_japanese_sample_is_written_without_references() -> None:
    issue = read_issue(sample_issue(Language.JAPANESE), source="sample").issue

    assert "&#" not in to_markdown(issue)


@given(block=st.one_of(*LEAVES.values()))
def test_a_block_that_is_filled_in_has_a_field_for_each_of_its_words(block: Block) -> None:
    said = {field.text for field in fields_of_block(block)}
    assert {words for words in content_of(block).words if words} - said == set()


def test_the_issues_that_are_tried_have_every_kind_of_block() -> None:
    assert {*LEAVES, Quotation, ListBlock, Columns, Conditional} == set(
        get_args(get_args(Block)[0])
    )
