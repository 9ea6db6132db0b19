"""Who joined and left, by what, in the newsletter's own days; the sums outlive an erasure."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import Engine, delete, func, select, update
from sqlalchemy.orm import Session

from newsletter.accounts.audit import COMMAND_LINE
from newsletter.accounts.roles import ALL_RIGHTS
from newsletter.database.engine import reading, transaction
from newsletter.database.tables import (
    GrowthRow,
    ListImportRow,
    NewsletterRow,
    SubscriptionRow,
    SuppressionRow,
)
from newsletter.database.vocabulary import (
    GrowthCause,
    SubscriptionState,
    SuppressionReason,
    UnsubscribeWay,
)
from newsletter.i18n.language import Language
from newsletter.tokens import Pseudonyms
from subscribers.actions import lift_person, undo_list_import
from subscribers.editing import Ground, PersonDraft, add_person
from subscribers.erasure import erase
from subscribers.growth import Growth, PeriodLength, count_readers, measure_growth
from subscribers.growth_log import log_growth
from subscribers.joining import Origin, subscribe
from subscribers.leaving import take_back, unsubscribe
from subscribers.lists.imports.imports import ImportOptions, import_records
from subscribers.lists.imports.undo import undo_import
from subscribers.lists.parsers.files import list_records
from subscribers.suppression import remove_suppressions, suppress
from tests.support.stage import Stage, set_stage

_DAY = date(2026, 11, 27)
_PSEUDONYMS = Pseudonyms([b"p" * 32])


@pytest.fixture
def stage(engine: Engine) -> Stage:
    """A newsletter with one reader, anna."""
    stage = set_stage(engine)
    stage.subscribe("anna@example.jp")
    return stage


def _logged(stage: Stage) -> dict[GrowthCause, int]:
    """Return the balance by cause, and see that all of it is the number of readers."""
    with reading(stage.engine) as session:
        rows = session.execute(
            select(GrowthRow.cause, func.sum(GrowthRow.count)).group_by(GrowthRow.cause)
        ).all()
        found = {cause: int(count) for cause, count in rows if count}
        assert sum(found.values()) == count_readers(session, stage.newsletter_id)
    return found


def _leave(session: Session, stage: Stage, person: int, way: UnsubscribeWay) -> None:
    unsubscribe(
        session,
        newsletter_id=stage.newsletter_id,
        subscriber_id=person,
        mailing_id=None,
        way=way,
    )


def _suppress(session: Session, reason: SuppressionReason) -> None:
    suppress(session, address_key="anna@example.jp", reason=reason)


def _join(session: Session, stage: Stage, person: int) -> None:
    origin = Origin(source="form", network="", wording="", language=Language.JAPANESE)
    subscribe(
        session,
        newsletter_id=stage.newsletter_id,
        subscriber_id=person,
        origin=origin,
        cause=GrowthCause.FORM,
    )


def _erase(session: Session, stage: Stage, person: int) -> None:
    del stage
    erase(session, person, _PSEUDONYMS, way=UnsubscribeWay.PAGE)


@pytest.mark.parametrize(
    ("happen", "logged"),
    [
        (lambda s, t, p: _leave(s, t, p, UnsubscribeWay.ONE_CLICK), {GrowthCause.CLICK: -1}),
        (lambda s, t, p: _leave(s, t, p, UnsubscribeWay.PAGE), {GrowthCause.PAGE: -1}),
        (lambda s, t, p: _leave(s, t, p, UnsubscribeWay.OPERATOR), {GrowthCause.STAFF: -1}),
        (lambda s, _t, _p: _suppress(s, SuppressionReason.HARD_BOUNCE), {GrowthCause.BOUNCE: -1}),
        (lambda s, _t, _p: _suppress(s, SuppressionReason.MANUAL), {GrowthCause.STAFF: -1}),
        (_erase, {GrowthCause.ERASED: -1}),
        (_join, {}),
    ],
    ids=["click", "page", "operator", "bounce", "by hand", "erased", "joins twice"],
)
def test_each_way_to_leave_is_counted_once_by_its_cause(
    stage: Stage,
    happen: Callable[[Session, Stage, int], None],
    logged: dict[GrowthCause, int],
) -> None:
    person = stage.subscriber_id("anna@example.jp")
    for _ in range(2):
        with transaction(stage.engine) as session:
            happen(session, stage, person)
    assert _logged(stage) == {GrowthCause.IMPORT: 1} | logged


def test_who_is_suppressed_and_leaves_counts_once(stage: Stage) -> None:
    person = stage.subscriber_id("anna@example.jp")
    with transaction(stage.engine) as session:
        _suppress(session, SuppressionReason.COMPLAINT)
        _leave(session, stage, person, UnsubscribeWay.COMPLAINT)
        _erase(session, stage, person)
    assert _logged(stage) == {GrowthCause.IMPORT: 1, GrowthCause.COMPLAINT: -1}


def test_who_is_no_reader_is_lost_and_won_by_no_suppression(stage: Stage) -> None:
    person = stage.subscriber_id("anna@example.jp")
    with transaction(stage.engine) as session:
        relation = session.get_one(SubscriptionRow, (stage.newsletter_id, person))
        relation.state = SubscriptionState.PENDING
        session.execute(delete(GrowthRow))
        _suppress(session, SuppressionReason.MANUAL)
        remove_suppressions(session, session.scalars(select(SuppressionRow.id)).all())
    assert _logged(stage) == {}


def test_who_is_suppressed_twice_over_is_lost_once_and_won_back_with_the_last(
    stage: Stage,
) -> None:
    with transaction(stage.engine) as session:
        for scope in (None, stage.newsletter_id):
            suppress(
                session,
                address_key="anna@example.jp",
                reason=SuppressionReason.MANUAL,
                newsletter_id=scope,
            )
        first, last = session.scalars(select(SuppressionRow.id).order_by(SuppressionRow.id)).all()
    assert _logged(stage) == {GrowthCause.IMPORT: 1, GrowthCause.STAFF: -1}
    with transaction(stage.engine) as session:
        remove_suppressions(session, [first])
    assert _logged(stage) == {GrowthCause.IMPORT: 1, GrowthCause.STAFF: -1}
    with transaction(stage.engine) as session:
        remove_suppressions(session, [last])
    assert _logged(stage) == {GrowthCause.IMPORT: 1}


def test_who_is_let_back_is_a_reader_again(stage: Stage) -> None:
    person, number = stage.subscriber_id("anna@example.jp"), stage.newsletter_id
    with transaction(stage.engine) as session:
        _suppress(session, SuppressionReason.SOFT_BOUNCES)
        lift_person(session, COMMAND_LINE, number, person, reason="fixed", rights=ALL_RIGHTS)
        _leave(session, stage, person, UnsubscribeWay.PROVIDER)
        assert take_back(session, number, person)
    assert _logged(stage) == {
        GrowthCause.IMPORT: 1,
        GrowthCause.BOUNCE: -1,
        GrowthCause.COMPLAINT: -1,
        GrowthCause.STAFF: 2,
    }


def test_joining_by_form_and_by_hand_are_told_apart(stage: Stage) -> None:
    person = stage.subscriber_id("anna@example.jp")
    with transaction(stage.engine) as session:
        _leave(session, stage, person, UnsubscribeWay.MAIL)
        _join(session, stage, person)
        newsletter = session.get_one(NewsletterRow, stage.newsletter_id)
    add_person(
        stage.engine,
        COMMAND_LINE,
        newsletter,
        "ben@example.jp",
        PersonDraft(),
        ground=Ground(basis="paper"),
        pseudonyms=_PSEUDONYMS,
    )
    assert _logged(stage) == {
        GrowthCause.IMPORT: 1,
        GrowthCause.MAIL: -1,
        GrowthCause.FORM: 1,
        GrowthCause.HAND: 1,
    }


def _both_ways(stage: Stage) -> list[int]:
    """Return how many joined and left by lists, since anna did."""
    growth = _measured(stage, PeriodLength.DAY, 3)
    return [growth.joined[GrowthCause.IMPORT] - 1, growth.left.get(GrowthCause.IMPORT, 0)]


def test_a_list_counts_whom_it_brings_apart_from_whom_it_ends(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And once it is undone it counts as nothing, on whichever day that is."""
    monkeypatch.setattr("subscribers.growth_log.now", lambda: datetime(2026, 11, 27, tzinfo=UTC))
    with transaction(stage.engine) as session:
        session.execute(update(GrowthRow).values(day=_DAY))
    lines = [
        "email,state,suppressed\n",
        "anna@example.jp,unsubscribed,\n",
        "ben@example.jp,confirmed,\n",
        "cleo@example.jp,confirmed,hard-bounce\n",
        "dora@example.jp,pending,\n",
        "ema@example.jp,unsubscribed,\n",
        "fumi@example.jp,confirmed,\n",
    ]
    options = ImportOptions(source="list", basis="test", digest="d" * 64)
    records = list_records(io.BytesIO("".join(lines).encode()), file_name="l.csv", source="list")
    import_records(stage.engine, stage.newsletter_id, records, options)
    assert _logged(stage) == {GrowthCause.IMPORT: 2}
    assert _both_ways(stage) == [2, 1]
    monkeypatch.setattr("subscribers.growth_log.now", lambda: datetime(2026, 11, 29, tzinfo=UTC))
    with transaction(stage.engine) as session:
        number = session.scalars(select(func.max(ListImportRow.id))).one() or 0
        session.get_one(ListImportRow, number).started_at = datetime(2026, 11, 27, tzinfo=UTC)
        undo_list_import(session, COMMAND_LINE, stage.newsletter_id, number)
    assert undo_import(stage.engine, number)
    assert _logged(stage) == {GrowthCause.IMPORT: 2, GrowthCause.UNDO: -1}
    assert _both_ways(stage) == [0, 0]


def test_an_import_over_midnight_that_was_undone_counts_as_nothing_on_both_days(
    stage: Stage,
) -> None:
    noon = datetime(_DAY.year, _DAY.month, _DAY.day, 3, tzinfo=UTC)
    _log(
        stage,
        (noon - timedelta(days=1), GrowthCause.IMPORT, 3),
        (noon, GrowthCause.IMPORT, 4),
        (noon - timedelta(days=1), GrowthCause.UNDO, -7),
    )
    growth = _measured(stage, PeriodLength.DAY, 2)
    assert [(each.joined, each.left) for each in growth.periods] == [({}, {}), ({}, {})]
    assert {each.readers for each in growth.periods} == {growth.readers}


def _measured(stage: Stage, step: PeriodLength, periods: int) -> Growth:
    with reading(stage.engine) as session:
        return measure_growth(session, stage.newsletter_id, _DAY, step=step, periods=periods)


def _log(stage: Stage, *entries: tuple[datetime, GrowthCause, int]) -> None:
    with transaction(stage.engine) as session:
        session.execute(update(GrowthRow).values(day=date(2020, 1, 1)))
        for moment, cause, count in entries:
            log_growth(session, stage.newsletter_id, cause, count, moment=moment)


def test_a_day_is_the_newsletters_own(stage: Stage) -> None:
    """The evening of the 25th in UTC is the 26th in Tokyo."""
    evening = datetime(2026, 11, 25, 15, tzinfo=UTC)
    _log(
        stage,
        (evening, GrowthCause.FORM, 3),
        (evening - timedelta(seconds=1), GrowthCause.FORM, 5),
    )
    growth = _measured(stage, PeriodLength.DAY, 3)
    assert [(each.first.day, each.joins) for each in growth.periods] == [(25, 5), (26, 3), (27, 0)]


def test_readers_are_counted_back_from_the_present(stage: Stage) -> None:
    noon = datetime(2026, 11, 27, 3, tzinfo=UTC)
    _log(
        stage,
        (noon, GrowthCause.PAGE, -2),
        (noon - timedelta(weeks=1), GrowthCause.FORM, 7),
        (noon - timedelta(weeks=2), GrowthCause.MAIL, 4),
        (noon - timedelta(weeks=2), GrowthCause.MAIL, -1),
        (noon + timedelta(days=2), GrowthCause.IMPORT, 9),
    )
    growth = _measured(stage, PeriodLength.WEEK, 3)
    assert [each.first for each in growth.periods] == [
        date(2026, 11, 9),
        date(2026, 11, 16),
        date(2026, 11, 23),
    ]
    assert [(each.joins, each.leaves, each.net) for each in growth.periods] == [
        (4, 1, 3),
        (7, 0, 7),
        (0, 2, -2),
    ]
    now_without_the_day_after = growth.readers - 9
    assert [each.readers for each in growth.periods] == [
        now_without_the_day_after - 5,
        now_without_the_day_after + 2,
        now_without_the_day_after,
    ]
    assert growth.joined == {GrowthCause.FORM: 7, GrowthCause.MAIL: 4}
    assert growth.left == {GrowthCause.PAGE: 2, GrowthCause.MAIL: 1}


@pytest.mark.parametrize(
    ("step", "first"),
    [(PeriodLength.MONTH, date(2026, 9, 1)), (PeriodLength.WEEK, date(2026, 11, 9))],
)
def test_periods_are_those_of_the_calendar(stage: Stage, step: PeriodLength, first: date) -> None:
    assert _measured(stage, step, 3).periods[0].first == first
