"""What each role may do: the table in the documents is the one the pages ask."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from newsletter.accounts.audit_actions import Action
from newsletter.accounts.permissions import PERMISSIONS, Permission
from newsletter.accounts.roles import Grant, Rights
from newsletter.database.vocabulary import Role

_ROOT = Path(__file__).parents[2]
DOCUMENT = _ROOT / "docs" / "accounts.md"
#: What changes nothing, and so is no action's.
_OF_LOOKING = {Permission.SEE_MAILINGS}


def _documented() -> dict[str, dict[Role, bool]]:
    lines = DOCUMENT.read_text(encoding="utf-8").splitlines()
    start = lines.index("| may | editor | approver | operator | administrator |")
    rows = {}
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        name, *cells = (cell.strip() for cell in line.strip("|").split("|"))
        rows[name] = {role: cell == "yes" for role, cell in zip(Role, cells, strict=True)}
    return rows


@pytest.mark.parametrize("permission", Permission)
def test_the_documents_say_what_holds(permission: Permission) -> None:
    holds = {role: Rights(grants=frozenset({Grant(role=role)})).may(permission, 1) for role in Role}
    assert _documented()[permission.value] == holds


def test_the_documents_name_nothing_else() -> None:
    assert set(_documented()) == {permission.value for permission in Permission}
    assert set(PERMISSIONS) == set(Permission)


@pytest.mark.parametrize("permission", Permission)
def test_a_page_asks_for_each_permission_and_an_action_for_each_that_changes_something(
    permission: Permission,
) -> None:
    actions = [action.name for action in Action if action.needed is permission]
    names = "|".join([rf"Permission\.{permission.name}", *(rf"Action\.{n}" for n in actions)])
    # That names every action, and asks for none.
    pages = {*(_ROOT / "newsletter/web").rglob("*.py")} - {
        _ROOT / "newsletter/web/audit_wording.py"
    }
    assert any(re.search(rf"({names})\b", page.read_text(encoding="utf-8")) for page in pages)
    assert actions or permission in _OF_LOOKING


def test_a_role_in_one_newsletter_reaches_no_other() -> None:
    rights = Rights(grants=frozenset({Grant(role=Role.APPROVER, newsletter_id=1)}))
    assert rights.may(Permission.APPROVE, 1)
    assert rights.may(Permission.APPROVE)
    assert not rights.may(Permission.APPROVE, 2)
    assert not rights.may(Permission.SEND, 1)
