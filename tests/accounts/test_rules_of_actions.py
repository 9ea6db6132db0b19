"""What an action needs is asked where it is done, so that every door obeys."""

from __future__ import annotations

import logging
from collections.abc import Callable

import pytest
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from newsletter.accounts.audit import COMMAND_LINE, Actor, record_event
from newsletter.accounts.audit_actions import Action
from newsletter.accounts.permissions import PERMISSIONS
from newsletter.accounts.roles import Grant, set_grants
from newsletter.database.engine import reading, transaction
from newsletter.database.tables import AccountRow, AuditEventRow, MailingRow
from newsletter.database.vocabulary import MailingState, Role, UnsubscribeWay
from newsletter.errors import ConflictError, ForbiddenError
from newsletter.mailings.orders import actions
from newsletter.tokens import Pseudonyms
from subscribers.actions import erase_person
from subscribers.notes import add_note
from tests.support.databases import on_one_database
from tests.support.stage import set_stage


def _actor(session: Session, *grants: Grant) -> Actor:
    account = AccountRow(address="c@example.jp", address_key="c@example.jp", name="c")
    session.add(account)
    session.flush()
    set_grants(session, account.id, grants)
    return Actor(account_id=account.id, name=account.address)


@on_one_database("sqlite")
def test_what_people_order_stands_in_the_log_once_it_is_done(
    engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    stage = set_stage(engine)
    mailing = stage.mail()
    with transaction(engine) as session:
        actor = _actor(session, Grant(role=Role.OPERATOR))
    for order in (actions.pause, actions.resume, actions.cancel):
        order(engine, actor, mailing, reason="wrong date")
    with pytest.raises(ConflictError):
        actions.pause(engine, COMMAND_LINE, mailing)
    said = [record.getMessage() for record in caplog.records if "mailing" in record.getMessage()]
    assert said == [
        f"{action} by account {actor.account_id}: mailing {mailing} (wrong date)"
        for action in ("mailing.pause", "mailing.resume", "mailing.cancel")
    ]


@on_one_database("sqlite")
@pytest.mark.parametrize("role", Role)
def test_a_role_records_what_it_permits_and_nothing_else(engine: Engine, role: Role) -> None:
    with transaction(engine) as session:
        actor = _actor(session, Grant(role=role))
        permitted = set()
        for action in Action:
            try:
                record_event(session, actor, action)
            except ForbiddenError:
                continue
            permitted.add(action)
    assert permitted == {
        action
        for action in Action
        if action.needed is None or role in PERMISSIONS[action.needed] | {Role.ADMINISTRATOR}
    }


@on_one_database("sqlite")
def test_a_role_in_one_newsletter_permits_nothing_about_another_or_all(engine: Engine) -> None:
    stage = set_stage(engine)
    with transaction(engine) as session:
        actor = _actor(session, Grant(role=Role.OPERATOR, newsletter_id=stage.newsletter_id))
        record_event(session, actor, Action.SUBSCRIBER_TAG, newsletter_id=stage.newsletter_id)
        for other in (stage.newsletter_id + 1, None):
            with pytest.raises(ForbiddenError):
                record_event(session, actor, Action.SUBSCRIBER_TAG, newsletter_id=other)


def _pause(engine: Engine, actor: Actor, mailing: int) -> None:
    actions.pause(engine, actor, mailing)


def _cancel(engine: Engine, actor: Actor, mailing: int) -> None:
    actions.cancel(engine, actor, mailing)


def _export_missed(engine: Engine, actor: Actor, mailing: int) -> None:
    actions.export_missed(engine, actor, mailing, within=1)


def _retry(engine: Engine, actor: Actor, mailing: int) -> None:
    actions.retry(engine, actor, mailing, reason="again")


def _note(engine: Engine, actor: Actor, _: int) -> None:
    with transaction(engine) as session:
        add_note(session, actor, 1, 1, "a note")


@on_one_database("sqlite")
@pytest.mark.parametrize("role", Role)
def test_who_does_not_administer_all_newsletters_erases_nobody(engine: Engine, role: Role) -> None:
    stage = set_stage(engine)
    stage.subscribe("a@example.jp")
    number = stage.subscriber_id("a@example.jp")
    here = stage.newsletter_id if role is Role.ADMINISTRATOR else None
    with transaction(engine) as session:
        actor = _actor(session, Grant(role=role, newsletter_id=here))
    with transaction(engine) as session, pytest.raises(ForbiddenError):
        erase_person(session, actor, number, Pseudonyms([b"k" * 40]), way=UnsubscribeWay.OPERATOR)


@on_one_database("sqlite")
@pytest.mark.parametrize("do", [_pause, _cancel, _export_missed, _retry, _note])
def test_what_the_roles_do_not_permit_is_not_done_whoever_calls_it(
    engine: Engine, do: Callable[[Engine, Actor, int], None]
) -> None:
    stage = set_stage(engine)
    stage.subscribe("a@example.jp")
    mailing = stage.mail()
    with transaction(engine) as session:
        actor = _actor(session, Grant(role=Role.APPROVER))
        before = session.scalar(select(func.count()).select_from(AuditEventRow))
    with pytest.raises(ForbiddenError):
        do(engine, actor, mailing)
    with reading(engine) as session:
        assert session.get_one(MailingRow, mailing).state is not MailingState.PAUSED
        assert session.scalar(select(func.count()).select_from(AuditEventRow)) == before
    do(engine, COMMAND_LINE, mailing)
