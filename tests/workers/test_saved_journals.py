"""Journals saved from a lost host: they speak for it, where they tell all that it would."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from pathlib import Path

import pytest
from sqlalchemy import Engine

from newsletter.accounts.audit import COMMAND_LINE
from newsletter.database.vocabulary import DeliveryState
from newsletter.errors import ConflictError
from newsletter.mailings.reports.progress import progress
from tests.support.backup import back_up
from tests.support.orders import resume
from tests.support.smtp import SmtpServer
from tests.support.stage import Stage, set_stage
from tests.support.worker import go, send_some, work, worker
from workers import database_memory
from workers.composition import WorkerServices
from workers.journal import Journal
from workers.saved_journals import Brought, bring_in

PEOPLE = 12
BATCH = 4


@pytest.fixture
def stage(engine: Engine) -> Stage:
    return set_stage(engine, readers=PEOPLE)


def _lose(
    stage: Stage, services: WorkerServices, server: SmtpServer, database_url: str, folder: Path
) -> int:
    """Send with a second host, put a backup of before in place, and let that host be gone."""
    mailing = stage.mail(batch_size=BATCH)
    go(services)
    go(services)
    backup = back_up(stage.engine)
    with worker(database_url, server.url, folder) as lost:
        go(lost)
        go(lost)
        go(services)
        send_some(lost, mailing)
    backup.restore()
    for _ in range(2):
        go(services)
    return mailing


def _bring_in(
    stage: Stage, services: WorkerServices, mailing: int, saved: Path, *, kept_power: bool = False
) -> Brought:
    return bring_in(
        stage.engine,
        COMMAND_LINE,
        mailing,
        saved,
        services.settings,
        reason="saved from the lost host",
        kept_power=kept_power,
    )


@pytest.mark.parametrize("saved", ["DATA_DIR", "journals"])
def test_saved_journals_of_a_lost_host_let_a_mailing_go_on_without_a_question(
    stage: Stage,
    services: WorkerServices,
    smtp_server: SmtpServer,
    database_url: str,
    tmp_path: Path,
    saved: str,
) -> None:
    mailing = _lose(stage, services, smtp_server, database_url, tmp_path / "lost")
    with pytest.raises(ConflictError) as refused:
        resume(stage.engine, mailing)
    assert f":{tmp_path / 'lost'}. Start newsletter worker there" in str(refused.value.remedy)

    copy = tmp_path / "saved" / saved
    whole = saved == "DATA_DIR"
    shutil.copytree(tmp_path / "lost" if whole else tmp_path / "lost" / "journals", copy)
    (told,) = _bring_in(stage, services, mailing, copy).hosts
    assert told.lacks is None
    assert told.host.name.endswith(f":{tmp_path / 'lost'}")
    assert "who received this mailing is known" in str(progress(stage.engine, mailing).halt_reason)
    resume(stage.engine, mailing)
    go(services)
    for _ in range(PEOPLE // BATCH):
        work(services, mailing)
    assert set(Counter(smtp_server.recipients()).values()) == {1}
    assert stage.counts(mailing) == {DeliveryState.ACCEPTED: PEOPLE}


@pytest.mark.parametrize(
    "fault",
    ["one is gone", "one is torn", "another boot", "of nobody", "still running"],
)
def test_saved_journals_that_may_lack_something_leave_their_host_missing(
    stage: Stage,
    services: WorkerServices,
    smtp_server: SmtpServer,
    database_url: str,
    tmp_path: Path,
    fault: str,
) -> None:
    mailing = _lose(stage, services, smtp_server, database_url, tmp_path / "lost")
    journals = tmp_path / "lost" / "journals"
    running: Journal | None = None
    match fault:
        case "one is gone":
            (journals / "complete").unlink()
        case "one is torn":
            next((journals / "closed").glob("*/*.journal")).write_text("torn")
        case "another boot":
            head = {"boot": "another", "mailing": "of another", "epoch": "before"}
            (journals / "open.journal").write_text(json.dumps(head) + "\n")
        case "of nobody":
            (journals / "complete").write_text("")
            (journals.parent / "rounds").unlink()
        case _:
            running = Journal(journals, "open", identity="of another")
    brought = _bring_in(stage, services, mailing, journals)
    assert brought.was_restored
    assert all(one.lacks is not None for one in brought.hosts)
    assert (fault == "of nobody") == (not brought.hosts)
    with pytest.raises(ConflictError, match="receive it twice") as refused:
        resume(stage.engine, mailing)
    assert str(tmp_path / "lost") in str(refused.value.remedy)
    if fault == "another boot":
        assert "--kept-power" in str(brought.hosts[0].lacks)
        _bring_in(stage, services, mailing, journals, kept_power=True)
        resume(stage.engine, mailing)
    if running is not None:
        running.close()


def test_what_saved_journals_say_of_other_mailings_counts_before_their_host_is_forgotten(
    stage: Stage,
    services: WorkerServices,
    smtp_server: SmtpServer,
    database_url: str,
    tmp_path: Path,
) -> None:
    quiet = stage.mail(batch_size=BATCH)
    busy = _lose(stage, services, smtp_server, database_url, tmp_path / "lost")
    _bring_in(stage, services, quiet, tmp_path / "lost")
    for mailing in (quiet, busy):
        resume(stage.engine, mailing)
    go(services)
    for _ in range(PEOPLE // BATCH):
        work(services, busy)
        work(services, quiet)
    assert set(Counter(smtp_server.recipients()).values()) == {2}
    assert stage.counts(busy) == {DeliveryState.ACCEPTED: PEOPLE}


def test_what_a_power_cut_left_in_doubt_is_no_full_account_for_a_backup_of_before(
    stage: Stage, services: WorkerServices
) -> None:
    mailing = stage.mail(batch_size=BATCH)
    go(services)
    go(services)
    backup = back_up(stage.engine)
    go(services)
    send_some(services, mailing)
    known = database_memory.recall(services.settings.data_dir).mark
    head = {"boot": "before the cut", "mailing": "any", "epoch": known.epoch}
    (services.settings.journal_dir / "cut.journal").write_text(json.dumps(head) + "\n")
    for _ in range(2):
        go(services)
    backup.restore()
    for _ in range(2):
        go(services)
    with pytest.raises(ConflictError, match="receive it twice"):
        resume(stage.engine, mailing)
