"""Comparing subjects by the command line: ordered, and decided earlier by whoever may send."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Engine, select

from newsletter.accounts.audit_actions import Action
from newsletter.database.engine import open_engine, reading
from newsletter.database.tables import AuditEventRow, SubjectTrialRow
from newsletter.database.types import now
from newsletter.database.vocabulary import TrialVerdict
from tests.support.commands import run_command
from tests.support.stage import Stage
from tests.support.trials import OTHER, decision_of, plan_trial, trial_stage


@pytest.fixture
def stage(sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    opened = open_engine(sqlite_url)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATABASE_URL", sqlite_url)
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    monkeypatch.setenv("SECRET_KEYS", "k" * 40)
    monkeypatch.setenv("COLUMNS", "200")
    yield trial_stage(opened)
    opened.dispose()


def _run(*words: str, answer: str = "") -> tuple[int, str]:
    found = run_command([*words], typed=answer)
    return found.exit_code, found.output + str(found.exception or "")


def _trials(engine: Engine) -> list[tuple[int, list[str]]]:
    with reading(engine) as session:
        rows = session.scalars(select(SubjectTrialRow)).all()
        return [(row.share, [each["title"] for each in row.subjects[1:]]) for row in rows]


def test_subjects_are_named_before_sending_and_ordered_with_it(stage: Stage) -> None:
    hour = f"{now().astimezone(ZoneInfo('Asia/Tokyo')) + timedelta(hours=5):%Y-%m-%d %H:%M}"
    trial = ("--subject", OTHER, "--trial-share", "50", "--decide-at", hour)

    many = _run("send", "--yes", *trial, "--preheader", "A", "--preheader", "B")
    assert "more preheaders than other subjects" in many[1]
    twice = _run("send", "--yes", *trial, "--subject", OTHER)
    assert "Two of the subjects are the same." in twice[1]
    assert _trials(stage.engine) == []

    code, shown = _run("send", *trial, "--preheader", "窓口は28日まで", answer="y\n")
    assert code == 0, shown
    assert "窓口は28日まで" in shown
    assert f"Subject B, {OTHER}: about 10 people" in shown
    assert _trials(stage.engine) == [(50, [OTHER])]
    with reading(stage.engine) as session:
        (row,) = session.scalars(select(SubjectTrialRow))
        assert [each["preheader"] for each in row.subjects] == ["市役所から", "窓口は28日まで"]


def test_a_subject_is_decided_by_its_letter(stage: Stage) -> None:
    mailing = str(plan_trial(stage))
    code, shown = _run("mailing", "decide", mailing, "C")
    assert code != 0
    assert "no such subject" in shown
    assert decision_of(stage, int(mailing)) == (None, None)

    assert _run("mailing", "decide", mailing, "b", "--reason", "shorter")[0] == 0
    assert decision_of(stage, int(mailing)) == (1, TrialVerdict.BY_HAND)
    with reading(stage.engine) as session:
        (event,) = session.scalars(
            select(AuditEventRow).where(AuditEventRow.action == Action.MAILING_DECIDE)
        )
        assert (event.door, event.reason, event.details["subject"]) == ("command", "shorter", "B")
    code, shown = _run("mailing", "decide", mailing, "A")
    assert code != 0
    assert "decided already" in shown


def test_the_hour_of_what_is_scheduled_is_changed_with_the_decision(stage: Stage) -> None:
    first, later, decided = (
        f"{now().astimezone(ZoneInfo('Asia/Tokyo')) + timedelta(hours=hours):%Y-%m-%d %H:%M}"
        for hours in (5, 29, 33)
    )
    options = ("--subject", OTHER, "--decide-at", later, "--at", first)
    assert _run("send", "--yes", *options)[0] == 0

    assert "already passed" in _run("mailing", "reschedule", "1", "--at", "2020-01-01 08:00")[1]
    code, shown = _run("mailing", "reschedule", "1", "--at", later, "--decide-at", decided)

    assert code == 0, shown
    with reading(stage.engine) as session:
        decide_at = session.scalars(select(SubjectTrialRow.decide_at)).one()
        event = session.scalars(select(AuditEventRow).order_by(AuditEventRow.id.desc())).first()
    assert f"{decide_at.astimezone(ZoneInfo('Asia/Tokyo')):%Y-%m-%d %H:%M}" == decided
    assert event is not None
    assert (event.action, event.door) == (Action.MAILING_RESCHEDULE, "command")
