"""The edition after this one: when it appears, which number it has, what its title says."""

from __future__ import annotations

import time
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.issues.drafts.editions import Edition, following, next_date
from newsletter.issues.drafts.restating import next_number, read_numeral, restate, write_numeral
from newsletter.issues.model import Issue

MONTHLY = ("2026-09-01", "2026-10-01")


def _next(title: str, number: str, day: str, *before: str) -> tuple[str, str, str]:
    issue = Issue(title=title, number=number, issue_date=date.fromisoformat(day))
    editions = [Edition(date=date.fromisoformat(each), number="") for each in before]
    moved = following(issue, editions)
    return moved.title, moved.number, moved.issue_date.isoformat()


@pytest.mark.parametrize(
    ("title", "number", "becomes", "numbered"),
    [
        ("まちだより 2026年11月号", "42", "まちだより 2026年12月号", "43"),
        ("第42号 令和8年11月1日(日)発行", "第42号", "第43号 令和8年12月1日(火)発行", "第43号"),
        ("十一月号 花火は11月20日", "第四十二号", "十二月号 花火は11月20日", "第四十三号"),
        ("まちだより 第９９号", "９９", "まちだより 第１００号", "１００"),
        ("City News No. 12, November 2026", "12", "City News No. 13, December 2026", "13"),
        ("2026.11.1 第007号", "007", "2026.12.1 第008号", "008"),
        ("図書館だより 11月号 3冊の本", "11月号", "図書館だより 12月号 3冊の本", "12月号"),
        ("第5号", "", "第6号", ""),
        ("第11号 11月1日", "11", "第12号 12月1日", "12"),
        ("2026年度 第3号", "3", "2026年度 第4号", "4"),
        ("May I help you?", "", "May I help you?", ""),
        ("特別号", "臨時", "特別号", "臨時"),
    ],
)
def test_a_title_states_the_next_date_and_number(
    title: str, number: str, becomes: str, numbered: str
) -> None:
    assert _next(title, number, "2026-11-01", *MONTHLY) == (becomes, numbered, "2026-12-01")


def test_a_number_follows_the_newest_edition_not_the_one_copied() -> None:
    issue = Issue(title="第40号", number="40", issue_date=date(2026, 9, 1))
    editions = [
        Edition(date=date(2026, 10, 1), number="41"),
        Edition(date=date(2026, 11, 1), number="42"),
    ]
    moved = following(issue, editions)
    assert (moved.title, moved.number, moved.issue_date) == ("第43号", "43", date(2026, 12, 1))


def test_a_notice_between_two_editions_moves_no_date() -> None:
    issue = Issue(title="便り 2026年11月号", number="第8号", issue_date=date(2026, 11, 20))
    notice = Edition(date=date(2026, 11, 29), number="")
    before = Edition(date=date(2026, 10, 20), number="")
    for known in ([notice], [before, notice]):
        moved = following(issue, known)
        assert (moved.title, moved.number) == ("便り 2026年12月号", "第9号")
        assert moved.issue_date == date(2026, 12, 20)


def test_what_had_no_number_gets_none() -> None:
    issue = Issue(title="特集", issue_date=date(2026, 11, 5))
    moved = following(issue, [Edition(date=date(2026, 11, 1), number="第8号")])
    assert (moved.title, moved.number) == ("特集", "")


@pytest.mark.parametrize(
    ("known", "due"),
    [
        (["2026-11-04", "2026-11-11", "2026-11-18", "2026-11-25"], "2026-12-02"),
        # One edition was left out.
        (["2026-11-04", "2026-11-11", "2026-11-25"], "2026-12-02"),
        (["2026-10-01", "2026-10-15", "2026-11-01", "2026-11-15"], "2026-12-01"),
        (["2026-10-15", "2026-11-01", "2026-11-15", "2026-12-01", "2026-10-01"], "2026-12-15"),
        (["2026-09-30", "2026-10-31", "2026-11-30"], "2026-12-31"),
        (["2026-09-08", "2026-10-13", "2026-11-10"], "2026-12-08"),
        (["2026-09-10", "2026-10-09", "2026-11-10"], "2026-12-10"),
        (["2026-05-20", "2026-08-20", "2026-11-20"], "2027-02-20"),
        (["2026-11-20"], "2026-12-20"),
        (["2026-11-24", "2026-11-25", "2026-11-26"], "2026-11-27"),
    ],
)
def test_the_next_date_keeps_the_usual_distance(known: list[str], due: str) -> None:
    assert next_date([date.fromisoformat(day) for day in known]).isoformat() == due


@given(st.lists(st.dates(date(2000, 1, 1), date(2100, 1, 1)), min_size=1))
def test_the_next_date_always_lies_behind_the_newest(known: list[date]) -> None:
    assert next_date(known) > max(known)
    assert next_date(known) - max(known) < timedelta(days=36_600)


@given(
    st.integers(min_value=1, max_value=9999),
    st.sampled_from(["1", "007", "３", "十二", "二〇二六"]),
)
def test_a_numeral_is_read_as_it_was_written(value: int, like: str) -> None:
    assert read_numeral(write_numeral(value, like=like)) == value


@given(st.text(alphabet="第号年月日0１十一二年R令和/-. Nov", max_size=30), st.text(max_size=8))
def test_any_title_and_number_have_a_next(title: str, number: str) -> None:
    issue = Issue(title=title, number=number, issue_date=date(2026, 11, 1))
    assert following(issue, []).issue_date == date(2026, 12, 1)


@pytest.mark.parametrize("day", ["9999-12-31", "9999-12-15", "9998-12-31"])
def test_what_stands_at_the_end_of_the_calendar_can_be_started_from(day: str) -> None:
    issue = Issue(title="第40号", number="40", issue_date=date.fromisoformat(day))
    editions = [Edition(date=date(9999, 12, number), number="") for number in (17, 24, 31)]
    for known in ([], editions):
        assert following(issue, known).issue_date >= issue.issue_date


@pytest.mark.parametrize("text", ["〇" * 60_000, "1月" * 30_000, "第" + "1" * 60_000])
def test_a_title_without_end_states_nothing(text: str) -> None:
    begun = time.process_time()
    days = (date(2027, 1, 5), date(2027, 2, 5))
    assert restate(text, dates=days, numbers=("", "")) == text
    assert next_number(text, before=days[0], after=days[1]) == text
    assert time.process_time() - begun < 1
