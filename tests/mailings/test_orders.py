"""An order obeys one set of rules, and is one mailing, by whichever door it comes."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Engine, select

from newsletter.accounts.actors import find_actor
from newsletter.accounts.audit import COMMAND_LINE
from newsletter.accounts.invitations import accept, invite
from newsletter.accounts.permissions import Permission
from newsletter.accounts.roles import Grant
from newsletter.database.engine import reading, transaction
from newsletter.database.tables import (
    AuditEventRow,
    IssueRow,
    MailingOrderRow,
    MailingRow,
    NewsletterRow,
    SubscriptionRow,
)
from newsletter.database.vocabulary import Role
from newsletter.errors import ConflictError, ContentError, ForbiddenError, NotFoundError
from newsletter.i18n.language import Language
from newsletter.issues.model import issue_from_json
from newsletter.issues.sources.reading import read_issue
from newsletter.issues.store import save_issue
from newsletter.mailings.approvals.content import content_digest
from newsletter.mailings.approvals.plans import SendingPlan
from newsletter.mailings.ledger.schedule import AT_ONCE, Schedule, read_hour
from newsletter.mailings.mailings import cancel_mailing
from newsletter.mailings.orders.ordering import Order, other_day, place_order, review_order
from newsletter.mailings.orders.readiness import check_stored
from newsletter.mailings.planning.readers import segment_names
from newsletter.mailings.reports.cached_figures import Figures
from newsletter.rendering.preflight import Preflight
from newsletter.samples import sample_issue
from newsletter.settings import Settings
from subscribers.segments.saved import change_segment, save_segment
from tests.support.databases import on_one_database
from tests.support.stage import Stage, set_stage

_KEY = "key-of-one-confirmation"


@pytest.fixture
def stage(engine: Engine) -> Stage:
    stage = set_stage(engine)
    stage.subscribe("a@example.jp")
    return stage


def _found(stage: Stage) -> tuple[NewsletterRow, IssueRow, Preflight]:
    with reading(stage.engine) as session:
        newsletter = session.get_one(NewsletterRow, stage.newsletter_id)
        issue = session.scalars(select(IssueRow)).one()
    return newsletter, issue, check_stored(issue, newsletter, Settings(_env_file=None))


def _order(stage: Stage, key: str = _KEY) -> Order:
    newsletter, _, preflight = _found(stage)
    assert preflight.rendered is not None
    digest = content_digest(newsletter, preflight.rendered)
    return Order(key=key, digest=digest, with_warnings=True)


def _place(stage: Stage, order: Order) -> int:
    _, issue, preflight = _found(stage)
    return place_order(stage.engine, COMMAND_LINE, issue, preflight, order, batch_size=10)


def _in(**time: float) -> Schedule:
    """Return the hour that clocks in Tokyo show so much later."""
    hour = datetime.now(ZoneInfo("Asia/Tokyo")) + timedelta(**time)
    return Schedule(hour=hour.replace(tzinfo=None))


@on_one_database("sqlite")
def test_an_order_for_another_day_than_the_issue_bears_says_so(stage: Stage) -> None:
    newsletter, issue, preflight = _found(stage)
    schedule = _in(days=2)
    with reading(stage.engine) as session:
        review = review_order(
            session,
            newsletter,
            issue,
            preflight,
            SendingPlan(schedule=schedule),
            figures=Figures(stage.engine),
        )
    assert schedule.hour is not None
    assert review.other_day == schedule.hour.date()


@on_one_database("sqlite")
def test_an_order_for_the_day_that_the_issue_bears_says_nothing_of_it(stage: Stage) -> None:
    newsletter, row, _ = _found(stage)
    issue = issue_from_json(row.content)
    on_its_day = Schedule(hour=datetime.combine(issue.issue_date, time(9)))
    assert other_day(newsletter, issue, on_its_day) is None
    assert other_day(newsletter, replace(issue, undated=True), _in(days=2)) is None


def test_an_order_is_one_mailing_with_who_gave_it_however_often_it_comes(stage: Stage) -> None:
    order = _order(stage)
    assert _place(stage, order) == _place(stage, order)
    with reading(stage.engine) as session:
        assert len(session.scalars(select(MailingRow)).all()) == 1
        assert session.scalars(select(MailingOrderRow)).one().orderer == "command line"
        events = session.scalars(select(AuditEventRow)).all()
    assert [(event.action, event.door) for event in events] == [("mailing.order", "command")]


def test_of_two_orders_of_one_issue_at_once_one_is_asked_about(stage: Stage) -> None:
    orders = [_order(stage, f"{_KEY}-{number}") for number in range(4)]
    with ThreadPoolExecutor(4) as pool:
        placed = [pool.submit(_place, stage, order) for order in orders]
    refused = [future.exception() for future in placed if future.exception()]
    assert len(refused) == 3
    assert all("sent before" in str(error) for error in refused)


@on_one_database("sqlite")
def test_what_was_cancelled_was_not_sent(stage: Stage) -> None:
    with transaction(stage.engine) as session:
        cancel_mailing(session, stage.mail())
    assert _place(stage, _order(stage)) == 2


@on_one_database("sqlite")
def test_it_is_sent_again_when_that_is_said(stage: Stage) -> None:
    stage.mail()
    assert _place(stage, replace(_order(stage), again=True)) == 2


@pytest.mark.parametrize(
    ("schedule", "words"),
    [
        (lambda: _in(minutes=-1), "passed"),
        (lambda: Schedule(hour=datetime(2025, 1, 1, 8)), "passed"),  # noqa: DTZ001 - a wall clock's
        (lambda: _in(days=367), "more than 366 days ahead"),
        # In Kiritimati it is five hours later than in Tokyo.
        (lambda: replace(_in(hours=3), everywhere=True), "passed"),
    ],
)
def test_an_hour_that_passed_or_is_absurdly_far_is_refused(
    stage: Stage, schedule: Callable[[], Schedule], words: str
) -> None:
    with transaction(stage.engine) as session:
        session.scalars(select(SubscriptionRow)).one().time_zone = "Pacific/Kiritimati"
    with pytest.raises(ConflictError, match=words):
        _place(stage, replace(_order(stage), plan=SendingPlan(schedule=schedule())))


@pytest.mark.parametrize(
    ("hour", "words"),
    [
        ("9999-12-31 23:59", "more than 366 days ahead"),
        ("9999-12-31", "more than 366 days ahead"),
        ("20261-12-01T08:00", "more than 366 days ahead"),
        ("0001-01-01 00:00", "already passed"),
        ("1960-01-01 08:00", "already passed"),
        ("2026-13-01 08:00", "not a date with a time"),
        ("2026-12-01", "not a date with a time"),
    ],
)
def test_a_year_that_no_clock_shows_is_refused_for_what_it_is(hour: str, words: str) -> None:
    with pytest.raises(ContentError, match=words):
        read_hour(hour)


@on_one_database("sqlite")
def test_an_audience_of_nobody_is_refused(stage: Stage) -> None:
    with pytest.raises(ConflictError, match="Nobody"):
        _place(stage, replace(_order(stage), plan=SendingPlan(segment='domain = "example.com"')))


@on_one_database("sqlite")
def test_a_key_is_of_one_issue(stage: Stage) -> None:
    _place(stage, _order(stage))
    newsletter, _, preflight = _found(stage)
    with transaction(stage.engine) as session:
        read = read_issue(sample_issue(Language.JAPANESE), source="issue")
        other = save_issue(session, newsletter.id, read, slug="another")
    with pytest.raises(ConflictError, match="another issue"):
        place_order(
            stage.engine,
            COMMAND_LINE,
            other,
            preflight,
            Order(key=_KEY, digest="", with_warnings=True),
            batch_size=10,
        )


def test_what_would_be_refused_is_refused_before_it_is_confirmed(stage: Stage) -> None:
    newsletter, issue, preflight = _found(stage)

    def review(schedule: Schedule, segment: str) -> int:
        with reading(stage.engine) as session:
            found = review_order(
                session,
                newsletter,
                issue,
                preflight,
                SendingPlan(segment=segment, schedule=schedule),
                figures=Figures(stage.engine),
            )
            return found.audience.value.included

    assert review(AT_ONCE, "") == 1
    with pytest.raises(ConflictError, match="passed"):
        review(_in(minutes=-1), "")
    with pytest.raises(ConflictError, match="Nobody"):
        review(AT_ONCE, 'domain = "example.com"')


def test_a_command_acts_as_an_account_that_may(engine: Engine) -> None:
    stage = set_stage(engine)
    with transaction(engine) as session:
        token = invite(
            session,
            COMMAND_LINE,
            address="Editor@example.jp",
            grants=[Grant(role=Role.EDITOR, newsletter_id=stage.newsletter_id)],
            language=Language.JAPANESE,
        )
    with transaction(engine) as session:
        accept(session, COMMAND_LINE, token, name="葵", password="four words, quite long")
    actor = find_actor(engine, "editor@example.jp", Permission.SEND, stage.newsletter_id)
    assert (actor.name, actor.door, actor.account_id) == ("Editor@example.jp", "command", 1)
    with pytest.raises(ForbiddenError):
        find_actor(engine, "editor@example.jp", Permission.OPERATE, stage.newsletter_id)
    with pytest.raises(ForbiddenError):
        find_actor(engine, "editor@example.jp", Permission.SEND)
    with pytest.raises(NotFoundError):
        find_actor(engine, "nobody@example.jp", Permission.SEND, stage.newsletter_id)


def test_a_segment_that_asks_for_others_since_keeps_its_name_on_the_mailing_that_went_to_it(
    stage: Stage,
) -> None:
    query = 'domain = "example.jp"'
    with transaction(stage.engine) as session:
        save_segment(session, stage.newsletter_id, name="町の人", query=query)
    number = _place(stage, replace(_order(stage), plan=SendingPlan(segment=query)))
    with transaction(stage.engine) as session:
        change_segment(
            session,
            stage.newsletter_id,
            "町の人",
            name="町の人",
            query='domain = "example.com"',
            before=query,
        )
        mailing = session.get_one(MailingRow, number)
        assert segment_names(session, stage.newsletter_id, [mailing]) == {number: "町の人"}
