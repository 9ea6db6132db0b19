"""Series: who gets which step when, each at most once, and nobody who should not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from email import message_from_bytes
from email.utils import parsedate_to_datetime
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Engine, select, update
from sqlalchemy.orm import Session

from newsletter.accounts.audit import COMMAND_LINE, Actor
from newsletter.addresses import parse_address
from newsletter.database.engine import reading, transaction
from newsletter.database.tables import (
    BatchRow,
    NewsletterRow,
    SeriesEnrolmentRow,
    SeriesMailingRow,
    SeriesRow,
    SeriesStepRow,
    SubscriptionRow,
)
from newsletter.database.types import now
from newsletter.database.vocabulary import (
    DeliveryState,
    EnrolmentEnd,
    EnrolmentState,
    MailingState,
    SeriesTrigger,
    UnsubscribeWay,
)
from newsletter.errors import ConflictError
from newsletter.i18n.language import Language
from newsletter.issues.drafts.saving import get_draft
from newsletter.issues.drafts.translating import replace_translation
from newsletter.issues.sources.reading import read_issue
from newsletter.issues.translation_files import translation_from_issue
from newsletter.mailings.ledger.dispatch import finish_mailings
from newsletter.mailings.reports.progress import progress
from newsletter.mailings.series.actions import SeriesPlan, move_step, remove_step
from newsletter.mailings.series.activation import activate, apply_step
from newsletter.mailings.series.due import Timing
from newsletter.mailings.series.figures import overdue_series, shown_steps
from newsletter.mailings.series.planning import plan_series
from newsletter.mailings.series.running import end_series, pause_series, resume_series
from newsletter.mailings.series.steps import list_steps
from newsletter.newsletters.snippets import list_snippets, save_snippet
from newsletter.settings import Settings
from newsletter.tokens import Pseudonyms
from subscribers.erasure import erase
from subscribers.fields.values import write_values
from subscribers.held_data import data_held
from subscribers.joining import Origin, subscribe
from subscribers.leaving import unsubscribe
from subscribers.lists.imports.imports import import_csv
from subscribers.people import find_or_add_person
from subscribers.preferences import pause
from subscribers.series.enrolment import move_enrolments
from tests.support.databases import on_one_database
from tests.support.fields import ALL, set_fields
from tests.support.series import (
    AT_ONCE,
    begin_series,
    copies,
    enrolments,
    join,
    let_pass,
    write_step,
)
from tests.support.smtp import SmtpServer
from tests.support.stage import Stage, set_stage
from tests.support.worker import work, worker

DAY = timedelta(days=1)
NEXT_DAY = Timing(delay_days=1, hour="08:00")
A, B = "a@example.jp", "b@example.jp"
TAGGED = SeriesPlan(name="講座", trigger=SeriesTrigger.TAG, subject="course")
ONE, TWO = "第1回", "第2回"


def _leave(stage: Stage, address: str) -> None:
    with transaction(stage.engine) as session:
        unsubscribe(
            session,
            newsletter_id=stage.newsletter_id,
            subscriber_id=stage.subscriber_id(address),
            mailing_id=None,
            way=UnsubscribeWay.PAGE,
        )


def _mailing(engine: Engine) -> int:
    with reading(engine) as session:
        return session.scalars(
            select(SeriesMailingRow.mailing_id).order_by(SeriesMailingRow.mailing_id)
        ).all()[0]


@on_one_database("sqlite")
def test_who_joins_gets_the_first_step_at_once_and_the_next_on_its_day(engine: Engine) -> None:
    stage = set_stage(engine)
    stage.subscribe("old@example.jp")
    series = begin_series(engine, AT_ONCE, NEXT_DAY)
    join(engine, A)
    assert plan_series(engine) == 1
    assert plan_series(engine) == 0
    assert copies(engine) == {(A, ONE): 1}
    due = enrolments(engine, series)[stage.subscriber_id(A)].due_at
    assert timedelta() < due - now() <= 2 * DAY
    let_pass(engine, 2 * DAY)
    plan_series(engine)
    assert copies(engine) == {(A, ONE): 1, (A, TWO): 1}
    assert enrolments(engine, series)[stage.subscriber_id(A)].state is EnrolmentState.FINISHED


def test_the_welcome_mail_arrives_dated_when_it_was_sent(
    engine: Engine, database_url: str, smtp_server: SmtpServer, tmp_path: Path
) -> None:
    set_stage(engine)
    begin_series(engine)
    join(engine, A)
    plan_series(engine)
    mailing = _mailing(engine)
    assert progress(engine, mailing).state is MailingState.SENDING
    with worker(database_url, smtp_server.url, tmp_path) as services:
        assert work(services, mailing) == 1
        finish_mailings(engine)
        assert progress(engine, mailing).state is MailingState.FINISHED
        join(engine, B)
        plan_series(engine)
        later = (now() + 300 * DAY).replace(microsecond=0)
        with transaction(engine) as session:
            session.get_one(BatchRow, (mailing, 2)).dated_at = later
        assert work(services, mailing, 2) == 1
    first, second = (message_from_bytes(each.raw) for each in smtp_server.messages)
    assert "/u/" in first["List-Unsubscribe"]
    assert first["Message-ID"] != second["Message-ID"]
    assert parsedate_to_datetime(second["Date"]) == later
    assert parsedate_to_datetime(first["Date"]) < now()
    assert progress(engine, mailing).counts == {DeliveryState.ACCEPTED: 2}


def test_who_leaves_gets_no_further_step_and_is_greeted_anew_once_they_are_back(
    engine: Engine,
) -> None:
    stage = set_stage(engine)
    series = begin_series(engine, AT_ONCE, NEXT_DAY)
    join(engine, A)
    plan_series(engine)
    _leave(stage, A)
    ended = enrolments(engine, series)[stage.subscriber_id(A)]
    assert (ended.state, ended.ended_because) == (EnrolmentState.ENDED, EnrolmentEnd.LEFT)
    let_pass(engine, 2 * DAY)
    join(engine, A)
    plan_series(engine)
    assert copies(engine) == {(A, ONE): 2}, "once for each subscription"


def test_a_tag_begins_its_series_by_hand_and_by_import_once_for_each_giving(
    engine: Engine,
) -> None:
    stage = set_stage(engine)
    stage.subscribe(A)
    begin_series(engine, plan=TAGGED)
    lines = ["email,tags\n", f"{A},course\n", f"{B},course;other\n"]
    for _ in range(2):
        import_csv(engine, stage.newsletter_id, lines, source="test", basis="test")
        plan_series(engine)
    assert copies(engine) == {(A, ONE): 1, (B, ONE): 1}


@pytest.mark.parametrize(
    ("weeks_late", "sent"), [(0, {(A, ONE): 1, (A, TWO): 1}), (2, {(A, ONE): 1})]
)
def test_who_paused_goes_on_where_the_step_is_no_older_than_a_week(
    engine: Engine, weeks_late: int, sent: dict[tuple[str, str], int]
) -> None:
    stage = set_stage(engine)
    begin_series(engine, AT_ONCE, NEXT_DAY)
    person = join(engine, A)
    plan_series(engine)
    with transaction(engine) as session:
        pause(session, person, weeks=1 + weeks_late)
    let_pass(engine, 2 * DAY)
    plan_series(engine)
    assert copies(engine) == {(A, ONE): 1}
    let_pass(engine, timedelta(weeks=weeks_late))
    with transaction(engine) as session:
        pause(session, person, weeks=0)
    plan_series(engine)
    assert copies(engine) == sent
    assert stage.newsletter_id


@on_one_database("sqlite")
def test_at_most_one_mail_a_day_comes_from_all_series_but_those_at_once(engine: Engine) -> None:
    set_stage(engine)
    begin_series(engine, AT_ONCE, NEXT_DAY)
    begin_series(engine, NEXT_DAY, plan=SeriesPlan(name="使い方"))
    begin_series(engine, AT_ONCE, plan=SeriesPlan(name="お知らせ"))
    join(engine, A)
    plan_series(engine)
    assert copies(engine) == {(A, ONE): 2}
    let_pass(engine, 2 * DAY)
    plan_series(engine)
    assert copies(engine).total() == 3
    # The other one's hour on the next day is up to two days ahead: it may be early in the morning.
    let_pass(engine, 2 * DAY)
    plan_series(engine)
    assert copies(engine).total() == 4


def test_the_condition_ends_a_series_for_who_no_longer_meets_it(engine: Engine) -> None:
    stage = set_stage(engine)
    plan = SeriesPlan(name="英語", condition='language = "en"')
    series = begin_series(engine, AT_ONCE, NEXT_DAY, plan=plan)
    join(engine, A, language="en")
    join(engine, B, language="ja")
    plan_series(engine)
    with transaction(engine) as session:
        session.execute(update(SubscriptionRow).values(language="ja"))
    let_pass(engine, 2 * DAY)
    plan_series(engine)
    assert copies(engine) == {(A, ONE): 1}
    why = {row.ended_because for row in enrolments(engine, series).values()}
    assert why == {EnrolmentEnd.CONDITION}
    assert stage.newsletter_id


def test_a_changed_step_reaches_those_who_come_to_it_later(engine: Engine) -> None:
    stage = set_stage(engine)
    series = begin_series(engine)
    join(engine, A)
    plan_series(engine)
    with transaction(engine) as session:
        step = session.scalars(select(SeriesStepRow)).one()
        write_step(session, step, "新しい第1回")
        newsletter = session.get_one(NewsletterRow, stage.newsletter_id)
        apply_step(
            session, COMMAND_LINE, newsletter, step.id, Settings(_env_file=None), revision=None
        )
    join(engine, B)
    plan_series(engine)
    assert copies(engine) == {(A, ONE): 1, (B, "新しい第1回"): 1}
    assert series


def test_steps_can_be_exchanged_and_removed_and_nobody_gets_one_twice(engine: Engine) -> None:
    stage = set_stage(engine)
    begin_series(engine, AT_ONCE, NEXT_DAY, NEXT_DAY)
    join(engine, A)
    plan_series(engine)
    with transaction(engine) as session:
        first, second, _ = session.scalars(
            select(SeriesStepRow).order_by(SeriesStepRow.position)
        ).all()
        revision = session.scalars(select(SeriesRow.revision)).one()
        move_step(
            session, COMMAND_LINE, stage.newsletter_id, first.id, later=True, revision=revision
        )
        remove_step(session, COMMAND_LINE, stage.newsletter_id, second.id, revision=revision + 1)
    for _ in range(3):
        let_pass(engine, 2 * DAY)
        plan_series(engine)
    assert copies(engine) == {(A, ONE): 1, (A, "第3回"): 1}


def test_a_paused_series_sends_nothing_and_goes_on_and_an_ended_one_never(engine: Engine) -> None:
    stage = set_stage(engine)
    series = begin_series(engine, AT_ONCE, NEXT_DAY)
    join(engine, A)
    plan_series(engine)
    with transaction(engine) as session:
        pause_series(session, COMMAND_LINE, stage.newsletter_id, series, revision=None)
    join(engine, B)
    assert plan_series(engine) == 0
    assert progress(engine, _mailing(engine)).state is MailingState.PAUSED
    with transaction(engine) as session:
        resume_series(session, COMMAND_LINE, stage.newsletter_id, series, revision=None)
    assert progress(engine, _mailing(engine)).state is MailingState.SENDING
    plan_series(engine)
    assert copies(engine) == {(A, ONE): 1, (B, ONE): 1}
    with transaction(engine) as session:
        assert end_series(session, COMMAND_LINE, stage.newsletter_id, series, revision=None) == 2
    let_pass(engine, 2 * DAY)
    assert plan_series(engine) == 0
    assert progress(engine, _mailing(engine)).counts == {DeliveryState.SKIPPED: 2}


def test_members_of_before_are_enrolled_on_order_alone_and_once(engine: Engine) -> None:
    stage = set_stage(engine)
    stage.subscribe(A, B)
    begin_series(engine, joined_since=(now() - DAY).date())
    plan_series(engine)
    assert copies(engine) == {(A, ONE): 1, (B, ONE): 1}


def test_parts_for_some_reach_those_they_are_for(engine: Engine) -> None:
    stage = set_stage(engine)
    body = '共通\n\n:::for language = "en"\n目印\n:::'
    begin_series(engine, bodies=[body])
    join(engine, A, language="en")
    join(engine, B, language="ja")
    plan_series(engine)
    assert copies(engine) == {(A, ONE): 1, (B, ONE): 1}
    assert stage.newsletter_id


def test_a_date_begins_its_series_on_its_day_and_every_year_once(engine: Engine) -> None:
    stage = set_stage(engine)
    set_fields(engine, stage.newsletter_id, *ALL)
    plan = SeriesPlan(
        name="誕生日", trigger=SeriesTrigger.DATE, subject="birthday", yearly=True, offset_days=-7
    )
    begin_series(engine, Timing(hour="00:00"), plan=plan)
    today = now().astimezone(ZoneInfo("Asia/Tokyo")).date()
    born = (today + 7 * DAY).replace(year=1980)
    for address, day in ((A, born), (B, born + 30 * DAY)):
        person = join(engine, address)
        with transaction(engine) as session:
            write_values(session, stage.newsletter_id, person, {"birthday": day.isoformat()})
    for _ in range(2):
        plan_series(engine)
        with transaction(engine) as session:
            session.execute(update(SeriesRow).values(looked_at=None))
    assert copies(engine) == {(A, ONE): 1}


def test_who_changes_their_address_goes_on_where_they_were(engine: Engine) -> None:
    stage = set_stage(engine)
    series = begin_series(engine, AT_ONCE, NEXT_DAY)
    person = join(engine, A)
    plan_series(engine)
    with transaction(engine) as session:
        new = find_or_add_person(session, parse_address(B)).id
        relation = session.get_one(SubscriptionRow, (stage.newsletter_id, person))
        subscribe(
            session,
            newsletter_id=stage.newsletter_id,
            subscriber_id=new,
            origin=Origin(source="", network="", wording="", language=Language.JAPANESE),
        )
        move_enrolments(session, stage.newsletter_id, relation.subscriber_id, new)
    _leave(stage, A)
    let_pass(engine, 2 * DAY)
    plan_series(engine)
    assert copies(engine) == {(A, ONE): 1, (B, TWO): 1}
    assert list(enrolments(engine, series)) == [new]


def test_an_erased_reader_is_in_no_series_any_more(engine: Engine) -> None:
    stage = set_stage(engine)
    series = begin_series(engine, AT_ONCE, NEXT_DAY)
    person = join(engine, A)
    plan_series(engine)
    with transaction(engine) as session:
        held = data_held(session, person, Language.JAPANESE)["series"]
        assert [(each["series"], each["state"]) for each in held] == [("ようこそ", "active")]
        erase(session, person, Pseudonyms([b"k" * 40]), way=UnsubscribeWay.PAGE)
    assert enrolments(engine, series) == {}
    let_pass(engine, 2 * DAY)
    assert plan_series(engine) == 0
    assert stage.newsletter_id


def test_a_series_that_nobody_plans_is_called_out_where_operators_look(engine: Engine) -> None:
    set_stage(engine)
    series = begin_series(engine)
    join(engine, A)
    with transaction(engine) as session:
        session.execute(
            update(SeriesEnrolmentRow).values(due_at=now() - timedelta(hours=1), planned_for=now())
        )
    with reading(engine) as session:
        assert [each.series_id for each in overdue_series(session)] == [series]
    plan_series(engine)
    with reading(engine) as session:
        assert overdue_series(session) == []


def test_where_issues_need_approval_nobody_activates_what_they_wrote(engine: Engine) -> None:
    stage = set_stage(engine)
    series = begin_series(engine, active=False)
    writer, other = (
        Actor(account_id=None, name=name, door="command") for name in ("editor", "command line 2")
    )
    with transaction(engine) as session:
        newsletter = session.get_one(NewsletterRow, stage.newsletter_id)
        newsletter.approval_required = True
    with transaction(engine) as session, pytest.raises(ConflictError):
        activate(session, writer, newsletter, series, Settings(_env_file=None), revision=None)
    with transaction(engine) as session:
        activate(session, other, newsletter, series, Settings(_env_file=None), revision=None)


@on_one_database("sqlite")
def test_where_issues_need_approval_nobody_activates_what_they_translated(engine: Engine) -> None:
    stage = set_stage(engine)
    series = begin_series(engine, active=False)
    translator, other = (
        Actor(account_id=None, name=name, door="command") for name in ("葵", "command line 2")
    )
    with transaction(engine) as session:
        newsletter = session.get_one(NewsletterRow, stage.newsletter_id)
        newsletter.approval_required = True
        step = list_steps(session, series)[0]
        _translate(session, step, "Welcome", author=translator.name)
    settings = Settings(_env_file=None)
    with transaction(engine) as session, pytest.raises(ConflictError):
        activate(session, translator, newsletter, series, settings, revision=None)
    with transaction(engine) as session:
        activate(session, other, newsletter, series, settings, revision=None)

    with transaction(engine) as session:
        step = list_steps(session, series)[0]
        write_step(session, step, "ようこそ二")
        apply_step(session, translator, newsletter, step.id, settings, revision=None)
        _translate(session, step, "Hello", author=translator.name)
    with transaction(engine) as session, pytest.raises(ConflictError):
        apply_step(session, translator, newsletter, step.id, settings, revision=None)
    with transaction(engine) as session:
        apply_step(session, other, newsletter, step.id, settings, revision=None)


def test_where_issues_need_approval_a_snippet_is_another_s_to_put_into_effect(
    engine: Engine,
) -> None:
    stage = set_stage(engine)
    writer, other = (
        Actor(account_id=None, name=name, door="command") for name in ("葵", "command line 2")
    )
    settings = Settings(_env_file=None)
    with transaction(engine) as session:
        save_snippet(session, other, stage.newsletter_id, name="窓口", text="三番です。")
    series = begin_series(engine, bodies=["本文です。\n\n:::snippet 窓口\n"])

    with transaction(engine) as session:
        session.get_one(NewsletterRow, stage.newsletter_id).approval_required = True
        kept = list_snippets(session, stage.newsletter_id)[0]
        change = partial(save_snippet, session, newsletter_id=stage.newsletter_id, name="窓口")
        change(actor=writer, number=kept.id, text="四番です。")
        change(actor=other, number=kept.id, text="四番ですよ。")
        (shown,) = shown_steps(session, series)
    assert shown.is_changed
    with transaction(engine) as session:
        newsletter = session.get_one(NewsletterRow, stage.newsletter_id)
        third = replace(other, name="command line 3")
        for actor in (writer, other):
            with pytest.raises(ConflictError):
                apply_step(session, actor, newsletter, shown.step.id, settings, revision=None)
        apply_step(session, third, newsletter, shown.step.id, settings, revision=None)
        assert not shown_steps(session, series)[0].is_changed


@on_one_database("sqlite")
@pytest.mark.parametrize(
    "write",
    [
        pytest.param(lambda session, step: write_step(session, step, "二"), id="text"),
        pytest.param(
            lambda session, step: _translate(session, step, "Two", author="葵"), id="translation"
        ),
    ],
)
def test_what_was_written_since_is_shown_until_it_is_put_into_effect(
    engine: Engine, write: Callable[[Session, SeriesStepRow], None]
) -> None:
    stage = set_stage(engine)
    series = begin_series(engine, AT_ONCE, NEXT_DAY)

    with transaction(engine) as session:
        write(session, list_steps(session, series)[1])
        assert [each.is_changed for each in shown_steps(session, series)] == [False, True]
    with transaction(engine) as session:
        newsletter = session.get_one(NewsletterRow, stage.newsletter_id)
        step = list_steps(session, series)[1]
        apply_step(
            session, COMMAND_LINE, newsletter, step.id, Settings(_env_file=None), revision=None
        )
        assert not any(each.is_changed for each in shown_steps(session, series))


def _translate(session: Session, step: SeriesStepRow, title: str, *, author: str) -> None:
    series = session.get_one(SeriesRow, step.series_id)
    draft = get_draft(session, series.newsletter_id, step.draft_id or 0)
    words = f"---\ntitle: {title}\ndate: 2026-12-01\nlanguage: en\n---\n\nText.\n"
    english = read_issue(words.encode(), source="en").issue
    translation = translation_from_issue(draft.issue, english, "en")
    replace_translation(session, draft, translation, author=author)
