"""The audit log as a file."""

from __future__ import annotations

import csv
import io

import pytest
from sqlalchemy import Engine

from newsletter.accounts.audit import COMMAND_LINE, AuditFilter, export_csv, record_event
from newsletter.accounts.audit_actions import Action
from newsletter.database.engine import transaction
from tests.support.databases import on_one_database


@on_one_database("sqlite")
@pytest.mark.parametrize("sign", ["=", "+", "-", "@", "\t", "\n", "＝", "＋", "－", "＠", "'="])
def test_what_somebody_wrote_is_no_formula_in_the_exported_log(engine: Engine, sign: str) -> None:
    with transaction(engine) as session:
        record_event(session, COMMAND_LINE, Action.BOUNCE_UNDO, reason=f"{sign}1+1")
    text = "".join(export_csv(engine, COMMAND_LINE, AuditFilter())).removeprefix("\ufeff")
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert [row["reason"] for row in rows if row["action"] == "bounce.undo"] == [f"'{sign}1+1"]


def test_a_download_of_the_log_holds_no_connection_while_its_reader_reads(engine: Engine) -> None:
    with transaction(engine) as session:
        for number in range(3):
            record_event(session, COMMAND_LINE, Action.BOUNCE_UNDO, object=f"bounce {number}")
    lines = export_csv(engine, COMMAND_LINE, AuditFilter())
    read = [next(lines), next(lines)]
    assert engine.pool.checkedout() == 0  # type: ignore[attr-defined]
    assert "bounce 0" in "".join([*read, *lines])
