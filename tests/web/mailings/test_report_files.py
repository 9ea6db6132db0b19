"""Figures and the missed as files: in the language and on the clock of whoever downloads them."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from sqlalchemy import Engine, update

from newsletter.accounts.audit import COMMAND_LINE
from newsletter.database.engine import reading, transaction
from newsletter.database.tables import AccountRow, DeliveryRow
from newsletter.database.vocabulary import DeliveryState, Role
from newsletter.i18n.language import Language
from newsletter.issues.model import Issue
from newsletter.mailings.orders.actions import decide_subject, export_missed
from newsletter.mailings.reports.clicks import clicks_of
from newsletter.mailings.reports.variants import report_variants
from tests.support.corrections import correct
from tests.support.databases import each_database
from tests.support.trials import OTHER, OWN, PEOPLE, TEXT, click, plan_trial, trial_stage
from tests.web.conftest import SignIn

State = DeliveryState
PART = """
## 窓口

### 年末年始の開庁

ご来庁の前に[開庁時間の
一覧](https://city.example.jp/hours)をご覧ください。

:::for domain = "example.jp"
市内の方へ
:::
"""
on_one_database = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@each_database
def test_outcomes_are_counted_by_subject_and_by_parts(engine: Engine) -> None:
    stage = trial_stage(engine, TEXT + PART)
    stage.subscribe("a@example.com", "b@example.com")
    mailing = plan_trial(stage)
    click(stage, mailing, 0, 0)
    with reading(engine) as session:
        before = report_variants(session, mailing)
    tried = [counts[State.ACCEPTED] for _, counts in before.by_subject[:2]]
    waiting = before.by_subject[2]
    assert [name for name, _ in before.by_subject] == [f"A {OWN}", f"B {OTHER}", ""]
    assert waiting[1] == {State.QUEUED: PEOPLE + 2 - sum(tried)}

    decide_subject(engine, COMMAND_LINE, mailing, 1)
    with reading(engine) as session:
        after = report_variants(session, mailing)
    assert [sum(counts.values()) for _, counts in after.by_subject] == [
        tried[0],
        PEOPLE + 2 - tried[0],
    ]
    names = [name.in_language(Language.ENGLISH) for name, _ in after.by_parts]
    assert names == ["Domain of the address is example.jp", "Only what is for everybody"]
    assert [sum(counts.values()) for _, counts in after.by_parts] == [PEOPLE, 2]


@on_one_database
def test_a_link_is_named_by_its_item_and_its_words_also_once_it_was_corrected_away(
    engine: Engine,
) -> None:
    stage = trial_stage(engine, TEXT + PART)
    mailing = stage.mail()
    with transaction(engine) as session:
        session.execute(update(DeliveryRow).values(state=State.ACCEPTED))

    def named() -> dict[str, tuple[str, str]]:
        with reading(engine) as session:
            return {
                each.url.rpartition("/")[2]: (each.headline, each.label)
                for each in clicks_of(session, mailing)
            }

    assert named()["desk"] == ("", "窓口")
    assert named()["hours"] == ("年末年始の開庁", "開庁時間の 一覧")

    def without_chapters(issue: Issue) -> Issue:
        return replace(issue, chapters=())

    plan_trial(stage)
    correct(stage, without_chapters)
    assert named()["hours"] == ("年末年始の開庁", "開庁時間の 一覧")


@on_one_database
def test_figures_are_written_for_whoever_downloads_them(engine: Engine, sign_in: SignIn) -> None:
    stage = trial_stage(engine, TEXT + PART)
    mailing = plan_trial(stage)
    click(stage, mailing, 2, 3)
    settled = datetime(2026, 12, 1, 0, 30, tzinfo=UTC)
    client = sign_in("editor@example.jp", Role.EDITOR)
    with transaction(engine) as session:
        japanese = {"language": Language.JAPANESE, "time_zone": "Asia/Tokyo"}
        session.execute(update(AccountRow).values(japanese))
        one = update(DeliveryRow).where(DeliveryRow.position == 1)
        refused = {"state": State.REJECTED, "settled_at": settled, "status": "5.1.1"}
        session.execute(one.values(refused | {"reply": "no such user"}))

    def rows(name: str) -> list[list[str]]:
        text = client.get(f"/newsletters/digest/mailings/{mailing}/{name}").text
        return list(csv.reader(io.StringIO(text.removeprefix("\ufeff"))))

    figures = rows("report.csv")
    assert figures[0][:5] == ["区分", "項目", "待機中", "送信中", "送信済み"]
    assert [row[1] for row in figures if row[0] == "時刻"] == ["2026-12-01 09:30:00+09:00"]
    assert [row[1] for row in figures if row[0] == "件名"] == [f"A {OWN}", f"B {OTHER}", "決定待ち"]
    assert ["件名別クリック", f"B {OTHER}", "3"] in figures
    assert ["クリック", "https://city.example.jp/desk", "5", "", "窓口"] in figures
    head, *missed = rows("missed.csv")
    assert head == ["メールアドレス", "状態", "時刻", "状態コード", "応答"]
    (refusal,) = [row[1:] for row in missed if row[3]]
    assert refusal == ["拒否", "2026-12-01 09:30:00+09:00", "5.1.1", "no such user"]


@each_database
def test_a_download_of_the_missed_holds_no_connection_while_its_reader_reads(
    engine: Engine,
) -> None:
    stage = trial_stage(engine, TEXT)
    mailing = plan_trial(stage)
    with transaction(engine) as session:
        session.execute(update(DeliveryRow).values(state=State.REJECTED))
    missed = export_missed(engine, COMMAND_LINE, mailing, within=stage.newsletter_id)
    next(missed)
    assert engine.pool.checkedout() == 0  # type: ignore[attr-defined]
    assert len(list(missed)) == PEOPLE - 1
