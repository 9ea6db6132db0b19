"""Two people become one: all that was known of both, each mail once, and nobody is brought back."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import Engine, select, update

from newsletter.accounts.audit import COMMAND_LINE, Actor
from newsletter.database.engine import reading, transaction
from newsletter.database.tables import (
    AccountRow,
    AuditEventRow,
    DeliveryRow,
    GrowthRow,
    NewsletterRow,
    NoteRow,
    RoleGrantRow,
    SubscriberRow,
    SubscriptionRow,
    SuppressionRow,
    TagRow,
    UnsubscribeEventRow,
)
from newsletter.database.vocabulary import (
    DeliveryState,
    Role,
    SubscriptionState,
    SuppressionReason,
    UnsubscribeWay,
)
from newsletter.errors import ConflictError, ForbiddenError, NotFoundError
from newsletter.i18n.language import Language
from newsletter.mailings.ledger.leases import close_batch
from newsletter.mailings.ledger.outcomes import OwnReason, own_reply
from newsletter.mailings.planning.planning import plan_mailing
from newsletter.mailings.series.due import Timing
from newsletter.mailings.series.planning import plan_series
from newsletter.newsletters.actions import create_newsletter
from newsletter.tokens import Pseudonyms
from subscribers.actions import erase_person, suppress_person, unsubscribe_person
from subscribers.editing import PersonDraft, edit_person
from subscribers.erasure import erase_within
from subscribers.growth import count_readers
from subscribers.held_data import data_held
from subscribers.history import read_history
from subscribers.history_entries import HistoryEntry, HistoryPosition, Person
from subscribers.leaving import unsubscribe
from subscribers.lists.imports.imports import import_csv
from subscribers.merging.making import MergeOrder, merge_people
from subscribers.merging.outlook import MergeOutlook, foresee_merge
from subscribers.notes import add_note
from subscribers.suppression import suppress
from tests.support import fields
from tests.support.databases import on_one_database
from tests.support.ledger import all_of, claim, record
from tests.support.series import AT_ONCE, begin_series, copies, join, let_pass
from tests.support.stage import DRAFT, Stage, set_stage

OLD, NEW = "old@example.jp", "new@example.jp"
_ON, _LEFT = SubscriptionState.CONFIRMED, SubscriptionState.UNSUBSCRIBED
_PSEUDONYMS = Pseudonyms([b"k" * 40])


@pytest.fixture
def stage(engine: Engine) -> Stage:
    stage = set_stage(engine)
    for address in (OLD, NEW):
        join(engine, address)
    return stage


def _order(
    stage: Stage, kept: str = NEW, merged: str = OLD, *, take: Collection[str] = (), **more: str
) -> MergeOrder:
    return MergeOrder(
        kept_id=stage.subscriber_id(kept),
        merged_id=stage.subscriber_id(merged),
        take=frozenset(take),
        **more,
    )


def _merge(
    stage: Stage, kept: str = NEW, merged: str = OLD, *, take: Collection[str] = ()
) -> MergeOutlook:
    order = _order(stage, kept, merged, take=take)
    with transaction(stage.engine) as session:
        return merge_people(session, COMMAND_LINE, stage.newsletter_id, order)


def _foresee(stage: Stage, actor: Actor = COMMAND_LINE) -> MergeOutlook:
    with reading(stage.engine) as session:
        return foresee_merge(
            session,
            actor,
            stage.newsletter_id,
            kept_id=stage.subscriber_id(NEW),
            merged_id=stage.subscriber_id(OLD),
        )


def _relation(stage: Stage, address: str, newsletter_id: int | None = None) -> SubscriptionRow:
    with reading(stage.engine) as session:
        key = (newsletter_id or stage.newsletter_id, stage.subscriber_id(address))
        return session.get_one(SubscriptionRow, key)


def _edit(stage: Stage, address: str, draft: PersonDraft) -> None:
    with transaction(stage.engine) as session:
        number = stage.subscriber_id(address)
        edit_person(session, COMMAND_LINE, stage.newsletter_id, number, draft)


def _other_newsletter(stage: Stage, *, sharing: bool) -> int:
    draft = replace(DRAFT, slug="other", name="別の便り")
    with transaction(stage.engine) as session:
        shared = "digest" if sharing else ""
        return create_newsletter(session, COMMAND_LINE, draft, share_fields_with=shared).id


def _put_on(stage: Stage, newsletter_id: int, *addresses: str) -> None:
    lines = ["email\n", *(f"{address}\n" for address in addresses)]
    import_csv(stage.engine, newsletter_id, lines, source="t", basis="t")


def test_what_was_known_of_both_is_known_of_one_as_it_was_chosen(stage: Stage) -> None:
    fields.set_fields(stage.engine, stage.newsletter_id, *fields.ALL)
    old = {"city": "千葉", "age": "40", "topic": ["子育て", "防災"]}
    new = {"city": "東京", "plan": "paid", "topic": ["文化"]}
    _edit(stage, OLD, PersonDraft(name="花子", tags=("press", "old"), values=old))
    _edit(stage, NEW, PersonDraft(name="鈴木", tags=("vip",), values=new))
    with transaction(stage.engine) as session:
        number = stage.subscriber_id(OLD)
        add_note(session, COMMAND_LINE, stage.newsletter_id, number, "電話あり")
    assert {one.name for one in _foresee(stage).choices} == {"name", "field.city"}
    _merge(stage, take=["field.city", "field.plan", "nonsense"])
    kept = _relation(stage, NEW)
    assert (kept.name, kept.state) == ("鈴木", _ON)
    united = {"city": "千葉", "age": 40, "plan": "paid", "topic": ["文化", "子育て", "防災"]}
    assert kept.attributes == united
    with reading(stage.engine) as session:
        whose = TagRow.subscriber_id == stage.subscriber_id(NEW)
        assert set(session.scalars(select(TagRow.tag).where(whose))) == {"press", "old", "vip"}
        assert session.scalars(select(NoteRow.subscriber_id)).all() == [stage.subscriber_id(NEW)]
        event = session.scalars(
            select(AuditEventRow).where(AuditEventRow.action == "subscriber.merge")
        ).one()
    assert event.details == {
        "merged": stage.subscriber_id(OLD),
        "state": "confirmed",
        "fields": ["city"],
    }


@on_one_database("postgresql")
def test_the_merged_one_gets_no_more_and_the_growth_says_so(stage: Stage) -> None:
    _merge(stage)
    assert (_relation(stage, OLD).state, _relation(stage, NEW).state) == (_LEFT, _ON)
    with reading(stage.engine) as session:
        counts = session.execute(select(GrowthRow.cause, GrowthRow.count)).all()
        assert sorted(tuple(each) for each in counts) == [("merge", -1), ("page", 1), ("page", 1)]
        assert count_readers(session, stage.newsletter_id) == 1


@on_one_database("sqlite")
def test_links_in_mail_to_the_merged_address_leave(stage: Stage) -> None:
    _merge(stage)
    with transaction(stage.engine) as session:
        assert unsubscribe(
            session,
            newsletter_id=stage.newsletter_id,
            subscriber_id=stage.subscriber_id(OLD),
            mailing_id=None,
            way=UnsubscribeWay.ONE_CLICK,
        )
    assert _relation(stage, NEW).state is _LEFT
    # They left at both: the other way round they are not brought back.
    _merge(stage, kept=OLD, merged=NEW)
    assert _relation(stage, OLD).state is _LEFT


@on_one_database("postgresql")
def test_the_other_way_round_the_subscription_goes_back(stage: Stage) -> None:
    _merge(stage)
    _merge(stage, kept=OLD, merged=NEW)
    assert (_relation(stage, OLD).state, _relation(stage, NEW).state) == (_ON, _LEFT)


@on_one_database("sqlite")
def test_a_suppression_for_what_somebody_did_goes_with_them_and_one_of_bounces_stays(
    stage: Stage,
) -> None:
    third = "third@example.jp"
    join(stage.engine, third)
    with transaction(stage.engine) as session:
        reason = SuppressionReason.HARD_BOUNCE
        suppress(session, address_key=OLD, reason=reason, newsletter_id=stage.newsletter_id)
        number = stage.subscriber_id(third)
        suppress_person(session, COMMAND_LINE, stage.newsletter_id, number, reason="threats")
    _merge(stage)
    assert _suppressed(stage) == {OLD, third}
    _merge(stage, merged=third)
    assert _suppressed(stage) == {OLD, third, NEW}


def _suppressed(stage: Stage) -> set[str | None]:
    with reading(stage.engine) as session:
        return set(session.scalars(select(SuppressionRow.address_key)))


def _got(stage: Stage, mailing: int) -> dict[str, DeliveryState]:
    with reading(stage.engine) as session:
        rows = session.execute(
            select(SubscriberRow.address_key, DeliveryRow.state)
            .join(DeliveryRow, DeliveryRow.subscriber_id == SubscriberRow.id)
            .where(DeliveryRow.mailing_id == mailing)
        )
        return {key or "": state for key, state in rows}


def _send(stage: Stage, mailing: int, number: int = 1) -> None:
    taken = claim(stage.engine, mailing, f"t{mailing}-{number}", number)
    record(stage.engine, mailing, taken.token, *all_of(taken, DeliveryState.ACCEPTED))
    close_batch(stage.engine, taken, records=1)


@on_one_database("sqlite")
def test_of_a_mailing_under_way_one_copy_goes_out(stage: Stage) -> None:
    sent, skipped = DeliveryState.ACCEPTED, DeliveryState.SKIPPED
    both, alone = stage.mail(), stage.mail(segment='domain = "example.jp" and tag = "press"')
    first = stage.mail(batch_size=1)
    plan_mailing(stage.engine, both)
    _edit(stage, OLD, PersonDraft(tags=("press",)))
    plan_mailing(stage.engine, alone)
    plan_mailing(stage.engine, first)
    _send(stage, first)
    _merge(stage)
    for mailing in (both, alone):
        _send(stage, mailing)
    assert _got(stage, both) == {OLD: skipped, NEW: sent}
    assert _got(stage, alone) == {NEW: sent}
    assert _got(stage, first) == {OLD: sent, NEW: skipped}
    with reading(stage.engine) as session:
        reply = session.scalars(
            select(DeliveryRow.reply).where(
                DeliveryRow.mailing_id == first, DeliveryRow.state == skipped
            )
        ).one()
    assert reply == own_reply(OwnReason.HAD_COPY)


@on_one_database("postgresql")
def test_what_a_worker_has_in_hand_is_waited_for(stage: Stage) -> None:
    mailing = stage.mail()
    plan_mailing(stage.engine, mailing)
    taken = claim(stage.engine, mailing, "t")
    with pytest.raises(ConflictError, match="at this moment"):
        _merge(stage)
    record(stage.engine, mailing, "t", *all_of(taken, DeliveryState.ACCEPTED))
    close_batch(stage.engine, taken, records=1)
    _merge(stage)
    assert _relation(stage, OLD).state is _LEFT


@on_one_database("postgresql")
def test_no_step_of_a_series_comes_twice(stage: Stage) -> None:
    begin_series(stage.engine, AT_ONCE, Timing(delay_days=2, hour="08:00"))
    join(stage.engine, first := "first@example.jp")
    plan_series(stage.engine)
    join(stage.engine, second := "second@example.jp")
    # The one is at the second step, the other at the first; a third is not in it at all.
    _merge(stage, kept=second, merged=first)
    plan_series(stage.engine)
    assert copies(stage.engine) == {(second, "第1回"): 1}
    _merge(stage, kept=NEW, merged=second)
    plan_series(stage.engine)
    assert copies(stage.engine) == {(NEW, "第1回"): 1}
    let_pass(stage.engine, timedelta(days=3))
    plan_series(stage.engine)
    assert copies(stage.engine) == {(NEW, "第1回"): 1, (NEW, "第2回"): 1}


@on_one_database("sqlite")
def test_newsletters_that_share_the_people_go_along_and_others_are_untouched(
    stage: Stage,
) -> None:
    sharing = _other_newsletter(stage, sharing=True)
    _put_on(stage, sharing, OLD)
    with transaction(stage.engine) as session:
        draft = replace(DRAFT, slug="strange", name="関係のない便り")
        strange = create_newsletter(session, COMMAND_LINE, draft).id
    _put_on(stage, strange, OLD)
    outlook = _merge(stage)
    assert [part.newsletter.id for part in outlook.parts] == [stage.newsletter_id, sharing]
    assert _relation(stage, NEW, sharing).state is _ON
    assert _relation(stage, OLD, sharing).state is _LEFT
    assert _relation(stage, OLD, strange).state is _ON
    with transaction(stage.engine) as session:
        unsubscribe(
            session,
            newsletter_id=strange,
            subscriber_id=stage.subscriber_id(OLD),
            mailing_id=None,
            way=UnsubscribeWay.ONE_CLICK,
        )
    assert _relation(stage, NEW).state is _ON


@on_one_database("sqlite")
def test_who_may_not_see_all_their_newsletters_may_not_merge(stage: Stage) -> None:
    sharing = _other_newsletter(stage, sharing=True)
    with transaction(stage.engine) as session:
        account = AccountRow(address="op@example.jp", address_key="op@example.jp")
        session.add(account)
        session.flush()
        grant = RoleGrantRow(
            account_id=account.id, role=Role.OPERATOR, newsletter_id=stage.newsletter_id
        )
        session.add(grant)
    operator = Actor(account_id=account.id, name=account.address)
    assert _foresee(stage, operator).parts
    _put_on(stage, sharing, NEW)
    with pytest.raises(ForbiddenError):
        _foresee(stage, operator)


@on_one_database("postgresql")
def test_the_history_of_both_is_the_history_of_one(stage: Stage) -> None:
    plan_mailing(stage.engine, stage.mail())
    _merge(stage)
    with reading(stage.engine) as session:
        whose = Person(newsletter_id=stage.newsletter_id, subscriber_id=stage.subscriber_id(NEW))
        whole = read_history(session, whose).entries
        found: list[HistoryEntry] = []
        mark: HistoryPosition | None = None
        while len(found) < len(whole) + 1:
            page = read_history(session, whose, before=mark, limit=1)
            found += page.entries
            mark = page.after
            if mark is None:
                break
    assert found == list(whole)
    words = [
        " · ".join(one.in_language(Language.ENGLISH) for one in (each.what, *each.details))
        for each in whole
    ]
    assert "Merged with old@example.jp · By: Command line" in words
    assert sum("Mail: " in each for each in words) == 2
    assert sum("At the address old@example.jp" in each for each in words) == 2
    assert sum(each.startswith("Subscription confirmed") for each in words) == 2
    with reading(stage.engine) as session:
        held = data_held(session, stage.subscriber_id(NEW), Language.ENGLISH)
    assert (len(held["consents"]), len(held["unsubscribed"])) == (2, 1)


@on_one_database("postgresql")
def test_erasing_the_kept_one_erases_the_other_but_for_what_is_not_theirs(stage: Stage) -> None:
    strange = _other_newsletter(stage, sharing=False)
    third = "third@example.jp"
    join(stage.engine, third)
    _put_on(stage, strange, third)
    _edit(stage, third, PersonDraft(name="花子", tags=("press",)))
    _merge(stage)
    _merge(stage, merged=third)
    numbers = {each: stage.subscriber_id(each) for each in (OLD, NEW, third)}
    with transaction(stage.engine) as session:
        erase_person(session, COMMAND_LINE, numbers[NEW], _PSEUDONYMS, way=UnsubscribeWay.OPERATOR)
    with reading(stage.engine) as session:
        left = session.scalars(
            select(SubscriberRow.address).where(SubscriberRow.address.is_not(None))
        ).all()
        assert left == [third]
        assert session.scalars(select(TagRow)).all() == []
        assert session.get_one(SubscriptionRow, (strange, numbers[third])).state is _ON
        own = session.get_one(SubscriptionRow, (stage.newsletter_id, numbers[third]))
        assert (own.name, own.state) == ("", _LEFT)


@on_one_database("sqlite")
def test_of_an_address_that_others_have_what_one_group_knew_goes_and_theirs_stays(
    stage: Stage,
) -> None:
    strange = _other_newsletter(stage, sharing=False)
    _put_on(stage, strange, OLD)
    number = stage.subscriber_id(OLD)
    newsletters = (stage.newsletter_id, strange)
    mailing = stage.mail()
    plan_mailing(stage.engine, mailing)
    with transaction(stage.engine) as session:
        for each in newsletters:
            session.get_one(SubscriptionRow, (each, number)).name = "花子"
            add_note(session, COMMAND_LINE, each, number, f"asked from {OLD}")
            session.add(
                UnsubscribeEventRow(
                    newsletter_id=each,
                    subscriber_id=number,
                    way=UnsubscribeWay.PAGE,
                    remark="too often",
                )
            )
        session.execute(
            update(DeliveryRow).values(reply=f"550 <{OLD}>", state=DeliveryState.REJECTED)
        )
        ours = session.get_one(NewsletterRow, stage.newsletter_id)
        erase_within(session, number, ours.group_id)
    with reading(stage.engine) as session:
        names = {each: _relation(stage, OLD, each).name for each in newsletters}
        assert names == {stage.newsletter_id: "", strange: "花子"}
        assert _relation(stage, OLD, strange).state is _ON
        notes = session.execute(select(NoteRow.newsletter_id, NoteRow.text)).all()
        assert dict(notes) == {strange: f"asked from {OLD}"}
        remark = UnsubscribeEventRow.remark
        remarks = select(UnsubscribeEventRow.newsletter_id).where(remark != "")
        assert session.scalars(remarks).all() == [strange]
        replies = session.execute(select(DeliveryRow.subscriber_id, DeliveryRow.reply)).all()
        assert dict(replies) == {number: None, stage.subscriber_id(NEW): f"550 <{OLD}>"}


@on_one_database("sqlite")
def test_what_cannot_be_is_refused_in_words(stage: Stage) -> None:
    for order, words in (
        (replace(_order(stage), kept_id=_order(stage).merged_id), "same person"),
        (replace(_order(stage), revision="other"), "changed meanwhile"),
    ):
        with pytest.raises(ConflictError, match=words), transaction(stage.engine) as session:
            merge_people(session, COMMAND_LINE, stage.newsletter_id, order)
    nobody = replace(_order(stage), merged_id=10**9)
    with pytest.raises(NotFoundError), transaction(stage.engine) as session:
        merge_people(session, COMMAND_LINE, stage.newsletter_id, nobody)
    _merge(stage)
    with pytest.raises(ConflictError, match="merged already"):
        _merge(stage)


@on_one_database("sqlite")
def test_an_outlook_holds_until_something_of_the_two_changes(stage: Stage) -> None:
    before = _foresee(stage).revision
    assert _foresee(stage).revision == before
    with transaction(stage.engine) as session:
        unsubscribe_person(
            session,
            COMMAND_LINE,
            stage.subscriber_id(OLD),
            newsletter_ids=[stage.newsletter_id],
            reason="asked",
        )
    assert _foresee(stage).revision != before
