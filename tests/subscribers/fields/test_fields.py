"""Fields of a group: defined once, written once, unseen from any other group."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import Engine, func, select, update

from newsletter.accounts.audit import COMMAND_LINE, READER, Actor
from newsletter.accounts.roles import Grant, set_grants
from newsletter.addresses import parse_address
from newsletter.database.engine import reading, transaction
from newsletter.database.tables import (
    AccountRow,
    AuditEventRow,
    FieldRow,
    NewsletterRow,
    SubscriptionRow,
)
from newsletter.database.types import now
from newsletter.database.vocabulary import FieldType, Role, SubscriptionState
from newsletter.errors import ConflictError, ForbiddenError, ListError, NotFoundError
from newsletter.i18n.language import Language
from newsletter.newsletters.actions import create_newsletter
from subscribers.actions import save_segment
from subscribers.fields.actions import add_field, change_field, delete_field, order_fields
from subscribers.fields.model import FieldValue, Option
from subscribers.fields.purging import count_values, purge_expired, purge_removed
from subscribers.fields.store import list_fields
from subscribers.fields.values import values_of, write_values
from subscribers.joining import Origin, request_join
from subscribers.lists.imports.imports import import_csv
from tests.support import fields
from tests.support.stage import DRAFT, Stage, set_stage

_READER = "reader@example.jp"


@pytest.fixture
def stage(engine: Engine) -> Stage:
    stage = set_stage(engine)
    stage.subscribe(_READER, "other@example.jp")
    fields.set_fields(engine, stage.newsletter_id, *fields.ALL)
    return stage


def _second(stage: Stage, *, sharing: bool) -> int:
    with transaction(stage.engine) as session:
        row = create_newsletter(
            session,
            COMMAND_LINE,
            replace(DRAFT, slug="second"),
            share_fields_with="digest" if sharing else "",
        )
        number = row.id
    import_csv(stage.engine, number, ["email\n", f"{_READER}\n"], source="test", basis="test")
    return number


def _write(stage: Stage, newsletter_id: int | None = None, /, **given: object) -> object:
    number = newsletter_id or stage.newsletter_id
    with transaction(stage.engine) as session:
        return write_values(session, number, stage.subscriber_id(_READER), given)


def _values(stage: Stage, newsletter_id: int | None = None) -> dict[str, FieldValue]:
    with reading(stage.engine) as session:
        return values_of(
            session, newsletter_id or stage.newsletter_id, stage.subscriber_id(_READER)
        )


def _kept(stage: Stage, address: str = _READER) -> dict[str, object]:
    """What the row itself has, whatever fields there are."""
    with reading(stage.engine) as session:
        return session.scalars(
            select(SubscriptionRow.attributes).where(
                SubscriptionRow.newsletter_id == stage.newsletter_id,
                SubscriptionRow.subscriber_id == stage.subscriber_id(address),
            )
        ).one()


def test_values_are_written_by_type_and_what_changed_is_returned(stage: Stage) -> None:
    _write(stage, city="千葉", age="30", topic="防災")
    changed = _write(stage, city="", age="30", member="yes")
    assert changed == {"city": ("千葉", None), "member": (None, True)}
    assert _values(stage) == {"age": 30, "topic": ["防災"], "member": True}


def test_nothing_is_written_when_one_value_is_wrong(stage: Stage) -> None:
    with pytest.raises(ListError, match="Age"):
        _write(stage, city="千葉", age="old")
    with pytest.raises(ListError, match="town"):
        _write(stage, town="千葉")
    assert _values(stage) == {}


def test_newsletters_of_a_group_share_values_and_fields(stage: Stage) -> None:
    second = _second(stage, sharing=True)
    _write(stage, second, city="千葉")
    assert (_values(stage), _values(stage, second)) == ({"city": "千葉"}, {"city": "千葉"})


def test_another_group_neither_sees_nor_changes_anything(stage: Stage) -> None:
    second = _second(stage, sharing=False)
    _write(stage, city="千葉")
    with pytest.raises(ListError, match="no field"):
        _write(stage, second, city="船橋")
    with transaction(stage.engine) as session:
        for change in (
            lambda: change_field(session, COMMAND_LINE, second, fields.CITY),
            lambda: delete_field(session, COMMAND_LINE, second, "city"),
            lambda: order_fields(session, COMMAND_LINE, second, ["city"]),
        ):
            with pytest.raises(NotFoundError):
                change()
        assert list_fields(session, second) == ()
        fields.add_fields(session, second, fields.a_field("city", "number"))
        assert count_values(session, second, "city") == 0
        delete_field(session, COMMAND_LINE, second, "city")
    purge_removed(stage.engine)
    assert (_values(stage), _values(stage, second)) == ({"city": "千葉"}, {})


def test_who_is_on_no_list_of_the_newsletter_has_no_values_there(stage: Stage) -> None:
    second = _second(stage, sharing=False)
    fields.set_fields(stage.engine, second, fields.CITY)
    with pytest.raises(NotFoundError), transaction(stage.engine) as session:
        write_values(session, second, stage.subscriber_id("other@example.jp"), {"city": "x"})


def test_two_that_write_at_once_both_hold(stage: Stage) -> None:
    second = _second(stage, sharing=True)
    with ThreadPoolExecutor(8) as pool:
        list(
            pool.map(
                lambda n: _write(stage, (stage.newsletter_id, second)[n % 2], **dict([_PAIRS[n]])),
                range(len(_PAIRS)),
            )
        )
    assert _values(stage) == _values(stage, second)
    assert set(_values(stage)) == {key for key, _ in _PAIRS}


_PAIRS = [("city", "千葉"), ("age", "1"), ("member", "no"), ("plan", "paid"), ("topic", "文化")]


def _administrator_of(stage: Stage, newsletter_id: int) -> Actor:
    with transaction(stage.engine) as session:
        account = AccountRow(address="boss@example.jp", address_key="boss@example.jp", name="Boss")
        session.add(account)
        session.flush()
        set_grants(
            session, account.id, [Grant(role=Role.ADMINISTRATOR, newsletter_id=newsletter_id)]
        )
        return Actor(account_id=account.id, name=account.address)


def test_sharing_and_shared_fields_are_for_who_administers_every_newsletter(stage: Stage) -> None:
    second = _second(stage, sharing=True)
    boss = _administrator_of(stage, second)
    with transaction(stage.engine) as session:
        with pytest.raises(ForbiddenError):
            create_newsletter(
                session, boss, replace(DRAFT, slug="third"), share_fields_with="second"
            )
        with pytest.raises(ForbiddenError):
            add_field(session, boss, second, fields.a_field("town"))
        with pytest.raises(ForbiddenError):
            add_field(session, READER, second, fields.a_field("town"))


@pytest.mark.parametrize(("sharing", "brought"), [(True, {"city": "千葉"}), (False, {})])
def test_who_joins_another_newsletter_of_the_group_brings_their_values(
    stage: Stage, *, sharing: bool, brought: dict[str, object]
) -> None:
    _write(stage, city="千葉")
    with transaction(stage.engine) as session:
        second = create_newsletter(
            session,
            COMMAND_LINE,
            replace(DRAFT, slug="second"),
            share_fields_with="digest" if sharing else "",
        )
        if not sharing:
            fields.add_fields(session, second.id, fields.CITY)
        number = second.id
        request_join(session, second, parse_address(_READER), name="", origin=_ORIGIN)
    assert _values(stage, number) == brought


_ORIGIN = Origin(source="test", network="", wording="I agree.", language=Language.ENGLISH)


def test_each_action_is_in_the_audit_log(stage: Stage) -> None:
    with transaction(stage.engine) as session:
        changed = replace(fields.CITY, required=True)
        change_field(session, COMMAND_LINE, stage.newsletter_id, changed)
        change_field(session, COMMAND_LINE, stage.newsletter_id, changed)
        order_fields(session, COMMAND_LINE, stage.newsletter_id, ["plan"])
        delete_field(session, COMMAND_LINE, stage.newsletter_id, "age")
        events = session.execute(
            select(AuditEventRow.action, AuditEventRow.object, AuditEventRow.details)
            .order_by(AuditEventRow.id)
            .offset(len(fields.ALL))
        ).all()
        keys = [field.key for field in list_fields(session, stage.newsletter_id)]
    assert [(action, about) for action, about, _ in events] == [
        ("field.change", "field city"),
        ("field.order", "fields"),
        ("field.delete", "field age"),
    ]
    assert events[0].details == {"required": [False, True]}
    assert keys == ["plan", "city", "birthday", "member", "topic"]


@pytest.mark.parametrize(
    ("key", "labels"),
    [("city", {}), ("town", {"ja": "市区町村"}), ("town", {"en": "CITY"}), ("status", {})],
)
def test_a_field_is_known_by_one_name(stage: Stage, key: str, labels: dict[str, str]) -> None:
    with pytest.raises((ConflictError, ListError)), transaction(stage.engine) as session:
        fields.add_fields(session, stage.newsletter_id, fields.a_field(key, labels=labels))


def test_the_type_stays_once_people_have_values(stage: Stage) -> None:
    other = replace(fields.CITY, type=FieldType.NUMBER)
    with transaction(stage.engine) as session:
        change_field(session, COMMAND_LINE, stage.newsletter_id, other)
        change_field(session, COMMAND_LINE, stage.newsletter_id, fields.CITY)
    _write(stage, city="千葉")
    with pytest.raises(ConflictError), transaction(stage.engine) as session:
        change_field(session, COMMAND_LINE, stage.newsletter_id, other)


def test_a_deleted_field_is_gone_at_once_and_its_values_soon(stage: Stage) -> None:
    _write(stage, city="千葉", age=3)
    with transaction(stage.engine) as session:
        number = stage.newsletter_id
        assert delete_field(session, COMMAND_LINE, number, "city") == 1
    assert _values(stage) == {"age": 3}
    with pytest.raises(ConflictError, match="being removed"):
        fields.set_fields(stage.engine, stage.newsletter_id, fields.CITY)
    assert (purge_removed(stage.engine), purge_removed(stage.engine)) == (1, 0)
    assert _kept(stage) == {"age": 3}
    fields.set_fields(stage.engine, stage.newsletter_id, fields.CITY)


def test_a_field_that_a_segment_asks_for_stays(stage: Stage) -> None:
    with transaction(stage.engine) as session:
        save_segment(
            session, COMMAND_LINE, stage.newsletter_id, name="近所", query='field.city = "千葉"'
        )
    with pytest.raises(ConflictError, match="近所"), transaction(stage.engine) as session:
        delete_field(session, COMMAND_LINE, stage.newsletter_id, "city")


def test_an_option_that_is_removed_is_taken_from_who_chose_it(stage: Stage) -> None:
    _write(stage, topic=["子育て", "防災"], plan="paid")
    topic = replace(fields.TOPIC, options=tuple(map(_option, ["防災", "文化"])))
    plan = replace(fields.PLAN, options=(Option(value="free"),))
    with transaction(stage.engine) as session:
        assert count_values(session, stage.newsletter_id, "topic", "子育て") == 1
        for field in (topic, plan):
            change_field(session, COMMAND_LINE, stage.newsletter_id, field)
    assert _values(stage) == {"topic": ["防災"]}
    assert purge_removed(stage.engine) == 2
    assert _kept(stage) == {"topic": ["防災"]}
    with reading(stage.engine) as session:
        rows = session.scalars(select(FieldRow.options)).all()
    assert not any(option.get("removed") for options in rows for option in options)


def _option(value: str) -> Option:
    return Option(value=value)


def test_values_go_when_their_time_is_over_after_the_person_left(stage: Stage) -> None:
    second = _second(stage, sharing=True)
    with transaction(stage.engine) as session:
        kept = replace(fields.CITY, retention_days=30)
        change_field(session, COMMAND_LINE, stage.newsletter_id, kept)
    _write(stage, city="千葉", age=3)
    left = [(stage.newsletter_id, 40), (second, 20)]
    expected = [(0, now()), (0, now()), (2, now() + timedelta(days=11))]
    found = [(purge_expired(stage.engine), expected[0][1])]
    for number, days in left:
        with transaction(stage.engine) as session:
            session.execute(
                update(SubscriptionRow)
                .where(SubscriptionRow.newsletter_id == number)
                .values(
                    state=SubscriptionState.UNSUBSCRIBED,
                    unsubscribed_at=now() - timedelta(days=days),
                )
            )
        moment = expected[len(found)][1]
        found.append((purge_expired(stage.engine, moment=moment), moment))
    # Who is still with one newsletter of the group keeps all; the last one left counts.
    assert [count for count, _ in found] == [0, 0, 2]
    assert _kept(stage) == {"age": 3}


def test_a_newsletter_has_a_group_of_its_own_unless_it_shares(stage: Stage) -> None:
    _second(stage, sharing=True)
    with transaction(stage.engine) as session:
        create_newsletter(session, COMMAND_LINE, replace(DRAFT, slug="own"))
        sizes = session.execute(
            select(NewsletterRow.group_id, func.count()).group_by(NewsletterRow.group_id)
        ).all()
    assert sorted(size for _, size in sizes) == [1, 2]
