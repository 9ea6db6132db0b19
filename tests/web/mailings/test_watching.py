"""A mailing's page says what will go out, why nothing flows, and where doubt is settled."""

from __future__ import annotations

import re
from datetime import date, timedelta

import httpx
import pytest
from sqlalchemy import select, update

from newsletter.database.engine import reading, transaction
from newsletter.database.tables import BatchRow, DeliveryRow, MailingRow, NewsletterRow
from newsletter.database.types import now
from newsletter.database.vocabulary import DeliveryState, ProcessKind, Role
from newsletter.issues.cards import Event
from newsletter.issues.events import calendar_file
from newsletter.issues.library.stored_files import keep_calendars
from newsletter.mailings.ledger.dispatch import silent_mailings
from newsletter.mailings.ledger.leases import claim_batch
from newsletter.mailings.ledger.outcomes import Outcome, OwnReason, own_reply
from newsletter.mailings.ledger.recording import record
from newsletter.mailings.ledger.schedule import Schedule, read_hour
from newsletter.mailings.planning.planning import plan_mailing
from newsletter.mailings.reports.cached_figures import Figures
from newsletter.mailings.reports.clicks import clicks_of, keep_links
from newsletter.mailings.reports.reports import measure_pace, summarise
from newsletter.operations import heartbeats
from newsletter.operations.alarms import find_alarms
from newsletter.operations.heartbeats import Activity, Process
from newsletter.operations.overview import look
from tests.support.stage import Stage
from tests.web.conftest import SignIn

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
BASE = "/newsletters/digest/mailings"


def _under_way(stage: Stage, *, spread: timedelta = timedelta()) -> int:
    stage.subscribe("a@example.jp", "b@example.jp")
    number = stage.mail(schedule=Schedule(spread=spread))
    plan_mailing(stage.engine, number)
    return number


def _claimed(stage: Stage, *, seconds_ago: float) -> int:
    """Return a mailing whose only batch a worker took some time ago."""
    number = _under_way(stage)
    assert claim_batch(stage.engine, number, 1, token="t" * 32, lease_seconds=600) is not None
    with transaction(stage.engine) as session:
        session.execute(update(BatchRow).values(leased_at=now() - timedelta(seconds=seconds_ago)))
    return number


def _record(stage: Stage, number: int, *outcomes: Outcome) -> None:
    with reading(stage.engine) as session:
        identity = session.get_one(MailingRow, number).identity
    record(
        stage.engine,
        mailing_id=number,
        identity=identity,
        token="t" * 32,
        outcomes=outcomes,
        retry_hours=1,
        lease_seconds=600,
    )


@pytest.mark.parametrize(
    ("state", "code"),
    [
        (DeliveryState.ACCEPTED, 250),
        (DeliveryState.DEFERRED, 451),
        (DeliveryState.REJECTED, 550),
    ],
)
def test_a_mailing_is_silent_until_a_relay_says_anything(
    stage: Stage, state: DeliveryState, code: int
) -> None:
    number = _claimed(stage, seconds_ago=14)
    moment = now()
    with reading(stage.engine) as session:
        assert [each.mailing_id for each in silent_mailings(session, moment)] == [number]
    _record(stage, number, Outcome(position=1, state=state, attempts=1, code=code, reply="said"))
    with reading(stage.engine) as session:
        assert not silent_mailings(session, moment)


def test_a_lease_kept_and_a_connection_that_broke_are_no_answers(stage: Stage) -> None:
    number = _claimed(stage, seconds_ago=14)
    _record(stage, number)
    broke = own_reply(OwnReason.CONNECTION_BROKE)
    _record(stage, number, Outcome(position=1, state=DeliveryState.DEFERRED, reply=broke))
    with reading(stage.engine) as session:
        assert [each.mailing_id for each in silent_mailings(session, now())] == [number]


def test_a_batch_just_taken_is_no_silence(stage: Stage) -> None:
    _claimed(stage, seconds_ago=3)
    with reading(stage.engine) as session:
        assert not silent_mailings(session, now())


def test_a_look_that_had_to_wait_for_the_database_blames_no_relay(stage: Stage) -> None:
    began = now() - timedelta(seconds=34)
    _claimed(stage, seconds_ago=14)
    with reading(stage.engine) as session:
        assert not silent_mailings(session, began)


def test_page_and_overview_say_why_nothing_flows(stage: Stage, sign_in: SignIn) -> None:
    number = _claimed(stage, seconds_ago=14)
    worker = Process(kind=ProcessKind.WORKER, node="bulk@one", host="one", pid=1)
    heartbeats.beat(stage.engine, worker, Activity())
    page = sign_in("editor@example.jp", Role.EDITOR).get(f"{BASE}/{number}").text
    with reading(stage.engine) as session:
        (silence,) = silent_mailings(session, now())
    assert silence.subject
    assert f"No relay has answered for mailing {number}, {silence.subject}," in page
    kinds = {alarm.kind for alarm in find_alarms(look(stage.engine, redis_url=""))}
    assert "mailing-silent" in kinds


def test_what_is_in_doubt_leads_to_where_it_is_settled(stage: Stage, sign_in: SignIn) -> None:
    number = _under_way(stage)
    with transaction(stage.engine) as session:
        session.execute(update(DeliveryRow).values(state=DeliveryState.UNCERTAIN))
    link = f"/operate/orders/settle?on={number}"
    operator = sign_in("operator@example.jp", Role.OPERATOR)
    assert link in operator.get(f"{BASE}/{number}").text
    assert operator.get(link).status_code == 200
    assert link in operator.get("/home").text
    editor = sign_in("editor@example.jp", Role.EDITOR).get(f"{BASE}/{number}").text
    assert link not in editor
    assert "settled by an operator" in editor


def test_a_scheduled_mailing_shows_what_will_go_to_whom(stage: Stage, sign_in: SignIn) -> None:
    stage.subscribe("a@example.jp", "b@example.jp")
    number = stage.mail(schedule=Schedule(hour=read_hour("2999-12-01 08:00")))
    page = sign_in("editor@example.jp", Role.EDITOR).get(f"{BASE}/{number}").text
    assert "Planned mailings" in page
    assert "<strong>2</strong>" in page
    assert "Sun 1 Dec 2999, 08:00" in page
    for words in ("After sending", "Over time", "Why some did not receive it"):
        assert words not in page


def test_a_spread_mailing_ends_when_its_time_is_over(stage: Stage) -> None:
    number = _under_way(stage, spread=timedelta(hours=1))
    with transaction(stage.engine) as session:
        session.execute(update(MailingRow).values(started_at=now() - timedelta(seconds=20)))
        session.execute(
            update(DeliveryRow)
            .where(DeliveryRow.position == 1)
            .values(state=DeliveryState.ACCEPTED, settled_at=now())
        )
    with reading(stage.engine) as session:
        figures = Figures(stage.engine)
        mailing = summarise(session, stage.newsletter_id, number, figures)
        pace = measure_pace(session, mailing, figures)
    assert pace.left is not None
    assert timedelta(minutes=59) < pace.left < timedelta(hours=1)
    assert pace.per_minute == 3


def test_each_counted_link_is_named_by_the_headline_it_stands_under(stage: Stage) -> None:
    with transaction(stage.engine) as session:
        session.execute(update(NewsletterRow).values(count_clicks=True))
    number = _under_way(stage)
    with reading(stage.engine) as session:
        links = clicks_of(session, number)
    assert links
    assert any(link.headline for link in links)


def test_the_calendar_link_of_an_event_is_named_by_the_event(stage: Stage) -> None:
    event = Event(name="親子防災教室", starts="2026-12-12T10:00")
    file = calendar_file(
        event, zone="Asia/Tokyo", issued=date(2026, 12, 1), publisher="便り", host="example.jp"
    )
    assert file is not None
    number = stage.mail()
    with transaction(stage.engine) as session:
        keep_calendars(session, stage.newsletter_id, (file,))
        keep_links(session, number, (f'<a href="https://example.jp{file.path}">+</a>',))
    with reading(stage.engine) as session:
        (link,) = clicks_of(session, number)
    assert (link.headline, link.label) == ("親子防災教室", "カレンダーに追加")


def test_the_page_of_a_mail_does_not_lead_to_itself(stage: Stage, site: str) -> None:
    number = _under_way(stage)
    with reading(stage.engine) as session:
        assert session.scalar(select(MailingRow.id)) == number
    page = httpx.get(f"{site}/archive/digest/{stage.issue}").text
    assert not re.search(rf'<a\b[^>]*href="[^"]*/archive/digest/{stage.issue}"', page)
    assert "ブラウザーで表示" not in page
