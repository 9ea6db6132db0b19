"""Visibility: what readers see without its content is told without making their issue."""

from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.issues.checks.visibility import Extent, find_visibilities
from newsletter.issues.conditions import part_conditions, select_parts
from newsletter.issues.markdown.reader import read_markdown
from newsletter.issues.model import Issue
from newsletter.issues.walking import walk_parts

HEAD = "---\ntitle: 題\ndate: 2026-12-01\n---\n\n"


def _issue(body: str) -> Issue:
    return read_markdown(HEAD + body, source="typed")[0]


def _bare(issue: Issue, *met: str, extent: Extent = Extent.HEADING) -> list[str]:
    found = find_visibilities(issue)
    return [each.heading for each in found if each.extent is extent and each.is_bare(met)]


@st.composite
def bodies(draw: st.DrawFn) -> str:
    """Chapters, sections and items, each heading once, with and without conditions."""
    lines = ["前", ""] if draw(st.booleans()) else []
    for number in range(draw(st.integers(1, 8))):
        level = draw(st.integers(1, 3)) if number else 1
        lines.append(f"{'#' * level} 見出し{number}")
        if draw(st.booleans()):
            lines.append(f":for[{draw(st.sampled_from('abc'))}]")
        lines.append("")
        for _ in range(draw(st.integers(0, 2))):
            inner = f":::for {draw(st.sampled_from('abc'))}\n中\n:::"
            lines += [draw(st.sampled_from(["文", inner])), ""]
    return "\n".join(lines)


@given(bodies())
def test_of_any_readers_it_tells_what_their_issue_shows_without_content(body: str) -> None:
    issue = _issue(body)
    conditions = part_conditions(issue)
    of_all = {part.place.heading for part in walk_parts(issue) if part.empty}
    for size in range(len(conditions) + 1):
        for met in combinations(conditions, size):
            shown = [p for p in walk_parts(select_parts(issue, met)) if p.place.chapter]
            bare = [p.place.heading for p in shown if p.empty and p.place.heading not in of_all]
            assert _bare(issue, *met) == bare


@pytest.mark.parametrize(
    "body",
    [
        "# 頁\n\n- :::for a\n  中\n  :::\n",
        "# 頁\n\n> :::for a\n> 中\n> :::\n",
        "# 頁\n\n---\n\n:::for a\n中\n:::\n",
        "# 頁\n\n:::columns\n:::for a\n左\n:::\n+++\n:::for a\n右\n:::\n:::\n",
    ],
)
def test_content_in_lists_quotations_columns_or_beside_a_rule_counts_alone(body: str) -> None:
    assert _bare(_issue(body)) == ["頁"]
    assert _bare(_issue(body), "a") == []


def test_a_heading_among_blocks_has_what_stands_before_the_next_of_its_level() -> None:
    issue = _issue(
        "# 頁\n\n#### 上\n\n:::for a\n中\n:::\n\n##### 小\n\n:::for b\n中\n:::\n\n#### 下\n\n文\n"
    )

    assert _bare(issue) == ["小"]
    assert _bare(issue, "a", "b") == []


def test_a_mail_of_headings_alone_has_no_content() -> None:
    issue = _issue("# 頁\n\n:::for a\n中\n:::\n\n## 節\n\n:::for b\n中\n:::\n")

    assert _bare(issue, extent=Extent.MAIL) == [""]
    assert _bare(issue, "b", extent=Extent.MAIL) == []


def test_a_part_for_some_in_which_nothing_stands_is_content_for_nobody() -> None:
    issue = _issue("# 頁\n\n:::for a\n:::\n")

    assert _bare(issue) == _bare(issue, "a") == ["頁"]
