"""A database that lost what it knew: what journals prove comes back, and nothing is sent twice."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta
from pathlib import Path
from typing import TypeAlias

import pytest
from sqlalchemy import Engine, select, update

from newsletter.accounts.audit import COMMAND_LINE
from newsletter.database.engine import reading, transaction
from newsletter.database.tables import (
    AcknowledgedAlarmRow,
    DatabaseHistoryRow,
    MailingRow,
    WorkerHostRow,
)
from newsletter.database.types import now
from newsletter.database.vocabulary import DeliveryState, MailingState
from newsletter.errors import ConflictError
from newsletter.mailings.ledger.database_history import HistoryMark
from newsletter.mailings.ledger.schedule import Schedule
from newsletter.mailings.ledger.worker_hosts import unknown_journals
from newsletter.mailings.reports.progress import progress
from newsletter.operations.acknowledgements import forget_ended
from newsletter.operations.actions import acknowledge_alarm
from newsletter.operations.alarms import find_alarms
from newsletter.operations.alarms.model import Alarm
from newsletter.operations.overview import look
from tests.support.backup import Backup, back_up
from tests.support.orders import resume
from tests.support.smtp import SmtpServer
from tests.support.stage import Stage, set_stage
from tests.support.worker import go, send_some, work, worker
from workers import database_memory
from workers.composition import WorkerServices

PEOPLE = 12
BATCH = 4
Host: TypeAlias = Callable[[str], AbstractContextManager[WorkerServices]]


@pytest.fixture
def stage(engine: Engine) -> Stage:
    return set_stage(engine, readers=PEOPLE)


@pytest.fixture
def host(database_url: str, smtp_server: SmtpServer, tmp_path: Path) -> Host:
    """What begins another worker host, with a folder of its own by its name."""
    return lambda name: worker(database_url, smtp_server.url, tmp_path / name)


def _planned(stage: Stage, services: WorkerServices, *, rounds: int = 1) -> tuple[int, Backup]:
    """Return a mailing of which nothing is sent yet, and a backup that was made after rounds."""
    mailing = stage.mail(batch_size=BATCH)
    for _ in range(rounds):
        go(services)
    return mailing, back_up(stage.engine)


def _send_all(services: WorkerServices, mailing: int) -> None:
    for _ in range(PEOPLE // BATCH):
        work(services, mailing)


def _finish(stage: Stage, services: WorkerServices, mailing: int) -> None:
    """Let an operator resume, and workers send what is left."""
    assert progress(stage.engine, mailing).state is MailingState.PAUSED
    resume(stage.engine, mailing, even_twice=True)
    go(services)
    _send_all(services, mailing)


def _everybody_has_one(stage: Stage, server: SmtpServer, mailing: int) -> None:
    assert set(Counter(server.recipients()).values()) == {1}
    assert len(server.recipients()) == PEOPLE
    assert stage.counts(mailing) == {DeliveryState.ACCEPTED: PEOPLE}


def test_a_backup_from_before_the_mailing_went_out_sends_it_to_nobody_again(
    stage: Stage, services: WorkerServices, smtp_server: SmtpServer
) -> None:
    mailing, backup = _planned(stage, services)
    work(services, mailing)
    go(services)
    backup.restore()
    # A hint that waited in the broker is the first to be read.
    assert work(services, mailing) == 0
    assert progress(stage.engine, mailing).halt_reason
    assert stage.counts(mailing) == {DeliveryState.ACCEPTED: PEOPLE}
    _finish(stage, services, mailing)
    _everybody_has_one(stage, smtp_server, mailing)


def test_a_backup_from_before_the_mailing_was_ordered_tells_that_it_went_out(
    stage: Stage, services: WorkerServices
) -> None:
    go(services)
    backup = back_up(stage.engine)
    mailing = stage.mail(batch_size=BATCH)
    go(services)
    _send_all(services, mailing)
    backup.restore()
    for _ in range(2):
        go(services)
    with reading(stage.engine) as session:
        (found,) = unknown_journals(session)
    assert found.accepted == PEOPLE


def test_a_restored_backup_is_an_alarm_until_it_is_acknowledged(
    stage: Stage, services: WorkerServices, caplog: pytest.LogCaptureFixture
) -> None:
    engine = stage.engine
    go(services)
    backup = back_up(engine)
    go(services)
    backup.restore()
    go(services)
    assert "mailings held: 0" in caplog.text
    assert "mailings under way" not in caplog.text
    with transaction(engine) as session:
        long_ago = now() - timedelta(days=8)
        session.execute(update(DatabaseHistoryRow).values(noticed_at=long_ago))

    def restored() -> Alarm | None:
        seen = look(engine, redis_url="")
        return next((one for one in find_alarms(seen) if one.kind == "database-restored"), None)

    alarm = restored()
    assert alarm is not None
    assert alarm.is_open
    assert str(alarm.what).startswith("The database was restored, or failed over")
    seen = look(engine, redis_url="")
    acknowledge_alarm(engine, COMMAND_LINE, alarm.key, reason="unsubscribed again", seen=seen)
    for _ in range(2):
        forget_ended(engine, ())
        with transaction(engine) as session:
            session.execute(
                update(AcknowledgedAlarmRow)
                .where(AcknowledgedAlarmRow.missing_since.is_not(None))
                .values(missing_since=long_ago)
            )
    assert restored() is None


def test_what_is_lost_under_a_worker_that_sends_is_not_sent_again(
    stage: Stage, services: WorkerServices, smtp_server: SmtpServer
) -> None:
    mailing, backup = _planned(stage, services)
    # Workers look around every second; what is older than that is known to be lost.
    go(services)

    def fail_over(_address: str) -> None:
        if len(smtp_server.messages) == PEOPLE // 2:
            backup.restore()

    smtp_server.refuse_data = fail_over
    work(services, mailing)
    smtp_server.refuse_data = lambda _address: None
    go(services)
    _finish(stage, services, mailing)
    _everybody_has_one(stage, smtp_server, mailing)


def test_a_new_host_takes_up_nothing_of_a_backup_from_elsewhere(
    stage: Stage, services: WorkerServices, host: Host
) -> None:
    mailing, backup = _planned(stage, services)
    work(services, mailing)
    backup.restore()
    with transaction(stage.engine) as session:
        if stage.engine.dialect.name == "sqlite":
            # A file is on no server: it was written to when the backup was made, and not since.
            made = now() - timedelta(seconds=15)
            session.execute(update(DatabaseHistoryRow).values(beat_at=made))
        else:
            # As rows of a dump have it: the server that they were on is gone with the first host.
            session.execute(update(DatabaseHistoryRow).values(server="another/1/00000001"))
    with host("new") as new:
        assert work(new, mailing) == 0
        assert progress(stage.engine, mailing).state is MailingState.PAUSED
        with pytest.raises(ConflictError, match="receive it twice"):
            resume(stage.engine, mailing)
        resume(stage.engine, mailing, even_twice=True)
        go(new)
        assert progress(stage.engine, mailing).state is MailingState.SENDING


def test_a_new_host_goes_on_with_what_the_same_server_has(
    stage: Stage, services: WorkerServices, smtp_server: SmtpServer, host: Host
) -> None:
    mailing = stage.mail(batch_size=BATCH)
    go(services)
    with host("new") as new:
        go(new)
        _send_all(new, mailing)
    _everybody_has_one(stage, smtp_server, mailing)


def test_a_state_of_a_moment_ago_is_told_by_the_claims_that_it_lacks(
    stage: Stage, services: WorkerServices, smtp_server: SmtpServer
) -> None:
    if stage.engine.dialect.name == "postgresql":
        pytest.skip("a server tells its timeline; this is for files, which have none")
    mailing, backup = _planned(stage, services)
    work(services, mailing)
    # No round since: what was claimed is all that is lacking.
    backup.restore()
    assert work(services, mailing) == 0
    assert stage.counts(mailing) == {DeliveryState.ACCEPTED: PEOPLE}
    _finish(stage, services, mailing)
    _everybody_has_one(stage, smtp_server, mailing)


def test_what_a_host_remembers_of_claims_only_grows_within_an_epoch(tmp_path: Path) -> None:
    database_memory.remember(tmp_path, HistoryMark(epoch="a", rounds=3, claims=7))
    database_memory.remember(tmp_path, HistoryMark(epoch="a", rounds=2, claims=6))
    assert database_memory.recall(tmp_path).mark == HistoryMark(epoch="a", rounds=3, claims=7)
    database_memory.remember(tmp_path, HistoryMark(epoch="b", rounds=1, claims=2))
    assert database_memory.recall(tmp_path).mark == HistoryMark(epoch="b", rounds=1, claims=2)


def test_a_host_that_hears_of_it_from_another_brings_its_own_back(
    stage: Stage, services: WorkerServices, smtp_server: SmtpServer, host: Host
) -> None:
    mailing, backup = _planned(stage, services)
    with host("other") as other:
        go(other)
        work(other, mailing)
        go(services)
        go(services)
        backup.restore()
        go(services)
        # Rounds went on meanwhile, beyond what the other host remembers.
        go(services)
        go(services)
        assert stage.counts(mailing) == {DeliveryState.QUEUED: PEOPLE}
        go(other)
        assert stage.counts(mailing) == {DeliveryState.ACCEPTED: PEOPLE}
    _finish(stage, services, mailing)
    _everybody_has_one(stage, smtp_server, mailing)


def test_every_host_says_the_same_hour_whichever_noticed_first(
    stage: Stage, services: WorkerServices, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    stage.mail(batch_size=BATCH)
    url = stage.engine.url.render_as_string(hide_password=False)
    with worker(url, "smtp://127.0.0.1:9", tmp_path / "other") as other:
        for each in (services, other, services):
            go(each)
        backup = back_up(stage.engine)
        go(other)
        backup.restore()
        with transaction(stage.engine) as session:
            session.execute(update(DatabaseHistoryRow).values(beat_at=now() - timedelta(hours=3)))
        for each in (other, other, services):
            go(each)
    words = {one.getMessage() for one in caplog.records if "was restored" in one.getMessage()}
    assert len(words) == 1


def test_a_mailing_that_the_backup_holds_as_scheduled_is_matched_by_person(
    stage: Stage, services: WorkerServices, smtp_server: SmtpServer
) -> None:
    tomorrow = now() + timedelta(days=1)
    mailing = stage.mail(batch_size=BATCH, schedule=Schedule(hour=tomorrow.replace(tzinfo=None)))
    go(services)
    backup = back_up(stage.engine)
    with transaction(stage.engine) as session:
        session.execute(update(MailingRow).values(state=MailingState.PLANNING))
    go(services)
    work(services, mailing)
    go(services)
    backup.restore()
    with transaction(stage.engine) as session:
        # The backup is put in place after the hour of the mailing.
        session.execute(update(MailingRow).values(scheduled_at=now() - timedelta(hours=1)))
    go(services)
    assert stage.counts(mailing) == {DeliveryState.ACCEPTED: PEOPLE}
    assert len(smtp_server.messages) == PEOPLE


def test_what_was_resumed_is_not_held_again(
    stage: Stage, services: WorkerServices, smtp_server: SmtpServer
) -> None:
    mailing, backup = _planned(stage, services)
    go(services)
    backup.restore()
    go(services)
    _finish(stage, services, mailing)
    go(services)
    assert progress(stage.engine, mailing).halt_reason is None
    _everybody_has_one(stage, smtp_server, mailing)


def test_once_all_journals_are_brought_back_a_mailing_goes_on_without_a_question(
    stage: Stage, services: WorkerServices, smtp_server: SmtpServer
) -> None:
    mailing, backup = _planned(stage, services, rounds=2)
    go(services)
    send_some(services, mailing)
    backup.restore()
    go(services)
    go(services)
    words = str(progress(stage.engine, mailing).halt_reason)
    assert "journals are brought back: who received this mailing is known" in words
    resume(stage.engine, mailing)
    go(services)
    _send_all(services, mailing)
    _everybody_has_one(stage, smtp_server, mailing)


def test_the_host_whose_journals_are_missing_is_named_and_asked_for(
    stage: Stage, services: WorkerServices, smtp_server: SmtpServer, tmp_path: Path, host: Host
) -> None:
    mailing, backup = _planned(stage, services, rounds=2)
    with host("joined-later") as other:
        go(other)
        go(other)
        go(services)
        send_some(other, mailing)
        backup.restore()
        go(services)
        go(services)
        words = str(progress(stage.engine, mailing).halt_reason)
        assert "not brought back" in words
        assert f":{tmp_path / 'joined-later'}. Start" in words
        with pytest.raises(ConflictError, match="receive it twice"):
            resume(stage.engine, mailing)
        go(other)
        go(other)
    go(services)
    resume(stage.engine, mailing)
    go(services)
    _send_all(services, mailing)
    _everybody_has_one(stage, smtp_server, mailing)


def test_a_folder_that_a_host_had_before_is_told_from_the_host(
    stage: Stage, services: WorkerServices, tmp_path: Path, host: Host
) -> None:
    mailing = stage.mail(batch_size=BATCH)
    folder = tmp_path / "replaced"
    for number in range(3):
        with host("replaced") as other:
            go(other)
            go(other)
            go(services)
            if number < 2:
                folder.rename(tmp_path / f"gone-{number}")
    backup = back_up(stage.engine)
    go(services)
    send_some(services, mailing)
    backup.restore()
    go(services)
    go(services)
    # Nobody of that name is there: it is named once.
    assert str(progress(stage.engine, mailing).halt_reason).count(f":{folder}") == 1
    with host("replaced") as other:
        go(other)
        go(other)
    words = str(progress(stage.engine, mailing).halt_reason)
    assert f":{folder} (an earlier DATA_DIR there). Start" in words


def test_whose_journals_are_missing_is_an_alarm_where_no_mailing_is_held(
    stage: Stage, services: WorkerServices, tmp_path: Path, host: Host
) -> None:
    go(services)
    with host("away") as other:
        go(other)
        go(other)
        go(services)
        backup = back_up(stage.engine)
        mailing = stage.mail(batch_size=BATCH)
        go(other)
        send_some(other, mailing)
        go(services)
        assert _journal_alarms(stage.engine) == []
        backup.restore()
        go(services)
        go(services)
        (alarm,) = _journal_alarms(stage.engine)
        assert alarm.kind == "journals-missing"
        assert f":{tmp_path / 'away'}" in str(alarm.what)
        go(other)
        go(other)
    assert "journals-missing" not in {one.kind for one in _journal_alarms(stage.engine)}


def test_a_folder_that_was_emptied_is_an_alarm_once_its_host_is_another(
    stage: Stage, services: WorkerServices
) -> None:
    go(services)
    go(services)
    shutil.rmtree(services.settings.data_dir)
    go(services)
    go(services)
    assert _journal_alarms(stage.engine) == []
    _say_hosts_were_seen(stage.engine, ago=timedelta(minutes=30))
    go(services)
    (alarm,) = _journal_alarms(stage.engine)
    assert alarm.kind == "data-dir-replaced"
    assert alarm.where == database_memory.name_of(services.settings.data_dir)


def test_a_new_folder_that_cannot_know_of_a_restore_does_not_claim_one(
    stage: Stage, services: WorkerServices
) -> None:
    go(services)
    go(services)
    shutil.rmtree(services.settings.data_dir)
    with transaction(stage.engine) as session:
        session.execute(update(DatabaseHistoryRow).values(beat_at=now() - timedelta(minutes=3)))
    go(services)
    go(services)
    found = {one.kind: one for one in find_alarms(look(stage.engine, redis_url=""))}
    if stage.engine.dialect.name == "postgresql":
        # The server's timeline tells that nothing was lost.
        assert "database-restored" not in found
        return
    assert "it may be a backup" in str(found["database-restored"].what)
    assert "If only DATA_DIR was emptied" in str(found["database-restored"].remedy)
    assert "may be a backup" in str(found["journals-missing"].what)


def test_once_the_earlier_folder_is_put_back_the_one_meanwhile_is_no_alarm(
    stage: Stage, services: WorkerServices, tmp_path: Path
) -> None:
    folder = services.settings.data_dir
    go(services)
    go(services)
    shutil.move(folder, tmp_path / "earlier")
    go(services)
    go(services)
    shutil.rmtree(folder)
    shutil.move(tmp_path / "earlier", folder)
    _say_hosts_were_seen(stage.engine, ago=timedelta(minutes=30))
    go(services)
    go(services)
    assert _journal_alarms(stage.engine) == []


def test_two_hosts_that_are_called_alike_and_live_are_no_alarm(
    stage: Stage, services: WorkerServices
) -> None:
    go(services)
    go(services)
    with transaction(stage.engine) as session:
        session.add(
            WorkerHostRow(
                identity="another",
                name=database_memory.name_of(services.settings.data_dir),
                seen_at=now() - timedelta(minutes=9),
            )
        )
    assert _journal_alarms(stage.engine) == []


def _say_hosts_were_seen(engine: Engine, *, ago: timedelta) -> None:
    with transaction(engine) as session:
        session.execute(update(WorkerHostRow).values(seen_at=now() - ago))


def _journal_alarms(engine: Engine) -> list[Alarm]:
    about = ("journals-missing", "data-dir-replaced", "unknown-journals")
    return [one for one in find_alarms(look(engine, redis_url="")) if one.kind in about]


@pytest.mark.parametrize("fault", ["a journal is lost", "a journal is torn", "long ago", "new"])
def test_a_host_that_does_not_know_all_lets_nobody_be_mailed_without_a_question(
    stage: Stage, services: WorkerServices, fault: str
) -> None:
    mailing, backup = _planned(stage, services, rounds=2)
    go(services)
    send_some(services, mailing)
    folder = services.settings.data_dir
    match fault:
        case "a journal is lost":
            (folder / "journals" / "complete").unlink()
            go(services)
        case "a journal is torn":
            for path in (folder / "journals" / "closed").glob("*/*.journal"):
                path.write_text("torn")
        case "long ago":
            kept = json.loads((folder / "rounds").read_text())
            kept |= {"boot": "another", "at": kept["at"] - 7200}
            (folder / "rounds").write_text(json.dumps(kept))
        case _:
            shutil.rmtree(folder)
    with transaction(stage.engine) as session:
        before = session.scalars(select(DatabaseHistoryRow.server)).one()
    backup.restore()
    with transaction(stage.engine) as session:
        # A host that is new takes only what is from elsewhere, or old, for a backup.
        made = now() - timedelta(seconds=15)
        row = session.scalars(select(DatabaseHistoryRow)).one()
        row.beat_at, row.server = made, "another/1/00000001" if before else ""
    for _ in range(3):
        go(services)
    with pytest.raises(ConflictError, match="receive it twice"):
        resume(stage.engine, mailing)
    words = str(progress(stage.engine, mailing).halt_reason)
    expected = "no host knows what was sent last" if fault == "long ago" else "not brought back"
    assert expected in words
    assert "being brought back" not in words
