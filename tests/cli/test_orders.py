"""Orders on a mailing by command: what is asked, what is said, and which reason is recorded."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from newsletter.cli.prompts import UnansweredError
from newsletter.database.engine import open_engine, reading
from newsletter.database.tables import AuditEventRow
from newsletter.database.vocabulary import MailingState
from newsletter.mailings.reports.progress import progress
from tests.support.commands import run_command
from tests.support.stage import set_stage


def test_an_order_says_what_it_did_and_records_no_reason_that_nobody_gave(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = open_engine(sqlite_url)
    number = str(set_stage(engine, readers=1).mail())
    monkeypatch.setenv("DATABASE_URL", sqlite_url)
    assert run_command(["mailing", "pause", number]).stdout == f"Mailing {number} is paused.\n"
    assert run_command(["mailing", "resume", number]).stdout == f"Mailing {number} goes on.\n"
    assert run_command(["mailing", "cancel", number], typed="n\n").exit_code != 0
    assert progress(engine, int(number)).state is not MailingState.CANCELLED
    done = run_command(["mailing", "cancel", number, "--yes"])
    assert done.stdout == f"Mailing {number} is cancelled.\n"
    with reading(engine) as session:
        assert set(session.scalars(select(AuditEventRow.reason))) == {""}
    engine.dispose()


def test_an_order_that_needs_a_reason_asks_for_it(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = open_engine(sqlite_url)
    number = str(set_stage(engine, readers=1).mail())
    monkeypatch.setenv("DATABASE_URL", sqlite_url)
    refused = run_command(["mailing", "retry", number], typed="\n")
    assert isinstance(refused.exception, UnansweredError)
    run_command(["domain", "hold", "example.jp"], typed="their disk is full\n")
    with reading(engine) as session:
        assert set(session.scalars(select(AuditEventRow.reason))) == {"their disk is full"}
    engine.dispose()
