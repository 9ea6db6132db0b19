"""Deciding on an issue from a terminal: the next one started, approval requested and given."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update

from newsletter.database.engine import open_engine, reading, transaction
from newsletter.database.tables import (
    AccountRow,
    ApprovalRow,
    DraftRow,
    NewsletterRow,
    RoleGrantRow,
)
from newsletter.database.types import now
from newsletter.database.vocabulary import Role
from tests.support.commands import run_command
from tests.support.stage import set_stage


@pytest.fixture(autouse=True)
def _newsletter(sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = open_engine(sqlite_url)
    set_stage(engine)
    with transaction(engine) as session:
        session.execute(update(NewsletterRow).values(approval_required=True))
        for name, role in (("editor", Role.EDITOR), ("approver", Role.APPROVER)):
            address = f"{name}@example.jp"
            row = AccountRow(
                address=address, address_key=address, name=name, password_hash="unused"
            )
            session.add(row)
            session.flush()
            session.add(RoleGrantRow(account_id=row.id, role=role))
    engine.dispose()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATABASE_URL", sqlite_url)
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    monkeypatch.setenv("SECRET_KEYS", "k" * 40)


def test_approval_goes_from_one_account_to_another(sqlite_url: str) -> None:
    def run(*words: str) -> tuple[int, str]:
        found = run_command(["issue", *words])
        return found.exit_code, found.output + str(found.exception or "")

    nobody, said = run("ask")
    assert nobody != 0
    assert "--as" in said
    other, said = run("ask", "--of", "nobody@example.jp", "--as", "editor@example.jp")
    assert other != 0
    assert "approver@example.jp" in said
    asked = run(
        "ask",
        "--of",
        "approver@example.jp",
        "--at",
        f"{now() + timedelta(days=60):%Y-%m-%d} 08:00",
        "--as",
        "editor@example.jp",
    )
    assert asked[0] == 0, asked
    assert run("return", "--because", "日付", "--as", "approver@example.jp")[0] == 0
    assert run("ask", "--as", "editor@example.jp")[0] == 0
    assert run("approve", "--as", "editor@example.jp")[0] != 0
    assert run("approve", "--as", "approver@example.jp")[0] == 0
    engine = open_engine(sqlite_url)
    with reading(engine) as session:
        approval = session.scalars(select(ApprovalRow)).one()
    engine.dispose()
    assert approval.approved_by is not None
    assert approval.returned_because == "日付"


def test_the_next_issue_is_started_from_the_last(sqlite_url: str) -> None:
    found = run_command(["issue", "duplicate", "--json"])
    assert found.exit_code == 0, found.output
    told = json.loads(found.output)
    engine = open_engine(sqlite_url)
    with reading(engine) as session:
        draft = session.scalars(select(DraftRow)).one()
    engine.dispose()
    assert (told["draft"], told["title"]) == (draft.id, draft.content["title"])
    assert "2026年12月号" in told["title"]
    assert told["number"] == "第9号"


def test_a_pattern_is_kept_found_and_started_from() -> None:
    def run(*words: str) -> object:
        found = run_command(["issue", *words, "--json"])
        assert found.exit_code == 0, found.output
        return json.loads(found.output)

    assert run("patterns") == []
    run("keep", "定例号")
    assert [row["name"] for row in run("patterns")] == ["定例号"]  # type: ignore[attr-defined]
    begun = run("start", "定例号")
    assert "2026年12月号" in str(begun)
    assert "受付票" in str(run("search", "受付票"))
    assert run_command(["issue", "start", "無い"]).exit_code != 0


def test_comments_are_written_listed_and_resolved() -> None:
    def run(*words: str) -> tuple[int, str]:
        found = run_command(["issue", *words])
        return found.exit_code, found.output + str(found.exception or "")

    assert run("comment", "誰でもない")[0] != 0, "nobody could be answered"
    said = run(
        "comment", "日付を直してください", "--part", "c1", "--as", "editor@example.jp", "--json"
    )
    assert said[0] == 0, said
    number = str(json.loads(said[1])["number"])
    assert run("comment", "直しました", "--to", number, "--as", "approver@example.jp")[0] == 0
    (thread,) = json.loads(run("comments", "--json")[1])
    assert [each["words"] for each in thread["comments"]] == ["日付を直してください", "直しました"]
    assert thread["part"] == "c1"

    assert run("resolve", number, "--as", "editor@example.jp")[0] == 0
    assert json.loads(run("comments", "--json")[1]) == []
    assert json.loads(run("comments", "--all", "--json")[1])[0]["resolved"] is True
    assert run("resolve", "99", "--as", "editor@example.jp")[0] != 0


def test_the_place_in_the_archive_is_chosen_and_given_back_to_the_rule() -> None:
    def run(*words: str) -> str:
        found = run_command(["issue", "archive", *words, "--as", "editor@example.jp", "--json"])
        assert found.exit_code == 0, found.output
        return str(json.loads(found.output)["archive"])

    listed = run_command(["issue", "list", "--json"])
    slug = json.loads(listed.output)[0]["issue"]
    assert run(slug, "subscribers") == "subscribers"
    assert run(slug) == "listed"
    begun = run_command(["issue", "duplicate", slug, "--as", "editor@example.jp", "--json"])
    draft = str(json.loads(begun.output)["draft"])
    assert run(draft, "unlisted", "--draft") == "unlisted"
    assert run(draft, "--draft") == "None"
