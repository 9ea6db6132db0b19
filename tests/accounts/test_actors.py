"""Whoever did something is called by a name that only they have, else as it is recorded."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine

from newsletter.accounts.actors import colleagues_by_address, name_actor
from newsletter.accounts.audit import Actor, AuditFilter, list_events, record_event
from newsletter.accounts.audit_actions import Action
from newsletter.database.engine import reading, transaction
from newsletter.database.tables import AccountRow
from newsletter.i18n.language import Language
from tests.support.databases import each_database, on_one_database


@pytest.fixture
def staff(engine: Engine) -> Engine:
    names = {"a@example.jp": "佐藤", "b@example.jp": "鈴木", "c@example.jp": "鈴木", "d@x.jp": ""}
    with transaction(engine) as session:
        session.add_all(
            AccountRow(address=address, address_key=address, name=name)
            for address, name in names.items()
        )
    return engine


@on_one_database("sqlite")
def test_who_shares_a_name_or_has_none_is_called_by_the_address(staff: Engine) -> None:
    with reading(staff) as session:
        colleagues = colleagues_by_address(session)
    named = {
        recorded: name_actor(recorded, colleagues).in_language(Language.JAPANESE)
        for recorded in ("a@example.jp", "b@example.jp", "d@x.jp", "reader", "command line (ops)")
    }
    assert named == {
        "a@example.jp": "佐藤",
        "b@example.jp": "b@example.jp",
        "d@x.jp": "d@x.jp",
        "reader": "読者本人",
        "command line (ops)": "コマンドライン（ops）",
    }


@each_database
def test_the_audit_log_is_searched_by_names_that_it_shows(staff: Engine) -> None:
    with transaction(staff) as session:
        for number, name in ((1, "a@example.jp"), (2, "b@example.jp")):
            record_event(session, Actor(account_id=number, name=name), Action.SESSION_END)
    with reading(staff) as session:
        for asked in ("佐藤", "a@ex"):
            (event,) = list_events(session, AuditFilter(actor=asked))
            assert event.actor == "a@example.jp"
