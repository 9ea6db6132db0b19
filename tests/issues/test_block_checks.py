"""What preflight says of blocks: each kind's own faults, with the line they stand in."""

from __future__ import annotations

from datetime import date

import pytest

from newsletter.i18n.language import Language
from newsletter.issues.cards import Button
from newsletter.issues.checks.blocks import check_blocks
from newsletter.issues.checks.content import check_issue
from newsletter.issues.checks.findings import Severity
from newsletter.issues.checks.lines import find_lines
from newsletter.issues.markdown.reader import read_markdown
from newsletter.issues.markdown.writer import to_markdown
from newsletter.issues.model import Issue

HEAD = "---\ntitle: 題\ndate: 2026-12-01\n---\n\n前文\n\n"
EVENT = ":::event\nname: 講座\n{}\n:::"
CONTACT = ":::contact\n{}\n:::"
PICTURE = "![図](https://example.jp/{}.png)"


def _issue(body: str) -> tuple[str, Issue]:
    text = HEAD + body
    return text, read_markdown(text, source="typed")[0]


@pytest.mark.parametrize(
    ("code", "line", "body"),
    [
        ("button-address", 8, ":::button [申し込む](<>)"),
        ("button-label", 8, ":::button [](https://example.jp/)"),
        ("file-size", 9, ":::file\nname: 要項\nurl: https://example.jp/a.pdf\ntype: PDF\n:::"),
        ("file-address", 9, ":::file\nname: 要項\ntype: PDF\nsize: 1 KB\n:::"),
        ("event-date", 9, EVENT.format("place: 役場")),
        ("event-date", 10, EVENT.format("date: 10:00")),
        ("event-date", 10, EVENT.format("date: 来週の木曜")),
        ("event-date", 9, EVENT.format("date: 2026年2月30日 10時")),
        ("event-date", 9, EVENT.format("date: 0001-01-01 00:00")),
        ("event-date", 9, EVENT.format("date: 2026-12-03 10:00-9:00")),
        ("event-date", 9, EVENT.format("date: 2026-12-03 10:00 - 2026-12-04")),
        ("event-past", 9, EVENT.format("date: 2026-11-30 10:00-12:00")),
        ("contact-phone", 9, CONTACT.format("phone: 03-123")),
        ("contact-phone-wide", 9, CONTACT.format("phone: ０４２（０００）００００ 内線 12")),
        ("contact-email", 9, CONTACT.format("email: 総務課@example.jp")),
        ("contact-empty", 8, CONTACT.format("")),
        ("gallery-count", 9, f":::gallery\n{PICTURE.format(1)}\n:::"),
        ("gallery-count", 8, ":::gallery\n:::"),
        ("columns-empty", 8, ":::columns\n左\n+++\n:::"),
        ("contents-empty", 8, ":::contents"),
        ("contents-place", 10, "# 章\n\n:::contents"),
        ("snippet-unknown", 8, ":::snippet 窓口"),
        ("table-row-empty", 8, "| 日 | 場所 |\n| --- | --- |\n| 1日 | 役場 |\n| | |"),
        (
            "table-head-short",
            11,
            "| 日 | 場所 |\n| --- | --- |\n| 1日 | 役場 |\n| 2日 | 支所 | 予約 |",
        ),
        ("field-fallback", 8, ":field[name]様"),
        ("field-title", 8, ":field[name|読者の皆さま] 様"),
        ("field-title", 8, ":field[name|購読者各位]さま、こんにちは。"),
        ("field-unknown", 8, ":field[birthday|誕生日]"),
    ],
)
def test_a_fault_of_a_block_is_named_with_its_line(code: str, line: int, body: str) -> None:
    text, issue = _issue(body)

    (finding,) = check_blocks(issue)

    assert finding.code == code
    assert find_lines(text, finding) == (line, line)


@pytest.mark.parametrize(
    "body",
    [
        "| | |\n| --- | --- |\n| | |",
        ":::button [](<>)",
        ":::file\ntype: PDF\n:::",
        ":::event\nplace: 役場\n:::",
        ":::event\ndate: 2026-11-30\n:::",
    ],
)
def test_a_block_without_a_name_is_not_called_by_an_empty_one(body: str) -> None:
    _, issue = _issue(body)

    sentences = [each.message.in_language(Language.JAPANESE) for each in check_blocks(issue)]

    assert sentences
    assert not [each for each in sentences if "「」" in each]


@pytest.mark.parametrize("body", ["| | |\n| --- | --- |\n| | |", "| | |\n| --- | --- |"])
def test_a_table_without_words_is_not_written_yet_and_can_be_deleted_whole(body: str) -> None:
    _, issue = _issue(body)

    (finding,) = check_blocks(issue)

    assert finding.is_unwritten
    assert finding.fix
    assert finding.act.in_language(Language.ENGLISH) == "Delete the table"
    assert "|" not in to_markdown(finding.fix(issue))


@pytest.mark.parametrize(
    "body",
    [
        ":::button [申し込む](https://example.jp/)",
        ":::button [電話する](tel:188)",
        EVENT.format("date: 2026-12-01"),
        EVENT.format("date: 2026年12月3日（木）10時〜11時30分"),
        EVENT.format("date: 2026-12-03 22:00 - 2026-12-04 02:00"),
        EVENT.format("date: 2026-11-01 - 2026-12-20"),
        CONTACT.format("phone: 消費者ホットライン 188"),
        CONTACT.format("phone: 042（000）0000 内線 12\nemail: a@example.jp"),
        f":::gallery\n{PICTURE.format(1)}\n{PICTURE.format(2)}\n:::",
        ":::contents\n\n# 章\n\n# 次",
        ":field[name|読者]様",
        ":field[name|市民の皆さま]様子をお伝えします。",
        ":field[name|皆さま]、こんにちは。",
    ],
)
def test_a_block_that_is_whole_is_left_alone(body: str) -> None:
    assert not list(check_blocks(_issue(body)[1]))


@pytest.mark.parametrize(
    ("typed", "mended"),
    [
        ("phone: ０４２（０００）００００ 内線１２", "phone: 042(000)0000 内線12"),
        ("phone: ０３－１２３４－５６７８", "phone: 03-1234-5678"),
        ("phone: ０３ー１２３４ー５６７８", "phone: 03-1234-5678"),
        ("email: ｏｆｆｉｃｅ＠example.jp", "email: office@example.jp"),
    ],
)
def test_a_press_puts_a_number_or_an_address_into_half_width(typed: str, mended: str) -> None:
    _, issue = _issue(CONTACT.format(typed))
    (finding,) = check_blocks(issue)

    assert finding.fix is not None
    assert finding.fix(issue) == _issue(CONTACT.format(mended))[1]


def test_a_table_in_which_nothing_stands_is_not_called_by_a_name() -> None:
    (finding,) = check_blocks(_issue("| | |\n| --- | --- |\n| | |")[1])

    assert finding.message.in_language(Language.JAPANESE) == "何も書かれていない表があります。"


def test_two_faulty_blocks_of_one_kind_in_two_parts_are_two_findings() -> None:
    _text, issue = _issue("# 一\n\n:::button [送る](<>)\n\n# 二\n\n:::button [送る](<>)")

    assert [finding.place.chapter for finding in check_blocks(issue)] == [1, 2]


@pytest.mark.parametrize("url", ["javascript:alert(1)", "data:text/html,x", "/kofu", "ftp://a.jp/"])
def test_an_address_that_no_mail_may_open_forbids_sending(url: str) -> None:
    """Markdown refuses it by itself; an issue may come by another door."""
    issue = Issue(title="題", issue_date=date(2026, 12, 1), lead=(Button(label="送る", url=url),))

    assert [f.code for f in check_issue(issue) if f.severity is Severity.ERROR] == ["url-malformed"]


def test_empty_rows_of_a_table_are_deleted_at_once() -> None:
    rows = "| 日 | 場所 |\n| --- | --- |\n| | |\n| 1日 | |\n| | |"
    _, issue = _issue(f":::columns\n{rows}\n+++\n右\n:::")

    (finding,) = check_blocks(issue)

    assert finding.fix is not None
    assert (
        finding.fix(issue)
        == _issue(":::columns\n| 日 | 場所 |\n| --- | --- |\n| 1日 | |\n+++\n右\n:::")[1]
    )
