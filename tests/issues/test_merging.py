"""Two editors' versions of an issue become one: no change of either is lost unseen."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsletter.issues.merging import KeptVersion, Merge, Version, merge, units_of
from newsletter.issues.model import (
    Block,
    Conditional,
    Heading,
    Issue,
    Link,
    ListBlock,
    Paragraph,
    Text,
)
from newsletter.issues.outline import Level, Part, with_outline
from newsletter.issues.sources.reading import read_issue
from newsletter.issues.walking import walk_texts
from tests.support.examples import examples

pytestmark = pytest.mark.unit

_HEAD = "---\ntitle: 十二月号\ndate: 2026-12-01\n---\n\n"


def _read(body: str, head: str = _HEAD) -> Version:
    return Version(issue=read_issue((head + body).encode(), source="draft").issue)


def _merge(base: str, theirs: str, mine: str) -> Merge:
    return merge(_read(base), _read(theirs), _read(mine))


def _one(base: str, theirs: str, mine: str) -> Issue:
    merged = _merge(base, theirs, mine)
    assert merged.conflicts == ()
    return merged.resolved({}).issue


_TEXT = "# 一\n\n甲の段落です。\n\n乙の段落です。\n\n丙の段落です。\n"


def test_changes_of_neighbouring_blocks_are_both_kept() -> None:
    theirs, mine = _TEXT.replace("甲の", "甲甲の"), _TEXT.replace("乙の", "乙乙の")
    expected = theirs.replace("乙の", "乙乙の")
    assert _one(_TEXT, theirs, mine) == _read(expected).issue


def test_a_block_that_one_moved_and_the_other_changed_is_both() -> None:
    mine = "# 一\n\n乙の段落です。\n\n丙の段落です。\n\n甲の段落です。\n"
    theirs = _TEXT.replace("甲の", "新しい甲の")
    assert _one(_TEXT, theirs, mine) == _read(mine.replace("甲の", "新しい甲の")).issue
    assert _one(_TEXT, mine, theirs) == _read(mine.replace("甲の", "新しい甲の")).issue


def test_what_both_added_at_one_place_stands_there_once_if_it_is_the_same() -> None:
    both = _TEXT + "\n同じ追加です。\n"
    theirs, mine = both + "\n青木の追加です。\n", both + "\n馬場の追加です。\n"
    expected = both + "\n青木の追加です。\n\n馬場の追加です。\n"
    assert _one(_TEXT, theirs, mine) == _read(expected).issue


def test_a_block_that_both_changed_is_for_a_person_to_choose() -> None:
    theirs, mine = _TEXT.replace("乙の", "青い乙の"), _TEXT.replace("乙の", "赤い乙の")
    merged = _merge(_TEXT, theirs, mine)
    (conflict,) = merged.conflicts
    assert (conflict.part, conflict.choices) == ("一", tuple(KeptVersion))

    def chosen(choice: KeptVersion) -> Issue:
        return merged.resolved({conflict.key: choice}).issue

    both = _TEXT.replace("乙の段落です。", "青い乙の段落です。\n\n赤い乙の段落です。")
    assert chosen(KeptVersion.THEIRS) == _read(theirs).issue
    assert chosen(KeptVersion.MINE) == _read(mine).issue
    assert chosen(KeptVersion.BOTH) == _read(both).issue


def test_a_block_that_one_removed_and_the_other_changed_is_for_a_person_to_choose() -> None:
    theirs, mine = _TEXT.replace("乙の段落です。\n\n", ""), _TEXT.replace("乙の", "赤い乙の")
    (conflict,) = _merge(_TEXT, theirs, mine).conflicts
    assert (conflict.theirs, conflict.choices) == (None, (KeptVersion.THEIRS, KeptVersion.MINE))


def test_a_choice_holds_while_another_block_is_changed_again() -> None:
    theirs, mine = _TEXT.replace("乙の", "青い乙の"), _TEXT.replace("乙の", "赤い乙の")
    (before,) = _merge(_TEXT, theirs, mine).conflicts
    (after,) = _merge(_TEXT, theirs.replace("丙の", "青い丙の"), mine).conflicts
    assert before.key == after.key


def test_fields_of_the_issue_are_merged_one_by_one() -> None:
    base = _read(_TEXT)
    theirs = replace(base, issue=replace(base.issue, title="師走号", number="42"))
    mine = replace(base, issue=replace(base.issue, title="年末号", preheader="案内"))
    merged = merge(base, theirs, mine)
    (conflict,) = merged.conflicts
    assert (conflict.name, conflict.choices) == ("title", (KeptVersion.THEIRS, KeptVersion.MINE))
    issue = merged.resolved({conflict.key: KeptVersion.MINE}).issue
    assert (issue.title, issue.number, issue.preheader) == ("年末号", "42", "案内")


def test_a_heading_has_its_words_of_one_and_its_readers_of_the_other() -> None:
    chapter = Part(level=Level.CHAPTER, heading="一")

    def version(part: Part) -> Version:
        return Version(issue=with_outline(_read("").issue, (part,)))

    theirs, mine = replace(chapter, heading="序"), replace(chapter, condition="staff")
    merged = merge(version(chapter), version(theirs), version(mine))
    assert merged.resolved({}) == version(replace(theirs, condition="staff"))


def test_chapters_that_both_added_are_counted_on() -> None:
    base = "# 1. 一\n\n甲です。\n"
    theirs, mine = "# 1. 零\n\n青です。\n\n# 2. 一\n\n甲です。\n", base + "\n# 2. 二\n\n赤です。\n"
    expected = "# 1. 零\n\n青です。\n\n# 2. 一\n\n甲です。\n\n# 3. 二\n\n赤です。\n"
    assert _one(base, theirs, mine) == _read(expected).issue


def _lines(*words: str) -> tuple[tuple[Block, ...], ...]:
    return tuple((Paragraph(content=(Text(text=word),)),) for word in words)


@pytest.mark.parametrize("wrapped", ["by itself", "within another"])
def test_blocks_within_a_block_are_merged_likewise(wrapped: str) -> None:
    def version(*words: str) -> Version:
        block: Block = ListBlock(items=_lines(*words))
        if wrapped == "within another":
            block = Conditional(condition="staff", blocks=(block,))
        return Version(issue=Issue(title="x", issue_date=date(2026, 12, 1), lead=(block,)))

    merged = merge(version("a", "b", "c"), version("a", "b", "cc"), version("aa", "b", "c", "d"))
    assert merged.resolved({}) == version("aa", "b", "cc", "d")
    assert len(merge(version("a", "b"), version("a"), version("b")).conflicts) == 1


def test_paragraphs_of_a_quotation_are_merged_one_by_one() -> None:
    base, theirs, mine = (
        f"> {first}です。\n>\n> {last}です。\n" for first, last in ("甲乙", "青乙", "甲赤")
    )
    assert _one(base, theirs, mine) == _read("> 青です。\n>\n> 赤です。\n").issue


def test_links_whose_heading_was_removed_stay_in_the_text() -> None:
    link = Link(url="https://example.jp/", label="案内")
    base = _read("").issue
    part = Part(level=Level.CHAPTER, heading="一")
    theirs = with_outline(base, (replace(part, links=(link,)),))
    merged = merge(
        Version(issue=with_outline(base, (part,))), Version(issue=theirs), Version(issue=base)
    )
    assert "案内" in [text for _, text in walk_texts(merged.resolved({}).issue)]


_WORDS = st.integers(0, 10**9).map(lambda number: f"w{number:09}")


@st.composite
def _units(draw: st.DrawFn) -> Part | Block | Link:
    word = draw(_WORDS)
    kind = draw(st.sampled_from(["paragraph", "paragraph", "heading", "list", "part", "link"]))
    runs = (Text(text=word),)
    match kind:
        case "part":
            return Part(level=draw(st.sampled_from(Level)), heading=word)
        case "link":
            return Link(url=f"https://example.jp/{word}", label=word)
        case "heading":
            return Heading(level=4, content=runs)
        case "list":
            return ListBlock(items=_lines(word, draw(_WORDS)))
        case _:
            return Paragraph(content=runs)


_FLOWS = st.lists(_units(), max_size=7)


@st.composite
def _edited(draw: st.DrawFn, flow: list[Part | Block | Link]) -> list[Part | Block | Link]:
    flow = list(flow)
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(flow)))
        verb = draw(st.sampled_from(["add", "remove", "change", "move"]))
        if verb == "add" or at == len(flow):
            flow.insert(at, draw(_units()))
        elif verb == "remove":
            del flow[at]
        elif verb == "move":
            unit = flow.pop(at)
            flow.insert(draw(st.integers(0, len(flow))), unit)
        else:
            flow[at] = draw(_units())
    return flow


def _issue_of(flow: list[Part | Block | Link]) -> Version:
    """Return an issue of units; links stand below the part's blocks, as the model has it."""
    issue = Issue(title="x", issue_date=date(2026, 12, 1))
    lead: tuple[Block, ...] = ()
    parts: list[Part] = []
    for unit in flow:
        if isinstance(unit, Part):
            parts.append(unit)
        elif isinstance(unit, Link):
            if parts:
                parts[-1] = replace(parts[-1], links=(*parts[-1].links, unit))
        elif parts:
            parts[-1] = replace(parts[-1], body=(*parts[-1].body, unit))
        else:
            lead = (*lead, unit)
    return Version(issue=with_outline(replace(issue, lead=lead), tuple(parts)))


def _words(version: Version) -> list[str]:
    return [word for _, text in walk_texts(version.issue) for word in re.findall(r"w\d{9}", text)]


@st.composite
def _three(draw: st.DrawFn) -> tuple[Version, Version, Version]:
    flow = draw(_FLOWS)
    theirs, mine = draw(_edited(flow)), draw(_edited(flow))
    return _issue_of(flow), _issue_of(theirs), _issue_of(mine)


@given(_three())
@settings(deadline=None, max_examples=examples(60))
def test_no_change_of_either_is_lost_unseen(three: tuple[Version, Version, Version]) -> None:
    base, theirs, mine = three
    merged = merge(base, theirs, mine)
    in_conflict = repr(merged.conflicts)
    for choice in KeptVersion:
        kept = set(_words(merged.resolved({each.key: choice for each in merged.conflicts})))
        for version, other in ((theirs, mine), (mine, theirs)):
            new, stayed = set(_words(version)) - set(_words(base)), set(_words(version))
            assert all(word in kept or word in in_conflict for word in new)
            # What neither removed is there; of equal blocks, each may have removed another.
            both = {word for word in stayed & set(_words(other)) if _words(base).count(word) == 1}
            assert all(word in kept or word in in_conflict for word in both)


@given(_three())
@settings(deadline=None, max_examples=examples(60))
def test_what_one_alone_changed_is_taken_as_it_is(
    three: tuple[Version, Version, Version],
) -> None:
    base, changed, _ = three
    for theirs, mine in ((base, changed), (changed, base), (changed, changed)):
        merged = merge(base, theirs, mine)
        assert merged.conflicts == ()
        assert merged.resolved({}) == changed


@given(_three())
@settings(deadline=None, max_examples=examples(60))
def test_the_order_of_what_neither_moved_is_kept(
    three: tuple[Version, Version, Version],
) -> None:
    merged = merge(*three)
    result = merged.resolved(
        dict.fromkeys((each.key for each in merged.conflicts), KeptVersion.MINE)
    )
    flows = [units_of(version.issue, version.issue)[0] for version in (*three, result)]
    kept = [unit for unit in flows[-1] if all(flow.count(unit) == 1 for flow in flows[:3])]
    in_order = [[unit for unit in flow if unit in kept] for flow in flows]
    if in_order[0] == in_order[1] == in_order[2]:
        assert in_order[3] == in_order[0]
