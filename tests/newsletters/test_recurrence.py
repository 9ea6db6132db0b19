"""On which dates a newsletter appears, and that each opens exactly one draft."""

from __future__ import annotations

import threading
from datetime import UTC, date, datetime

import pytest
from sqlalchemy import Engine, select

from newsletter.accounts.audit import COMMAND_LINE
from newsletter.database.engine import reading, transaction
from newsletter.database.tables import DraftRow, IssueRow
from newsletter.database.vocabulary import Every
from newsletter.edit_conflicts import EditConflictError, shown_of
from newsletter.errors import ListError
from newsletter.issues.model import issue_from_json
from newsletter.newsletters.issue_actions import delete_pattern, duplicate_issue, keep_pattern
from newsletter.newsletters.publications import find_newsletter
from newsletter.newsletters.recurrence import (
    Recurrence,
    RecurrencePlan,
    Rule,
    find_recurrence,
    open_due_drafts,
    schedule_of,
    set_recurrence,
)
from tests.support.stage import Stage, set_stage

THURSDAY = 3


@pytest.mark.parametrize(
    ("rule", "start", "dates"),
    [
        (
            Rule(every=Every.WEEK, weekday=THURSDAY),
            "2026-12-24",
            "2026-12-24 2026-12-31 2027-01-07",
        ),
        (Rule(every=Every.WEEK, weekday=0), "2026-12-24", "2026-12-28 2027-01-04"),
        (Rule(every=Every.TWO_WEEKS, weekday=4), "2026-12-24", "2026-12-25 2027-01-08"),
        (Rule(every=Every.MONTH_DAY, ordinal=31), "2027-01-31", "2027-01-31 2027-02-28 2027-03-31"),
        (Rule(every=Every.MONTH_DAY, ordinal=1), "2026-11-02", "2026-12-01 2027-01-01"),
        (
            Rule(every=Every.MONTH_WEEKDAY, weekday=1, ordinal=2),
            "2026-12-09",
            "2027-01-12 2027-02-09",
        ),
        (
            Rule(every=Every.MONTH_WEEKDAY, weekday=4, ordinal=-1),
            "2027-02-01",
            "2027-02-26 2027-03-26",
        ),
    ],
)
def test_a_rule_names_its_dates(rule: Rule, start: str, dates: str) -> None:
    wanted = [date.fromisoformat(each) for each in dates.split()]
    found = [rule.first_from(date.fromisoformat(start))]
    while len(found) < len(wanted):
        found.append(rule.after(found[-1]))
    assert found == wanted


@pytest.mark.parametrize("numbers", [{"weekday": 7}, {"ordinal": 0}, {"ordinal": 5}])
def test_a_rule_without_dates_is_refused(numbers: dict[str, int]) -> None:
    with pytest.raises(ListError):
        Rule(every=Every.MONTH_WEEKDAY, **numbers)


def _set(stage: Stage, start: str, *, pattern_id: int | None = None) -> None:
    with transaction(stage.engine) as session:
        set_recurrence(
            session,
            COMMAND_LINE,
            find_newsletter(session, "digest"),
            Rule(every=Every.WEEK, weekday=THURSDAY),
            days_before=5,
            pattern_id=pattern_id,
            start=date.fromisoformat(start),
        )


def test_each_date_opens_one_draft_from_the_last_issue_also_with_two_schedulers(
    engine: Engine,
) -> None:
    stage = set_stage(engine)
    _set(stage, "2999-12-26")
    with transaction(engine) as session:
        session.get_one(Recurrence, stage.newsletter_id).next_on = date(2999, 12, 26)
    assert open_due_drafts(engine, datetime(2999, 12, 20, 14, 59, tzinfo=UTC)) == 0
    due = datetime(2999, 12, 20, 15, 1, tzinfo=UTC)  # the 21st in Tokyo
    threads = [threading.Thread(target=open_due_drafts, args=(engine, due)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    open_due_drafts(engine, due)
    with reading(engine) as session:
        draft = session.scalars(select(DraftRow)).one()
        recurrence = find_recurrence(session, stage.newsletter_id)
        assert recurrence is not None
        assert recurrence.next_on > date(2999, 12, 26)
    assert draft.content["issue_date"] == "2999-12-26"
    assert draft.content["number"] == "第9号"
    assert "2999年12月号" in draft.content["title"]


def test_a_date_that_somebody_began_opens_no_second_draft_and_passed_ones_are_left(
    engine: Engine,
) -> None:
    stage = set_stage(engine)
    with transaction(engine) as session:
        issue = session.scalars(select(IssueRow)).one()
        content = issue_from_json(issue.content)
        pattern = keep_pattern(session, COMMAND_LINE, stage.newsletter_id, "定例", content)
    _set(stage, "2999-01-01", pattern_id=pattern.id)
    with transaction(engine) as session:
        session.scalars(select(IssueRow)).one().issue_date = date(2999, 1, 3)
        session.get_one(Recurrence, stage.newsletter_id).next_on = date(2999, 1, 3)
    assert open_due_drafts(engine, datetime(2999, 1, 1, tzinfo=UTC)) == 0
    assert open_due_drafts(engine, datetime(2999, 6, 30, tzinfo=UTC)) == 0, "long past"
    with transaction(engine) as session:
        delete_pattern(session, COMMAND_LINE, session.merge(pattern))
    with reading(engine) as session:
        recurrence = find_recurrence(session, stage.newsletter_id)
        assert recurrence is not None
        assert recurrence.pattern_id is None
        assert recurrence.next_on > date(2999, 6, 29)
    assert open_due_drafts(engine, datetime(2999, 7, 1, tzinfo=UTC)) == 1


def test_a_copy_takes_the_next_date_of_the_schedule_that_nobody_began(engine: Engine) -> None:
    stage = set_stage(engine)
    _set(stage, "2999-12-26")
    with transaction(engine) as session:
        session.get_one(Recurrence, stage.newsletter_id).next_on = date(2999, 12, 26)
        issue = issue_from_json(session.scalars(select(IssueRow)).one().content)
        copies = [
            duplicate_issue(session, COMMAND_LINE, stage.newsletter_id, issue, template="digest")
            for _ in range(2)
        ]
    assert [copy.issue.issue_date for copy in copies] == [date(2999, 12, 26), date(3000, 1, 2)]


def test_of_two_who_change_a_schedule_the_second_changes_no_dates_unseen(engine: Engine) -> None:
    stage = set_stage(engine)

    def save(rule: Rule, *, days_before: int, shown: str, start: date | None = None) -> None:
        with transaction(stage.engine) as session:
            set_recurrence(
                session,
                COMMAND_LINE,
                find_newsletter(session, "digest"),
                rule,
                days_before=days_before,
                start=start,
                shown=shown,
            )

    weekly, monthly = Rule(every=Every.WEEK, weekday=1), Rule(every=Every.MONTH_DAY, ordinal=5)
    far = date(2035, 3, 1)
    save(weekly, days_before=7, shown="", start=far)
    shown = shown_of(RecurrencePlan(rule=weekly, days_before=7))
    save(weekly, days_before=7, shown=shown)
    with reading(stage.engine) as session:
        row = find_recurrence(session, stage.newsletter_id)
        assert row is not None
        assert row.next_on >= far
    save(monthly, days_before=7, shown=shown)
    save(weekly, days_before=3, shown=shown)
    with reading(stage.engine) as session:
        kept = schedule_of(find_recurrence(session, stage.newsletter_id))
    assert kept == RecurrencePlan(rule=monthly, days_before=3)
    with pytest.raises(EditConflictError):
        save(Rule(every=Every.WEEK, weekday=4), days_before=7, shown=shown)
