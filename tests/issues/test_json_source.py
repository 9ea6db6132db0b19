"""JSON of the editor is read as the Markdown that it writes, part by part."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given, settings

from newsletter.errors import ContentError
from newsletter.issues.markdown.reader import read_markdown
from newsletter.issues.markdown.writer import to_markdown
from newsletter.issues.model import (
    Alignment,
    Anchor,
    Block,
    Chapter,
    Comment,
    Footnote,
    Inline,
    Issue,
    Item,
    Paragraph,
    Table,
    Text,
    Verbatim,
    issue_to_json,
)
from newsletter.issues.sources.editor_json import read_json
from tests.issues.test_markdown_writer import ISSUES
from tests.support.examples import examples

pytestmark = pytest.mark.unit


def _read(issue: Issue) -> Issue:
    return read_json(json.dumps(issue_to_json(issue)))


def _as_markdown(issue: Issue) -> Issue:
    return read_markdown(to_markdown(issue), source="written")[0]


@given(ISSUES)
@settings(max_examples=examples(25))
def test_parts_read_alone_are_the_issue_read_whole(issue: Issue) -> None:
    if issue.title.strip():
        assert _read(issue) == _as_markdown(issue)


def _issue(*bodies: tuple[Block, ...]) -> Issue:
    items = tuple(
        Item(headline=f"item {number}", body=body) for number, body in enumerate(bodies, start=1)
    )
    return Issue(
        title="t", issue_date=date(2026, 12, 1), chapters=(Chapter(heading="c", items=items),)
    )


def test_the_editor_has_no_more_headings_than_a_text() -> None:
    _read(_issue(*[()] * 999))
    with pytest.raises(ContentError, match="more than 1,000 headings"):
        _read(_issue(*[()] * 1000))


def _paragraph(*runs: Inline) -> tuple[Paragraph, ...]:
    return (Paragraph(content=runs),)


NOTE = Footnote(content=(Text(text="the same note"),))


@pytest.mark.parametrize(
    "bodies",
    [
        ((Comment(text=" a -->\n\n# b\n\n<!-- "),), _paragraph(Text(text="after"))),
        ((Comment(text=" not closed --> <!-- "),), _paragraph(Text(text="after"))),
        ((Verbatim(text="```\n# no chapter\n~~~"),), _paragraph(Text(text="after"))),
        (_paragraph(Text(text="one"), NOTE), _paragraph(Text(text="two"), NOTE)),
        (_paragraph(Text(text="[a]: https://example.jp")), _paragraph(Text(text="[a]"))),
        ((Comment(text="\n"), *_paragraph(Text(text="<!--"))), _paragraph(Text(text="-->"))),
    ],
)
def test_what_one_part_says_reads_as_it_does_amid_the_issue(
    bodies: tuple[tuple[Block, ...], ...],
) -> None:
    issue = _issue(*bodies)

    assert _read(issue) == _as_markdown(issue)


def test_a_fault_is_told_with_the_part_it_is_in() -> None:
    unsafe = Anchor(url="javascript:alert(1)", content=(Text(text="x"),))
    issue = _issue(_paragraph(Text(text="sound")), _paragraph(unsafe))

    with pytest.raises(ContentError) as raised:
        _read(issue)

    assert raised.value.place is not None
    assert raised.value.place.field == "c1-i2"


def test_tables_are_bounded_over_all_parts_together() -> None:
    row = ((Text(text="1"),),) * 50
    table = Table(head=row, alignments=(Alignment.NONE,) * 50, rows=(row,) * 100)

    assert _read(_issue((table,))) == _issue((table,))
    with pytest.raises(ContentError, match=r"10,000"):
        _read(_issue((table,), (table,)))


def test_a_changed_part_is_read_anew() -> None:
    issue = _issue(_paragraph(Text(text="one")), _paragraph(Text(text="two")))
    _read(issue)
    chapter = issue.chapters[0]
    changed = replace(chapter, items=(chapter.items[0], replace(chapter.items[1], headline="new")))

    assert _read(replace(issue, chapters=(changed,))).chapters == (changed,)


@pytest.mark.parametrize(
    "issue",
    [
        Issue(
            title="Long",
            issue_date=date(2026, 12, 1),
            lead=(Paragraph(content=(Text(text="a"),)),) * 12_000,
        ),
        Issue(
            title="Long",
            issue_date=date(2026, 12, 1),
            chapters=(Chapter(heading="a"),) * 12_000,
        ),
    ],
    ids=["blocks", "chapters"],
)
def test_an_issue_of_more_blocks_than_any_newsletter_has_is_refused(issue: Issue) -> None:
    with pytest.raises(ContentError, match="more than 10,000 lines"):
        _read(issue)
