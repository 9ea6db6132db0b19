"""Parts for some readers: what of an issue is left for those who meet some of its conditions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsletter.errors import ContentError
from newsletter.issues.conditions import conditions_of, everything, select_parts
from newsletter.issues.markdown.reader import read_markdown
from newsletter.issues.model import (
    Block,
    Columns,
    Conditional,
    Issue,
    ListBlock,
    Paragraph,
    Quotation,
    Text,
    issue_from_json,
    issue_to_json,
)
from newsletter.issues.outline import Part, outline_anchors, table_of_contents, to_outline
from newsletter.issues.sources.form import read_sheet, sheet_of_fields, to_sheet
from newsletter.issues.walking import walk_texts
from tests.issues.test_markdown_writer import ISSUES
from tests.support.examples import examples

HEAD = "---\ntitle: 題\ndate: 2026-12-01\n---\n\n"
TOWN = """はじめに

:::for tag = "職員"
職員の方へ
:::

# 1. 町から

本文

# 2. 職員の頁
:for[tag = "職員"]

## 内規

### 休日

来週の休み

# 3. 催し

### 子ども祭り
:for[子育て]

詳しくは窓口へ

### 市

- 朝市
- :::for 子育て
  親子の市
  :::
"""


def _issue(body: str = TOWN, head: str = HEAD) -> Issue:
    return read_markdown(head + body, source="typed")[0]


def _said(issue: Issue) -> str:
    return " ".join(text for _, text in walk_texts(issue))


def test_conditions_are_read_in_the_order_of_reading() -> None:
    assert conditions_of(_issue()) == ('tag = "職員"', "子育て")


def test_nobody_special_reads_what_is_for_everybody() -> None:
    said = _said(select_parts(_issue(), ()))

    for word in ("はじめに", "町から", "朝市"):
        assert word in said
    for word in ("職員", "内規", "休日", "来週の休み", "子ども祭り", "窓口", "親子"):
        assert word not in said


def test_who_meets_a_condition_reads_its_parts_and_no_others() -> None:
    said = _said(select_parts(_issue(), {"子育て"}))

    assert "子ども祭り" in said
    assert "親子の市" in said
    assert "職員" not in said


def test_all_parts_together_are_the_issue_without_its_conditions() -> None:
    whole = everything(_issue())

    assert conditions_of(whole) == ()
    assert sorted(_said(whole)) == sorted(_said(_issue()))


def test_chapters_that_are_counted_are_counted_as_their_reader_sees_them() -> None:
    chapters = select_parts(_issue(), ()).chapters

    assert [(chapter.number, chapter.heading) for chapter in chapters] == [
        (1, "町から"),
        (2, "催し"),
    ]


def test_contents_that_the_editor_wrote_lose_the_lines_of_hidden_parts() -> None:
    head = HEAD.replace(
        "---\n\n",
        'contents:\n- {text: 町から, label: "1"}\n- {text: 職員の頁, label: "2"}\n'
        '- {text: 催し, label: "3"}\n---\n\n',
    )
    lines = table_of_contents(select_parts(_issue(head=head), ()))

    assert [(line.label, line.text, line.anchor) for line in lines] == [
        ("1", "町から", "c1"),
        ("2", "催し", "c2"),
    ]


def test_contents_name_the_one_shown_of_two_parts_with_the_same_heading() -> None:
    head = HEAD.replace("---\n\n", "contents:\n- {text: 町から}\n- {text: 催し}\n---\n\n")
    body = "# 催し\n:for[a]\n\n親へ\n\n# 町から\n\n文\n\n# 催し\n:for[b]\n\n皆へ\n"

    def lines(*met: str) -> list[tuple[str, str]]:
        found = table_of_contents(select_parts(_issue(body, head=head), met))
        return [(line.text, line.anchor) for line in found]

    assert lines("a") == [("町から", "c2"), ("催し", "c1")]
    assert lines("b") == [("町から", "c1"), ("催し", "c2")]
    assert lines() == [("町から", "c1")]


def test_a_list_of_which_nothing_is_left_is_gone() -> None:
    issue = _issue("前\n\n- :::for a\n  一\n  :::\n\n後")

    assert [type(block) for block in select_parts(issue, ()).lead] == [Paragraph, Paragraph]


def test_the_source_of_a_quotation_is_for_everybody_though_its_words_are_not() -> None:
    quoted = Conditional(condition="a", blocks=(Paragraph(content=(Text(text="一"),)),))
    issue = replace(_issue("前"), lead=(Quotation(blocks=(quoted,), source=(Text(text="出典"),)),))

    assert "出典" in _said(select_parts(issue, ()))


def test_what_stands_beside_a_hidden_column_takes_the_full_width() -> None:
    issue = _issue("::::columns\n左\n++++\n:::for a\n右\n:::\n::::")

    assert select_parts(issue, ()).lead == (Paragraph(content=(Text(text="左"),)),)


def test_an_issue_without_conditions_is_the_very_same() -> None:
    issue = _issue("前\n\n# 章")

    assert everything(issue) is issue
    assert select_parts(issue, ()) is issue
    assert "condition" not in str(issue_to_json(issue))


@pytest.mark.parametrize(
    ("body", "line"),
    [
        (":::for\n文\n:::", 6),
        ("# 章\n:for[]", 7),
        ("# 章\n\n文\n\n:for[a]", 10),
        (":for[a]", 6),
        ("- :for[a]", 6),
        (":::for a\n文", 6),
    ],
)
def test_a_condition_that_says_nothing_or_stands_elsewhere_is_refused(body: str, line: int) -> None:
    with pytest.raises(ContentError) as raised:
        _issue(body)

    assert raised.value.place is not None
    assert raised.value.place.line == line


def test_the_cards_of_the_form_hold_the_conditions() -> None:
    issue = _issue()
    fields = []
    for card in to_sheet(issue).cards:
        fields += [("part", str(int(card.level)) if card.level else "lead")]
        fields += [("count", card.count), ("heading", card.heading)]
        fields += [("condition", card.condition)]
        fields += [("words", entry.words) for entry in card.entries]
    fields += [("title", issue.title), ("date", "2026-12-01")]

    assert read_sheet(sheet_of_fields(fields), issue, template="") == issue


def _with_readers(
    parts: Iterator[Part] | tuple[Part, ...],
) -> Iterator[tuple[Part, frozenset[str]]]:
    """Yield each part with all the conditions that must be met to read it."""
    above: dict[int, frozenset[str]] = {}
    for part in parts:
        outer = frozenset().union(*(above[level] for level in above if level < part.level))
        own = outer | ({part.condition} if part.condition else set())
        above = {level: held for level, held in above.items() if level < part.level}
        above[part.level] = own
        yield part, own


def _leaves(
    blocks: tuple[Block, ...], outer: frozenset[str]
) -> Iterator[tuple[Block, frozenset[str]]]:
    for block in blocks:
        match block:
            case Conditional(condition=condition, blocks=inner):
                yield from _leaves(inner, outer | {condition})
            case Quotation(blocks=inner):
                yield from _leaves(inner, outer)
            case ListBlock(items=items):
                for item in items:
                    yield from _leaves(item, outer)
            case Columns(left=left, right=right):
                yield from _leaves((*left, *right), outer)
            case Paragraph():
                yield block, outer
            case _:
                pass


@given(ISSUES, st.data())
@settings(max_examples=examples(40))
def test_every_reader_gets_exactly_the_parts_whose_conditions_they_meet(
    issue: Issue, data: st.DataObject
) -> None:
    conditions = conditions_of(issue)
    met = set(data.draw(st.lists(st.sampled_from(conditions)))) if conditions else set()
    shown = select_parts(issue, met)

    wanted = list(_leaves(issue.lead, frozenset()))
    headings = []
    for part, needed in _with_readers(to_outline(issue)):
        wanted += _leaves(part.body, needed)
        headings += [part.heading] if needed <= met else []
    left = list(_leaves(shown.lead, frozenset()))
    for part in to_outline(shown):
        left += _leaves(part.body, frozenset())
    assert [block for block, _ in left] == [block for block, needed in wanted if needed <= met]
    assert [part.heading for part in to_outline(shown)] == headings
    assert conditions_of(shown) == ()
    assert len(outline_anchors(to_outline(shown))) == len(headings)
    assert issue_from_json(issue_to_json(issue)) == issue
