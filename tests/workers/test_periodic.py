"""The round: one thing that is broken holds up nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Engine, func, select, text, update

from newsletter.bounces.reading import read_report
from newsletter.database.engine import reading, transaction
from newsletter.database.tables import BounceRow, DatabaseHistoryRow, MailingRow
from newsletter.database.types import new_identity
from newsletter.database.vocabulary import BatchState, DeliveryState, MailingState
from newsletter.feedback.log import log_events, mail_event
from newsletter.mailings.ledger.leases import identity_of
from newsletter.mailings.ledger.outcomes import Outcome
from newsletter.mailings.ledger.worker_hosts import unknown_journals
from newsletter.mailings.reports.progress import progress
from newsletter.settings import Settings
from tests.support.ledger import batch_states, claim, delivery_states
from tests.support.loops import call_apart
from tests.support.orders import resume
from tests.support.stage import Stage, set_stage
from workers import batches, lists, periodic, recovery
from workers.clocks import LeaseWatch
from workers.composition import WorkerServices, build
from workers.journal import Journal

_READERS = tuple(f"reader{number}@example.jp" for number in range(4))


@pytest.fixture
def services(database_url: str, tmp_path: Path) -> Iterator[WorkerServices]:
    built = build(
        Settings.model_validate(
            {
                "database_url": database_url,
                "data_dir": tmp_path / "data",
                "mail_transports": f"directory://{tmp_path}/out",
                "secret_keys": "k" * 40,
                "redis_url": "redis://127.0.0.1:1/0",
            }
        )
    )
    yield built
    call_apart(built.close)


@pytest.fixture
def stage(engine: Engine) -> Stage:
    prepared = set_stage(engine)
    prepared.subscribe(*_READERS)
    return prepared


def _identity(stage: Stage, mailing: int) -> str:
    return identity_of(stage.engine, mailing) or ""


def test_a_mailing_that_cannot_be_planned_is_held_and_the_next_goes(
    stage: Stage, services: WorkerServices
) -> None:
    broken, whole = stage.mail(), stage.mail()
    with transaction(stage.engine) as session:
        session.execute(
            update(MailingRow).where(MailingRow.id == broken).values(segment="((nonsense")
        )
    periodic.go(services)
    assert progress(stage.engine, broken).state is MailingState.PAUSED
    assert "recipients cannot be determined" in str(progress(stage.engine, broken).halt_reason)
    assert progress(stage.engine, whole).state is MailingState.SENDING


_RETURNED = b"""From: MAILER-DAEMON@mx.example.com
Return-Path: <>
Subject: Undelivered Mail Returned to Sender
Content-Type: multipart/report; report-type=delivery-status; boundary=x

--x
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example.com

Final-Recipient: rfc822; reader1@example.jp
Action: failed
Status: 5.1.1
--x--
"""


def test_a_round_goes_on_where_another_process_judges_bounces(
    stage: Stage, services: WorkerServices
) -> None:
    periodic.go(services)
    with transaction(stage.engine) as session:
        log_events(session, [mail_event(read_report(_RETURNED), _RETURNED)])

    def judged() -> int:
        with reading(stage.engine) as session:
            return session.scalar(select(func.count(BounceRow.judged_at))) or 0

    with lists.turn(services.settings.data_dir, "bounces") as ours:
        assert ours
        mailing = stage.mail()
        periodic.go(services)
        assert (progress(stage.engine, mailing).state, judged()) == (MailingState.SENDING, 0)
    periodic.go(services)
    assert judged() == 1


def test_a_round_indexes_people_who_wait_for_it(stage: Stage, services: WorkerServices) -> None:
    periodic.go(services)
    with reading(stage.engine) as session:
        assert session.scalar(text("SELECT count(*) FROM person_words")) == len(_READERS)


def test_a_journal_that_a_power_cut_emptied_leaves_its_batch_in_doubt_and_goes(
    stage: Stage, services: WorkerServices
) -> None:
    mailing = stage.mail()
    periodic.go(services)
    claim(stage.engine, mailing, "cut")
    folder = services.settings.journal_dir
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "cut.journal").write_bytes(b"")
    periodic.go(services)
    assert set(delivery_states(stage.engine, mailing).values()) == {DeliveryState.UNCERTAIN}
    assert batch_states(stage.engine, mailing) == [BatchState.DONE]
    assert list(folder.glob("*.journal")) == []


def test_a_journal_that_was_settled_before_its_file_went_changes_nothing(
    stage: Stage, services: WorkerServices
) -> None:
    mailing = stage.mail()
    periodic.go(services)
    claim(stage.engine, mailing, "old")
    journal = Journal(services.settings.journal_dir, "old", identity=_identity(stage, mailing))
    journal.intent(1, 0, 0)
    journal.outcome(Outcome(position=1, state=DeliveryState.DEFERRED, attempts=1))
    journal.abandon()
    left = (services.settings.journal_dir / "old.journal").read_bytes()
    periodic.go(services)
    states = delivery_states(stage.engine, mailing)
    assert states[1] is DeliveryState.DEFERRED
    # The sweeper died before it removed the file; meanwhile all is queued and claimed anew.
    (services.settings.journal_dir / "old.journal").write_bytes(left)
    claimed = claim(stage.engine, mailing, "new")
    periodic.go(services)
    states = delivery_states(stage.engine, mailing)
    assert {states[one.position] for one in claimed.deliveries} == {DeliveryState.SENDING}


def test_a_backup_that_is_put_in_place_between_two_rounds_is_seen_before_a_batch(
    stage: Stage, services: WorkerServices
) -> None:
    mailing = stage.mail()
    periodic.go(services)
    periodic.go(services)
    with transaction(stage.engine) as session:
        session.execute(update(DatabaseHistoryRow).values(rounds=1))
    periodic.look_back(services)
    assert progress(stage.engine, mailing).state is MailingState.PAUSED
    resume(stage.engine, mailing, even_twice=True)
    periodic.look_back(services)
    assert progress(stage.engine, mailing).state is MailingState.SENDING


def test_a_journal_of_a_mailing_that_a_restored_database_lacks_is_kept_and_changes_nobody(
    stage: Stage, services: WorkerServices
) -> None:
    mailing = stage.mail()
    periodic.go(services)
    folder = services.settings.journal_dir
    # Before the restore another mailing had this number.
    journal = Journal(folder, "former", identity=new_identity())
    for position in (1, 2, 3):
        journal.intent(position, position, 0)
        journal.outcome(
            Outcome(position=position, subscriber_id=position, state=DeliveryState.ACCEPTED)
        )
    journal.abandon()
    periodic.go(services)
    assert set(delivery_states(stage.engine, mailing).values()) == {DeliveryState.QUEUED}
    assert (folder / "unknown" / "former.journal").exists()
    with reading(stage.engine) as session:
        (found,) = unknown_journals(session)
    assert (found.files, found.accepted) == (1, 3)
    (folder / "unknown" / "former.journal").unlink()
    periodic.go(services)
    with reading(stage.engine) as session:
        assert unknown_journals(session) == []


def test_a_journal_says_nothing_of_somebody_who_has_another_s_number_now(
    stage: Stage, services: WorkerServices
) -> None:
    mailing = stage.mail()
    periodic.go(services)
    claimed = claim(stage.engine, mailing, "lost")
    first, second = claimed.deliveries[:2]
    journal = Journal(services.settings.journal_dir, "lost", identity=claimed.identity)
    for one, mark in ((first, first.mark + 1), (second, second.mark)):
        journal.intent(one.position, one.subscriber_id, mark)
        journal.outcome(
            Outcome(
                position=one.position,
                subscriber_id=one.subscriber_id,
                mark=mark,
                state=DeliveryState.ACCEPTED,
            )
        )
    journal.abandon()
    periodic.go(services)
    states = delivery_states(stage.engine, mailing)
    assert states[first.position] is DeliveryState.QUEUED
    assert states[second.position] is DeliveryState.ACCEPTED


def test_of_a_mailing_planned_anew_a_journal_speaks_only_of_the_same_people(
    stage: Stage, services: WorkerServices
) -> None:
    mailing = stage.mail()
    periodic.go(services)
    claimed = claim(stage.engine, mailing, "again")
    first, second = claimed.deliveries[:2]
    journal = Journal(services.settings.journal_dir, "again", identity=claimed.identity)
    for position, person in ((first.position, second), (second.position, second)):
        outcome = Outcome(
            position=position, subscriber_id=person.subscriber_id, state=DeliveryState.ACCEPTED
        )
        journal.intent(position, person.subscriber_id, 0)
        journal.outcome(outcome)
    journal.abandon()
    periodic.go(services)
    states = delivery_states(stage.engine, mailing)
    assert states[first.position] is DeliveryState.QUEUED
    assert states[second.position] is DeliveryState.ACCEPTED


def test_a_process_that_lives_and_says_nothing_loses_its_lease_in_the_end(
    stage: Stage, services: WorkerServices
) -> None:
    mailing = stage.mail()
    periodic.go(services)
    claimed = claim(stage.engine, mailing, "hung")
    journal = Journal(services.settings.journal_dir, "hung", identity=claimed.identity)
    seconds = 0.0
    watch = LeaseWatch(lambda: seconds)
    hanging = replace(services, watch=watch)
    while seconds < 2 * services.settings.lease_seconds:
        recovery.sweep(hanging)
        seconds += 5
    assert set(delivery_states(stage.engine, mailing).values()) == {DeliveryState.SENDING}
    while seconds < 6 * services.settings.lease_seconds:
        recovery.sweep(hanging)
        seconds += 5
    assert set(delivery_states(stage.engine, mailing).values()) == {DeliveryState.UNCERTAIN}
    journal.abandon()


def test_the_log_keeps_how_a_mailing_began_and_ended(
    stage: Stage, services: WorkerServices, caplog: pytest.LogCaptureFixture
) -> None:
    mailing = stage.mail()
    with caplog.at_level("INFO"):
        periodic.go(services)
        call_apart(lambda: batches.send_batch(services, mailing, 1))
        periodic.finish(services.engine)
        periodic.finish(services.engine)
    said = [record.message for record in caplog.records if record.name == "workers.periodic"]
    assert said == [
        f"mailing {mailing} begins: 4 planned",
        f"mailing {mailing} is finished: 4 accepted",
    ]
