"""What an account may do by a command is what its action needs, as it is on pages."""

from __future__ import annotations

from pathlib import Path

import pytest

from newsletter.accounts.roles import Grant, set_grants
from newsletter.database.engine import open_engine, transaction
from newsletter.database.tables import AccountRow
from newsletter.database.vocabulary import Role
from tests.support.commands import run_command
from tests.support.stage import set_stage

_ADDRESS = "colleague@example.jp"


@pytest.mark.database
@pytest.mark.parametrize(
    ("role", "everywhere", "words", "permitted"),
    [
        (Role.EDITOR, False, ("segment", "add", "press", 'tag = "press"'), True),
        (Role.APPROVER, False, ("segment", "add", "press", 'tag = "press"'), False),
        (Role.OPERATOR, True, ("subscriber", "erase", "a@example.jp", "--yes"), False),
        (Role.ADMINISTRATOR, False, ("subscriber", "erase", "a@example.jp", "--yes"), False),
        (Role.ADMINISTRATOR, True, ("subscriber", "erase", "a@example.jp", "--yes"), True),
    ],
)
def test_a_command_is_for_those_whom_its_action_is_for(
    sqlite_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    role: Role,
    everywhere: bool,  # noqa: FBT001 - of a table
    words: tuple[str, ...],
    permitted: bool,  # noqa: FBT001
) -> None:
    engine = open_engine(sqlite_url)
    stage = set_stage(engine)
    stage.subscribe("a@example.jp")
    with transaction(engine) as session:
        account = AccountRow(address=_ADDRESS, address_key=_ADDRESS, name="c")
        session.add(account)
        session.flush()
        where = None if everywhere else stage.newsletter_id
        set_grants(session, account.id, [Grant(role=role, newsletter_id=where)])
    engine.dispose()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATABASE_URL", sqlite_url)
    monkeypatch.setenv("DATA_DIR", str(tmp_path))

    done = run_command([*words, "--as", _ADDRESS])

    assert (done.exit_code == 0) is permitted, done.output
