"""Roles as they are kept: who holds what, who is asked, and who is left to administer."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from newsletter.accounts.audit import COMMAND_LINE
from newsletter.accounts.audit_actions import Action
from newsletter.accounts.invitations import accept, invite
from newsletter.accounts.permissions import Permission
from newsletter.accounts.roles import (
    Grant,
    Rights,
    has_administrator,
    holders_of,
    rights_of,
    set_grants,
)
from newsletter.database.engine import transaction
from newsletter.database.tables import AccountRow
from newsletter.database.types import now
from newsletter.database.vocabulary import Role
from newsletter.newsletters.publications import create_newsletter
from tests.support.stage import DRAFT, Stage

_PASSWORD = "four words, quite long"


def _invite(session: Session, name: str, *grants: Grant) -> str:
    return invite(session, COMMAND_LINE, address=f"{name}@example.jp", grants=grants)


def _add(session: Session, name: str, *grants: Grant) -> int:
    token = _invite(session, name, *grants)
    accept(session, COMMAND_LINE, token, name=name, password=_PASSWORD)
    query = select(AccountRow.id).where(AccountRow.address_key == f"{name}@example.jp")
    return session.scalars(query).one()


def _disable(session: Session, number: int) -> None:
    session.execute(update(AccountRow).where(AccountRow.id == number).values(disabled_at=now()))


def _names(session: Session, newsletter_id: int, *, besides: int | None = None) -> list[str]:
    found = holders_of(session, Permission.APPROVE, newsletter_id, besides=besides)
    return [row.name for row in found]


def test_who_is_asked_holds_the_role_here_can_sign_in_and_is_not_who_asks(stage: Stage) -> None:
    here = Grant(role=Role.APPROVER, newsletter_id=stage.newsletter_id)
    with transaction(stage.engine) as session:
        other = create_newsletter(session, replace(DRAFT, slug="other"))
        asker = _add(session, "asker", here)
        _add(session, "dan", here)
        _add(session, "ben", Grant(role=Role.APPROVER))
        _add(session, "elsewhere", Grant(role=Role.APPROVER, newsletter_id=other.id))
        _add(session, "editor", Grant(role=Role.EDITOR, newsletter_id=stage.newsletter_id))
        _add(session, "chief", Grant(role=Role.ADMINISTRATOR))
        _disable(session, _add(session, "gone", here))
        _invite(session, "invited", here)
        assert _names(session, stage.newsletter_id, besides=asker) == ["ben", "dan"]


def test_where_nobody_holds_the_role_administrators_are_asked(stage: Stage) -> None:
    with transaction(stage.engine) as session:
        assert _names(session, stage.newsletter_id) == []
        _add(session, "chief", Grant(role=Role.ADMINISTRATOR))
        approver = _add(session, "anna", Grant(role=Role.APPROVER))
        assert _names(session, stage.newsletter_id) == ["anna"]
        assert _names(session, stage.newsletter_id, besides=approver) == ["chief"]


def test_who_is_left_to_administer_administers_everything_and_can_sign_in(stage: Stage) -> None:
    with transaction(stage.engine) as session:
        _add(session, "here", Grant(role=Role.ADMINISTRATOR, newsletter_id=stage.newsletter_id))
        _add(session, "editor", Grant(role=Role.EDITOR))
        _disable(session, _add(session, "gone", Grant(role=Role.ADMINISTRATOR)))
        _invite(session, "invited", Grant(role=Role.ADMINISTRATOR))
        assert not has_administrator(session)
        _add(session, "chief", Grant(role=Role.ADMINISTRATOR))
        assert has_administrator(session)


def test_roles_that_are_set_replace_those_before_each_once(stage: Stage) -> None:
    editor, approver = Grant(role=Role.EDITOR), Grant(role=Role.APPROVER, newsletter_id=1)
    with transaction(stage.engine) as session:
        anna, ben = _add(session, "anna", editor), _add(session, "ben", editor)
        set_grants(session, anna, [approver, approver])
        assert rights_of(session, anna).grants == {approver}
        assert rights_of(session, ben).grants == {editor}


@pytest.mark.parametrize(
    ("grant", "here", "elsewhere", "everywhere"),
    [
        (Grant(role=Role.OPERATOR), True, True, True),
        (Grant(role=Role.OPERATOR, newsletter_id=1), True, False, False),
        (Grant(role=Role.ADMINISTRATOR), True, True, True),
        (Grant(role=Role.ADMINISTRATOR, newsletter_id=1), True, False, False),
        (Grant(role=Role.EDITOR), False, False, False),
    ],
)
def test_an_action_is_allowed_where_the_role_for_it_is_held(
    grant: Grant, *, here: bool, elsewhere: bool, everywhere: bool
) -> None:
    rights = Rights(grants=frozenset({grant}))
    assert rights.may_do(Action.SUBSCRIBER_SUPPRESS, 1) is here
    assert rights.may_do(Action.SUBSCRIBER_SUPPRESS, 2) is elsewhere
    assert rights.may_do(Action.SUBSCRIBER_SUPPRESS, None) is everywhere
    assert rights.reach(2) is (grant.newsletter_id is None)


def test_what_needs_no_role_is_allowed_to_whoever_has_none() -> None:
    assert Rights().may_do(Action.ACCOUNT_PASSWORD, None)
    assert not Rights().may_do(Action.ISSUE_CREATE, 1)
