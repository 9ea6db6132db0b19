"""An import undone: who goes, who gets back what they had, and who stays as they are."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from newsletter.accounts.audit import COMMAND_LINE
from newsletter.database.engine import reading, transaction
from newsletter.database.tables import (
    AuditEventRow,
    Base,
    DeliveryRow,
    ImportAddedRow,
    ImportChangeRow,
    ImportTagRow,
    ListImportRow,
    SubscriberRow,
    SubscriptionRow,
    SuppressionRow,
    TagRow,
    UnsubscribeEventRow,
)
from newsletter.database.vocabulary import (
    DeliveryState,
    SubscriptionState,
    SuppressionReason,
    UnsubscribeWay,
)
from newsletter.errors import ConflictError
from newsletter.i18n.language import Language
from newsletter.mailings.planning.planning import plan_mailing
from newsletter.newsletters.publications import (
    NewsletterDraft,
    create_newsletter,
    find_newsletter,
)
from newsletter.newsletters.snippets import save_snippet
from subscribers.actions import save_segment, undo_list_import
from subscribers.editing import PersonDraft, edit_person
from subscribers.fields.actions import change_field, delete_field
from subscribers.fields.purging import purge_removed
from subscribers.fields.store import list_fields
from subscribers.forms.actions import add_form
from subscribers.forms.model import JoinForm
from subscribers.leaving import unsubscribe
from subscribers.lists.imports.import_report import ImportReport
from subscribers.lists.imports.imports import ImportOptions, import_records
from subscribers.lists.imports.undo import (
    Undone,
    find_import,
    foresee,
    forget_old_journals,
    next_undo,
    order_undo,
    undo_import,
    undone_of,
)
from subscribers.lists.parsers.tables import csv_records
from subscribers.people import mark_changed
from subscribers.suppression import suppress
from subscribers.tagging import TagChange, tag_people
from tests.support import fields
from tests.support.ports import await_condition
from tests.support.stage import DRAFT, Stage, set_subscribers

_OPTIONS = ImportOptions(source="l.csv", basis="form", digest="d" * 64, update=True)


def _import(stage: Stage, *rows: str, options: ImportOptions = _OPTIONS) -> ImportReport:
    cells = [row.split(",") for row in rows]
    lines = [f"{a},{name},{tags},{state or 'active'},{at}\n" for a, name, tags, state, at in cells]
    lines = ["email,name,tags,state,consented_at\n", *lines]
    records = csv_records(lines, source="l.csv")
    return import_records(stage.engine, stage.newsletter_id, records, options)


def _last(stage: Stage) -> int:
    with reading(stage.engine) as session:
        return session.scalars(select(func.max(ListImportRow.id))).one() or 0


def _order(stage: Stage) -> int:
    number = _last(stage)
    with transaction(stage.engine) as session:
        order_undo(session, find_import(session, stage.newsletter_id, number))
    return number


def _undo(stage: Stage) -> Undone:
    number = _order(stage)
    assert undo_import(stage.engine, number)
    with reading(stage.engine) as session:
        return undone_of(session.get_one(ListImportRow, number))


_KEPT = (SubscriberRow, SubscriptionRow, TagRow, SuppressionRow, UnsubscribeEventRow)


def _rows(stage: Stage) -> dict[str, list[tuple[object, ...]]]:
    """Return all that an import may touch, row by row."""
    with reading(stage.engine) as session:
        return {
            table.__tablename__: sorted(
                (tuple(row) for row in session.execute(select(table.__table__))), key=repr
            )
            for table in _KEPT
        }


def _person(stage: Stage, address: str) -> SubscriptionRow | None:
    with reading(stage.engine) as session:
        return session.scalars(
            select(SubscriptionRow)
            .join(SubscriberRow, SubscriberRow.id == SubscriptionRow.subscriber_id)
            .where(SubscriberRow.address_key == address)
        ).one_or_none()


def test_who_had_left_is_suppressed_no_more_by_a_list_that_is_undone(stage: Stage) -> None:
    stage.subscribe("left@example.jp", "edited@example.jp")
    with transaction(stage.engine) as session:
        for address in ("left@example.jp", "edited@example.jp"):
            unsubscribe(
                session,
                newsletter_id=stage.newsletter_id,
                subscriber_id=stage.subscriber_id(address),
                mailing_id=None,
                way=UnsubscribeWay.PAGE,
            )
    before = _rows(stage)
    _import(stage, "left@example.jp,,,bounced,", "edited@example.jp,,,bounced,")
    assert len(_rows(stage)["suppression"]) == 2
    _undo(stage)
    assert _rows(stage) == before

    _import(stage, "left@example.jp,,,bounced,", "edited@example.jp,,,bounced,")
    with transaction(stage.engine) as session:
        mark_changed(session, stage.newsletter_id, [stage.subscriber_id("edited@example.jp")])
    _undo(stage)
    with reading(stage.engine) as session:
        kept = session.scalars(select(SuppressionRow.address_key)).all()
    assert kept == ["edited@example.jp"]


def test_a_database_is_as_it_was_after_an_import_and_its_undoing(stage: Stage) -> None:
    before_import = ImportOptions(source="old.csv", basis="paper")
    _import(
        stage,
        "a@example.jp,葵,member,,",
        "b@example.jp,蓮,,,",
        "c@example.jp,茜,,pending,2020-01-01",
        "d@example.jp,凪,,unsubscribed,",
        options=before_import,
    )
    with transaction(stage.engine) as session:
        session.execute(
            update(SubscriptionRow)
            .where(SubscriptionRow.unsubscribed_at.is_not(None))
            .values(unsubscribed_at=datetime(2021, 1, 1, tzinfo=UTC))
        )
    before = _rows(stage)
    report = _import(
        stage,
        "a@example.jp,青井,press,,",
        "b@example.jp,蓮,,unsubscribed,",
        "c@example.jp,茜,,,2022-01-01",
        "d@example.jp,凪,,,2022-01-01",
        "e@example.jp,新,press,,",
        "f@example.jp,外,,bounced,",
        "e@example.jp,新しい,,,",
    )
    assert (report.added, report.updated, report.unsubscribed) == (3, 1, 2)
    assert _rows(stage) != before
    assert _undo(stage) == Undone(removed=2, restored=4, kept=0)
    assert _rows(stage) == before
    with reading(stage.engine) as session:
        for table in (ImportAddedRow, ImportChangeRow, ImportTagRow):
            assert session.scalar(select(func.count()).select_from(table)) == 0


def _leave(session: Session, stage: Stage, number: int) -> None:
    unsubscribe(
        session,
        newsletter_id=stage.newsletter_id,
        subscriber_id=number,
        mailing_id=None,
        way=UnsubscribeWay.PAGE,
    )


def _change_name(session: Session, stage: Stage, number: int) -> None:
    row = session.get_one(SubscriptionRow, (stage.newsletter_id, number))
    row.name = "自分で変えた"


def _complain(session: Session, stage: Stage, number: int) -> None:
    del number
    suppress(
        session,
        address_key="a@example.jp",
        reason=SuppressionReason.COMPLAINT,
        newsletter_id=stage.newsletter_id,
    )


def _tag(session: Session, stage: Stage, number: int) -> None:
    tag_people(session, COMMAND_LINE, stage.newsletter_id, TagChange(tag="press"), [number])


def _take_tag(session: Session, stage: Stage, number: int) -> None:
    change = TagChange(tag="member", given=False)
    tag_people(session, COMMAND_LINE, stage.newsletter_id, change, [number])


def _edit_tags(session: Session, stage: Stage, number: int) -> None:
    draft = PersonDraft(name="葵", language="ja", tags=("member", "press"))
    assert edit_person(session, COMMAND_LINE, stage.newsletter_id, number, draft) == ["tags"]


@pytest.mark.parametrize("act", [_leave, _change_name, _complain, _tag, _take_tag, _edit_tags])
def test_whoever_acted_since_stays_as_they_are(
    stage: Stage, act: Callable[[Session, Stage, int], None]
) -> None:
    _import(stage, "a@example.jp,葵,member,,", "b@example.jp,蓮,,,")
    with transaction(stage.engine) as session:
        act(session, stage, stage.subscriber_id("a@example.jp"))
    before = _person(stage, "a@example.jp")
    assert _undo(stage) == Undone(removed=1, restored=0, kept=1)
    after = _person(stage, "a@example.jp")
    assert before is not None
    assert after is not None
    assert (after.state, after.name, after.changed_at) == (
        before.state,
        before.name,
        before.changed_at,
    )
    assert _person(stage, "b@example.jp") is None


def test_who_was_changed_and_left_since_is_not_brought_back(stage: Stage) -> None:
    _import(stage, "a@example.jp,葵,,,", options=replace(_OPTIONS, digest=""))
    _import(stage, "a@example.jp,青井,,,")
    with transaction(stage.engine) as session:
        _leave(session, stage, stage.subscriber_id("a@example.jp"))
    assert _undo(stage) == Undone(removed=0, restored=0, kept=1)
    person = _person(stage, "a@example.jp")
    assert person is not None
    assert (person.state, person.name) == (SubscriptionState.UNSUBSCRIBED, "青井")


def test_a_person_with_another_newsletter_loses_this_subscription_alone(stage: Stage) -> None:
    with transaction(stage.engine) as session:
        draft = NewsletterDraft(
            slug="other", name="Other", from_address="o@example.jp", postal_address="-"
        )
        other = create_newsletter(session, draft).id
    set_subscribers(stage.engine, "other", {"a@example.jp": "葵"})
    _import(stage, "a@example.jp,葵,,,")
    assert _undo(stage).removed == 1
    with reading(stage.engine) as session:
        assert session.scalars(select(SubscriptionRow.newsletter_id)).all() == [other]


def test_an_address_stays_only_where_a_mail_server_may_have_heard_of_it(stage: Stage) -> None:
    _import(stage, *(f"{name}@example.jp,,,," for name in "abcde"))
    states = dict(
        zip(
            map(stage.subscriber_id, (f"{name}@example.jp" for name in "abcde")),
            (
                DeliveryState.QUEUED,
                DeliveryState.SKIPPED,
                DeliveryState.SENDING,
                DeliveryState.ACCEPTED,
                DeliveryState.UNCERTAIN,
            ),
            strict=True,
        )
    )
    plan_mailing(stage.engine, stage.mail())
    with transaction(stage.engine) as session:
        for number, state in states.items():
            session.execute(
                update(DeliveryRow).where(DeliveryRow.subscriber_id == number).values(state=state)
            )
    assert _undo(stage).removed == len(states)
    with reading(stage.engine) as session:
        kept = session.execute(select(SubscriberRow.id, SubscriberRow.address)).all()
    assert {states[number] for number, address in kept if address is None} == {
        DeliveryState.QUEUED,
        DeliveryState.SKIPPED,
    }
    # They can be on a list again.
    assert _import(stage, "a@example.jp,,,,").added == 1


def _cities(stage: Stage) -> dict[tuple[int, str], str]:
    with reading(stage.engine) as session:
        found = session.execute(
            select(
                SubscriptionRow.newsletter_id, SubscriberRow.address_key, SubscriptionRow.attributes
            ).join(SubscriberRow, SubscriberRow.id == SubscriptionRow.subscriber_id)
        )
        return {(number, (key or "")[0]): known.get("city", "") for number, key, known in found}


def test_values_come_back_in_every_newsletter_that_shares_the_fields(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("subscribers.lists.imports.undo_page._PAGE", 2)
    fields.set_fields(stage.engine, stage.newsletter_id, fields.CITY)
    stage.subscribe("a@x.example", "c@x.example", "d@x.example")
    with transaction(stage.engine) as session:
        sharing = find_newsletter(session, DRAFT.slug)
        other = create_newsletter(session, replace(DRAFT, slug="other"), sharing=sharing).id
    set_subscribers(stage.engine, "other", dict.fromkeys(["a@x.example", "b@x.example"], ""))
    set_subscribers(stage.engine, "other", dict.fromkeys(["c@x.example", "d@x.example"], ""))
    with transaction(stage.engine) as session:
        session.execute(update(SubscriptionRow).values(attributes={"city": "千葉"}))
    before = _rows(stage)
    lines = ["email,city\n", *(f"{name}@x.example,東京\n" for name in "abcd")]
    records = csv_records(lines, source="l.csv")
    import_records(stage.engine, stage.newsletter_id, records, _OPTIONS)
    assert set(_cities(stage).values()) == {"東京"}

    with transaction(stage.engine) as session:
        session.execute(
            update(SubscriptionRow)
            .where(SubscriptionRow.subscriber_id == stage.subscriber_id("d@x.example"))
            .values(attributes={"city": "奈良"})
        )
    assert _undo(stage) == Undone(removed=1, restored=2, kept=1)

    cities = _cities(stage)
    assert {key: city for key, city in cities.items() if key[1] != "d"} == {
        (stage.newsletter_id, "a"): "千葉",
        (stage.newsletter_id, "c"): "千葉",
        **{(other, name): "千葉" for name in "abc"},
    }
    assert {city for key, city in cities.items() if key[1] == "d"} == {"奈良"}
    last = stage.subscriber_id("d@x.example")
    kept = [row for row in before["subscription"] if row[1] != last]
    assert [row for row in _rows(stage)["subscription"] if row[1] != last] == kept


def test_a_field_deleted_since_hinders_no_undoing_and_its_values_stay_away(stage: Stage) -> None:
    fields.set_fields(stage.engine, stage.newsletter_id, fields.CITY, fields.AGE)
    with transaction(stage.engine) as session:
        sharing = find_newsletter(session, DRAFT.slug)
        create_newsletter(session, replace(DRAFT, slug="other"), sharing=sharing)
    stage.subscribe("a@x.example")
    set_subscribers(stage.engine, "other", {"a@x.example": ""})
    with transaction(stage.engine) as session:
        session.execute(update(SubscriptionRow).values(attributes={"city": "千葉", "age": 20}))
    lines = ["email,name,city,age\n", *(f"{name}@x.example,葵,東京,30\n" for name in "ab")]
    import_records(stage.engine, stage.newsletter_id, csv_records(lines, source="l.csv"), _OPTIONS)
    with transaction(stage.engine) as session:
        delete_field(session, COMMAND_LINE, stage.newsletter_id, "city")
    number = _order(stage)
    assert purge_removed(stage.engine)
    assert undo_import(stage.engine, number)
    with reading(stage.engine) as session:
        done = undone_of(session.get_one(ListImportRow, number))
        left = session.execute(select(SubscriptionRow.name, SubscriptionRow.attributes)).all()
    assert done == Undone(removed=1, restored=1)
    assert [(row.name, row.attributes) for row in left] == [("", {"age": 20})] * 2


def test_fields_made_for_a_list_go_with_it_but_for_those_used_since(stage: Stage) -> None:
    stage.subscribe("b@example.jp")
    made = (fields.CITY, fields.AGE, fields.BIRTHDAY, fields.MEMBER, fields.PLAN, fields.TOPIC)
    fields.set_fields(stage.engine, stage.newsletter_id, *made, fields.a_field("other"))
    options = replace(_OPTIONS, made_fields=tuple(each.key for each in made))
    lines = ["email,city,age,other\n", "a@example.jp,千葉,30,x\n", "b@example.jp,千葉,,x\n"]
    records = csv_records(lines, source="l.csv")
    import_records(stage.engine, stage.newsletter_id, records, options)
    number, ben = _last(stage), stage.subscriber_id("b@example.jp")
    with transaction(stage.engine) as session:
        own = (session, COMMAND_LINE, stage.newsletter_id)
        edit_person(*own, ben, PersonDraft(values={"city": "奈良"}))
        add_form(*own, JoinForm(slug="fair", fields=("birthday",)))
        save_segment(*own, name="members", query="field.member = true")
        save_snippet(*own, name="thanks", text=":field[plan|無料]をお使いです。")
        change_field(*own, replace(fields.TOPIC, purpose="案内"))
        row = find_import(session, stage.newsletter_id, number)
        assert foresee(session, row).fields == tuple(list_fields(session, row.newsletter_id))[:-1]
        undo_list_import(*own, number)
    assert undo_import(stage.engine, number)

    stays = [each.label(Language.JAPANESE) for each in made if each is not fields.AGE]
    with reading(stage.engine) as session:
        left = [each.key for each in list_fields(session, stage.newsletter_id)]
        done = undone_of(session.get_one(ListImportRow, number))
        events = session.scalars(
            select(AuditEventRow).where(AuditEventRow.action.contains("import-undo"))
        ).all()
    assert left == [*(each.key for each in made if each is not fields.AGE), "other"]
    assert done == Undone(removed=1, kept=1, fields_removed=("年齢",), fields_kept=tuple(stays))
    assert [event.actor for event in events] == [COMMAND_LINE.name] * 2
    assert [event.details for event in events] == [
        {"import": number},
        {
            "import": number,
            "people_removed": 1,
            "people_restored": 0,
            "people_kept": 1,
            "fields_removed": ["年齢"],
            "fields_kept": stays,
        },
    ]


def test_the_same_list_is_a_new_import_after_it_was_undone(stage: Stage) -> None:
    _import(stage, "a@example.jp,葵,,,")
    _undo(stage)
    assert _import(stage, "a@example.jp,葵,,,").added == 1
    assert _undo(stage).removed == 1


def test_an_import_is_undone_once_and_within_30_days(stage: Stage) -> None:
    _import(stage, "a@example.jp,葵,,,", options=ImportOptions(source="old.csv", basis="paper"))
    _import(stage, "a@example.jp,青井,,,")
    with transaction(stage.engine) as session:
        row = session.get_one(ListImportRow, _last(stage))
        assert (foresee(session, row).changed, foresee(session, row).later) == (1, 0)
        row.started_at = datetime.now(UTC) - timedelta(days=31)
    with pytest.raises(ConflictError, match="30 days"):
        _order(stage)
    forget_old_journals(stage.engine)
    with transaction(stage.engine) as session:
        assert foresee(session, session.get_one(ListImportRow, _last(stage))).changed == 0
        session.get_one(ListImportRow, _last(stage)).started_at = datetime.now(UTC)
    _order(stage)
    with pytest.raises(ConflictError, match="already"):
        _order(stage)


_WORKER = """
import sys
from newsletter.database.engine import open_engine
from subscribers.lists.imports import undo_page
from subscribers.lists.imports.undo import undo_import
undo_page._PAGE = 20
undo_import(open_engine(sys.argv[1]), int(sys.argv[2]))
"""


@pytest.mark.servers
def test_killed_amid_an_undoing_another_goes_on(stage: Stage, database_url: str) -> None:
    people = 1200
    rows = [f"r{number}@example.jp,葵,,," for number in range(people)]
    _import(stage, *rows[: people // 2], options=replace(_OPTIONS, digest=""))
    before = _rows(stage)
    _import(stage, *(row.replace("葵", "蓮") for row in rows))
    number = _order(stage)
    assert next_undo(stage.engine) == number

    def restored() -> int:
        with reading(stage.engine) as session:
            return undone_of(session.get_one(ListImportRow, number)).restored

    command = [sys.executable, "-c", _WORKER, database_url, str(number)]
    process = subprocess.Popen(command)  # noqa: S603 - our own program
    await_condition(lambda: restored() > 0, seconds=60, what="the first page")
    process.kill()
    process.wait()
    assert undo_import(stage.engine, number)
    with reading(stage.engine) as session:
        done = undone_of(session.get_one(ListImportRow, number))
    assert done == Undone(removed=people // 2, restored=people // 2, kept=0)
    assert _rows(stage) == before
    assert next_undo(stage.engine) is None


def test_every_table_that_names_a_person_keeps_them(stage: Stage) -> None:
    """Whoever adds a table that refers to people need not think of this."""
    _import(stage, "a@example.jp,葵,,,")
    number = stage.subscriber_id("a@example.jp")
    with transaction(stage.engine) as session:
        session.add(
            UnsubscribeEventRow(
                newsletter_id=stage.newsletter_id, subscriber_id=number, way=UnsubscribeWay.PAGE
            )
        )
    assert _undo(stage).removed == 1
    with reading(stage.engine) as session:
        assert session.get(SubscriberRow, number) is not None
    assert "subscriber" in Base.metadata.tables
