"""The plain-text digest form, of 24 items in three sections."""

from __future__ import annotations

import contextlib
import unicodedata
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsletter.errors import ContentError
from newsletter.issues.model import Heading, Issue, Paragraph, issue_from_json, issue_to_json
from newsletter.issues.outline import table_of_contents, to_outline
from newsletter.issues.plain_text import block_text
from newsletter.issues.sources.digest import looks_like_digest, read_digest, to_text
from newsletter.issues.sources.reading import ReadIssue, SourceFormat, read_issue
from tests.support.examples import examples
from tests.support.growth import assert_linear


@pytest.fixture(scope="module")
def read(each_digest: bytes) -> ReadIssue:
    return read_issue(each_digest, source="digest.txt")


@pytest.fixture(scope="module")
def issue(read: ReadIssue) -> Issue:
    return read.issue


@pytest.fixture(scope="module")
def ours(digest: bytes) -> Issue:
    return read_issue(digest, source="digest.txt").issue


def _filled(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


def test_its_form_is_recognised(read: ReadIssue) -> None:
    assert read.format is SourceFormat.DIGEST


def test_masthead_title_and_date_are_found(ours: Issue) -> None:
    assert (ours.masthead, ours.title, ours.issue_date) == (
        "まちかど通信",
        "地域デジタル化の動き(2026.11.20)",
        date(2026, 11, 20),
    )


def test_the_contents_lines_are_kept_as_written(issue: Issue) -> None:
    assert [(line.level, line.label) for line in issue.contents] == [
        (1, "1"),
        (1, "2"),
        (2, "政 府"),
        (2, "自治体"),
        (2, "海 外"),
    ]


def test_each_contents_line_leads_somewhere(issue: Issue) -> None:
    assert [line.anchor for line in table_of_contents(issue)] == [
        "c1",
        "c2",
        "c2-s1-i4",
        "c2-s2-i13",
        "c2-s3-i1",
    ]


def test_chapter_1_has_its_body_and_link(ours: Issue) -> None:
    chapter = ours.chapters[0]
    assert chapter.heading == "『まちと情報』2026年11月号発行のお知らせ"
    assert block_text(chapter.body[0]).startswith("今号の特集『小さな役場のデジタル化』では")
    assert [link.url for link in chapter.links] == [
        "https://www.example.jp/magazine/machi/20261115/202611/"
    ]


def test_chapter_2_has_three_sections_with_24_items(issue: Issue) -> None:
    sections = issue.chapters[1].sections
    assert [(section.heading, len(section.items)) for section in sections] == [
        ("政府", 10),
        ("自治体", 13),
        ("海外", 1),
    ]


def test_each_item_has_headline_body_and_url_in_order(issue: Issue, read: ReadIssue) -> None:
    found = [
        line
        for section in issue.chapters[1].sections
        for item in section.items
        for line in (f"■{item.headline}", *map(block_text, item.body), item.links[0].url)
    ]
    source = _filled(read.text)
    start = source.index("【政府】")
    assert found == [line for line in source[start:-1] if not line.startswith("【")]


def test_the_credit_line_is_found(ours: Issue) -> None:
    assert ours.credits == ("(編集) まちかど通信編集室 編集員 青木みのり",)


def test_nothing_is_a_guess(read: ReadIssue) -> None:
    assert read.unplaced == ()


def test_the_eight_kangxi_radicals_are_reported_with_their_line(read: ReadIssue) -> None:
    radicals = [change for change in read.changes if "radical" in change.reason]
    assert "".join(change.before for change in radicals) == "⼊⽤⼗⽤⼤⾂⼤⾂"
    assert {change.line for change in radicals} == {62}


def test_a_round_trip_to_text_loses_nothing_but_what_was_normalised(
    each_digest: bytes, issue: Issue
) -> None:
    kangxi = {ord(char): unicodedata.normalize("NFKC", char) for char in "⼊⽤⼗⼤⾂"}
    original = each_digest.decode("utf-8").translate(kangxi).replace("\u00a0", " ")
    assert _filled(to_text(issue)) == _filled(original)


def test_what_was_written_reads_back_as_the_same_issue(issue: Issue) -> None:
    assert read_digest(to_text(issue), source="again")[0] == issue


def test_headings_within_items_read_back_as_headings() -> None:
    text = "2026.11.20\n題\n■一\n本文\n◆申込\n窓口で\n◆費用\n無料\n■二\n別の本文\n"
    issue = read_digest(text, source="any")[0]
    first = issue.chapters[0].items[0]
    assert [type(block) for block in first.body] == [Paragraph, Heading] * 2 + [Paragraph]
    assert read_digest(to_text(issue), source="again")[0] == issue


def test_an_issue_survives_the_database_form(issue: Issue) -> None:
    assert issue_from_json(issue_to_json(issue)) == issue


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp932", "euc_jp", "iso2022_jp"])
def test_encodings_of_japan_are_recognised(issue: Issue, encoding: str) -> None:
    text = to_text(issue).replace("─", "-")
    recoded = text.encode(encoding, errors="replace")
    assert read_issue(recoded, source="recoded").issue.issue_date == issue.issue_date
    assert read_issue(recoded, source="recoded").issue.chapters[1].sections[0].heading == "政府"


def test_an_address_stays_between_the_lines_it_stands_between() -> None:
    text = "2021.10.21\n題\n1.章\n■見出し\n本文\nhttps://example.jp/a\n追記です。\nhttps://example.jp/b\n"
    read = read_issue(text.encode(), source="late.txt")
    item = read.issue.chapters[0].items[0]
    assert list(map(block_text, item.body)) == ["本文", "https://example.jp/a", "追記です。"]
    assert [link.url for link in item.links] == ["https://example.jp/b"]
    assert not read.unplaced


def test_text_behind_the_credits_is_kept_and_reported() -> None:
    text = "2021.10.21\n題\n1.章\n本文\n（編集）広報課\n追記です。\n"
    read = read_issue(text.encode(), source="late.txt")
    assert [(line.line, line.text) for line in read.unplaced] == [(6, "追記です。")]
    assert read.issue.credits == ("（編集）広報課", "追記です。")


@pytest.mark.parametrize("mark", [".", "．", "、"])
@pytest.mark.parametrize("digits", ["12", "１２"])
def test_chapters_are_numbered_in_either_width(mark: str, digits: str) -> None:
    first, second = digits[0], digits[1]
    text = f"2021.10.21\n題\n【今号】\n{first}{mark}講座\n本文\n{second}{mark} 催し\n本文\n"
    chapters = read_issue(text.encode(), source="wide.txt").issue.chapters
    assert [(part.number, part.heading) for part in chapters] == [
        (None, ""),
        (1, "講座"),
        (2, "催し"),
    ]


@pytest.mark.parametrize(
    "line",
    [
        "令和3年10月21日",
        "令和３年１０月２１日（木）",
        "2021年10月21日(木曜日)",
        "2021/10/21 配信",
        "2021年10月21日号",
        "２０２１．１０．２１",
    ],
)
def test_the_date_is_read_as_offices_write_it(line: str) -> None:
    read = read_issue(f"便り\n{line}\n題\n■見出し\n本文\n".encode(), source="date.txt")
    assert (read.issue.issue_date, read.issue.title) == (date(2021, 10, 21), "題")


def test_the_first_year_of_an_era_has_a_name_of_its_own() -> None:
    read = read_issue("令和元年5月1日\n題\n■見出し\n".encode(), source="date.txt")
    assert read.issue.issue_date == date(2019, 5, 1)


@pytest.mark.parametrize(
    ("text", "field"), [("題\n■見出し", "date"), ("2021.13.40\n題\n■見出し", "date")]
)
def test_a_missing_or_impossible_date_is_named(text: str, field: str) -> None:
    with pytest.raises(ContentError, match=field):
        read_digest(text, source="bad.txt")


_HEAD = "便り\n2026.11.20\n題\n\n"


def _outline(body: str) -> list[tuple[int, str, list[str]]]:
    issue = read_digest(_HEAD + body, source="marks.txt")[0]
    return [
        (int(part.level), part.heading, [block_text(block) for block in part.body])
        for part in to_outline(issue)
    ]


@pytest.mark.parametrize("mark", "■□◆◇●○◎★☆▼")
@pytest.mark.parametrize("blank", ["", " ", "\u3000"])
def test_whatever_mark_a_publication_opens_its_items_with_is_found(mark: str, blank: str) -> None:
    body = f"{mark}{blank}一\n本文\n\n{mark}{blank}二\n本文\nhttps://example.jp/\n"
    assert _outline(body) == [(1, "", []), (3, "一", ["本文"]), (3, "二", ["本文"])]


def test_a_mark_above_the_marks_of_items_opens_sections() -> None:
    body = "◆くらし\n○一\n本文\n○二\n本文\n\n◆催し\n○三\n本文\n"
    assert [(level, heading) for level, heading, _ in _outline(body)] == [
        (1, ""),
        (2, "くらし"),
        (3, "一"),
        (3, "二"),
        (2, "催し"),
        (3, "三"),
    ]


def test_a_mark_within_items_opens_a_heading() -> None:
    body = "■一\n本文\n\n●申込\n電話で。\n\n■二\n本文\n"
    issue = read_digest(_HEAD + body, source="marks.txt")[0]
    first, second = issue.chapters[0].items
    assert [block.kind for block in first.body] == ["paragraph", "heading", "paragraph"]
    assert second.headline == "二"


def test_lines_that_say_yes_or_no_stay_as_they_are() -> None:
    body = "■持ち込み\n○飲み物\n○お弁当\n○敷物\n▲車いすは入口まで\n▲ペットは抱いて\n"
    assert _outline(body)[1] == (
        3,
        "持ち込み",
        ["○飲み物\n○お弁当\n○敷物\n▲車いすは入口まで\n▲ペットは抱いて"],
    )


def test_points_are_a_list_and_lines_below_each_other_one_paragraph() -> None:
    body = "■催し\n日時：5日\n場所：公園\n\n・水筒\n・帽子（つばの\n\u3000広いもの）\n雨天中止\n"
    issue = read_digest(_HEAD + body, source="points.txt")[0]
    (item,) = issue.chapters[0].items
    assert [block.kind for block in item.body] == ["paragraph", "list", "paragraph"]
    assert list(map(block_text, item.body)) == [
        "日時：5日\n場所：公園",
        "・水筒\n・帽子（つばの\n広いもの）",
        "雨天中止",
    ]


def test_a_row_of_marks_is_an_ornament() -> None:
    assert [heading for _, heading, _ in _outline("□■□■□\n■一\n本文\n")] == ["", "一"]


_shapes = st.sampled_from(
    ["1.章", "2.章", "【区】", "■見出し", "https://example.jp/", "本文", "・点", ""]
)


@settings(max_examples=examples(200))
@given(st.lists(_shapes | st.text(alphabet="あいう漢字 abc■【】().1", max_size=12), max_size=25))
def test_no_line_is_ever_dropped(lines: list[str]) -> None:
    text = "2021.10.21\n題\n" + "\n".join(lines)
    written = "".join(to_text(read_digest(text, source="any")[0]).split())
    for line in filter(None, map(str.strip, lines)):
        assert "".join(line.split()) in written


@given(st.binary(max_size=300))
def test_foreign_octets_are_read_or_refused(data: bytes) -> None:
    with contextlib.suppress(ContentError):
        read_issue(data, source="any")


@pytest.mark.parametrize("line", ["文\n", "・点\n", "・点\n\u3000続き\n", "■見出し\n", "1.目次\n"])
def test_lines_again_and_again_take_as_long_as_their_number(line: str) -> None:
    def read(text: str) -> None:
        with contextlib.suppress(ContentError):
            read_digest(text, source="long")

    assert_linear(
        read,
        lambda count: "2021.10.21\n題名\n■はじめ\n" + line * (count // line.count("\n")),
        size=9_000,
    )


@pytest.mark.parametrize("gap", [" ", "\u3000", "\t"])
@pytest.mark.parametrize("day", ["2021.10.21{}x", "2021.10.21{}日{}x", "令和{}3年{}1月{}1{}x"])
def test_a_day_with_wide_gaps_takes_as_long_as_they_are(day: str, gap: str) -> None:
    assert_linear(
        looks_like_digest, lambda count: f"{day.replace('{}', gap * count)}\n■題名\n", size=2_000
    )


def test_the_lines_of_a_point_are_read_with_it_however_many() -> None:
    text = "2021.10.21\n題名\n■はじめ\n前\n・一\n\u3000二\n\u3000三\n・四\n後\n"
    issue, _ = read_digest(text, source="points")
    body = issue.chapters[0].items[0].body
    assert [block_text(block) for block in body] == ["前", "・一\n二\n三\n・四", "後"]


def test_a_digest_of_more_lines_than_any_has_is_refused() -> None:
    with pytest.raises(ContentError, match="more than 10,000 lines"):
        read_digest("2021.10.21\n題名\n" + "■a\n" * 10_000, source="long")


def test_a_digest_of_more_headings_than_any_has_is_refused() -> None:
    many = "2021.10.21\n題名\n" + "■a\n本文\n" * 999
    read_digest(many, source="long")
    with pytest.raises(ContentError, match="more than 1,000 headings"):
        read_digest(many + "■b\n" * 2, source="long")
