"""What changed between two versions of an issue, as an editor reads it: no markup."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import get_args

import pytest

from newsletter.i18n.language import Language
from newsletter.issues.cards import Button
from newsletter.issues.checks.findings import IssueField
from newsletter.issues.difference import (
    Change,
    Difference,
    WordChange,
    compare_conflict,
    compare_issues,
)
from newsletter.issues.markdown.fences import Fence
from newsletter.issues.merging import Version, merge
from newsletter.issues.model import (
    Block,
    Gallery,
    Issue,
    Paragraph,
    Picture,
    Strong,
    Text,
    Translation,
)
from newsletter.issues.sources.reading import read_issue
from newsletter.issues.translation_units import translated_unit
from newsletter.issues.translation_units import units_of as translation_units
from newsletter.issues.wording import KIND_NAMES
from tests.support.growth import assert_linear

pytestmark = pytest.mark.unit

_ROOT = Path(__file__).resolve().parents[2]
(_UNION, *_) = get_args(Block)
_KINDS = [kind.__dataclass_fields__["kind"].default for kind in get_args(_UNION)]
#: Written by typing: what a text consists of.
_ALWAYS_THERE = {"paragraph"}
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
    marks = {
        WordChange.REMOVED: ("[-", "-]"),
        WordChange.ADDED: ("[+", "+]"),
        WordChange.SAME: ("", ""),
    }
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
    assert set(KIND_NAMES) == set(_KINDS)


@pytest.mark.parametrize("kind", _KINDS)
def test_the_editor_shows_every_kind_of_block_and_offers_it(kind: str) -> None:
    table = (_ROOT / "frontend/src/kinds.js").read_text(encoding="utf-8")
    assert re.search(rf'^  "?{kind}"?: (?:\{{|formed\()', table, flags=re.MULTILINE)
    if kind in _ALWAYS_THERE:
        return
    menu = (_ROOT / "frontend/src/slash.js").read_text(encoding="utf-8")
    names = re.findall(rf'\bname: "([\w-]+)",[^{{}}]*\bkind: "{kind}"', menu)
    assert names
    words = (_ROOT / "templates/web/issues/_editor_words.html").read_text(encoding="utf-8")
    assert {name for name in names if f'"kind.{name}"' not in words} == set()


@pytest.mark.parametrize("word", Fence)
def test_every_block_between_colons_is_in_the_documentation(word: str) -> None:
    text = (_ROOT / "docs/content.md").read_text(encoding="utf-8")
    assert re.search(rf"^:::+{word}\b", text, flags=re.MULTILINE)


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


def _translated(before: Issue, **said: str) -> Issue:
    """Return an issue with an English translation; of which paragraphs, by their words."""
    units = tuple(
        translated_unit(unit, text=said["title"], body=(), links=())
        if unit.place.field is IssueField.TITLE
        else translated_unit(
            unit, text="", body=(Paragraph(content=(Text(text=said["body"]),)),), links=()
        )
        for unit in translation_units(before)
        if (unit.place.field is IssueField.TITLE and "title" in said)
        or (unit.body and "body" in said)
    )
    return replace(before, translations=(Translation(language="en", units=units),))


def test_a_change_of_a_translation_alone_is_shown_with_its_language_and_original() -> None:
    issue = _read("開会は十時です。\n")
    before = _translated(issue, title="December", body="We open at ten.")
    after = _translated(issue, title="December", body="We open at nine.")
    (found,) = _compare(before, after)
    assert found.kind.in_language(Language.JAPANESE).endswith("英語")
    assert _texts(found) == ["開会は十時です。", "We open at [-ten-][+nine+]."]
    assert [line.tag for line in found.lines] == ["ja", "en"]


def test_words_of_a_block_are_in_the_language_of_the_issue_and_dates_in_the_readers() -> None:
    before = _read("開会は十時です。\n")
    after = replace(_read("開会は九時です。\n"), issue_date=date(2027, 1, 9))
    found = {line.tag for each in _compare(before, after) for line in each.lines}
    assert found == {"", "ja"}


def test_a_translation_begun_and_one_taken_away_are_added_and_removed() -> None:
    issue = _read("開会は十時です。\n")
    begun = _translated(issue, title="December")
    assert [each.change for each in _compare(issue, begun)] == [Change.ADDED]
    assert [each.change for each in _compare(begun, issue)] == [Change.REMOVED]


def test_a_translation_that_follows_its_original_is_one_change() -> None:
    before = _translated(_read("開会は十時です。\n"), body="We open at ten.")
    after = _translated(_read("開会は九時です。\n"), body="We open at nine.")
    original, translation = _compare(before, after)
    assert _texts(original) == ["開会は[-十時-][+九時+]です。"]
    assert _texts(translation) == ["開会は九時です。", "We open at [-ten-][+nine+]."]


def test_a_cell_is_compared_with_the_cell_that_stood_there_and_its_row_is_named() -> None:
    table = "| 日 | 場所 |\n| --- | --- |\n| 1日 | 市民会館の大ホール |\n| 2日 | 図書館 |\n"
    (found,) = _compare(_read(table), _read(table.replace("図書館", "体育室")))
    assert _texts(found)[2] == "2日　|　[-図書館-][+体育室+]"
    assert [line.label and line.label.in_language(Language.ENGLISH) for line in found.lines] == [
        "Head",
        "Row 1",
        "Row 2",
    ]


def test_a_row_put_in_before_others_changes_none_of_them() -> None:
    table = "| 日 | 場所 |\n| --- | --- |\n| 2日 | 図書館 |\n"
    with_row = table.replace("| 2日", "| 1日 | 会館 |\n| 2日")
    (found,) = _compare(_read(table), _read(with_row))
    assert _texts(found) == ["日　|　場所", "[+1日　|　会館+]", "2日　|　図書館"]


def test_pictures_are_shown_as_they_were_and_as_they_are() -> None:
    before, after = (
        replace(
            _read(""),
            lead=(
                Gallery(
                    pictures=(
                        Picture(source="https://example.jp/a.png", alt="甲"),
                        Picture(source=f"https://example.jp/{name}.png", alt=alt),
                    )
                ),
            ),
        )
        for name, alt in (("b", "乙"), ("c", "丙"))
    )
    (found,) = _compare(before, after)
    assert [(each.source[-5:], each.alt, each.changed) for each in found.pictures] == [
        ("a.png", "甲", WordChange.SAME),
        ("b.png", "乙", WordChange.REMOVED),
        ("c.png", "丙", WordChange.ADDED),
    ]


def _conflict(*said: str) -> tuple[str, str]:
    """Return both versions of what two editors changed in a text, the first of three."""
    (found,) = merge(*(Version(issue=_read(each)) for each in said)).conflicts
    one, other = compare_conflict(found, _read(said[1]), Language.JAPANESE)
    return "".join(text for text, _ in one), "".join(text for text, _ in other)


def test_what_two_editors_changed_is_shown_as_readers_see_it() -> None:
    table = "| 日 | 場所 |\n| --- | --- |\n| 1日 | {} |\n"
    assert _conflict(*(table.format(place) for place in ("会館", "**図書館**", "体育館"))) == (
        "見出し行 日　|　場所\n1行目 1日　|　図書館",
        "見出し行 日　|　場所\n1行目 1日　|　体育館",
    )


def test_what_two_editors_gave_another_form_says_the_same_without_markup() -> None:
    said = _conflict("開会です。\n", "**開会**です。\n", "*開会*です。\n")
    assert said == ("開会です。", "開会です。")
