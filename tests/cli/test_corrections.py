"""``newsletter issue correct``: a sent issue is corrected by command, and its readers told."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from sqlalchemy import Engine, select, update

from newsletter.database.engine import reading, transaction
from newsletter.database.tables import CorrectionRow, DeliveryRow, IssueRow
from newsletter.database.vocabulary import DeliveryState
from newsletter.errors import ExitCode
from newsletter.mailings.planning.planning import plan_mailing
from tests.support import warm
from tests.support.stage import set_stage

pytestmark = [
    pytest.mark.servers,
    pytest.mark.parametrize("database_url", ["sqlite"], indirect=True),
]


def test_a_sent_issue_is_corrected_from_a_file_and_mailed_about(
    engine: Engine, tmp_path: Path
) -> None:
    stage = set_stage(engine, "---\ntitle: 誤\ndate: 2026-12-01\n---\n\n本文\n".encode())
    stage.subscribe("a@example.jp")
    corrected = tmp_path / "corrected.md"
    corrected.write_text("---\ntitle: 正\ndate: 2026-12-01\n---\n\n本文\n", encoding="utf-8")
    environment = os.environ | {
        "DATABASE_URL": engine.url.render_as_string(hide_password=False),
        "DATA_DIR": str(tmp_path),
        "SECRET_KEYS": "k" * 40,
        "NO_COLOR": "1",
        "COLUMNS": "200",
    }
    words = ("issue", "correct", stage.issue, str(corrected), "--note", "題を誤りました。")

    unsent = warm.run("newsletter.cli", *words, "--yes", env=environment)
    assert unsent.returncode == ExitCode.CONFLICT
    assert "nothing to correct" in unsent.stderr

    plan_mailing(engine, stage.mail())
    with transaction(engine) as session:
        session.execute(update(DeliveryRow).values(state=DeliveryState.ACCEPTED))
    more = ("--with-warnings", "--mail", "--yes", "--json")
    done = warm.run("newsletter.cli", *words, *more, env=environment)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["people"] == 1
    with reading(engine) as session:
        assert session.scalars(select(IssueRow.title)).all() == ["正"]
        assert session.scalars(select(CorrectionRow.mailing_id)).one() is not None

    for languages, fault in (
        ("Le jour", "does not say which"),
        ("fr=Le jour", "not sent in French"),
    ):
        refused = warm.run("newsletter.cli", *words, "--note-in", languages, env=environment)
        assert fault in refused.stderr

    corrected.write_text("---\ntitle: 正しい題\ndate: 2026-12-01\n---\n\n本文\n", encoding="utf-8")
    again = warm.run("newsletter.cli", *words, "--with-warnings", "--yes", env=environment)
    assert again.returncode == 0, again.stderr
    for shown in ("Subject\n- 正\n+ 正しい題\n", "Correction 2"):
        assert shown in again.stdout
