"""Trials of subjects: who gets which, what waits, what is decided, and what follows from it."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, select

from newsletter.accounts.audit import COMMAND_LINE
from newsletter.database.engine import reading, transaction
from newsletter.database.tables import (
    DeliveryRow,
    MailingVariantRow,
    SubjectTrialRow,
    SubscriberRow,
)
from newsletter.database.vocabulary import BatchState, DeliveryState, TrialVerdict
from newsletter.errors import ConflictError, NotFoundError
from newsletter.mailings.archive import find_publication
from newsletter.mailings.ledger.dispatch import finish_mailings
from newsletter.mailings.ledger.schedule import Schedule
from newsletter.mailings.ledger.settlement import settle_uncertain
from newsletter.mailings.orders.actions import decide_subject
from newsletter.mailings.planning.planning import plan_mailing
from newsletter.mailings.planning.variants import (
    sent_variants,
    subject_in,
    variant_sent,
    with_subject,
)
from newsletter.mailings.reports.clicks import clicks_of, follow
from newsletter.mailings.reports.progress import progress
from newsletter.mailings.trials.decisions import decide_due, report_trial
from newsletter.mailings.trials.subjects import UNDECIDED, SubjectTrial, trial_column
from newsletter.rendering.slots import fill
from subscribers.lists.imports.imports import import_csv
from tests.support.orders import cancel, pause, resume
from tests.support.smtp import SmtpServer
from tests.support.trials import (
    OTHER,
    OWN,
    PEOPLE,
    TEXT,
    TRIAL,
    batches_of,
    click,
    decision_of,
    decisions_recorded,
    let_hour_come,
    links_by_subject,
    plan_trial,
    subjects_received,
    trial_stage,
)
from tests.support.worker import work, worker

#: Statements of their own are in the tests that run on both.
on_one_database = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
PART = """
:::for tag = "staff"
職員の方へ
:::
"""


def test_the_split_is_even_and_stable_and_has_nothing_to_do_with_the_order_of_numbers(
    engine: Engine,
) -> None:
    trial_stage(engine, people=3000)
    trial = SubjectTrialRow(mailing_id=1, subjects=[{}, {}, {}], share=30)

    def split(identity: str) -> dict[int, int]:
        with reading(engine) as session:
            rows = session.execute(select(SubscriberRow.id, trial_column(identity, trial)))
            return dict(rows.all())

    first, other = split("a"), split("b")
    assert split("a") == first
    numbers = sorted(first)
    middle = numbers[len(numbers) // 2]
    in_other = [number for number in numbers if other[number] != UNDECIDED]
    for some in (
        numbers,
        [number for number in numbers if number % 2],
        [number for number in numbers if number < middle],
        numbers[::7],
        # Who is in one trial is no more likely to be in the next.
        in_other,
    ):
        sizes = Counter(first[number] for number in some)
        assert set(sizes) == {with_subject(0, 0), with_subject(0, 1), with_subject(0, 2), UNDECIDED}
        for subject in range(3):
            # Four standard deviations of what falls by chance.
            wanted = len(some) / 10
            assert abs(sizes[with_subject(0, subject)] - wanted) < 4 * (wanted * 0.9) ** 0.5


@on_one_database
def test_the_trial_leaves_at_once_with_its_subjects_and_the_rest_with_the_one_clicked_most(
    engine: Engine, database_url: str, smtp_server: SmtpServer, tmp_path: Path
) -> None:
    stage = trial_stage(engine)
    mailing = plan_trial(stage)

    with worker(database_url, smtp_server.url, tmp_path / "data") as services:
        for batch in batches_of(stage, mailing):
            work(services, mailing, batch.number)
        tried = {received.recipients[0] for received in smtp_server.messages}
        assert 0 < len(tried) < PEOPLE
        assert finish_mailings(engine) == []
        let_hour_come(engine, mailing)
        with transaction(engine) as session:
            links = links_by_subject(smtp_server)
            assert set(links) == {OWN, OTHER}
            for _ in range(40):
                follow(session, services.signer, links[OTHER], count=True)
        decide_due(engine)
        for batch in batches_of(stage, mailing):
            work(services, mailing, batch.number)

    assert decision_of(stage, mailing) == (1, TrialVerdict.BEST)
    assert Counter(smtp_server.recipients()) == dict.fromkeys(
        [f"reader{number}@example.jp" for number in range(PEOPLE)], 1
    )
    subjects = subjects_received(smtp_server)
    assert {subjects[address] for address in tried} == {OWN, OTHER}
    assert {subjects[address] for address in set(subjects) - tried} == {OTHER}
    with reading(engine) as session:
        published, content = find_publication(session, stage.newsletter_id, stage.issue)
        assert (published.title, published.summary) == (OTHER, "窓口は28日まで")
        assert "窓口は28日まで" in fill(content.rendered.html, {})
        # A link is one line of the report, whatever subjects there were.
        assert [each.clicks for each in clicks_of(session, mailing)] == [40, 0]
        for address, subject in subjects.items():
            number = stage.subscriber_id(address)
            assert subject_in(variant_sent(session, mailing, number)) == (subject == OTHER)


@on_one_database
def test_planned_twice_it_is_the_same_and_each_mail_that_may_be_needed_is_there(
    engine: Engine,
) -> None:
    stage = trial_stage(engine, TEXT + PART)
    lines = ["email,tags\n", "a@example.jp,staff\n", "b@example.jp,staff\n"]
    import_csv(engine, stage.newsletter_id, lines, source="test", basis="test")
    mailing = plan_trial(stage)

    before = batches_of(stage, mailing)
    assert plan_mailing(engine, mailing) == 0
    assert {subject_in(each.variant) for each in before if each.state is BatchState.HELD} == {0}
    with reading(engine) as session:
        kept = set(session.scalars(select(MailingVariantRow.variant)))
        assert sum(each.people for each in sent_variants(session, mailing)) == PEOPLE + 2
    assert kept == {1, with_subject(0, 1), with_subject(1, 1)}


@on_one_database
def test_before_its_hour_and_while_it_is_held_nothing_is_decided(engine: Engine) -> None:
    stage = trial_stage(engine)
    mailing = plan_trial(stage)
    click(stage, mailing, 0, 90)
    with transaction(engine) as session:
        later = datetime.now(UTC) + timedelta(hours=1)
        session.get_one(SubjectTrialRow, mailing).decide_at = later
    decide_due(engine)
    let_hour_come(engine, mailing)
    pause(engine, mailing)
    decide_due(engine)
    assert decision_of(stage, mailing) == (None, None)

    resume(engine, mailing)
    decide_due(engine)
    assert decision_of(stage, mailing) == (1, TrialVerdict.BEST)


@on_one_database
def test_without_a_difference_the_first_subject_goes(engine: Engine) -> None:
    stage = trial_stage(engine)
    mailing = plan_trial(stage)
    click(stage, mailing, 30, 30)
    let_hour_come(engine, mailing)
    decide_due(engine)

    assert decision_of(stage, mailing) == (0, TrialVerdict.NO_DIFFERENCE)
    (rest,) = [each for each in batches_of(stage, mailing) if each.state is BatchState.PENDING]
    assert subject_in(rest.variant) == 0
    assert progress(engine, mailing).subject == OWN


def test_two_hosts_decide_once(engine: Engine) -> None:
    stage = trial_stage(engine)
    mailing = plan_trial(stage)
    click(stage, mailing, 0, 90)
    let_hour_come(engine, mailing)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: decide_due(engine), range(4)))

    assert decisions_recorded(stage) == 1
    (rest,) = [each for each in batches_of(stage, mailing) if each.state is BatchState.PENDING]
    assert rest.variant == with_subject(0, 1)


@on_one_database
def test_by_hand_it_is_decided_earlier_once_and_the_rest_is_due_at_once(engine: Engine) -> None:
    stage = trial_stage(engine)
    mailing = plan_trial(
        stage,
        trial=SubjectTrial(
            others=TRIAL.others,
            share=50,
            decide=datetime.now(UTC).replace(tzinfo=None) + timedelta(days=2),
        ),
    )
    with pytest.raises(NotFoundError):
        decide_subject(engine, COMMAND_LINE, mailing, 2)
    pause(engine, mailing)
    decide_subject(engine, COMMAND_LINE, mailing, 1, reason="誤字のため")
    with pytest.raises(ConflictError, match="decided already"):
        decide_subject(engine, COMMAND_LINE, mailing, 0)

    assert decision_of(stage, mailing) == (1, TrialVerdict.BY_HAND)
    (rest,) = [each for each in batches_of(stage, mailing) if subject_in(each.variant)][-1:]
    assert rest.due_at <= datetime.now(UTC)
    assert rest.dated_at == rest.due_at
    with reading(engine) as session:
        report = report_trial(session, mailing)
    assert report is not None
    assert report.chosen is not None
    assert (report.chosen.letter, report.decided_by) == ("B", COMMAND_LINE.name)


def test_a_mailing_that_is_spread_goes_on_so_from_the_decision_on(engine: Engine) -> None:
    stage = trial_stage(engine)
    decide = datetime.now(UTC).replace(tzinfo=None) + timedelta(days=1)
    mailing = stage.mail(
        schedule=Schedule(spread=timedelta(hours=1)),
        trial=SubjectTrial(others=TRIAL.others, share=50, decide=decide),
    )
    plan_mailing(engine, mailing)
    held = [each.due_at for each in batches_of(stage, mailing) if each.state is BatchState.HELD]
    assert len(held) > 5
    decide_subject(engine, COMMAND_LINE, mailing, 0)

    after = {each.number: each.due_at for each in batches_of(stage, mailing)}
    due = sorted(after.values())[-len(held) :]
    assert [each - due[0] for each in due] == [each - held[0] for each in held]
    assert abs(due[0] - datetime.now(UTC)) < timedelta(minutes=1)


def test_cancelled_before_the_decision_the_rest_is_skipped(engine: Engine) -> None:
    stage = trial_stage(engine)
    mailing = plan_trial(stage)
    click(stage, mailing, 0, 90)
    let_hour_come(engine, mailing)
    cancel(engine, mailing)
    decide_due(engine)

    assert decision_of(stage, mailing) == (None, None)
    assert {each.state for each in batches_of(stage, mailing)} == {BatchState.DONE}
    assert set(stage.counts(mailing)) == {DeliveryState.ACCEPTED, DeliveryState.SKIPPED}
    with pytest.raises(ConflictError):
        decide_subject(engine, COMMAND_LINE, mailing, 1)


@on_one_database
def test_what_is_sent_again_before_the_decision_lets_nobody_else_go(engine: Engine) -> None:
    stage = trial_stage(engine)
    mailing = plan_trial(stage)
    (held,) = [each for each in batches_of(stage, mailing) if each.state is BatchState.HELD]
    # As after a restore: a journal says of one of them that it was sent, or not.
    with transaction(engine) as session:
        session.get_one(DeliveryRow, (mailing, held.first_position)).state = DeliveryState.UNCERTAIN
        settle_uncertain(session, mailing, resend=True)

    assert {each.state for each in batches_of(stage, mailing) if each.number == held.number} == {
        BatchState.HELD
    }


@on_one_database
def test_a_mailing_without_a_trial_is_none_of_this(engine: Engine) -> None:
    stage = trial_stage(engine)
    mailing = stage.mail()
    decide_due(engine)
    with reading(engine) as session:
        assert report_trial(session, mailing) is None
    with pytest.raises(NotFoundError):
        decide_subject(engine, COMMAND_LINE, mailing, 0)
