"""What changed between two versions of an issue, as an editor reads it: no markup."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import pytest

from newsletter.i18n.language import Language
from newsletter.issues.difference import Change, Changed, Difference, compare_issues
from newsletter.issues.model import Block, Button, Issue, Paragraph, Picture, Strong, Text
from newsletter.issues.sources.reading import read_issue
from newsletter.issues.wording import KIND_NAMES
from tests.support.growth import assert_linear

pytestmark = pytest.mark.unit

_HEAD = "---\ntitle: 十二月号\ndate: 2026-12-01\n---\n\n"
_TEXT = "# 一\n\n甲の段落です。\n\n乙の段落です。\n\n丙の段落です。\n"


def _read(body: str, head: str = _HEAD) -> Issue:
    return read_issue((head + body).encode(), source="draft").issue


def _compare(before: Issue, after: Issue) -> tuple[Difference, ...]:
    return tuple(
        each
        for group in compare_issues(before, after, Language.JAPANESE)
        if not group.same
        for each in group.differences
    )


def _texts(each: Difference) -> list[str]:
    """Return its lines with ``[-…-]`` around what is gone and ``[+…+]`` around what is new."""
    marks = {Changed.REMOVED: ("[-", "-]"), Changed.ADDED: ("[+", "+]"), Changed.SAME: ("", "")}
    return [
        "".join(piece.text.join(marks[piece.changed]) for piece in line.pieces)
        for line in each.lines
    ]


def test_a_changed_field_is_called_by_its_label_and_not_by_a_key() -> None:
    (found,) = _compare(_read(_TEXT), replace(_read(_TEXT), title="一月号"))
    assert found.change is Change.CHANGED
    assert found.kind.in_language(Language.JAPANESE) == "件名"
    assert _texts(found) == ["[-十二月号-][+一月号+]"]


def test_every_kind_of_block_has_a_name() -> None:
    (union, *_) = get_args(Block)
    kinds = {kind.__dataclass_fields__["kind"].default for kind in get_args(union)}
    assert set(KIND_NAMES) == kinds


def test_the_words_that_changed_are_marked_within_their_text() -> None:
    (found,) = _compare(_read(_TEXT), _read(_TEXT.replace("乙の段落", "乙の新しい段落")))
    assert found.change is Change.CHANGED
    assert _texts(found) == ["乙の[+新しい+]段落です。"]


def test_a_text_written_anew_is_two_texts_and_no_mosaic() -> None:
    (found,) = _compare(_read("開会は十時です。\n"), _read("会場の変更のため、中止しました。\n"))
    assert _texts(found) == ["[-開会は十時です。-][+会場の変更のため、中止しました。+]"]


def test_a_block_that_stands_elsewhere_is_moved_and_not_removed_and_added() -> None:
    moved = "# 一\n\n丙の段落です。\n\n甲の段落です。\n\n乙の段落です。\n"
    assert [each.change for each in _compare(_read(_TEXT), _read(moved))] == [Change.MOVED]


def test_a_block_that_was_moved_and_changed_is_one_with_its_words_marked() -> None:
    moved = "# 一\n\n丙の新しい段落です。\n\n甲の段落です。\n\n乙の段落です。\n"
    before = _TEXT.replace("丙の段落", "丙という名の段落")
    after = moved.replace("丙の新しい段落", "丙という名の新しい段落")
    (found,) = _compare(_read(before), _read(after))
    assert found.change is Change.MOVED
    assert _texts(found) == ["丙という名の[+新しい+]段落です。"]


def test_what_is_gone_stands_where_it_was_and_what_is_new_where_it_is() -> None:
    after = _TEXT.replace("甲の段落です。\n\n", "") + "\n## 新しい見出し\n"
    found = _compare(_read(_TEXT), _read(after))
    assert [(each.change, _texts(each)) for each in found] == [
        (Change.REMOVED, ["甲の段落です。"]),
        (Change.ADDED, ["新しい見出し"]),
    ]


def test_what_is_the_same_is_one_group_and_what_changed_says_below_which_heading() -> None:
    groups = compare_issues(_read(_TEXT), _read(_TEXT.replace("丙の", "丁の")), Language.JAPANESE)
    assert [(group.same, len(group.differences)) for group in groups] == [(True, 6), (False, 1)]
    assert groups[1].under == "一"


def test_a_button_and_a_picture_are_shown_by_their_fields() -> None:
    before, after = (
        replace(
            _read(""),
            lead=(
                Button(label="申し込む", url=f"https://example.jp/{name}"),
                Picture(source=f"https://example.jp/{name}.png", alt="会場"),
            ),
        )
        for name in ("old", "new")
    )
    button, picture = _compare(before, after)
    assert _texts(button) == ["申し込む", "https://example.jp/[-old-][+new+]"]
    assert _texts(picture) == ["[-old-][+new+].png", "会場"]


def test_a_change_that_no_word_shows_is_called_one_of_form() -> None:
    plain, bold = (
        replace(_read(""), lead=(Paragraph(content=(run,)),))
        for run in (Text(text="急告"), Strong(content=(Text(text="急告"),)))
    )
    (found,) = _compare(plain, bold)
    assert (found.change, found.form_only) == (Change.CHANGED, True)


def test_versions_that_say_the_same_have_no_difference() -> None:
    assert compare_issues(_read(_TEXT), _read(_TEXT), Language.JAPANESE) == ()


def _bombs(count: int) -> tuple[Issue, Issue]:
    """Return versions in which every sign of each paragraph stands at many places of the other."""
    before, after = (
        replace(_read(""), lead=(Paragraph(content=(Text(text=sign * 150),)),) * count)
        for sign in ("、。", "。、、")
    )
    return before, after


def test_texts_of_which_all_is_alike_are_compared_in_time_that_grows_with_them() -> None:
    assert_linear(lambda pair: compare_issues(*pair, Language.JAPANESE), _bombs, size=400)
