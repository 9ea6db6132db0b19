"""Dates and their weekdays: what does not agree is told, whatever the year may be."""

from __future__ import annotations

from datetime import date

import pytest

from newsletter.i18n.language import Language
from newsletter.issues.checks.content import check_issue, check_weekdays
from newsletter.issues.checks.findings import Finding
from newsletter.issues.markdown.reader import read_markdown
from newsletter.issues.model import Issue, Paragraph, Text
from tests.support.growth import assert_linear


def _found(words: str, day: str = "2026-11-29") -> list[Finding]:
    text = f"---\ntitle: 号\ndate: {day}\n---\n\n{words}\n"
    issue = read_markdown(text, source="text")[0]
    return [each for each in check_issue(issue) if each.code == "weekday-wrong"]


@pytest.mark.parametrize(
    "words",
    [
        "12月1日（月）までに電話で",
        "１２月１日(月)",
        "十二月一日（月曜日）",
        "令和8年12月1日（月）",
        "2026年12月1日（月・祝）",
        "2026 年 12 月 1 日（月）",
        "12/1(月)",
        "2026年12月1日月曜日",
        "12月5日（土）・6日（月）",
        "1月4日（日）",
        "昨年12月1日（火）",
        "Monday, 1 December 2026",
        "Mon, December 1",
        "on Monday the 1st of December",
        "Dec. 1 (Mon)",
    ],
)
def test_a_weekday_that_is_not_the_dates_is_told(words: str) -> None:
    assert len(_found(words)) == 1


@pytest.mark.parametrize(
    "words",
    [
        "12月1日（火）までに電話で",
        "令和8年12月1日(火)",
        "12月5日（土）・6日（日）",
        "12月5日（土・日）",
        "1月4日（月）",
        "昨年12月1日（月）",
        "毎月1日（月）",
        "第1（月）",
        "20名（日）",
        "26年12月1日（月）",
        "13月1日（月）",
        "12月1日（月々の支払い）",
        "`12月1日（月）`",
        "Tuesday, 1 December 2026",
        "Tues 1 Dec",
        "Sun and 3 March hares",
    ],
)
def test_what_agrees_or_is_no_date_is_not(words: str) -> None:
    assert not _found(words)


def test_a_date_half_a_year_off_may_be_of_either_year() -> None:
    assert not _found("5月20日（水）")
    assert not _found("5月20日（木）")
    assert _found("5月20日（金）")


def test_the_finding_says_which_weekday_it_is_and_in_which_line() -> None:
    [found] = _found("お申し込みは\\\n12月1日（月）まで")
    assert found.message.in_language(Language.JAPANESE) == (
        "「12月1日（月）」とありますが、2026年12月1日は火曜日です。"
    )
    assert "2026 is a Tuesday" in found.message.in_language(Language.ENGLISH)
    assert found.within == ("12月1日（月）まで",)


def test_the_same_slip_in_two_lines_is_two_findings() -> None:
    assert len(_found("# あ\n\n12月1日（月）\n\n# い\n\n12月1日（月）")) == 2


@pytest.mark.parametrize("part", ["1", "一", "1月", "年1", "12月1日(", "Mon "])
def test_reading_grows_with_the_length(part: str) -> None:
    def issue(size: int) -> Issue:
        words = Paragraph(content=(Text(text=part * (size // len(part))),))
        return Issue(title="号", issue_date=date(2026, 11, 29), lead=(words,))

    assert_linear(lambda issue: list(check_weekdays(issue)), issue, size=400_000)
