"""Blocks and Markdown are two views of one value: fields read back, parts move, nothing is lost."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsletter.errors import ContentError
from newsletter.issues.markdown.reader import read_markdown
from newsletter.issues.model import Issue
from newsletter.issues.outline import (
    Level,
    Outline,
    Part,
    add_part,
    move_down,
    move_up,
    outline_anchors,
    place_after,
    remove_part,
    to_outline,
    with_outline,
)
from newsletter.issues.sources.form import (
    Card,
    FormEntry,
    LinkFields,
    Sheet,
    read_sheet,
    sheet_of_fields,
    to_sheet,
)
from newsletter.issues.sources.reading import read_issue
from tests.issues.test_markdown_writer import ISSUES
from tests.support.examples import examples
from tests.support.soak import SOAK

TEXT = """---
title: 十二月号
date: 2026-12-01
contents:
- text: お知らせ
---

はじめに

# 1. お知らせ

### 窓口

年末は二十八日まで。

![窓口の地図](https://example.jp/map.png)

地図の下。

<https://example.jp/>

## 市役所

### 税

## 図書館

# 2. 催し

### 祭り
"""
ISSUE = read_markdown(TEXT, source="text")[0]
NAMES = ["お知らせ", "窓口", "市役所", "税", "図書館", "催し", "祭り"]


def names(outline: Outline) -> list[str]:
    return [part.heading for part in outline]


def fields_of(sheet: Sheet) -> list[tuple[str, str]]:
    """Write a sheet as a browser submits its form."""
    found = [(name, getattr(sheet, name)) for name in ("title", "date", "number", "masthead")]
    found += [("preheader", sheet.preheader), ("credits", sheet.credits)]
    for card in sheet.cards:
        found += [("part", str(int(card.level or 0))), ("count", card.count)]
        found += [("heading", card.heading), ("condition", card.condition)]
        for entry in card.entries:
            if entry.source:
                found += [("picture", entry.source), ("alt", entry.alt), ("target", entry.target)]
            else:
                found.append(("words", entry.words.replace("\n", "\r\n")))
        for link in [*card.links, LinkFields()]:
            found += [("link", link.url), ("label", link.label)]
    return found


@given(ISSUES)
@settings(max_examples=60 if SOAK else 20)
def test_an_issue_comes_back_from_its_form_the_same(issue: Issue) -> None:
    sheet = sheet_of_fields(fields_of(to_sheet(issue)))

    assert read_sheet(sheet, issue, template="letter") == issue


def test_a_digest_comes_back_the_same(each_digest: bytes) -> None:
    issue = read_issue(each_digest, source="digest").issue

    assert read_sheet(sheet_of_fields(fields_of(to_sheet(issue))), issue, template="") == issue


def test_what_the_form_does_not_show_is_kept() -> None:
    assert read_sheet(to_sheet(ISSUE), ISSUE, template="").contents == ISSUE.contents


def test_a_picture_is_a_field_between_texts() -> None:
    entries = to_sheet(ISSUE).cards[2].entries

    assert [entry.source or entry.words for entry in entries] == [
        "年末は二十八日まで。",
        "https://example.jp/map.png",
        "地図の下。",
    ]


@pytest.mark.parametrize(
    ("card", "what"),
    [
        (
            Card(level=Level.ITEM, links=[LinkFields(url="example.jp")]),
            "cannot be used in an email",
        ),
        (Card(level=Level.ITEM, links=[LinkFields(label="地図")]), "has no address"),
        (Card(level=Level.CHAPTER, count="一"), "not a chapter number"),
    ],
)
def test_a_wrong_field_names_its_part(card: Card, what: str) -> None:
    sheet = to_sheet(ISSUE)
    sheet.cards.append(card)

    with pytest.raises(ContentError, match=what) as caught:
        read_sheet(sheet, ISSUE, template="")

    assert caught.value.place is not None
    expected = "c3" if card.level is Level.CHAPTER else "c2-i2"
    assert caught.value.place.field == expected


def test_a_heading_within_text_is_refused() -> None:
    sheet = to_sheet(ISSUE)
    sheet.cards[2].entries[0].words = "# 章のつもり"

    with pytest.raises(ContentError, match="heading inside"):
        read_sheet(sheet, ISSUE, template="")


def test_parts_have_the_anchors_of_the_mail() -> None:
    assert outline_anchors(to_outline(ISSUE)) == (
        "c1",
        "c1-i1",
        "c1-s1",
        "c1-s1-i1",
        "c1-s2",
        "c2",
        "c2-i1",
    )


@pytest.mark.parametrize(
    ("moved", "expected"),
    [
        ("税", ["お知らせ", "窓口", "税", "市役所", "図書館", "催し", "祭り"]),
        ("図書館", ["お知らせ", "窓口", "図書館", "市役所", "税", "催し", "祭り"]),
        ("催し", ["催し", "祭り", "お知らせ", "窓口", "市役所", "税", "図書館"]),
        ("市役所", NAMES),
        ("窓口", NAMES),
        ("お知らせ", NAMES),
    ],
)
def test_up_moves_a_part_with_what_belongs_to_it(moved: str, expected: list[str]) -> None:
    outline, index = move_up(to_outline(ISSUE), NAMES.index(moved))

    assert names(outline) == expected
    assert names(outline)[index] == moved


@pytest.mark.parametrize(
    ("moved", "expected"),
    [
        ("窓口", ["お知らせ", "市役所", "窓口", "税", "図書館", "催し", "祭り"]),
        ("市役所", ["お知らせ", "窓口", "図書館", "市役所", "税", "催し", "祭り"]),
        ("図書館", ["お知らせ", "窓口", "市役所", "税", "催し", "祭り", "図書館"]),
        ("お知らせ", ["催し", "祭り", "お知らせ", "窓口", "市役所", "税", "図書館"]),
        ("祭り", NAMES),
        ("催し", NAMES),
    ],
)
def test_down_moves_a_part_with_what_belongs_to_it(moved: str, expected: list[str]) -> None:
    outline, index = move_down(to_outline(ISSUE), NAMES.index(moved))

    assert names(outline) == expected
    assert names(outline)[index] == moved


def test_chapters_that_count_from_one_count_anew() -> None:
    outline, _ = move_down(to_outline(ISSUE), 0)

    assert [(part.heading, part.number) for part in outline if part.number] == [
        ("催し", 1),
        ("お知らせ", 2),
    ]


def test_a_section_dropped_among_items_lands_behind_their_section() -> None:
    outline, _ = place_after(to_outline(ISSUE), NAMES.index("図書館"), NAMES.index("祭り"))

    assert names(outline) == ["お知らせ", "窓口", "市役所", "税", "催し", "祭り", "図書館"]


PARTS = st.builds(Part, level=st.sampled_from(Level), heading=st.text("abc", max_size=3))
OUTLINES = st.lists(PARTS, max_size=12).map(
    lambda parts: (Part(level=Level.CHAPTER, heading="first"), *parts)
)


@given(OUTLINES, st.data())
@settings(max_examples=examples(200))
def test_no_move_loses_or_doubles_a_part(outline: Outline, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(outline) - 1))
    target = data.draw(st.none() | st.integers(0, len(outline) - 1))
    for moved, at in (
        move_up(outline, index),
        move_down(outline, index),
        place_after(outline, index, target),
    ):
        assert Counter(moved) == Counter(outline)
        assert moved[at] == outline[index]
        assert to_outline(with_outline(ISSUE, moved)) == moved


@given(OUTLINES, st.data())
@settings(max_examples=examples(200))
def test_an_item_moved_up_comes_back_down(outline: Outline, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(outline) - 1))
    moved, at = move_up(outline, index)
    if at != index and outline[index].level is Level.ITEM:
        assert move_down(moved, at) == (outline, index)


def test_a_part_is_added_and_taken_out() -> None:
    outline = to_outline(ISSUE)
    added, at = add_part(outline, Level.ITEM, NAMES.index("税"))

    assert names(added)[3:5] == ["税", ""]
    assert remove_part(added, at) == outline


def test_an_added_chapter_counts_on() -> None:
    added, at = add_part(to_outline(ISSUE), Level.CHAPTER, None)

    assert added[at].number == 3


def test_a_chapter_goes_with_what_stands_in_it() -> None:
    outline = remove_part(to_outline(ISSUE), 0)

    assert outline == (replace(to_outline(ISSUE)[5], number=1), to_outline(ISSUE)[6])


def test_the_tables_of_all_parts_together_have_at_most_ten_thousand_cells() -> None:
    table = "| a | b |\n|---|---|\n" + "| c | d |\n" * 2000
    cards = [
        Card(level=Level.ITEM, heading="項", entries=[FormEntry(words=table)]) for _ in range(3)
    ]
    sheet = Sheet(
        title="題", date="2026-12-01", cards=[Card(level=None), Card(level=Level.CHAPTER), *cards]
    )
    with pytest.raises(ContentError, match="10,000 cells") as failure:
        read_sheet(sheet, ISSUE, template="")
    assert failure.value.place is not None
    assert failure.value.place.field == "c1-i3"
