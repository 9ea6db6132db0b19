"""A change of address leaves one set of values in a group, and loses nothing still to come."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import Engine, select, update

from newsletter.accounts.audit import COMMAND_LINE
from newsletter.accounts.audit_actions import Action
from newsletter.addresses import parse_address
from newsletter.database.engine import reading, transaction
from newsletter.database.tables import (
    AuditEventRow,
    DeliveryRow,
    MailingRow,
    SubscriberRow,
    SubscriptionRow,
)
from newsletter.database.types import now
from newsletter.database.vocabulary import DeliveryState, Frequency, MailingState, SubscriptionState
from newsletter.errors import ConflictError, ListError
from newsletter.i18n.language import Language
from newsletter.mailings.ledger.leases import close_batch
from newsletter.mailings.planning.planning import plan_mailing
from newsletter.newsletters.actions import create_newsletter
from newsletter.tokens import Purpose, TokenSigner
from subscribers.actions import suppress_person
from subscribers.address_changes import (
    find_change,
    make_change,
    numbers_of_change,
    request_change,
)
from subscribers.fields.actions import delete_field
from subscribers.fields.values import write_values
from subscribers.lists.imports.imports import import_csv
from tests.support import fields
from tests.support.databases import on_one_database
from tests.support.digests import choose, due, offer, open_digests, received, send_issue
from tests.support.ledger import all_of, claim, record
from tests.support.stage import DRAFT, Stage, set_stage

OLD, NEW = "old@example.jp", "new@example.jp"
_SIGNER = TokenSigner([b"k" * 40])


def _move(stage: Stage) -> None:
    with transaction(stage.engine) as session:
        row = request_change(
            session, stage.newsletter_id, stage.subscriber_id(OLD), parse_address(NEW)
        )
        token = _SIGNER.sign(Purpose.ADDRESS_CHANGE, *numbers_of_change(row))
    with transaction(stage.engine) as session:
        change = find_change(session, _SIGNER, Purpose.ADDRESS_CHANGE, token, days=7)
        assert make_change(session, change, network="")


def _values(stage: Stage, newsletter_id: int) -> dict[str, object]:
    with reading(stage.engine) as session:
        key = (newsletter_id, stage.subscriber_id(NEW))
        return dict(session.get_one(SubscriptionRow, key).attributes)


@pytest.mark.parametrize("old_is_newer", [True, False])
def test_of_two_sets_of_values_the_newest_of_each_field_counts(
    engine: Engine, *, old_is_newer: bool
) -> None:
    stage = set_stage(engine)
    fields.set_fields(engine, stage.newsletter_id, fields.CITY, fields.AGE, fields.PLAN)
    stage.subscribe(OLD)
    with transaction(engine) as session:
        draft = replace(DRAFT, slug="weekly", name="W")
        other = create_newsletter(session, COMMAND_LINE, draft, share_fields_with="digest").id
    import_csv(engine, other, ["email\n", f"{NEW}\n"], source="test", basis="test")
    with transaction(engine) as session:
        old, new = stage.subscriber_id(OLD), stage.subscriber_id(NEW)
        write_values(session, stage.newsletter_id, old, {"city": "千葉", "age": "30"})
        write_values(session, other, new, {"city": "柏", "plan": "paid"})
    with transaction(engine) as session:
        newer = old if old_is_newer else new
        session.execute(
            update(SubscriptionRow)
            .where(SubscriptionRow.subscriber_id == newer)
            .values(changed_at=now() + timedelta(minutes=1))
        )

    _move(stage)

    expected = {"city": "千葉" if old_is_newer else "柏", "age": 30, "plan": "paid"}
    assert _values(stage, stage.newsletter_id) == expected
    assert _values(stage, other) == expected
    with reading(engine) as session:
        query = select(AuditEventRow).where(AuditEventRow.action == Action.SUBSCRIBER_ADDRESS)
        assert "plan" in session.scalars(query).one().details["fields"]


def test_a_newsletter_that_the_new_address_must_not_get_goes_on_at_the_old(engine: Engine) -> None:
    """Also where the new address is on its list already."""
    stage = set_stage(engine)
    stage.subscribe(OLD, NEW)
    with transaction(engine) as session:
        number = stage.subscriber_id(NEW)
        suppress_person(session, COMMAND_LINE, stage.newsletter_id, number, reason="asked")
    _move(stage)
    with reading(engine) as session:
        key = (stage.newsletter_id, stage.subscriber_id(OLD))
        assert session.get_one(SubscriptionRow, key).state is SubscriptionState.CONFIRMED


def test_what_waits_for_a_digest_moves_with_its_reader(engine: Engine) -> None:
    stage = set_stage(engine)
    stage.subscribe(OLD)
    offer(engine)
    choose(stage, OLD, Frequency.WEEKLY)
    send_issue(stage, 1)
    _move(stage)
    send_issue(stage, 2)
    open_digests(engine, due(engine))
    assert received(stage) == {NEW: Counter({"第1号": 1, "第2号": 1})}


def test_a_mailing_that_asks_for_a_deleted_field_is_stopped_with_words(engine: Engine) -> None:
    stage = set_stage(engine)
    fields.set_fields(engine, stage.newsletter_id, fields.CITY)
    stage.subscribe(OLD)
    mailing = stage.mail(segment='not field.city = "千葉"')
    with transaction(engine) as session:
        delete_field(session, COMMAND_LINE, stage.newsletter_id, "city")
    with pytest.raises(ListError) as stopped:
        plan_mailing(engine, mailing)
    assert "city" in stopped.value.in_language(Language.JAPANESE)
    with reading(engine) as session:
        assert session.get_one(MailingRow, mailing).state is MailingState.PLANNING


def _reached(stage: Stage, mailing: int) -> dict[str, DeliveryState]:
    with reading(stage.engine) as session:
        rows = session.execute(
            select(SubscriberRow.address, DeliveryRow.state)
            .join(DeliveryRow, DeliveryRow.subscriber_id == SubscriberRow.id)
            .where(DeliveryRow.mailing_id == mailing)
        )
        return {address or "": state for address, state in rows}


def test_a_copy_that_is_still_to_come_goes_to_the_new_address(engine: Engine) -> None:
    stage = set_stage(engine)
    stage.subscribe(OLD)
    mailing = stage.mail()
    plan_mailing(engine, mailing)

    _move(stage)

    taken = claim(engine, mailing, "t")
    record(engine, mailing, "t", *all_of(taken, DeliveryState.ACCEPTED))
    assert _reached(stage, mailing) == {NEW: DeliveryState.ACCEPTED}


@on_one_database("postgresql")
def test_a_change_waits_while_a_copy_is_being_sent(engine: Engine) -> None:
    stage = set_stage(engine)
    stage.subscribe(OLD)
    mailing = stage.mail()
    plan_mailing(engine, mailing)
    taken = claim(engine, mailing, "t")

    with pytest.raises(ConflictError, match="at this moment"):
        _move(stage)

    record(engine, mailing, "t", *all_of(taken, DeliveryState.ACCEPTED))
    close_batch(engine, taken, records=1)
    _move(stage)
    assert _reached(stage, mailing) == {OLD: DeliveryState.ACCEPTED}
